"""What workers share with their callers, how many there may be, and what is kept of them."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.children import child_succeeds, settles
from support.kernel_checks import Array, exact_product, integers
from support.memory import resident_mib

import brickprof as bp
from brickprof.planning.budget import set_default_threads

KEPT = max(64, 4 * (os.cpu_count() or 1))
"""Idle workers that a process keeps."""

UPWARD = {"x86_64": 0x800, "aarch64": 0x400000}
"""FE_UPWARD of C's fenv.h."""


def tasks() -> list[str]:
    """Return the threads of this process."""
    return os.listdir("/proc/self/task")


def product() -> tuple[Array, Array]:
    """Return a matrix whose square is worth several threads, and the square."""
    a = integers(np.random.default_rng(0), (512, 512), "float32")
    return a, exact_product(a, a)


def wide_region(threads: int | None = None) -> tuple[bp.ParallelRegion, Array]:
    """Return a region, which takes any number of threads, and its output once it has run."""
    out = np.zeros(64, "float32")
    region = bp.ParallelRegion(threads=threads)
    region.matvec(np.ones((64, 64), "float32"), np.ones(64, "float32"), out)
    return region, out


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors")
def test_workers_follow_the_callers_affinity() -> None:
    a, square = product()
    first, *others = sorted(os.sched_getaffinity(0))

    def work() -> bool:
        right = True
        for cpus in ({first}, {first, *others}, {others[0]}, {first, *others}):
            os.sched_setaffinity(0, cpus)
            right = right and np.array_equal(bp.gemm(a, a, threads=2), square)
            right = right and settles(lambda cpus=cpus: affinities() == {frozenset(cpus)})
        return right

    def affinities() -> set[frozenset[int]]:
        mine = set(tasks()) - before
        return {frozenset(os.sched_getaffinity(int(task))) for task in mine}

    before = set(tasks()) - {str(os.getpid())}
    assert child_succeeds(work)


def test_workers_round_as_their_caller_does() -> None:
    if platform.machine() not in UPWARD:
        pytest.skip("FE_UPWARD is not known here")
    rng = np.random.default_rng(1)
    a = rng.random((512, 512), np.float32)
    libm = ctypes.CDLL("libm.so.6")

    def work() -> bool:
        nearest = bp.gemm(a, a, threads=2)
        libm.fesetround(UPWARD[platform.machine()])
        up, alone = bp.gemm(a, a, threads=2), bp.gemm(a, a, threads=1)
        profiled = bp.gemm(a, a, threads=2, profiler=prof)
        libm.fesetround(0)
        again = bp.gemm(a, a, threads=2, profiler=prof)
        return (
            np.array_equal(up, alone)
            and np.array_equal(profiled, alone)
            and np.array_equal(again, nearest)
            and not np.array_equal(up, nearest)
        )

    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    assert child_succeeds(work)


def test_workers_leave_faults_and_samples_to_be_handled() -> None:
    def work() -> bool:
        before = set(tasks())
        region, _ = wide_region()
        region.run(threads=4)
        masks = [
            int(line.split()[1], 16)
            for task in set(tasks()) - before
            for line in Path(f"/proc/self/task/{task}/status").read_text().splitlines()
            if line.startswith("SigBlk")
        ]
        own = (4, 5, 7, 8, 11, 27, 31)  # ILL, TRAP, BUS, FPE, SEGV, PROF, SYS
        others = (1, 2, 10, 12, 14, 15, 17)
        return len(masks) == 3 and all(
            not any(mask >> (number - 1) & 1 for number in own)
            and all(mask >> (number - 1) & 1 for number in others)
            for mask in masks
        )

    assert child_succeeds(work)


