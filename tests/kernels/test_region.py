"""Parallel regions: their operations against float64, alone, in rows, on threads, profiled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernel_checks import ISAS, Array, assert_product, fenced
from support.region_blocks import CONTEXT, DIM, HEADS, HIDDEN, SHARED, WIDE, Block, random, zeros

import brickprof as bp
from brickprof.core.levels import TileLevel

each_isa = pytest.mark.parametrize("isa", ISAS)
lengths = st.integers(1, 40) | st.integers(41, 700)


@each_isa
@given(n=lengths, seed=st.integers(0, 99), in_place=st.booleans())
def test_rms_norm(isa: str, n: int, seed: int, in_place: bool) -> None:
    x, weight = 3 * random(seed, n), random(seed + 1, n)
    wide = x.astype("float64")
    expected = wide / np.sqrt((wide**2).mean() + 1e-5) * weight
    out = x if in_place else zeros(n)
    region = bp.ParallelRegion(threads=1, isa=isa)
    region.rms_norm(x, weight, out, eps=1e-5)
    region.run()
    np.testing.assert_allclose(out, expected, rtol=2e-6, atol=1e-30)


@each_isa
@given(n=lengths | st.integers(2000, 4200), seed=st.integers(0, 99), threads=st.integers(1, 3))
def test_swiglu(isa: str, n: int, seed: int, threads: int) -> None:
    gate, up, out = 20 * random(seed, n), random(seed + 1, n), zeros(n)
    wide = gate.astype("float64")
    region = bp.ParallelRegion(threads=threads, isa=isa)
    region.swiglu(gate, up, out)
    region.run()
    np.testing.assert_allclose(out, wide / (1 + np.exp(-wide)) * up, rtol=1e-5, atol=1e-37)


@each_isa
@given(
    n=lengths,
    k=lengths,
    gap=st.integers(0, 3),
    begin=st.integers(0, 17),
    mode=st.sampled_from(["plain", "bias", "add", "both"]),
    threads=st.integers(1, 3),
)
def test_matvec(isa: str, n: int, k: int, gap: int, begin: int, mode: str, threads: int) -> None:
    # Rows begin anywhere in a cache line.
    w = random(k, n * (k + gap) + begin)[begin:].reshape(n, k + gap)[:, :k]
    x, out, start = random(n, k), zeros(n), random(n + 1, n)
    add, bias = mode in ("add", "both"), start if mode in ("bias", "both") else None
    if add:
        out[:] = start
    region = bp.ParallelRegion(threads=threads, isa=isa)
    region.matvec(w, x, out, bias=bias, add=add)
    region.run()
    left, right = w, x[:, None]
    if mode != "plain":
        left, right = (
            np.hstack([w, start[:, None]]),
            np.append(x, np.float32(2 if mode == "both" else 1))[:, None],
        )
    assert_product(out[:, None], left, right)


@each_isa
@given(
    heads=st.integers(1, 5),
    shared=st.integers(1, 3),
    half=st.integers(1, 40),
    position=st.integers(0, 6),
)
def test_rotate_and_store(isa: str, heads: int, shared: int, half: int, position: int) -> None:
    dim, context = 2 * half, 7
    q, k, v = random(1, heads, dim), random(2, shared, dim), random(3, shared, dim)
    angles = 3 * random(4, context, half).astype("float64")
    cosine, sine = np.cos(angles).astype("float32"), np.sin(angles).astype("float32")
    keys, values = random(5, shared, context, dim), random(6, shared, context, dim)
    rotation = np.exp(1j * angles[position])
    rotated = [(t[:, :half] + 1j * t[:, half:]) * rotation for t in (q, k)]
    expected = [np.hstack([t.real, t.imag]) for t in rotated]
    others = np.arange(context) != position
    before = keys.copy(), values.copy()
    region = bp.ParallelRegion(threads=1, isa=isa)
    region.rotate_and_store(q, k, v, cosine, sine, keys, values)
    region.run(position)
    np.testing.assert_allclose(q, expected[0], atol=2e-6)
    np.testing.assert_allclose(keys[:, position], expected[1], atol=2e-6)
    np.testing.assert_array_equal(values[:, position], v)
    np.testing.assert_array_equal(keys[:, others], before[0][:, others])
    np.testing.assert_array_equal(values[:, others], before[1][:, others])


def attended(q: Array, keys: Array, values: Array, scale: float) -> Array:
    group = q.shape[0] // keys.shape[0]
    wide = np.repeat(keys.astype("float64"), group, 0)
    scores = scale * np.einsum("hd,hkd->hk", q, wide)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("hk,hkd->hd", weights, np.repeat(values, group, 0))


@each_isa
@given(
    shared=st.integers(1, 3),
    group=st.integers(1, 10),
    dim=st.integers(1, 9) | st.sampled_from([16, 33, 64, 128]),
    position=st.integers(0, 20) | st.integers(200, 899),
    scale=st.sampled_from([None, 0.3, -0.2]),
    threads=st.integers(1, 3),
)
def test_attend(
    isa: str, shared: int, group: int, dim: int, position: int, scale: float | None, threads: int
) -> None:
    q, out = random(1, shared * group, dim), zeros(shared * group, dim)
    keys, values = random(2, shared, 900, dim), random(3, shared, 900, dim)
    # Nothing behind the position is looked at.
    keys[:, position + 1 :] = values[:, position + 1 :] = np.nan
    region = bp.ParallelRegion(threads=threads, isa=isa)
    region.attend(q, keys, values, out, scale=scale)
    region.run(position)
    seen = keys[:, : position + 1], values[:, : position + 1]
    expected = attended(q, *seen, dim**-0.5 if scale is None else scale)
    np.testing.assert_allclose(out, expected, atol=2e-5)


def test_an_operation_has_an_instruction_set_of_its_own() -> None:
    q, keys, values = random(1, 4, 64), random(2, 2, 300, 64), random(3, 2, 300, 64)
    outs = []
    for region_isa, isa in ((None, "base"), ("base", None), ("base", "base")):
        region, out = bp.ParallelRegion(threads=1, isa=region_isa), zeros(4, 64)
        region.attend(q, keys, values, out, isa=isa)
        region.run(299)
        outs.append(out)
    np.testing.assert_array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])
    with pytest.raises(ValueError, match="isa must be"):
        region.attend(q, keys, values, out, isa="mmx")


@pytest.mark.slow
def test_neither_threads_nor_fusing_change_a_bit() -> None:
    alone = Block(1).outputs(CONTEXT)
    assert np.isfinite(alone).all() and alone.std() > 0.5
    for threads in (1, 2, 5):
        for fused in (True, False):
            outputs = Block(3).outputs(CONTEXT, threads=threads, fused=fused)
            np.testing.assert_array_equal(outputs, alone)


@each_isa
def test_instruction_sets_agree(isa: str) -> None:
    np.testing.assert_allclose(Block(2, isa).outputs(300), Block(1).outputs(300), atol=3e-5)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fused", [True, False])
def test_levels_declare_the_same_work(threads: int, fused: bool) -> None:
    block, keys = Block(threads), 400
    plain = Block(threads).outputs(keys)
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    np.testing.assert_array_equal(block.outputs(keys, profiler=prof, fused=fused), plain)
    rows = (HEADS + 2 * SHARED) * DIM
    matrices = rows * HIDDEN + HIDDEN * HEADS * DIM + 3 * HIDDEN * WIDE
    small = 2 * 4 * HIDDEN + 3 * (HEADS + SHARED) * DIM + 4 * WIDE
    seen = 4 * HEADS * DIM * keys * (keys + 1) // 2
    flops = 2 * (keys * (2 * matrices + small) + seen)
    for level in TileLevel:
        stats = prof.tile_stats(level, brick="block")
        assert stats.flops == flops
        assert stats.nbytes_declared
    # Parts of more than 256 keys are joined in an operation of its own.
    operations = 1 if fused else 9
    tiles = 2 * threads * (keys * operations + (0 if fused else keys - 256))
    assert prof.tile_stats(TileLevel.MACRO).count == tiles


def test_a_region_counts_its_operations() -> None:
    assert len(Block(1).region) == 18
    assert len(bp.ParallelRegion()) == 0
    bp.ParallelRegion().run(5)


def test_nothing_around_the_arrays_is_touched() -> None:
    n, k = 33, 70
    for after in (True, False):
        w, x = fenced(random(1, n, k), after), fenced(random(2, k), after)
        gate, up = fenced(random(3, n), after), fenced(random(4, n), after)
        out, gated = fenced(zeros(n), after), fenced(zeros(n), after)
        region = bp.ParallelRegion(threads=2)
        region.matvec(w, x, out)
        region.rms_norm(out, gate, gated)
        region.swiglu(gate, up, gated)
        region.run()
        assert_product(out[:, None], w, x[:, None])
