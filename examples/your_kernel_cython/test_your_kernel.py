"""The kernel is right, refuses what it cannot do, and declares all of its work."""

from __future__ import annotations

import numpy as np
import pytest
from your_kernel import autocorrelation

import brickprof as bp

LANES = 32


def reference(x: np.ndarray, lags: int) -> np.ndarray:
    """Return the same with NumPy, a lag at a time."""
    terms = x.shape[1] - lags + 1
    return np.stack([(x[:, :terms] * x[:, lag : lag + terms]).sum(1) for lag in range(lags)], 1)


@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize(
    ("signals", "samples", "lags", "threads"),
    [(1, 1, 1, 1), (3, 200, 32, 2), (5, 100, 100, 3), (2, 300, 79, 4), (0, 7, 2, 1)],
)
def test_result(signals: int, samples: int, lags: int, threads: int, vectors: bool) -> None:
    x = np.random.default_rng(1).standard_normal((signals, samples))
    found = autocorrelation(x, lags, threads=threads, vectors=vectors)
    np.testing.assert_allclose(found, reference(x, lags), rtol=1e-12, atol=1e-12 * samples)


@pytest.mark.parametrize(("lags", "threads"), [(0, 1), (11, 1), (-1, 1), (5, 0)])
def test_what_it_cannot_do_is_refused(lags: int, threads: int) -> None:
    with pytest.raises(ValueError, match=r"lags must be|threads must be"):
        autocorrelation(np.zeros((2, 10)), lags, threads=threads)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("vectors", [False, True])
def test_tiles_declare_all_work(vectors: bool, threads: int) -> None:
    signals, terms, lags = 5, 50, 2 * LANES + 1
    x = np.ones((signals, terms + lags - 1))
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    autocorrelation(x, lags, profiler, threads=threads, vectors=vectors)
    products = signals * terms * lags
    # Where 32 lags go together, x[t] is loaded once for them; the last lag is alone.
    loads = signals * terms * (2 * LANES + 4) if vectors else 2 * products
    levels = ((bp.TileLevel.MIDI, 1, x.size), (bp.TileLevel.MICRO, 3, loads))
    for level, tiles, loaded in levels:
        stats = profiler.tile_stats(level, "vectors" if vectors else "plain")
        assert (stats.count, stats.elements, stats.flops) == (
            signals * tiles,
            products,
            2 * products,
        )
        assert (stats.loaded_bytes, stats.stored_bytes) == (8 * loaded, 8 * signals * lags)
    (brick,) = (one for one in profiler.recording().brick_infos if one.calls)
    assert (brick.threads, brick.dtypes, brick.calls) == (threads, ("float64",), 1)


def test_a_profiler_that_is_off_records_nothing() -> None:
    profiler = bp.BrickProfiler()
    autocorrelation(np.ones((2, 100)), 40, profiler)
    assert sum(stats.count for stats in profiler.all_tile_stats()) == 0
