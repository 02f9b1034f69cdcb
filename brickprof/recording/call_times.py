"""How long a brick's calls took, part by part, so that two runs can be told apart: mergeable.

A run is cut into batches of consecutive calls, a millisecond or so each. What disturbs a run makes
batches longer, hardly ever shorter, so a run's own time is that of its fastest ones. How well it is
known shows in how near the parts of the run come to it: a run that was disturbed throughout, or
that drifted, reached it in few of them; and one whose calls do different things took mostly longer.
Calls that follow each other are alike, so their number counts for nothing here.

What disturbs a run makes all levels longer alike, so how the time divides among them is known far
better than how much there was: between runs on a shared machine times were up to 50 % apart, and
shares 0.3 % (median). A share's own value is the median of the fastest quarter of batches.

Each run adds one value to a histogram of runs, and the square of its distance to a sum, both whole
numbers: merges are associative and commutative bit for bit, and runs are the samples, as in T.
Kalibera and R. Jones, Rigorous benchmarking in reasonable time, ISMM 2013.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from brickprof.core.histograms import Histogram, merge_histograms
from brickprof.core.levels import TileLevel

WALL = "wall"
"""The part of a call that is its wall time."""

TILES = "tiles"
"""The part of a call that is its time in tiles, that of finer ones counted once."""

REFERENCE = "reference"
"""The part that is no part: fixed work that was timed between calls, which no build changes."""

_TIMED = (WALL, *(level.name for level in TileLevel), TILES)

_SHARES = tuple(f"{level.name} share" for level in TileLevel)

PARTS = (*_TIMED, *_SHARES, REFERENCE)
"""Parts of a call: wall time, each level's, and that of all; shares of each level's self time in
the latter; and the reference."""

LOG_STEPS = 4096
"""Buckets of a factor of two: times and shares are kept within 0.01 %."""

_LOG_LOWEST = 64
LOG_BUCKETS = 2 * _LOG_LOWEST * LOG_STEPS
"""Buckets from 2**-64 to 2**64 ns."""

SEGMENTS = 8
"""Parts that a run is cut into, to see how far apart they are; and the fewest calls of a run."""

_FASTEST = 0.01
"""Share of a run's batches that are its fastest: the fewer, the less a busy machine shows."""

_QUIET = 0.25
"""Share of a run's batches that tell how its time divides among levels."""

_REACHED = 3
"""Segments but the best whose distance counts: half of the run, and one, comes as near as that."""

_MIXED_BATCHES = 64
"""Batches of a run whose calls differ in their work, so that each holds about the same mix."""

_OWN = 1 + len(TileLevel)
"""Place in a batch of the first level's time outside finer tiles."""

_MOST_APART = 0.1
"""The most that segments count for: of a run that shared a core for most of its time, the fastest
batches still are those of when it did not."""

_ALIKE, _ALIKE_MIXED = 0.3, 0.05
"""By how much batches in the middle may take longer than the fastest, as a logarithm, and tell no
more than that the machine is shared; and the same of calls that differ in their flops."""

_OF_MIDDLE = 0.5
"""How far a run's own time may be off, as a share of how much longer the middle took besides."""

_PER_UNIT = 1e6
MAX_SPREAD = 10**12
"""The most that a run adds to a spread: that of a factor of e."""

Batch = tuple[int, int, tuple[int, ...]]
"""Calls, flops, and ticks: wall time, each level's, and each level's outside finer tiles."""


@dataclass(frozen=True, slots=True, order=True)
class CallTimes:
    """How long one part of a brick's calls took.

    Parameters
    ----------
    part : str
        One of `PARTS`.
    times : Histogram
        For each run with `SEGMENTS` calls or more its time of a call, or the share; see
        `log_bucket`.
    spread : int
        Sum over runs of the square of how far a run is known to be from its own time, in
        millionths, as a natural logarithm.
    paces : Histogram
        For each of these runs whose calls all declared flops its nanoseconds per flop; empty for
        shares.
    pace_spread : int
        As `spread`, of the paces.
    """

    part: str
    times: Histogram
    spread: int
    paces: Histogram = ()
    pace_spread: int = 0


def log_bucket(ns: float) -> int:
    """Return the bucket of a time in nanoseconds above 0, of `LOG_STEPS` for a factor of two."""
    bucket = round((math.log2(ns) + _LOG_LOWEST) * LOG_STEPS)
    return min(max(bucket, 0), LOG_BUCKETS - 1)


def log_ns(bucket: int) -> float:
    """Return the natural logarithm of the time in nanoseconds that a bucket stands for."""
    return (bucket / LOG_STEPS - _LOG_LOWEST) * math.log(2)


def log_std(spread: int, runs: int) -> float:
    """Return how far runs are known to be from their own times, as a natural logarithm."""
    return math.sqrt(spread / runs) / _PER_UNIT


