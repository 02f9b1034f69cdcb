"""Profiler and kernels in children of os.fork and of multiprocessing."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.children import SECONDS, child_succeeds, process_succeeds
from support.entry_points import MACRO, MICRO, manual, micro
from support.kernel_checks import Array, exact_product, integers

from brickprof import (
    BrickProfiler,
    attention,
    configure_optimal_thread_pool,
    gemm,
    plan_gemm,
    release_memory,
)
from brickprof.planning import budget


def test_a_child_goes_on_recording_and_its_parent_does_not_see_it() -> None:
    prof = manual()
    timer = prof.start_tile(MACRO, 0, 0)

    def work() -> bool:
        micro(prof, 5)
        prof.advance(1)
        prof.stop_tile(timer, 1, 1)
        macro, _, finest = prof.all_tile_stats()
        return (macro.total_ns, macro.self_ns, finest.count) == (6, 1, 1)

    assert child_succeeds(work)
    assert prof.tile_stats(MICRO).count == 0
    prof.stop_tile(timer, 0, 0)
    assert prof.tile_stats(MACRO).count == 1


def test_a_child_has_lost_the_other_threads_and_their_open_tiles() -> None:
    prof = manual()
    opened, done = threading.Event(), threading.Event()

    def hold() -> None:
        with prof.tile(MICRO, 0, 0):
            opened.set()
            done.wait()

    def work() -> bool:
        micro(prof)
        thread = threading.Thread(target=lambda: micro(prof))
        thread.start()
        thread.join()
        rec = prof.recording()
        return rec.tile_stats(MICRO).count == 2 and rec.abandoned_tiles + rec.open_tiles == 1

    thread = threading.Thread(target=hold)
    thread.start()
    opened.wait()
    try:
        assert child_succeeds(work)
    finally:
        done.set()
        thread.join()
    assert prof.tile_stats(MICRO).count == 1


# Kernels. What they give is checked against exact products and against one thread.

SIZE = 200


def problem() -> tuple[Array, Array]:
    """Return a matrix of small integers, worth several threads, and its exact square."""
    a = integers(np.random.default_rng(0), (SIZE, SIZE), "float32")
    return a, exact_product(a, a)


def kernels_work() -> bool:
    """Tell whether gemm, attention and both with a profiler are right on 1 to 3 threads."""
    a, square = problem()
    heads = np.ascontiguousarray(a.reshape(2, 100, SIZE)[:, :, :64]) / 8
    attended = attention(heads, heads, heads, threads=1)
    for threads in (2, 1, 3):
        prof = BrickProfiler()
        prof.enable_tile_profiling()
        for profiler in (None, prof):
            product = gemm(a, a, threads=threads, profiler=profiler)
            other = attention(heads, heads, heads, threads=threads, profiler=profiler)
            if not (np.array_equal(product, square) and np.allclose(other, attended, 1e-5, 1e-6)):
                return False
        planned = plan_gemm(SIZE, SIZE, SIZE, threads=threads).levels[MICRO].flops
        if prof.tile_stats(MICRO, "gemm").flops != planned:
            return False
    return True


def kernels_work_unasked() -> bool:
    """Tell whether kernels work on as many threads as are the default, and NumPy's do."""
    a, square = problem()
    return np.array_equal(gemm(a, a), square) and np.array_equal(a @ a, square) and kernels_work()


def kernels_work_on_all_threads() -> bool:
    """Tell whether kernels work on the main thread and on several others at once."""
    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(kernels_work) for _ in range(3)]
        return kernels_work() and all(other.result() for other in others)


def test_a_hang_is_killed() -> None:
    assert not child_succeeds(lambda: threading.Event().wait(), seconds=0.1)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_of_a_parent_that_used_threads(method: str) -> None:
    assert kernels_work()
    assert process_succeeds(method, kernels_work)
    assert process_succeeds(method, kernels_work_on_all_threads)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_of_a_parent_that_configured_its_pools(method: str) -> None:
    with configure_optimal_thread_pool(threads=2):
        assert kernels_work_unasked()
        assert process_succeeds(method, kernels_work_unasked)


def test_a_child_inherits_the_pools_and_restores_its_own() -> None:
    before = budget.set_default_threads(5)
    try:
        with configure_optimal_thread_pool(threads=3) as pool:

            def work() -> bool:
                inherited = budget.default_threads() == 3 and kernels_work_unasked()
                pool.restore()
                with configure_optimal_thread_pool(threads=2):
                    return inherited and kernels_work_unasked()

            assert child_succeeds(work)
            assert child_succeeds(lambda: pool.restore() or budget.default_threads() == 5)
            assert budget.default_threads() == 3
        assert budget.default_threads() == 5
    finally:
        budget.set_default_threads(before)


def test_a_child_works_before_and_after_its_own_child() -> None:
    assert kernels_work()
    assert child_succeeds(
        lambda: kernels_work_on_all_threads() and child_succeeds(kernels_work) and kernels_work()
    )
    assert kernels_work()


@pytest.mark.parametrize("profiled", [False, True])
def test_forks_from_a_thread_while_another_runs_a_kernel(profiled: bool) -> None:
    a, square = problem()
    started, stop = threading.Event(), threading.Event()
    prof = BrickProfiler()
    prof.enable_tile_profiling()

    def busy() -> bool:
        right = True
        while not stop.is_set():
            product = gemm(a, a, threads=2, profiler=prof if profiled else None)
            right = right and np.array_equal(product, square)
            started.set()
        return right

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(busy)
        try:
            assert started.wait(SECONDS)
            for work in (kernels_work, kernels_work_on_all_threads) * 4:
                assert pool.submit(child_succeeds, work).result()
        finally:
            stop.set()
        assert running.result()
    assert kernels_work()


def test_a_child_goes_on_with_its_parents_profiler() -> None:
    a, square = problem()
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    gemm(a, a, threads=2, profiler=prof)
    before = prof.tile_stats(MICRO)

    def work() -> bool:
        right = np.array_equal(gemm(a, a, threads=2, profiler=prof), square)
        return right and prof.tile_stats(MICRO).flops == 2 * before.flops

    assert child_succeeds(work)
    assert prof.tile_stats(MICRO) == before


def test_a_storm_of_forks_beside_threads_that_come_and_go() -> None:
    a, square = problem()
    heads = np.ones((2, 128, 64), "float32")
    stop = threading.Event()

    def busy(number: int) -> None:
        while not stop.is_set():
            gemm(a, a, threads=2 + number)
            attention(heads, heads, heads, threads=2)
            thread = threading.Thread(target=gemm, args=(a, a), kwargs={"threads": 3})
            thread.start()
            thread.join()
            if number:
                release_memory()

    def work() -> bool:
        attention(heads, heads, heads, threads=3)
        return np.array_equal(gemm(a, a, threads=2), square)

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert all(child_succeeds(work) for _ in range(60))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
