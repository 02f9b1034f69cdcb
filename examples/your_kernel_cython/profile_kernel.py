"""Profile both ways to compute an autocorrelation, and say how they compare."""

from __future__ import annotations

import time

import numpy as np
from your_kernel import autocorrelation

import brickprof as bp

LAGS = 128
ROUNDS = 10


def main() -> None:
    """Print a report, and the ratio of the best times without a profiler."""
    x = np.random.default_rng(0).standard_normal((64, 2048 + LAGS - 1))
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    for vectors in (False, True):
        autocorrelation(x, LAGS, vectors=vectors)  # the first call touches memory for the others
        for _ in range(ROUNDS):
            autocorrelation(x, LAGS, profiler, vectors=vectors)
    print(profiler.tile_summary(bp.roofs()))

    # In turns, so that what else the machine does meets both.
    best = {False: np.inf, True: np.inf}
    for _ in range(ROUNDS):
        for vectors in best:
            start = time.perf_counter()
            autocorrelation(x, LAGS, vectors=vectors)
            best[vectors] = min(best[vectors], time.perf_counter() - start)
    print(f"32 sums at once take {best[False] / best[True]:.1f} times less.")


if __name__ == "__main__":
    main()