def call_times_of(
    batches: Sequence[Batch],
    ns_per_tick: float,
    *,
    mixed: bool,
    flops: bool,
    reference: int = 0,
) -> tuple[CallTimes, ...]:
    """Describe the calls of one run.

    Parameters
    ----------
    batches : sequence of Batch
        The run, in the order of its calls.
    ns_per_tick : float
        Length of a tick in nanoseconds.
    mixed : bool
        Whether its calls differ in their flops.
    flops : bool
        Whether all of them declared some.
    reference : int
        The median ticks of the reference work between calls, four times in a row; 0 where it was
        not timed.

    Returns
    -------
    tuple of CallTimes
        One for each part that took time, in the order of `PARTS`; empty for fewer calls than
        `SEGMENTS`, and for a clock without ticks.
    """
    if len(batches) < SEGMENTS or not ns_per_tick:
        return ()
    # The last one may be of a single call, which is more likely to be far from the others.
    full = [batch for batch in batches if batch[0] == batches[0][0]]
    if len(full) < SEGMENTS:
        full = list(batches)
    if mixed:
        full = _joined(full, -(-len(full) // _MIXED_BATCHES))
    if len(full) < SEGMENTS:
        return ()
    found = []
    alike = _ALIKE_MIXED if mixed else _ALIKE
    with_flops = flops and all(work for _, work, _ in full)
    for part, ticks in zip(_TIMED, _times_by_part(full), strict=True):
        if min(ticks) <= 0:
            continue
        time = _location(
            [ns_per_tick * n / one[0] for n, one in zip(ticks, full, strict=True)], alike
        )
        if with_flops:
            paces = [ns_per_tick * n / one[1] for n, one in zip(ticks, full, strict=True)]
            found.append(CallTimes(part, *time, *_location(paces, alike)))
        else:
            found.append(CallTimes(part, *time))
    found.extend(_shares(full))
    if found and reference:
        found.append(CallTimes(REFERENCE, ((log_bucket(ns_per_tick * reference), 1),), 0))
    return tuple(found)


def _times_by_part(batches: Sequence[Batch]) -> Iterator[list[int]]:
    """Yield the ticks of all batches, for each of `_TIMED`."""
    for number in range(_OWN):
        yield [ticks[number] for _, _, ticks in batches]
    yield [sum(ticks[_OWN:]) for _, _, ticks in batches]


def _joined(batches: Sequence[Batch], size: int) -> list[Batch]:
    """Return batches made of so many consecutive ones; those left over are dropped."""
    whole = len(batches) // size * size
    return [
        (
            sum(batch[0] for batch in batches[first : first + size]),
            sum(batch[1] for batch in batches[first : first + size]),
            tuple(map(sum, zip(*(one[2] for one in batches[first : first + size]), strict=True))),
        )
        for first in range(0, whole, size)
    ]


def _shares(batches: Sequence[Batch]) -> Iterator[CallTimes]:
    """Yield each level's share in the self time of all levels, where several have some."""
    pace = [sum(ticks[_OWN:]) / calls for calls, _, ticks in batches]
    for number, part in enumerate(_SHARES):
        shares = [ticks[_OWN + number] / max(sum(ticks[_OWN:]), 1) for _, _, ticks in batches]
        if not all(0 < share < 1 for share in shares):
            continue
        segments = sorted(
            _undisturbed(shares[first:last], pace[first:last])
            for first, last in _segments(len(shares))
        )
        apart = math.log(segments[-2] / segments[1]) / 2
        yield CallTimes(part, ((log_bucket(_undisturbed(shares, pace)), 1),), _square(apart))


def _undisturbed(shares: Sequence[float], pace: Sequence[float]) -> float:
    """Return the median share of the fastest batches."""
    count = max(1, math.ceil(_QUIET * len(shares)))
    fastest = sorted(range(len(shares)), key=pace.__getitem__)[:count]
    return median(shares[i] for i in fastest)


def _location(times: Sequence[float], alike: float) -> tuple[Histogram, int]:
    """Return a run's own time as a histogram, and the square of how far it is known from it."""
    own = _fastest(times)
    segments = sorted(_fastest(times[first:last]) for first, last in _segments(len(times)))
    apart = min(math.log(segments[_REACHED] / segments[0]), _MOST_APART)
    quarter = len(times) // 4
    middle = fmean(sorted(times)[quarter : len(times) - quarter])
    mostly = max(math.log(middle / own) - alike, 0.0)
    return ((log_bucket(own), 1),), _square(max(apart, _OF_MIDDLE * mostly))


def _segments(count: int) -> Iterator[tuple[int, int]]:
    """Yield where each segment of a run of so many batches starts and ends."""
    for i in range(SEGMENTS):
        yield count * i // SEGMENTS, count * (i + 1) // SEGMENTS


def _square(apart: float) -> int:
    """Return what a run whose segments are so far apart, as a logarithm, adds to a spread."""
    return min(round((_PER_UNIT * apart) ** 2), MAX_SPREAD)


def _fastest(times: Sequence[float]) -> float:
    """Return the mean of the fastest batches."""
    count = max(1, round(_FASTEST * len(times)))
    return sum(sorted(times)[:count]) / count


def merge_call_times(parts: Iterable[tuple[CallTimes, ...]]) -> tuple[CallTimes, ...]:
    """Add up what is known of calls; associative and commutative bit for bit."""
    alike: dict[str, list[CallTimes]] = {}
    for one in (one for part in parts for one in part):
        alike.setdefault(one.part, []).append(one)
    return tuple(
        CallTimes(
            part,
            merge_histograms(one.times for one in alike[part]),
            sum(one.spread for one in alike[part]),
            merge_histograms(one.paces for one in alike[part]),
            sum(one.pace_spread for one in alike[part]),
        )
        for part in PARTS
        if part in alike
    )
