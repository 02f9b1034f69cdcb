"""Attention of few rows: dot products with keys in place, shared heads, keys cut in parts."""

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
    fenced,
    normals,
    tiny_attention_plan,
    visible_keys,
)

import brickprof as bp

each_isa = pytest.mark.parametrize("isa", ISAS)
each_mask = pytest.mark.parametrize("causal", [False, True])
teams = pytest.mark.parametrize("threads", [1, 2, 3, 4, 5])


def problem(
    shape: tuple[int, ...], keys: int, key_heads: int | None = None, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Return random queries of a shape, keys and values."""
    rng = np.random.default_rng(seed)
    *batch, heads, _, dim = shape
    others = (*batch, heads if key_heads is None else key_heads, keys, dim)
    return normals(rng, shape), normals(rng, others), normals(rng, others)


def cut(q: Array, k: Array, causal: bool, isa: str, threads: int) -> bp.AttentionPlan:
    """Plan in small blocks, and check that keys are cut in parts where there are threads."""
    plan = tiny_attention_plan(q, k, causal, isa, threads)
    assert plan.dotxf
    assert (plan.splits > 1) == (threads > 1)
    return plan


@each_mask
@each_isa
@teams
@pytest.mark.parametrize("heads, key_heads", [(8, 2), (6, 1), (4, 4), (32, 2)])
def test_a_decode_step_of_shared_heads(
    isa: str, causal: bool, threads: int, heads: int, key_heads: int
) -> None:
    for keys in (1, 5, 300, 1501):
        for batch in ((), (2,)):
            q, k, v = problem((*batch, heads, 1, 64), keys, key_heads)
            out = bp.attention(q, k, v, causal, threads=threads, isa=isa)
            assert_attention(out, q, k, v, causal)


@each_isa
def test_shared_heads_of_any_strides(isa: str) -> None:
    q, k, v = problem((6, 1, 32), 900, 2)
    q = q[::-1]
    room = np.full((1, 12, 40), np.nan, "float32").swapaxes(0, 1)
    out = room[::2, :, 3:35]
    for threads in (1, 3):
        assert bp.attention(q, k[:, ::-1], v, out=out, threads=threads, isa=isa) is out
        assert_attention(np.ascontiguousarray(out), q, k[:, ::-1], v)
    assert np.isnan(room).sum() == room.size - out.size


@each_mask
@each_isa
@pytest.mark.parametrize("threads", [2, 3, 4, 5])
def test_parts_of_the_keys_are_joined(isa: str, causal: bool, threads: int) -> None:
    for rows, keys, dim in [(1, 1280, 64), (2, 1301, 33), (4, 1700, 80), (3, 1999, 1)]:
        q, k, v = problem((1, rows, dim), keys, seed=keys)
        for scale in (None, -0.3, 0.0, 3.0):
            plan = cut(q, k, causal, isa, threads)
            out = bp.attention(q, k, v, causal, scale, plan=plan, isa=isa)
            assert_attention(out, q, k, v, causal, scale)
            again = bp.attention(q, k, v, causal, scale, plan=plan, isa=isa)
            assert np.array_equal(again, out)


@each_isa
@given(
    key_heads=st.integers(1, 3),
    group=st.integers(1, 9),
    rows=st.integers(1, 4),
    keys=st.integers(0, 30) | st.integers(500, 1500),
    dim=st.integers(1, 70),
    causal=st.booleans(),
    threads=st.integers(1, 5),
)
def test_any_few_rows(
    isa: str,
    key_heads: int,
    group: int,
    rows: int,
    keys: int,
    dim: int,
    causal: bool,
    threads: int,
) -> None:
    q, k, v = problem((key_heads * group, rows, dim), keys, key_heads, seed=keys + dim)
    for plan in (None, tiny_attention_plan(q, k, causal, isa, threads)):
        out = np.full(q.shape, np.nan, "float32")
        bp.attention(q, k, v, causal, threads=threads, plan=plan, isa=isa, out=out)
        assert_attention(out, q, k, v, causal)


@teams
def test_no_keys_at_all(threads: int) -> None:
    for shape in [(8, 1, 64), (2, 8, 1, 64), (1, 4, 16)]:
        q, k, v = problem(shape, 0, 1)
        out = np.full(shape, np.nan, "float32")
        for causal in (False, True):
            assert not bp.attention(q, k, v, causal, threads=threads, out=out).any()


@each_isa
def test_fewer_keys_than_rows(isa: str) -> None:
    for rows, keys in [(4, 1), (4, 3), (40, 3)]:
        q, k, v = problem((2, rows, 24), keys)
        for threads in (1, 2, 3):
            out = bp.attention(q, k, v, True, threads=threads, isa=isa)
            assert not out[:, : rows - keys].any()
            assert_attention(out, q, k, v, True)


@each_isa
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["key", "value"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_hidden_key_or_value_never_leaks(isa: str, bad: float, which: str, threads: int) -> None:
    rows, keys, dim = 4, 1000, 20
    q, k, v = problem((1, rows, dim), keys)
    seen, others = visible_keys(rows, keys, True), np.arange(dim) != 7
    plan = cut(q, k, True, isa, threads)
    wanted, bound = attention_reference(q, k, v, True)
    for key in (0, 333, 334, 700, 996, 997, 998, 999):
        spoilt = (k if which == "key" else v).copy()
        spoilt[0, key, 7] = bad
        arrays = (q, spoilt, v) if which == "key" else (q, k, spoilt)
        out = bp.attention(*arrays, True, isa=isa, plan=plan)
        if which == "key":
            with np.errstate(invalid="ignore"):
                assert_attention(out, *arrays, True)
            assert not np.isnan(out[0, ~seen[:, key]]).any()
        else:
            assert not np.isfinite(out[0, seen[:, key], 7]).any()
            good = ~seen[:, key, None] | others
            assert (abs(out[0] - wanted[0])[good] <= bound[0][good]).all()


@each_isa
@pytest.mark.parametrize("threads", [1, 4])
def test_parts_of_nothing_but_minus_infinity(isa: str, threads: int) -> None:
    q, k, v = (abs(array) for array in problem((1, 2, 16), 1200))
    plan = cut(q, k, False, isa, threads)
    k[:, :700, 2] = -np.inf
    out = bp.attention(q, k, v, plan=plan, isa=isa)
    assert_attention(out, q, k[:, 700:], v[:, 700:])
    k[:, :, 2] = -np.inf
    assert np.isnan(bp.attention(q, k, v, plan=plan, isa=isa)).all()


@each_isa
def test_cut_keys_are_as_ieee_says_as_whole_ones_are(isa: str) -> None:
    """An infinite value is not lost where all scores of its part are minus infinity."""
    q, k, v = (abs(array) for array in problem((1, 1, 16), 1200))
    k[:, :300, 2] = -np.inf
    v[0, 10, 5] = np.inf
    alone = bp.attention(q, k, v, plan=cut(q, k, False, isa, 1), isa=isa)
    parts = bp.attention(q, k, v, plan=cut(q, k, False, isa, 4), isa=isa)
    assert np.array_equal(np.isfinite(alone), np.isfinite(parts))


@each_mask
@each_isa
@pytest.mark.parametrize("after", [True, False])
def test_memory_around_the_arguments_is_not_touched(isa: str, causal: bool, after: bool) -> None:
    for rows, keys, dim in [(1, 1, 1), (1, 37, 9), (3, 70, 33), (20, 41, 5), (2, 1100, 17)]:
        q, k, v = problem((1, rows, dim), keys)
        out = fenced(np.zeros(q.shape, "float32"), after)
        arrays = [fenced(array, after) for array in (q, k, v)]
        turned = [fenced(array[0].T.copy(), after).T[None] for array in (q, k, v)]
        for given_arrays in (arrays, turned, [arrays[0], arrays[1], turned[2]]):
            for threads in (1, 3):
                bp.attention(*given_arrays, causal, out=out, threads=threads, isa=isa)
                assert_attention(np.array(out), q, k, v, causal)


def test_no_keys_lie_near_whatever_their_strides() -> None:
    q, k, _ = problem((1, 1, 2), 0)
    far = np.lib.stride_tricks.as_strided(k, k.shape, (4, 4, 64))
    plan = bp.plan_attention(1, 1, 0, 2, threads=1)
    assert not bp.attention(q, far, far, plan=plan).any()
