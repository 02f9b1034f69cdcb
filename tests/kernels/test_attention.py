"""attention's results: shapes, masks, shared heads, strides, and NaN and infinity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernel_checks import (
    ISAS,
    Array,
    assert_attention,
    attention_reference,
    normals,
    tiny_attention_plan,
    visible_keys,
)

import brickprof as bp

each_isa = pytest.mark.parametrize("isa", ISAS)
each_mask = pytest.mark.parametrize("causal", [False, True])
DIMS = (1, 3, 8, 16, 31, 32, 64, 80, 128, 256)


def problem(
    heads: int, rows: int, keys: int, dim: int, key_heads: int | None = None, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Return random queries, keys and values."""
    rng = np.random.default_rng(seed)
    shared = heads if key_heads is None else key_heads
    return (
        normals(rng, (heads, rows, dim)),
        normals(rng, (shared, keys, dim)),
        normals(rng, (shared, keys, dim)),
    )


@each_mask
@each_isa
@pytest.mark.parametrize("dim", DIMS)
def test_head_sizes(isa: str, dim: int, causal: bool) -> None:
    for rows, keys in [(37, 37), (1, 50), (5, 43), (43, 5), (64, 64)]:
        q, k, v = problem(2, rows, keys, dim)
        assert_attention(bp.attention(q, k, v, causal=causal, isa=isa, threads=1), q, k, v, causal)
        plan = tiny_attention_plan(q, k, causal, isa)
        out = bp.attention(q, k, v, causal=causal, isa=isa, plan=plan)
        assert_attention(out, q, k, v, causal)


@each_mask
@each_isa
def test_every_edge_of_every_block(isa: str, causal: bool) -> None:
    micro = bp.plan_attention(1, 1, 1, 1, isa=isa).micro
    mr, nr = micro.mr, micro.nr
    for dim in (3, nr):
        for rows in (1, mr - 1, mr, mr + 1, 2 * mr, 2 * mr + 1, 5 * mr - 1):
            for keys in (1, nr - 1, nr, nr + 1, 2 * nr - 1, 2 * nr, 2 * nr + 1, 5 * nr + 3):
                q, k, v = problem(1, rows, keys, dim, seed=rows * keys)
                plan = tiny_attention_plan(q, k, causal, isa, threads=2 if keys == nr else 1)
                out = np.full(q.shape, np.nan, "float32")
                bp.attention(q, k, v, causal=causal, plan=plan, out=out, isa=isa)
                assert_attention(out, q, k, v, causal)


@each_mask
@each_isa
def test_long_keys_in_small_blocks(isa: str, causal: bool) -> None:
    q, k, v = problem(1, 30, 3000, 16)
    plan = tiny_attention_plan(q, k, causal, isa)
    assert_attention(bp.attention(q, k, v, causal=causal, plan=plan, isa=isa), q, k, v, causal)
    assert_attention(bp.attention(q, k, v, causal=causal, isa=isa), q, k, v, causal)


@each_isa
@given(
    data=st.data(),
    rows=st.integers(1, 60),
    keys=st.integers(1, 60),
    dim=st.integers(1, 40),
    key_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    causal=st.booleans(),
    scale=st.sampled_from([None, 0.0, 0, -0.7, 0.125, 3.0, 20]),
    tiny=st.booleans(),
    threads=st.integers(1, 3),
)
def test_any_problem(
    isa: str,
    data: st.DataObject,
    rows: int,
    keys: int,
    dim: int,
    key_heads: int,
    group: int,
    causal: bool,
    scale: float | None,
    tiny: bool,
    threads: int,
) -> None:
    q, k, v = problem(key_heads * group, rows, keys, dim, key_heads, seed=rows + keys + dim)
    plan = None
    if tiny:
        direct = data.draw(st.booleans(), "contiguous")
        plan = tiny_attention_plan(q, k, causal, isa, threads, direct)
    out = bp.attention(q, k, v, causal=causal, scale=scale, threads=threads, plan=plan, isa=isa)
    assert_attention(out, q, k, v, causal, scale)


