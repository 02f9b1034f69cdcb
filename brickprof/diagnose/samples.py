"""Samples: the times of one side's runs, and how well each run's own time is known.

A run's own time (`brickprof.recording.call_times`) is off by what differs from one process to the
next (addresses, the frequency, who else is on the machine), which no number of calls of one run
tells, and by how far it is known from it. The deviations here were measured by ``python -m
benchmarks.comparisons``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from brickprof.core.histograms import Histogram, bucket_bounds, percentile_ns
from brickprof.recording import CallTimes
from brickprof.recording.call_times import log_ns, log_std
from brickprof.recording.tile_stats import TileStats

RUN_STD = 0.03
"""Standard deviation of the times of runs of one build, as a logarithm: 0.01 on a quiet machine,
but 0.05 on virtual ones, where a whole process may be slower and nothing in it tells why."""

SHARE_STD = 0.004
"""As `RUN_STD`, of a level's share in the self time of all levels, for a share of nearly 1; that of
a smaller one is larger by the square root of how often it fits."""

SPREAD_WEIGHT = 0.9
"""Standard deviation of a disturbed run's time in units of how far it is known."""

SHORT_NS = 2e6
"""Standard deviation of a run's time besides, times how long all its calls took, in nanoseconds: of
runs of a few milliseconds the whole may be while the machine was in one of its states."""

PREEMPTED_STD = 0.15
"""Standard deviation that a run has besides where it had no processor for all of its time: whoever
took it also shared caches, memory and the core's execution units."""

REFERENCE_NOISE = 0.01
"""By how much the reference work differs between runs on cores that are equally fast."""

REFERENCE_WEIGHT = 1.06
"""Standard deviation of a change in units of how much longer the reference work took on one side:
kernels were mostly seen to take up to as much longer as it, now and then several times as much."""

TILES_STD = 0.04
"""As `RUN_STD`, where calls were too few and only tiles are known: processes of a single call were
seen to differ by 20 %."""

ROOF_STD = 0.03
"""Standard deviation of a change against two measured roofs, however many runs there are."""

MIN_TILE_NS = 1000
"""Tiles from which the shortest one is compared: the clock's step is up to a hundredth of that."""

MIN_TILES = 64
"""Times that a histogram must have to be compared."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The times of one side's runs.

    Parameters
    ----------
    logs : tuple of (float, int)
        Natural logarithms of the runs' times, with how many runs have it.
    std : float
        Standard deviation of one of them as it is assumed.
    """

    logs: tuple[tuple[float, int], ...]
    std: float

    @property
    def runs(self) -> int:
        """Number of the runs."""
        return sum(count for _, count in self.logs)

    @property
    def mean(self) -> float:
        """Mean of the logarithms: that of the geometric mean."""
        return sum(log * count for log, count in self.logs) / self.runs

    @property
    def squares(self) -> float:
        """Sum of the squared differences from the mean."""
        mean = self.mean
        return sum(count * (log - mean) ** 2 for log, count in self.logs)

    def shifted(self, by: float) -> Sample:
        """Return the sample in another unit."""
        return Sample(tuple((log + by, count) for log, count in self.logs), self.std)


def joined_samples(samples: Sequence[Sample]) -> Sample:
    """Return the runs of several samples as one."""
    squares = sum(one.runs * one.std**2 for one in samples) / sum(one.runs for one in samples)
    return Sample(tuple(run for one in samples for run in one.logs), math.sqrt(squares))


def sample_of_calls(
    times: CallTimes | None, *, per_flop: bool, preempted: float, run_ns: float = math.inf
) -> Sample | None:
    """Return what is known of a part of one side's calls.

    Parameters
    ----------
    times : CallTimes or None
        The part; None where it was not recorded.
    per_flop : bool
        Whether times per flop are compared.
    preempted : float
        Share of the time that its threads had no processor, 0 to 1.
    run_ns : float
        How long all calls of a run took, in nanoseconds.
    """
    if times is None:
        return None
    spread = times.pace_spread if per_flop else times.spread
    std = math.hypot(RUN_STD, PREEMPTED_STD * preempted, SHORT_NS / max(run_ns, 1.0))
    histogram = times.paces if per_flop else times.times
    return _sample(histogram, spread, std) if histogram else None


def sample_of_shares(shares: CallTimes | None, run_ns: float = math.inf) -> Sample | None:
    """Return what is known of a level's share in one side's calls; see `sample_of_calls`."""
    if shares is None or not shares.times:
        return None
    share = math.exp(_sample(shares.times, 0, 0.0).mean)
    std = math.hypot(SHARE_STD / math.sqrt(share), SHORT_NS / max(run_ns, 1.0) / 4)
    return _sample(shares.times, shares.spread, std)


def _sample(runs: Histogram, spread: int, std: float) -> Sample:
    """Return the sample of some runs."""
    count = sum(count for _, count in runs)
    std = math.hypot(std, SPREAD_WEIGHT * log_std(spread, count))
    return Sample(tuple((log_ns(bucket), number) for bucket, number in runs), std)


def machine_apart(a: CallTimes | None, b: CallTimes | None) -> float:
    """Return what a change is uncertain by where the machine was slower for one side; 0 if unknown.

    What a core that is shared or runs at a low frequency does to a kernel is not what it does to
    the reference, which therefore corrects nothing: it says how little a difference means, of one
    run or of many.
    """
    if a is None or b is None:
        return 0.0
    first, second = (
        Sample(tuple((log_ns(bucket), runs) for bucket, runs in one.times), 0.0) for one in (a, b)
    )
    return REFERENCE_WEIGHT * max(abs(second.mean - first.mean) - REFERENCE_NOISE, 0.0)


def sample_of_histogram(histogram: Histogram) -> Sample | None:
    """Return what a histogram of times tells: the mean logarithm of the faster half."""
    total = sum(count for _, count in histogram)
    if total < MIN_TILES:
        return None
    wanted = left = total // 2
    logs = 0.0
    for bucket, count in histogram:
        taken = min(count, left)
        logs += taken * math.log(max(sum(bucket_bounds(bucket)) / 2, 0.5))
        left -= taken
    return Sample(((logs / wanted, 1),), TILES_STD)


def sample_of_tiles(stats: TileStats) -> Sample | None:
    """Return what the tiles of a level tell, where calls were too few.

    Where all did the same work it is the shortest one, with how near the fastest hundredth comes to
    it; of short tiles, of few, or of others the mean logarithm of the faster half.
    """
    spread = _above_shortest(stats)
    if spread is None or not stats.same_work or stats.min_ns < MIN_TILE_NS:
        return sample_of_histogram(stats.histogram)
    return Sample(((math.log(stats.min_ns), 1),), math.hypot(TILES_STD, spread))


def _above_shortest(stats: TileStats) -> float | None:
    """Return how far the fastest hundredth of tiles is above the shortest, as a logarithm."""
    if stats.timed < MIN_TILES:
        return None
    ns = percentile_ns(stats.histogram, 1, stats.min_ns, stats.max_ns)
    return math.log(ns / stats.min_ns) if stats.min_ns else None
