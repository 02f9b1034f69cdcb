"""Changes: by how much one side's times differ from the other's, and how well that is known.

The ratio of two runs' own times (`brickprof.recording.call_times`) is off by what differs from one
process to the next (addresses, the frequency, who else is on the machine), which no number of calls
of one run tells, and by how far either run is known to be from its own time. Of one run a side the
first is assumed to be `RUN_STD`, as it was measured (``python -m benchmarks.comparisons``). Of
several it is estimated from how the runs differ, with the assumed one counted as `PRIOR_DEGREES`
runs, as in G. Smyth, Linear models and empirical Bayes methods, 2004: two or three runs alone would
tell too little of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from brickprof.core.histograms import Histogram, bucket_bounds, percentile_ns
from brickprof.core.quantiles import normal_quantile, t_quantile
from brickprof.recording import CallTimes
from brickprof.recording.call_times import log_ns, log_std
from brickprof.recording.tile_stats import TileStats

CONFIDENCE = 0.95
"""Of all intervals of a comparison together."""

RUN_STD = 0.009
"""Standard deviation of the times of runs of one build on a quiet machine, as a logarithm."""

SPREAD_WEIGHT = 0.9
"""Standard deviation of a disturbed run's time in units of how far it is known."""

PREEMPTED_STD = 0.03
"""Standard deviation that a run has besides where it had no processor for all of its time: whoever
took it also shared caches, memory and the core's execution units."""

REFERENCE_NOISE = 0.01
"""By how much the reference work differs between runs on cores that are equally fast."""

REFERENCE_WEIGHT = 0.75
"""Standard deviation that each of two runs has besides, in units of how much longer the reference
work took in one: kernels were seen to take up to 2.3 times as much longer as it."""

PRIOR_DEGREES = 4
"""Runs that the assumed deviation counts as, where several tell how they differ."""

TILES_STD = 0.0175
"""As `RUN_STD`, where only a histogram is known: its buckets are up to 3 % wide."""

ROOF_STD = 0.02
"""As `RUN_STD`, of the measured roofs of two machines or thread counts."""

MIN_TILE_NS = 1000
"""Tiles from which the shortest one is compared: the clock's step is up to a hundredth of that."""

MIN_TILES = 64
"""Times that a histogram must have to be compared."""

MAX_VISIBLE = 2.0
"""A comparison that would not show that something takes three times as long tells nothing."""

_POWER = 0.9
"""How often a change that "would have been seen" is."""


class Verdict(str, Enum):
    """What a comparison says."""

    SLOWER = "slower"
    FASTER = "faster"
    NO_DIFFERENCE = "no difference"
    CANNOT_TELL = "cannot tell"


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

    def widened(self, by: float) -> Sample:
        """Return the sample with more that is not known of each run."""
        return Sample(self.logs, math.hypot(self.std, by))

    def shifted(self, by: float) -> Sample:
        """Return the sample in another unit, whose logarithm is as uncertain as roofs are."""
        logs = tuple((log + by, count) for log, count in self.logs)
        return Sample(logs, math.hypot(self.std, ROOF_STD))


@dataclass(frozen=True, slots=True)
class Change:
    """The time of B over that of A.

    Parameters
    ----------
    verdict : Verdict
        What is known of it.
    basis : str
        What was compared: ``"time"`` of a call, ``"time per flop"``, ``"tile time"`` where only
        histograms are known, ``"share of roof"`` where each side is held against its own; empty
        where nothing could be.
    ratio, low, high : float or None
        The ratio and its interval; above 1 where B is slower.
    visible : float or None
        The smallest change that would have been seen nine times in ten, as a fraction.
    runs : tuple of int
        Runs of A and of B.
    reason : str
        Why nothing can be told, and what would help; else empty.
    """

    verdict: Verdict
    basis: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    visible: float | None = None
    runs: tuple[int, int] = (0, 0)
    reason: str = ""


