"""What a start/stop pair costs in code that Numba compiles, beside the same pair of C's.

``python -m benchmarks.numba_pair`` runs both loops by turns in one process, and needs Numba and a C
compiler.
"""

from __future__ import annotations

import ctypes
import shlex
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import numba

import brickprof as bp
from brickprof import TileLevel
from brickprof.integrations.numba import bp_start, bp_stop, recorders

PAIRS = 2_000
ROUNDS = 5_000

SOURCE = """
#include "brickprof/tile.h"
void pairs(bp_recorder *recorder, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        bp_start(recorder, BP_MICRO, i, 0);
        bp_stop(recorder, 1, 2, 3);
    }
}
"""


@numba.njit(nogil=True)
def numba_pairs(recs: Any, count: int) -> None:
    """Start and stop a Micro tile again and again, taking the recorder anew each time."""
    for i in range(count):
        recorder = recs[0]
        bp_start(recorder, TileLevel.MICRO, i, 0)
        bp_stop(recorder, 1, 2, 3)


def c_pairs() -> Callable[[int, int], None]:
    """Compile the same loop as C, optimized as Numba does."""
    compiler = shlex.split(str(sysconfig.get_config_var("CC") or "cc"))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "pairs.c"), Path(folder, "pairs.so")
        source.write_text(SOURCE)
        flags = ["-O3", "-march=native", "-fPIC", "-shared", f"-I{bp.get_include()}"]
        subprocess.run([*compiler, *flags, str(source), "-o", str(target)], check=True)
        pairs = ctypes.CDLL(str(target)).pairs
    pairs.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    pairs.restype = None
    return pairs


def ns_a_pair(run: Callable[[], None]) -> float:
    """Return what a pair of a loop took."""
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / PAIRS


def measure(prof: bp.BrickProfiler) -> None:
    """Print both costs and their ratio, best and quartiles of all rounds."""
    of_c = c_pairs()
    with prof.recorders("pairs") as handles:
        recs, recorder = recorders(handles), bp.recorder_address(handles[0])
        numba_pairs(recs, 1)
        sides = [
            (
                ns_a_pair(lambda: numba_pairs(recs, PAIRS)),
                ns_a_pair(lambda: of_c(recorder, PAIRS)),
            )
            for _ in range(ROUNDS)
        ]
    ratios = quantiles([ours / theirs for ours, theirs in sides])
    best, best_c = (min(side) for side in zip(*sides, strict=True))
    print(
        f"Numba {best:.2f} ns, C {best_c:.2f} ns: {best / best_c:.3f} x, median of {ROUNDS} rounds "
        f"{ratios[1]:.3f} x (quartiles {ratios[0]:.3f} to {ratios[2]:.3f})"
    )


if __name__ == "__main__":
    profiler = bp.BrickProfiler()
    print("off: ", end="")
    measure(profiler)
    profiler.enable_tile_profiling()
    print("on: ", end="")
    measure(profiler)