def without_threads(work: Callable[[], bool]) -> bool:
    """Tell whether a function succeeds in a process that can start no thread."""
    bp.gemm(*[np.ones((4, 4), "float32")] * 2)  # what it imports may not be readable later

    def limited() -> bool:
        if os.getuid() == 0:  # no limit holds for root
            os.setgid(65534)
            os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        try:
            threading.Thread(target=int).start()
        except RuntimeError:
            return work()
        return True  # a system that knows no such limit

    return child_succeeds(limited)


def test_fewer_threads_where_no_number_was_asked_for() -> None:
    a, square = product()
    heads = np.ones((4, 200, 64), "float32")
    wanted = bp.attention(heads, heads, heads, threads=1)
    region, out = wide_region()

    def work() -> bool:
        set_default_threads(5)
        region.run()
        prof = bp.BrickProfiler()
        prof.enable_tile_profiling()
        return (
            all(np.array_equal(bp.gemm(a, a, profiler=p), square) for p in (None, prof))
            and np.array_equal(bp.attention(heads, heads, heads), wanted)
            and bool((out == 64).all())
        )

    assert without_threads(work)


def test_an_error_where_a_number_was_asked_for() -> None:
    a, _ = product()
    heads = np.ones((4, 200, 64), "float32")
    plan = bp.plan_gemm(512, 512, 512, threads=5)
    region, _ = wide_region(5)

    def work() -> bool:
        calls: list[Callable[[], object]] = [
            lambda: bp.gemm(a, a, threads=5),
            lambda: bp.gemm(a, a, plan=plan),
            lambda: bp.attention(heads, heads, heads, threads=5),
            lambda: wide_region()[0].run(threads=5),
            region.run,
        ]
        before = tasks()
        for call in calls:
            with pytest.raises(RuntimeError, match=r"threads=\d cannot be started"):
                call()
        return settles(lambda: tasks() == before)

    assert without_threads(work)


def test_threads_beyond_a_number_end_with_their_call() -> None:
    def work() -> bool:
        before = len(tasks())
        region, out = wide_region()
        region.run(threads=KEPT + 200)
        bounded = settles(lambda: 0 < len(tasks()) - before <= KEPT)
        callers = [threading.Thread(target=wide_region(9)[0].run) for _ in range(12)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        bounded = bounded and settles(lambda: 0 < len(tasks()) - before <= KEPT)
        return bounded and bool((out == 64).all())

    assert child_succeeds(work)


def test_a_large_workspace_ends_with_its_call() -> None:
    keys = np.ones((1, 1_200_000, 16), "float32")  # 73 MiB once they are packed
    q = np.ones((1, 64, 16), "float32")

    def work() -> bool:
        before = resident_mib()
        out = bp.attention(q, keys, keys, threads=1)
        return np.allclose(out, 1) and resident_mib() < before + 37

    if KEPT > 64:
        pytest.skip("a machine of so many CPUs keeps more")
    assert child_succeeds(work)


def test_release_memory_ends_threads_and_frees_workspaces() -> None:
    a, square = product()

    def work() -> bool:
        before = tasks()
        for _ in range(2):
            bp.release_memory()
            if not settles(lambda: tasks() == before) or not np.array_equal(
                bp.gemm(a, a, threads=3), square
            ):
                return False
        big = np.ones((4096, 4096), "float32")
        bp.gemm(big[:600], big, threads=2)
        used = resident_mib()
        bp.release_memory()
        return settles(lambda: tasks() == before) and resident_mib() < used

    assert child_succeeds(work)


def test_release_memory_leaves_alone_what_others_use() -> None:
    a, square = product()
    stop, wrong = threading.Event(), []

    def busy(threads: int) -> None:
        while not stop.is_set():
            wrong.extend(
                1 for _ in range(3) if not np.array_equal(bp.gemm(a, a, threads=threads), square)
            )

    callers = [threading.Thread(target=busy, args=(1 + number,)) for number in range(3)]
    for caller in callers:
        caller.start()
    for _ in range(200):
        bp.release_memory()
    stop.set()
    for caller in callers:
        caller.join()
    assert not wrong