UNKNOWN = Change(Verdict.CANNOT_TELL)
"""That of what was not compared."""


def cannot_tell(reason: str) -> Change:
    """Return the change of what cannot be compared."""
    return Change(Verdict.CANNOT_TELL, reason=reason)


def sample_of_calls(
    times: CallTimes | None, *, per_flop: bool, share: float, preempted: float
) -> Sample | None:
    """Return what is known of a part of one side's calls.

    Parameters
    ----------
    times : CallTimes or None
        The part; None where it was not recorded.
    per_flop : bool
        Whether times per flop are compared.
    share : float
        Share of the brick's time that the part is, above 0: what is a small part of a call, and a
        difference of two readings, differs more from run to run.
    preempted : float
        Share of the time that its threads had no processor, 0 to 1.
    """
    if times is None:
        return None
    histogram = times.paces if per_flop else times.times
    spread = times.pace_spread if per_flop else times.spread
    if not histogram:
        return None
    runs = sum(count for _, count in histogram)
    std = math.hypot(
        math.hypot(RUN_STD, PREEMPTED_STD * preempted) / math.sqrt(share),
        SPREAD_WEIGHT * log_std(spread, runs),
    )
    return Sample(tuple((log_ns(bucket), count) for bucket, count in histogram), std)


def machine_apart(a: CallTimes | None, b: CallTimes | None) -> float:
    """Return what both sides are uncertain by where the machine was slower for one; 0 if unknown.

    What a core that is shared or runs at a low frequency does to a kernel is not what it does to
    the reference, which therefore corrects nothing: it says how little a difference means.
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
    return Sample(((math.log(stats.min_ns), 1),), math.hypot(RUN_STD, spread))


def _above_shortest(stats: TileStats) -> float | None:
    """Return how far the fastest hundredth of tiles is above the shortest, as a logarithm."""
    if stats.timed < MIN_TILES:
        return None
    ns = percentile_ns(stats.histogram, 1, stats.min_ns, stats.max_ns)
    return math.log(ns / stats.min_ns) if stats.min_ns else None


def change_of(a: Sample, b: Sample, basis: str, rows: int) -> Change:
    """Compare two samples.

    Parameters
    ----------
    a, b : Sample
        The sides.
    basis : str
        See `Change.basis`.
    rows : int
        Changes that are looked at together. Each has its share of the error that all may have: the
        correction of C. Bonferroni, 1936, which holds for changes that depend on each other too.
    """
    p = 1 - (1 - CONFIDENCE) / (2 * max(rows, 1))
    error, factor = _standard_error(a, b, p)
    log = b.mean - a.mean
    low, high = math.exp(log - factor * error), math.exp(log + factor * error)
    visible = math.exp((factor + normal_quantile(_POWER)) * error) - 1
    verdict = Verdict.NO_DIFFERENCE
    if low > 1:
        verdict = Verdict.SLOWER
    elif high < 1:
        verdict = Verdict.FASTER
    change = Change(verdict, basis, math.exp(log), low, high, visible, (a.runs, b.runs))
    if verdict is Verdict.NO_DIFFERENCE and visible > MAX_VISIBLE:
        reason = "The runs were disturbed, or differ too much from each other."
        return replace(change, verdict=Verdict.CANNOT_TELL, reason=reason)
    return change


def _standard_error(a: Sample, b: Sample, p: float) -> tuple[float, float]:
    """Return the standard error of the difference of two means, and what to multiply it with."""
    degrees = a.runs + b.runs - 2
    if not degrees:
        return math.hypot(a.std, b.std), normal_quantile(p)
    assumed = (a.runs * a.std**2 + b.runs * b.std**2) / (a.runs + b.runs)
    variance = (PRIOR_DEGREES * assumed + a.squares + b.squares) / (PRIOR_DEGREES + degrees)
    error = math.sqrt(variance * (1 / a.runs + 1 / b.runs))
    return error, t_quantile(p, min(PRIOR_DEGREES + degrees, 1000))
