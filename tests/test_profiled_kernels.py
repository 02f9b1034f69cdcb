"""Profiled runs: what is recorded is what was planned, and profiling changes no result."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import (
    DTYPES,
    ISAS,
    normals,
    tiny_attention_plan,
    tiny_plan,
    visible_keys,
)

import brickprof as bp
from brickprof.levels import TileLevel

each_isa = pytest.mark.parametrize("isa", ISAS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)

Plan = bp.GemmPlan | bp.AttentionPlan


def running(**options: int) -> bp.BrickProfiler:
    """Return a profiler that is on."""
    profiler = bp.BrickProfiler(**options)
    profiler.enable_tile_profiling()
    return profiler


def assert_recorded(profiler: bp.BrickProfiler, brick: str, plan: Plan, calls: int = 1) -> None:
    """Check that each level recorded exactly what the plan says, for so many runs."""
    elements = set()
    for level in TileLevel:
        stats, planned = profiler.tile_stats(level, brick), plan.level(level)
        assert stats.count == calls * planned.tiles, level
        assert stats.flops == calls * planned.flops == calls * plan.flops, level
        assert stats.nbytes == calls * planned.nbytes, level
        assert stats.nbytes_declared
        elements.add(stats.elements)
    if isinstance(plan, bp.GemmPlan):
        assert len(elements) == 1


@each_dtype
@each_isa
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_gemm_records_its_plan(isa: str, dtype: str, threads: int) -> None:
    rng = np.random.default_rng(threads)
    shapes = [(1, 1, 1), (70, 90, 23), (9, 400, 11), (300, 20, 7), (97, 101, 600), (6, 16, 5)]
    for m, n, k in shapes:
        a, b = normals(rng, (m, k), dtype), normals(rng, (k, n), dtype)
        for plan in (
            tiny_plan(m, n, k, dtype, isa, threads),
            bp.plan_gemm(m, n, k, dtype, threads=threads, isa=isa),
        ):
            profiler = running()
            given_plan = plan if plan.blocks.kc == 5 else None
            c = bp.gemm(a, b, threads=threads, isa=isa, plan=given_plan, profiler=profiler)
            plain = bp.gemm(a, b, threads=threads, isa=isa, plan=given_plan)
            assert c.tobytes() == plain.tobytes()
            assert plan.flops == 2 * m * n * k
            assert_recorded(profiler, "gemm", plan)
    (info,) = profiler.recording().brick_infos
    assert (info.name, info.calls, info.dtypes) == ("gemm", 1, (dtype,))
    assert info.threads == plan.workers


@each_isa
@settings(max_examples=50, deadline=None)
@given(
    m=st.integers(0, 150),
    n=st.integers(0, 150),
    k=st.integers(0, 60),
    threads=st.integers(1, 3),
    deep=st.integers(1, 20),
    dtype=st.sampled_from(DTYPES),
)
def test_any_gemm_records_its_plan(
    isa: str, m: int, n: int, k: int, threads: int, deep: int, dtype: str
) -> None:
    a, b = np.ones((m, k), dtype), np.ones((k, n), dtype)
    profiler = running()
    plan = tiny_plan(m, n, k, dtype, isa, threads, deep)
    bp.gemm(a, b, plan=plan, isa=isa, profiler=profiler)
    info = profiler.recording().brick_infos[0]
    assert info.calls == 1
    if plan.flops:
        assert_recorded(profiler, "gemm", plan)
        assert info.threads == plan.workers
    else:
        assert profiler.tile_stats(TileLevel.MACRO).count == 0


def test_both_ways_to_share_a_product_are_tried() -> None:
    wide, tall = (bp.plan_gemm(*sizes, threads=4) for sizes in [(9, 400, 11), (300, 20, 7)])
    assert wide.by_columns
    assert not tall.by_columns
    assert wide.workers > 1
    assert tall.workers > 1


@each_isa
def test_a_fortran_ordered_out_is_planned_transposed(isa: str) -> None:
    rng = np.random.default_rng(2)
    a, b = normals(rng, (40, 30)), normals(rng, (30, 200))
    profiler = running()
    bp.gemm(
        a, b, out=np.empty((40, 200), "float32", order="F"), threads=1, isa=isa, profiler=profiler
    )
    assert_recorded(profiler, "gemm", bp.plan_gemm(200, 40, 30, threads=1, isa=isa))


@pytest.mark.parametrize("causal", [False, True])
@each_isa
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_attention_records_its_plan(isa: str, causal: bool, threads: int) -> None:
    rng = np.random.default_rng(threads)
    for heads, rows, keys, dim in [
        (1, 1, 1, 1),
        (1, 150, 150, 16),
        (3, 40, 100, 31),
        (8, 1, 70, 64),
        (2, 90, 20, 32),
        (4, 33, 65, 8),
    ]:
        q, k, v = (normals(rng, (heads, size, dim)) for size in (rows, keys, keys))
        for tiny in (True, False):
            if tiny:
                plan = tiny_attention_plan(q, k, causal, isa, threads)
            else:
                plan = bp.plan_attention(heads, rows, keys, dim, causal, threads=threads, isa=isa)
            profiler = running()
            out = bp.attention(q, k, v, causal=causal, isa=isa, plan=plan, profiler=profiler)
            assert np.array_equal(out, bp.attention(q, k, v, causal=causal, isa=isa, plan=plan))
            pairs = int(visible_keys(rows, keys, causal).sum())
            assert plan.flops == 4 * dim * pairs * heads
            assert_recorded(profiler, "attention", plan)
            (info,) = profiler.recording().brick_infos
            assert info.threads == len({share.thread for share in plan.shares()})


@each_isa
@settings(max_examples=50, deadline=None)
@given(
    data=st.data(),
    heads=st.integers(1, 4),
    rows=st.integers(1, 90),
    keys=st.integers(0, 90),
    dim=st.integers(1, 40),
    causal=st.booleans(),
    threads=st.integers(1, 3),
)
def test_any_attention_records_its_plan(
    isa: str,
    data: st.DataObject,
    heads: int,
    rows: int,
    keys: int,
    dim: int,
    causal: bool,
    threads: int,
) -> None:
    q, k = np.ones((heads, rows, dim), "float32"), np.ones((heads, keys, dim), "float32")
    direct = data.draw(st.sampled_from([False, None]), "direct")
    plan = tiny_attention_plan(q, k, causal, isa, threads, direct)
    profiler = running()
    bp.attention(q, k, k, causal=causal, plan=plan, isa=isa, profiler=profiler)
    if keys:
        assert_recorded(profiler, "attention", plan)
    else:
        assert profiler.tile_stats(TileLevel.MACRO).count == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_default_tiling_is_the_planned_one(threads: int) -> None:
    rng = np.random.default_rng(3)
    for heads, rows, keys, dim in [(2, 300, 300, 64), (6, 50, 400, 40)]:
        q, k, v = (normals(rng, (heads, size, dim)) for size in (rows, keys, keys))
        profiler = running()
        bp.attention(q, k, v, causal=True, threads=threads, profiler=profiler)
        plan = bp.plan_attention(heads, rows, keys, dim, True, threads=threads)
        assert_recorded(profiler, "attention", plan)


def test_a_profiler_that_is_off_records_nothing() -> None:
    profiler = bp.BrickProfiler()
    a = np.ones((30, 30), "float32")
    assert (bp.gemm(a, a, profiler=profiler, threads=2) == 30).all()
    assert (bp.attention(a[None], a[None], a[None], profiler=profiler) == 1).all()
    assert profiler.recording().brick_infos == ()
    assert all(stats.count == 0 for stats in profiler.all_tile_stats())


def test_a_kernel_nests_in_an_open_macro_tile() -> None:
    a = np.ones((60, 60), "float32")
    profiler = running()
    with profiler.brick("layer"), profiler.tile(TileLevel.MACRO, 0, 0, elements=1, flops=1):
        bp.gemm(a, a, profiler=profiler, threads=2)
        bp.attention(a[None], a[None], a[None], profiler=profiler, threads=2)
    assert_recorded(profiler, "gemm", bp.plan_gemm(60, 60, 60, threads=2))
    assert_recorded(profiler, "attention", bp.plan_attention(1, 60, 60, 60, threads=2))
    layer = profiler.tile_stats(TileLevel.MACRO, "layer")
    assert (layer.count, layer.flops) == (1, 1)
    assert layer.raw_self_ns < layer.raw_total_ns
    recording = profiler.recording()
    assert [info.name for info in recording.brick_infos] == ["attention", "gemm", "layer"]
    assert recording.open_tiles == recording.abandoned_tiles == 0


@pytest.mark.parametrize("every", [2, 7])
def test_sampling_counts_everything(every: int) -> None:
    rng = np.random.default_rng(4)
    a, b = normals(rng, (150, 40)), normals(rng, (40, 150))
    plan = tiny_plan(150, 150, 40, "float32", ISAS[0], 2)
    profiler = running(sample_every=every)
    c = bp.gemm(a, b, plan=plan, profiler=profiler)
    assert c.tobytes() == bp.gemm(a, b, plan=plan).tobytes()
    assert_recorded(profiler, "gemm", plan)
    micro = profiler.tile_stats(TileLevel.MICRO, "gemm")
    assert micro.count // every <= micro.timed <= -(-micro.count // every) + plan.workers


def test_many_calls_use_the_same_recorders() -> None:
    a = np.ones((64, 40), "float32")
    profiler = running(events=10)
    plan = bp.plan_gemm(64, 64, 40, threads=2)
    assert plan.workers == 2
    for _ in range(300):
        bp.gemm(a, a.T, threads=2, profiler=profiler)
    assert_recorded(profiler, "gemm", plan, 300)
    (info,) = profiler.recording().brick_infos
    assert (info.calls, info.threads) == (300, 2)


def test_two_threads_share_a_profiler() -> None:
    rng = np.random.default_rng(5)
    a, q = normals(rng, (120, 120)), normals(rng, (2, 50, 16))
    profiler = running()
    wrong: list[object] = []
    start = threading.Barrier(2)

    def work(call: Callable[[], np.ndarray]) -> None:
        wanted = call()
        start.wait()
        wrong.extend(1 for _ in range(39) if call().tobytes() != wanted.tobytes())

    calls = (
        lambda: bp.gemm(a, a, threads=2, profiler=profiler),
        lambda: bp.attention(q, q, q, threads=2, profiler=profiler),
    )
    for pair in [(calls[0], calls[0]), calls]:
        profiler.reset_tile_stats()
        workers = [threading.Thread(target=work, args=(call,)) for call in pair]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not wrong
        gemms = 40 * pair.count(calls[0])
        assert_recorded(profiler, "gemm", bp.plan_gemm(120, 120, 120, threads=2), gemms)
    assert_recorded(profiler, "attention", bp.plan_attention(2, 50, 50, 16, threads=2), 40)
    assert max(info.threads for info in profiler.recording().brick_infos) <= 4


def test_the_options_are_positional_in_the_documented_order() -> None:
    a, out = np.eye(4, dtype="float32"), np.empty((4, 4), "float32")
    assert bp.gemm(a, a, out, 1) is out
    heads = a[None]
    assert bp.attention(heads, heads, heads, True, None, out[None], 1).base is out


def test_a_copy_into_a_strided_result_is_part_of_the_call() -> None:
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    a = np.ones((400, 4), "float32")
    out = np.zeros((800, 800), "float32")
    bp.gemm(a, a.T, out[::2, ::2], 1, prof)
    assert (out[::2, ::2] == 4).all() and not out[1::2].any()
    wall, busy = prof.recording().brick_info("gemm").wall_ns, prof.tile_stats(TileLevel.MACRO)
    assert wall > busy.total_ns
