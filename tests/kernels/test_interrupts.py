"""Signals during long calls: an exception of a handler ends the call and leaves all in order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import pytest
from support.children import child_succeeds, settles
from support.kernel_checks import Array, exact_product, integers

import brickprof as bp

SIZE = 4096
"""Of a product that takes several times as long as two looks for signals lie apart."""


class Interrupted(Exception):
    """What a handler raises."""


def interrupt(*_: object) -> None:
    """Raise, as the handler of Ctrl-C does."""
    raise Interrupted


@contextmanager
def alarm(handler: Callable[..., None], seconds: float = 0.02) -> Iterator[None]:
    """Let a handler run once, in a while."""
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kernels_work(profiler: bp.BrickProfiler | None = None) -> bool:
    """Tell whether products on some threads are right."""
    a = integers(np.random.default_rng(0), (200, 200), "float32")
    wanted = exact_product(a, a)
    return all(
        np.array_equal(bp.gemm(a, a, threads=threads, profiler=profiler), wanted)
        for threads in (1, 2, 3, 2)
    )


def matrix(rows: int = SIZE) -> Array:
    """Return a matrix of ones."""
    return np.ones((rows, SIZE), "float32")


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("profiled", [False, True])
def test_a_handler_that_raises_ends_gemm(threads: int, profiled: bool) -> None:
    a, out = matrix(), np.full((SIZE, SIZE), np.nan, "float32")
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    with pytest.raises(Interrupted), alarm(interrupt):
        bp.gemm(a, a, out=out, threads=threads, profiler=prof if profiled else None)
    assert not np.array_equal(out, np.full_like(out, SIZE))
    prof.reset_tile_stats()
    assert kernels_work(prof)
    recorded = prof.recording()
    assert recorded.open_tiles == recorded.abandoned_tiles == 0
    assert prof.tile_stats(bp.TileLevel.MACRO, "gemm").flops == 4 * 2 * 200**3


@pytest.mark.parametrize("layout", ["few rows", "one row", "one column", "transposed"])
def test_a_handler_that_raises_ends_gemm_of_any_kind(layout: str) -> None:
    a, b = {
        "few rows": (matrix(3), matrix()),
        "one row": (matrix(1), matrix()),
        "one column": (matrix(), matrix(1).T),
        "transposed": (matrix(), matrix().T),
    }[layout]
    with pytest.raises(Interrupted), alarm(interrupt):
        while True:
            bp.gemm(a, b, threads=2)
    assert kernels_work()


@pytest.mark.parametrize("rows", [1, 4096])
@pytest.mark.parametrize("profiled", [False, True])
def test_a_handler_that_raises_ends_attention(rows: int, profiled: bool) -> None:
    q = np.ones((4, rows, 64), "float32")
    keys = np.ones((4, 16384, 64), "float32")
    out = np.full_like(q, np.nan)
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    with pytest.raises(Interrupted), alarm(interrupt):
        while True:
            out[...] = np.nan
            bp.attention(q, keys, keys, False, out=out, threads=2, profiler=prof)
    assert rows == 1 or np.isnan(out).any()
    assert kernels_work(prof if profiled else None)


@pytest.mark.parametrize("fused", [False, True])
def test_a_handler_that_raises_ends_a_region(fused: bool) -> None:
    region = bp.ParallelRegion(threads=2)
    w, x = matrix(), matrix(1)[0]
    last = np.zeros(SIZE, "float32")
    for _ in range(99):
        region.matvec(w, x, np.empty(SIZE, "float32"))
    region.matvec(w, x, last)
    with pytest.raises(Interrupted), alarm(interrupt):
        region.run(fused=fused)
    assert not last.any()
    region.run(fused=fused)
    assert (last == SIZE).all()


def test_a_handler_that_returns_changes_nothing() -> None:
    a, seen = matrix(), []
    with alarm(lambda *_: seen.append(kernels_work())):
        product = bp.gemm(a, a, threads=2)
    assert seen == [True]
    assert (product == SIZE).all()


def test_a_handler_that_forks_leaves_the_parent_right_and_tells_the_child() -> None:
    a, pids = matrix(), []
    parent = os.getpid()

    def work() -> bool:
        with alarm(lambda *_: pids.append(os.fork())):
            try:
                product = bp.gemm(a, a, threads=2)
            except RuntimeError:
                os._exit(0 if pids == [0] and kernels_work() else 1)
        _, status = os.waitpid(pids[0], 0)
        return status == 0 and bool((product == SIZE).all()) and kernels_work()

    assert child_succeeds(work)
    assert os.getpid() == parent


def test_signals_are_no_matter_of_other_threads() -> None:
    a, found = matrix(2048), []
    thread = threading.Thread(target=lambda: found.append(bp.gemm(a, a.T, threads=2)))
    with pytest.raises(Interrupted), alarm(interrupt):
        thread.start()
        while True:
            signal.pause()
    thread.join()
    assert (found[0] == SIZE).all()


def test_a_handler_that_raises_ends_a_sweep_and_a_calibration() -> None:
    a = matrix()
    with pytest.raises(Interrupted), alarm(interrupt):
        bp.sweep_threads(lambda threads: bp.gemm(a, a, threads=threads), (1, 2))
    before = threading.active_count()
    for seconds in (0.02, 0.2):
        with pytest.raises(Interrupted):
            # Python ignores what a handler raises while an object is freed: the next alarm counts.
            while True:
                with alarm(interrupt, seconds):
                    bp.calibrate(threads=2)
        assert settles(lambda: threading.active_count() == before)
    assert kernels_work()


def test_a_handler_that_raises_ends_the_packing_of_a_matrix() -> None:
    seen: list[None] = []

    def count(*_: object) -> None:
        seen.append(None)
        if len(seen) == 3:
            raise Interrupted
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    # Handlers that wait for the end of the call would run once: signals that wait are one.
    with pytest.raises(Interrupted), alarm(count):
        bp.pack(np.broadcast_to(np.float32(1), (1 << 14, 1 << 15)))
    assert kernels_work()


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_handler_that_raises_ends_the_filling_of_a_result(order: Literal["C", "F"]) -> None:
    out = np.full((1 << 13, 1 << 14), np.nan, "float32", order=order)
    empty = np.empty((1 << 14, 0), "float32")
    with pytest.raises(Interrupted), alarm(interrupt):
        while True:
            out[-1, -1] = np.nan
            bp.gemm(empty[: 1 << 13], empty.T, out=out)
    assert np.isnan(out[-1, -1])
    bp.gemm(empty[: 1 << 13], empty.T, out=out)
    assert not out.any()


def test_arrays_are_assigned_in_parts() -> None:
    rng = np.random.default_rng(0)
    a, b = integers(rng, (1500, 3), "float32"), integers(rng, (3, 1600), "float32")
    out = np.empty((1500, 3200), "float32")[:, ::2]
    assert np.array_equal(bp.gemm(a, b, out=out), exact_product(a, b))
    wide = np.ascontiguousarray(np.broadcast_to(a, (1000, 1500, 3))).reshape(-1, 3)
    swapped = wide.astype(wide.dtype.newbyteorder())
    assert np.array_equal(bp.gemm(swapped, b[:, :1]), bp.gemm(wide, b[:, :1]))