@each_isa
@pytest.mark.parametrize("key_heads", [8, 4, 2, 1])
def test_heads_that_share_keys(isa: str, key_heads: int) -> None:
    q, k, v = problem(8, 20, 33, 16, key_heads)
    out = bp.attention(q, k, v, isa=isa)
    assert_attention(out, q, k, v)
    whole = [np.repeat(array, 8 // key_heads, axis=0) for array in (k, v)]
    assert np.array_equal(bp.attention(q, *whole, isa=isa), out)
    batch = bp.attention(np.stack([q, -q]), np.stack([k, -k]), np.stack([v, 2 * v]), isa=isa)
    assert np.array_equal(batch, np.stack([out, 2 * out]))


@each_mask
@each_isa
def test_heads_can_be_shuffled(isa: str, causal: bool) -> None:
    q, k, v = problem(6, 29, 40, 24)
    order = np.array([3, 0, 5, 1, 4, 2])
    out = bp.attention(q, k, v, causal=causal, isa=isa)
    for threads in (1, 4):
        shuffled = bp.attention(
            q[order], k[order], v[order], causal=causal, isa=isa, threads=threads
        )
        assert np.array_equal(shuffled, out[order])


@each_mask
@each_isa
def test_threads_do_not_change_a_bit(isa: str, causal: bool) -> None:
    for heads, rows, keys in [(1, 150, 150), (3, 40, 100), (8, 9, 30), (2, 90, 20)]:
        q, k, v = problem(heads, rows, keys, 16)
        alone = bp.attention(q, k, v, causal=causal, threads=1, isa=isa)
        tiny = bp.attention(
            q, k, v, causal=causal, isa=isa, plan=tiny_attention_plan(q, k, causal, isa, 1)
        )
        for threads in (2, 3, 4):
            out = bp.attention(q, k, v, causal=causal, threads=threads, isa=isa)
            assert np.array_equal(out, alone)
            plan = tiny_attention_plan(q, k, causal, isa, threads)
            out = bp.attention(q, k, v, causal=causal, plan=plan, isa=isa)
            assert np.array_equal(out, tiny)


@each_isa
def test_a_decode_step_is_the_last_row(isa: str) -> None:
    q, k, v = problem(4, 50, 50, 32)
    full, bound = attention_reference(q, k, v, True)
    few = bp.plan_attention(1, 1, 1, 1, isa=isa).micro.max_dotxf
    alike: dict[bool, Array] = {}
    for rows in (1, 2, 3, 7, 9, 33, 50):
        out = bp.attention(q[:, -rows:], k, v, causal=True, isa=isa)
        assert (abs(out - full[:, -rows:]) <= bound[:, -rows:]).all()
        # Many rows go the same way; few are multiplied in as many chains as there is room for.
        if rows > few:
            before = alike.setdefault(True, out)
            common = min(before.shape[1], rows)
            assert np.array_equal(out[:, -common:], before[:, -common:])


@each_isa
def test_values_scale_exactly(isa: str) -> None:
    q, k, v = problem(2, 20, 70, 16)
    out = bp.attention(q, k, v, isa=isa)
    assert np.array_equal(bp.attention(q, k, v * np.float32(2.0**20), isa=isa), out * 2**20)
    assert np.array_equal(bp.attention(q * 4, k / 4, v, isa=isa), out)


@each_isa
def test_equal_values_are_kept(isa: str) -> None:
    q, k, v = problem(1, 20, 70, 16)
    out = bp.attention(q, k, np.ones_like(v), isa=isa)
    assert abs(out - 1).max() <= 80 * np.finfo("float32").eps


@each_isa
def test_large_scores_do_not_overflow(isa: str) -> None:
    q, k, v = problem(1, 20, 70, 16)
    out = bp.attention(q * 1000, k * 1000, v, isa=isa)
    assert np.isfinite(out).all()
    winner = (q[0] @ k[0].T).argmax(1)
    assert np.array_equal(out[0], v[0][winner])


def test_non_contiguous_arrays() -> None:
    rng = np.random.default_rng(4)
    q, k, v = (normals(rng, (2, 30, 4, 16)) for _ in range(3))
    views = [array.transpose(0, 2, 1, 3) for array in (q, k, v)]
    plain = bp.attention(*[np.ascontiguousarray(view) for view in views], causal=True)
    assert np.array_equal(bp.attention(*views, causal=True), plain)
    room = np.full((2, 30, 4, 16), np.nan, "float32")
    out = room.transpose(0, 2, 1, 3)
    assert bp.attention(*views, causal=True, out=out) is out
    assert np.array_equal(out, plain)
    wide = np.full((2, 4, 60, 32), np.nan, "float32")
    bp.attention(*views, causal=True, out=wide[:, :, ::-2, ::2])
    assert np.array_equal(wide[:, :, ::-2, ::2], plain)
    assert np.isnan(wide).sum() == wide.size - plain.size


@pytest.mark.parametrize("argument", range(3))
@pytest.mark.parametrize(
    "layout", ["reversed", "dim first", "every other", "repeated", "foreign", "misaligned"]
)
def test_any_strides(argument: int, layout: str) -> None:
    arrays = list(problem(2, 25, 40, 16))
    array = arrays[argument]
    if layout == "reversed":
        view = array[::-1, ::-1, ::-1]
    elif layout == "dim first":
        view = array.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    elif layout == "every other":
        view = array.repeat(2, 2)[:, :, ::2]
    elif layout == "repeated":
        view = np.broadcast_to(array[:1, :1], array.shape)
    elif layout == "foreign":
        view = array.astype(array.dtype.newbyteorder())
    else:
        view = np.zeros(array.nbytes + 1, "u1")[1:].view("float32").reshape(array.shape)
        view[...] = array
    arrays[argument] = view
    copies = [np.ascontiguousarray(array, "float32") for array in arrays]
    out = bp.attention(*arrays)
    assert_attention(out, *copies)


@pytest.mark.parametrize(
    "shape, keys",
    [((2, 5, 8), 0), ((0, 5, 8), 3), ((2, 0, 8), 3), ((2, 5, 0), 3), ((0, 2, 5, 8), 3)],
)
@each_mask
def test_empty_problems_give_zeros(shape: tuple[int, ...], keys: int, causal: bool) -> None:
    k = np.ones((*shape[:-2], keys, shape[-1]), "float32")
    out = np.full(shape, np.nan, "float32")
    assert bp.attention(np.ones(shape, "float32"), k, k, causal=causal, out=out) is out
    assert not out.any()


@each_isa
@pytest.mark.parametrize("keys", [1, 5, 20, 40])
def test_rows_that_see_no_key_are_zero(isa: str, keys: int) -> None:
    q, k, v = problem(2, 45, keys, 16)
    for threads in (1, 3):
        plan = tiny_attention_plan(q, k, True, isa, threads)
        for tiling in (None, plan):
            out = bp.attention(q, k, v, causal=True, threads=threads, plan=tiling, isa=isa)
            assert not out[:, : 45 - keys].any()
            assert_attention(out, q, k, v, True)


@each_mask
@each_isa
def test_nan_in_a_query_stays_in_its_row(isa: str, causal: bool) -> None:
    q, k, v = problem(1, 40, 40, 16)
    clean = bp.attention(q, k, v, causal=causal, isa=isa, threads=1)
    for row in range(40):
        poisoned = q.copy()
        poisoned[0, row, row % 16] = np.nan
        out = bp.attention(poisoned, k, v, causal=causal, isa=isa, threads=1)
        assert np.isnan(out[0, row]).all()
        assert np.array_equal(np.delete(out, row, 1), np.delete(clean, row, 1))


@each_mask
@each_isa
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["key", "value"])
@pytest.mark.parametrize("dim", [16, 5])
def test_a_hidden_key_or_value_never_leaks(
    isa: str, causal: bool, bad: float, which: str, dim: int
) -> None:
    rows, keys = 41, 60
    q, k, v = problem(1, rows, keys, dim)
    seen = visible_keys(rows, keys, causal)
    plan = tiny_attention_plan(q, k, causal, isa)
    others = np.arange(dim) != dim // 2
    wanted, bound = attention_reference(q, k, v, causal)
    for key in range(0, keys, 1 if causal else 7):
        spoilt = (k if which == "key" else v).copy()
        spoilt[0, key, dim // 2] = bad
        arrays = (q, spoilt, v) if which == "key" else (q, k, spoilt)
        for tiling in (plan, None) if key % 5 == 0 else (plan,):
            out = bp.attention(*arrays, causal=causal, isa=isa, plan=tiling, threads=1)
            if which == "key":
                with np.errstate(invalid="ignore"):
                    assert_attention(out, *arrays, causal)
                assert np.isnan(out[0, seen[:, key]]).all() or np.isinf(bad)
                assert not np.isnan(out[0, ~seen[:, key]]).any()
            else:
                assert not np.isfinite(out[0, seen[:, key], dim // 2]).any()
                good = ~seen[:, key, None] | others
                assert (abs(out[0] - wanted[0])[good] <= bound[0][good]).all()


@each_isa
def test_infinite_scores(isa: str) -> None:
    q, k, v = (abs(array) for array in problem(1, 20, 50, 16))
    for key in (0, 17, 31, 49):
        for plan in (None, tiny_attention_plan(q, k, False, isa)):
            low, high = k.copy(), k.copy()
            low[0, key, 3], high[0, key, 3] = -np.inf, np.inf
            out = bp.attention(q, low, v, plan=plan, isa=isa)
            without = (np.delete(k, key, 1), np.delete(v, key, 1))
            assert_attention(out, q, *without)
            assert np.isnan(bp.attention(q, high, v, plan=plan, isa=isa)).all()


@each_isa
def test_nothing_but_minus_infinity_is_nan(isa: str) -> None:
    q, k, v = (abs(array) for array in problem(1, 20, 50, 16))
    k[:, :, 2] = -np.inf
    assert np.isnan(bp.attention(q, k, v, isa=isa)).all()
    k[:, 40:] = 1
    assert_attention(bp.attention(q, k, v, isa=isa), q, k[:, 40:], v[:, 40:])


@each_isa
def test_an_infinite_value_of_vanishing_weight_is_not_lost_silently(isa: str) -> None:
    q, k, v = problem(1, 20, 50, 16)
    q[..., 0], k[..., 0] = 100, 0
    k[0, 20, 0] = 100
    v[0, 4, 7] = np.inf
    for plan in (None, tiny_attention_plan(q, k, False, isa)):
        out = bp.attention(q, k, v, plan=plan, isa=isa)
        assert not np.isfinite(out[:, :, 7]).any()
        assert np.array_equal(
            np.delete(out, 7, 2), np.broadcast_to(np.delete(v[:, 20], 7, 1), (20, 15))[None]
        )


@pytest.mark.parametrize("isa", ISAS)
def test_the_scale_is_applied_to_scores_not_to_queries(isa: str) -> None:
    """A query near the largest float32 stays finite where its scores are small."""
    q = np.full((1, 1, 1), 3e38, "float32")
    k, v = np.float32([[[1e-38], [2e-38]]]), np.float32([[[1], [2]]])
    assert bp.attention(q, k, v, scale=1.0, isa=isa)[0, 0, 0] == pytest.approx(1.9525741, rel=1e-5)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("scale", [-0.5, 0.0])
def test_a_scale_that_is_not_positive(isa: str, scale: float) -> None:
    q, k, v = problem(2, 20, 70, 16)
    scores = scale * (q.astype("float64") @ k.swapaxes(1, 2).astype("float64"))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    wanted = weights / weights.sum(-1, keepdims=True) @ v.astype("float64")
    assert np.allclose(bp.attention(q, k, v, False, scale, isa=isa), wanted, rtol=0, atol=1e-5)
