"""Profiled runs: what is recorded is what was planned, and profiling changes no result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernel_checks import (
    DEFAULT_ISA,
    DTYPES,
    ISAS,
    Array,
    assert_recorded,
    exact_product,
    integers,
    layouts_of,
    normals,
    running,
    tiny_plan,
)

import brickprof as bp
from brickprof.core.levels import TileLevel

each_isa = pytest.mark.parametrize("isa", ISAS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


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


KINDS: dict[str, tuple[tuple[int, int, int], str, str]] = {
    "tiles": ((70, 90, 23), "C", "C"),
    "A by columns": ((70, 90, 23), "F", "C"),
    "B by columns": ((70, 90, 23), "C", "F"),
    "small k": ((200, 40, 6), "C", "C"),
    "few rows": ((5, 900, 300), "C", "C"),
    "a sum of rows": ((1, 900, 203), "C", "C"),
    "dots of rows": ((900, 3, 203), "C", "C"),
    "dots of columns": ((3, 900, 203), "C", "F"),
    "many dots of columns": ((20, 200, 1030), "C", "F"),
    "shared sums of rows": ((1, 3003, 700), "C", "C"),
    "shared dots of rows": ((2003, 4, 700), "C", "C"),
    "shared dots of columns": ((4, 2003, 700), "C", "F"),
    "one number": ((1, 1, 2000), "C", "C"),
    "an outer product": ((90, 120, 1), "C", "C"),
}


@each_dtype
@each_isa
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_records_its_plan(isa: str, dtype: str, kind: str) -> None:
    rng = np.random.default_rng(1)
    (m, n, k), a_order, b_order = KINDS[kind]
    a = np.asarray(integers(rng, (m, k), dtype), order=a_order)
    b = np.asarray(integers(rng, (k, n), dtype), order=b_order)
    lies = layouts_of(a, b)
    for threads in (1, 2, 3):
        for sizes in ({}, {"l1_bytes": 4000}, {"l2_bytes": 9000}):
            plan = tiny_plan(m, n, k, dtype, isa, threads, 37, **lies, **sizes)
            profiler = running()
            c = bp.gemm(a, b, isa=isa, plan=plan, profiler=profiler)
            assert np.array_equal(c, exact_product(a, b))
            assert_recorded(profiler, "gemm", plan)
            assert plan.workers == threads or not kind.startswith("shared")
        if n == 1:
            continue
        profiler = running()
        bp.gemm(a, b, threads=threads, isa=isa, profiler=profiler)
        default = bp.plan_gemm(m, n, k, dtype, threads=threads, isa=isa, **lies)
        assert_recorded(profiler, "gemm", default)


@each_isa
@pytest.mark.parametrize("a_order, b_order", [*product("CF", repeat=2)])
@pytest.mark.parametrize(
    "shape",
    [
        (32, 512, 1),
        (29, 300, 1),
        (20, 1, 64),
        (17, 1, 2),
        (1, 1, 64),
        (1, 300, 1),
        (16, 140_000, 1),
    ],
)
def test_single_rows_and_columns_record_the_plan_of_their_order(
    isa: str, shape: tuple[int, int, int], a_order: str, b_order: str
) -> None:
    m, n, k = shape
    called = {"C": "rows", "F": "columns"}
    plan = bp.plan_gemm(
        *shape, threads=1, isa=isa, a_layout=called[a_order], b_layout=called[b_order]
    )
    a = np.ones((m, k), "float32", order=a_order)
    b = np.ones((k, n), "float32", order=b_order)
    profiler = running()
    assert (bp.gemm(a, b, isa=isa, plan=plan, profiler=profiler) == k).all()
    assert_recorded(profiler, "gemm", plan)


def laid_out(values: Array, how: str) -> Array:
    """Copy to memory that lies one way or another, with gaps."""
    m, n = values.shape
    if how == "C":
        return np.ascontiguousarray(values)
    if how == "F":
        return np.asfortranarray(values)
    if how == "wide":
        view = np.zeros((m, n + 1000), values.dtype)[:, 5 : 5 + n]
    elif how == "4096 bytes":
        view = np.zeros((m, -(-n * values.itemsize // 4096) * 4096), "u1")
        view = view.view(values.dtype)[:, :n]
    elif how == "tall":
        view = np.zeros((n, m + 300), values.dtype)[:, :m].T
    else:
        view = np.zeros((2 * m, 3 * n), values.dtype)[::2, ::3]
    view[...] = values
    return view


layouts = st.sampled_from(["C", "F", "wide", "4096 bytes", "tall", "steps"])


@each_isa
@given(
    m=st.integers(0, 12) | st.integers(0, 150),
    n=st.integers(0, 12) | st.integers(0, 150),
    k=st.integers(0, 12) | st.integers(0, 150),
    threads=st.integers(1, 3),
    deep=st.integers(1, 80),
    dtype=st.sampled_from(DTYPES),
    a_how=layouts,
    b_how=layouts,
    l1_bytes=st.sampled_from([100, 3000, 32000]),
    l2_bytes=st.sampled_from([1000, 20000, 10**6]),
)
def test_any_gemm_records_its_plan(
    isa: str,
    m: int,
    n: int,
    k: int,
    threads: int,
    deep: int,
    dtype: str,
    a_how: str,
    b_how: str,
    l1_bytes: int,
    l2_bytes: int,
) -> None:
    rng = np.random.default_rng(m * n * k)
    a = laid_out(integers(rng, (m, k), dtype), a_how)
    b = laid_out(integers(rng, (k, n), dtype), b_how)
    profiler = running()
    caches = {"l1_bytes": l1_bytes, "l2_bytes": l2_bytes}
    plan = tiny_plan(m, n, k, dtype, isa, threads, deep, **layouts_of(a, b), **caches)
    c = bp.gemm(a, b, plan=plan, isa=isa, profiler=profiler)
    assert np.array_equal(c, exact_product(a, b))
    info = profiler.recording().brick_infos[0]
    assert info.calls == 1
    if plan.flops:
        assert_recorded(profiler, "gemm", plan)
        assert info.threads == plan.workers
    else:
        assert profiler.tile_stats(TileLevel.MACRO).count == 0


@each_dtype
@each_isa
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_packed_matrix_is_declared_in_full(isa: str, dtype: str, threads: int) -> None:
    rng = np.random.default_rng(5)
    for m, n, k in [(1, 500, 300), (3, 5, 7), (200, 90, 40), (30, 1, 700), (90, 400, 1100)]:
        a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
        profiler = running()
        c = bp.gemm(a, bp.pack(b, isa), threads=threads, isa=isa, profiler=profiler)
        assert np.array_equal(c, exact_product(a, b))
        elements = set()
        for level in TileLevel:
            stats = profiler.tile_stats(level, "gemm")
            assert stats.flops == 2 * m * n * k
            assert stats.nbytes >= (m * k + k * n + m * n) * a.itemsize
            assert stats.nbytes_declared
            elements.add(stats.elements)
        assert len(elements) == 1


@each_isa
def test_a_fortran_ordered_out_is_planned_transposed(isa: str) -> None:
    rng = np.random.default_rng(2)
    a, b = normals(rng, (40, 30)), normals(rng, (30, 200))
    profiler = running()
    out = np.empty((40, 200), "float32", order="F")
    bp.gemm(a, b, out=out, threads=1, isa=isa, profiler=profiler)
    plan = bp.plan_gemm(200, 40, 30, threads=1, isa=isa, a_layout="columns", b_layout="columns")
    assert_recorded(profiler, "gemm", plan)


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
    plan = tiny_plan(150, 150, 40, "float32", DEFAULT_ISA, 2)
    profiler = running(sample_every=every)
    c = bp.gemm(a, b, plan=plan, profiler=profiler)
    assert c.tobytes() == bp.gemm(a, b, plan=plan).tobytes()
    assert_recorded(profiler, "gemm", plan)
    micro = profiler.tile_stats(TileLevel.MICRO, "gemm")
    assert micro.count // every <= micro.timed <= -(-micro.count // every) + plan.workers


def test_many_calls_use_the_same_recorders() -> None:
    a = np.ones((640, 40), "float32")
    profiler = running(events=10)
    plan = bp.plan_gemm(640, 64, 40, threads=2, b_layout="columns")
    assert plan.workers == 2
    for _ in range(300):
        bp.gemm(a, a[:64].T, threads=2, profiler=profiler)
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


def test_tiles_of_a_product_say_which_they_are() -> None:
    profiler = running(events=10_000)
    plan = tiny_plan(20, 30, 17, "float32", DEFAULT_ISA, deep=5)
    a, b = np.ones((20, 17), "float32"), np.ones((17, 30), "float32")
    bp.gemm(a, b, profiler=profiler, plan=plan)
    steps = range(-(-plan.k // plan.kc))
    assert len(steps) > 1
    events = profiler.recording().events
    macro, midi, _ = ([one for one in events if one.level is level] for level in TileLevel)
    assert {one.row for one in macro} == {one.col for one in midi} == set(steps)
    for step in steps:
        rows = [one.row for one in midi if one.col == step]
        assert sorted(set(rows)) == list(range(len(set(rows))))
