"""Drivers for the thread sanitizer: ``python drivers.py [DRIVER ...] [--seconds S]``.

Each lets threads do at the same time what users' threads may. `make sanitize-threads` runs them in
a build whose every load and store is watched; whatever it reports is a fault.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np
from support.entry_points import pointer_of, tile_library

import brickprof as bp
from brickprof.calibration.measurement import Effort, measure_roofs
from brickprof.core.errors import TileNestingError

A = np.random.default_rng(0).random((192, 192), np.float32)
HEADS = np.ascontiguousarray(A[:, :64].reshape(4, 48, 64))


def profiler(**options: int) -> bp.BrickProfiler:
    """Return a profiler that is on."""
    prof = bp.BrickProfiler(**options)
    prof.enable_tile_profiling()
    return prof


def reset(prof: bp.BrickProfiler) -> None:
    """Reset unless a tile is open in Python."""
    with suppress(TileNestingError):
        prof.reset_tile_stats()


def pool() -> Iterable[Callable[[], object]]:
    return (
        lambda: bp.gemm(A, A, threads=2),
        lambda: bp.attention(HEADS, HEADS, HEADS, threads=2),
        bp.release_memory,
    )


def snapshots() -> Iterable[Callable[[], object]]:
    prof = profiler(events=100)
    return lambda: bp.gemm(A, A, threads=2, profiler=prof), prof.recording


def resets() -> Iterable[Callable[[], object]]:
    prof = profiler(events=100)
    return (
        lambda: bp.gemm(A, A, threads=2, profiler=prof),
        lambda: bp.attention(HEADS, HEADS, HEADS, threads=2, profiler=prof),
        lambda: reset(prof),
        prof.recording,
    )


def sampling() -> Iterable[Callable[[], object]]:
    prof = profiler(sample_every=3, events=50)
    return (
        lambda: bp.gemm(A, A, threads=2, profiler=prof),
        lambda: reset(prof),
        prof.recording,
    )


def own_kernels() -> Iterable[Callable[[], object]]:
    prof, library = profiler(), tile_library()

    def kernel() -> None:
        go = ctypes.c_int(1)
        with prof.recorders("own", 2) as handles:
            threads = [
                threading.Thread(
                    target=library.record, args=(pointer_of(handle), ctypes.byref(go), 20)
                )
                for handle in handles
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.01)
            go.value = 0
            for thread in threads:
                thread.join()

    return kernel, prof.recording, lambda: reset(prof)


def regions() -> Iterable[Callable[[], object]]:
    prof = profiler()

    def region() -> bp.ParallelRegion:
        x, y, z = (np.ones(192, np.float32) for _ in range(3))
        made = bp.ParallelRegion(threads=2)
        for _ in range(4):
            made.matvec(A, x, y)
            made.matvec(A, y, z)
            made.matvec(A, z, x)
        return made

    first, second = region(), region()
    return first.run, lambda: second.run(profiler=prof), prof.recording


def calibration() -> Iterable[Callable[[], object]]:
    effort = Effort("quick", 2, 50_000, 50_000, 1 << 20, least_l3=1)
    machine = bp.detect_machine()
    return (
        lambda: measure_roofs(machine, 2, "float32", "base", effort),
        lambda: bp.gemm(A, A, threads=2),
    )


DRIVERS = {
    one.__name__: one
    for one in (pool, snapshots, resets, sampling, own_kernels, regions, calibration)
}


def drive(name: str, seconds: float) -> None:
    """Run a driver's functions over and over, each on a thread of its own."""
    until = time.monotonic() + seconds
    failed: list[BaseException] = []

    def work(function: Callable[[], object]) -> None:
        try:
            while time.monotonic() < until and not failed:
                function()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in DRIVERS[name]()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    print(f"{name}: done", flush=True)


def main() -> None:
    """Run the drivers that were asked for."""
    parser = argparse.ArgumentParser(prog="drivers", description=__doc__)
    parser.add_argument("drivers", nargs="*", default=list(DRIVERS))
    parser.add_argument("--seconds", type=float, default=5.0, help="for each")
    args = parser.parse_args()
    for name in args.drivers:
        drive(name, args.seconds)


if __name__ == "__main__":
    sys.exit(main())
