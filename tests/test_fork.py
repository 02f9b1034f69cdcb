"""BrickProfiler in a child of os.fork."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable

import numpy as np
from doors import MACRO, MICRO, manual, micro

from brickprof import attention, gemm


def child_succeeds(work: Callable[[], bool]) -> bool:
    """Run a function in a forked child; tell whether it returned True and nothing else broke."""
    with warnings.catch_warnings():
        # Newer Pythons warn of any fork beside threads, which is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


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


def test_kernels_work_in_a_child_of_a_parent_that_used_threads() -> None:
    a = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    heads = np.ascontiguousarray(a.reshape(3, 100, 300)[:, :, :64])
    product = gemm(a, a, threads=2)
    attended = attention(heads, heads, heads, threads=2)

    def work() -> bool:
        signal.alarm(60)  # a hang must fail, not last
        return np.array_equal(gemm(a, a, threads=2), product) and np.array_equal(
            attention(heads, heads, heads, threads=2), attended
        )

    assert child_succeeds(work)
