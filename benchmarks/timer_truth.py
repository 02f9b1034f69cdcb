"""Hold the times that a profiler reports against the same work timed in bulk, without tiles.

Run as ``python -m benchmarks.timer_truth``. Each row is the median of several runs; with tiles and
without take turns. A level is right where the bulk time is inside its stated interval.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import brickprof as bp
from brickprof import TileLevel
from brickprof.recording.tile_stats import TileStats

ROUNDS = 9
Run = Callable[[object], None]


def library() -> ctypes.CDLL:
    """Compile the kernels."""
    built = Path(tempfile.mkdtemp(), "timer_truth.so")
    source = Path(__file__).with_suffix(".c")
    flags = ["-O3", "-march=native", "-shared", "-fPIC", f"-I{bp.get_include()}"]
    subprocess.run(["gcc", *flags, str(source), "-o", str(built)], check=True)
    return ctypes.CDLL(str(built))


def pointer_of(handle: object) -> ctypes.c_void_p | None:
    """Return the recorder behind a handle; None without one."""
    if handle is None:
        return None
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return ctypes.c_void_p(get(handle, name(handle)))


def cases() -> dict[str, Run]:
    """Return work by name, which times tiles where it is given a recorder's handle."""
    kernels, long = library(), ctypes.c_long
    side = 2048
    a, b = np.random.default_rng(0).random((side, side)), np.zeros((side, side))
    x, y = np.random.default_rng(0).random(4096), np.zeros(4096)

    def address(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def jacobi(height: int, width: int) -> Run:
        return lambda handle: kernels.jacobi(
            pointer_of(handle), address(a), address(b), long(side), long(height), long(width)
        )

    def daxpy(length: int) -> Run:
        return lambda handle: kernels.daxpy(
            pointer_of(handle), address(x), address(y), long(length), long(100_000)
        )

    def chain(length: int) -> Run:
        return lambda handle: kernels.chain(pointer_of(handle), long(length), long(50_000))

    shapes = ((1, 8), (1, 16), (4, 16), (32, 256))
    return {
        **{f"jacobi {height}x{width}": jacobi(height, width) for height, width in shapes},
        **{f"daxpy {length}": daxpy(length) for length in (64, 256, 1024, 4096)},
        **{f"chain {length}": chain(length) for length in (16, 64, 320)},
    }


def reported(run: Run) -> list[TileStats]:
    """Return what a fresh profiler says of a run."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    with prof.recorders("run") as (handle,):
        run(handle)
    return [prof.tile_stats(level) for level in (TileLevel.MACRO, TileLevel.MICRO)]


def numpy_case() -> tuple[list[float], list[list[TileStats]]]:
    """Time calls of NumPy in bulk and as tiles."""
    values, out = np.ones(512), np.empty(512)
    bulk, tiles = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        for _ in range(5000):
            np.add(values, values, out=out)
        bulk.append(float(time.perf_counter_ns() - start))
        prof = bp.BrickProfiler()
        prof.enable_tile_profiling()
        macro = prof.start_tile(TileLevel.MACRO, 0, 0)
        for number in range(5000):
            timer = prof.start_tile(TileLevel.MICRO, number, 0)
            np.add(values, values, out=out)
            prof.stop_tile(timer, 512, 512, 12_288)
        prof.stop_tile(macro, 1, 1, 1)
        tiles.append([prof.tile_stats(level) for level in (TileLevel.MACRO, TileLevel.MICRO)])
    return bulk, tiles


def show(name: str, bulk: list[float], tiles: list[list[TileStats]]) -> None:
    """Print a row for each level."""
    whole = statistics.median(bulk)
    for number, level in enumerate(("Macro", "Micro")):
        runs = sorted((run[number] for run in tiles), key=lambda one: one.total_ns)
        stats = runs[len(runs) // 2]
        off = stats.total_ns - whole
        inside = "inside" if abs(off) <= stats.total_error_ns + 0.02 * whole else "OUTSIDE"
        print(
            f"{name:14} {level}  {whole / tiles[0][1].count:10.1f} ns a tile"
            f"  bulk {whole / 1e6:7.3f}"
            f"  reported {stats.total_ns / 1e6:7.3f} +- {stats.total_error_ns / 1e6:6.3f} ms"
            f"  {off / whole:+7.1%}  {inside}"
        )


def main() -> None:
    """Print how far reported times are from bulk times."""
    for name, run in cases().items():
        bulk, tiles = [], []
        run(None)
        for _ in range(ROUNDS):
            start = time.perf_counter_ns()
            run(None)
            bulk.append(float(time.perf_counter_ns() - start))
            tiles.append(reported(run))
        show(name, bulk, tiles)
    show("numpy add 512", *numpy_case())


if __name__ == "__main__":
    main()
