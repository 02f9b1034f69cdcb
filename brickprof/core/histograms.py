"""Log-linear histograms of tile times: fixed memory, mergeable, percentiles within 1.6 %.

A time of fewer than 64 ns has a bucket of its own; above, each power of two is cut into 32
buckets, so a bucket's midpoint is within 1/64 of every time in it. The layout is that of
G. Tene's HdrHistogram with five significant bits. The C side is ``bp_bucket`` in tile.h.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from brickprof.core.checks import short_repr

Histogram = tuple[tuple[int, int], ...]
"""Pairs of (bucket, count), ascending, without empty buckets."""

_SUB_BITS = 5
_SUB = 1 << _SUB_BITS
RESOLUTION = 1 / (2 * _SUB)
"""Share of a time within which the middle of its bucket is."""

BUCKETS = (64 - _SUB_BITS) * _SUB + _SUB
"""Number of buckets that cover every time from 0 to 2**64 - 1 ns."""


def bucket_of(time_ns: int) -> int:
    """Return the bucket of a time in nanoseconds, 0 <= time_ns < 2**64.

    Raises
    ------
    ValueError
        If `time_ns` is out of range.
    """
    if not 0 <= time_ns < 1 << 64:
        raise ValueError(f"time_ns must be in [0, 2**64), got {short_repr(time_ns)}")
    shift = max(time_ns.bit_length() - 1 - _SUB_BITS, 0)
    return shift * _SUB + (time_ns >> shift)


def bucket_bounds(bucket: int) -> tuple[int, int]:
    """Return the smallest and the largest time in nanoseconds that fall into a bucket.

    Raises
    ------
    ValueError
        If there is no such bucket.
    """
    if not 0 <= bucket < BUCKETS:
        raise ValueError(f"bucket must be in [0, {BUCKETS}), got {short_repr(bucket)}")
    shift = max(bucket // _SUB - 1, 0)
    lowest = (bucket - shift * _SUB) << shift
    return lowest, lowest + (1 << shift) - 1


def merge_histograms(histograms: Iterable[Histogram]) -> Histogram:
    """Add histograms bucket by bucket."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        for bucket, count in histogram:
            total[bucket] += count
    return tuple(sorted(total.items()))


def percentile_ns(histogram: Histogram, p: float, lowest: int, highest: int) -> int:
    """Nearest-rank percentile of the recorded times.

    Parameters
    ----------
    histogram : Histogram
        Counts per bucket.
    p : float
        Percentile, 0 to 100.
    lowest, highest : int
        The exact extremes in nanoseconds; the estimate is held between them, and is exact for
        p = 0 and p = 100.

    Returns
    -------
    int
        Nanoseconds, within 1/64 of the exact nearest-rank percentile; 0 without samples.

    Raises
    ------
    ValueError
        If `p` is not in [0, 100].
    """
    if not 0 <= p <= 100:
        raise ValueError(f"p must be in [0, 100], got {short_repr(p)}")
    samples = sum(count for _, count in histogram)
    if samples == 0:
        return 0
    # Exact, and of the decimal that the caller wrote: in binary, 7 / 100 * 100 is above 7.
    exact = -(-p * samples // 100) if type(p) is int else _ceil_share(p, samples)
    rank = max(int(exact), 1)
    if rank <= 1:
        return lowest
    if rank >= samples:
        return highest
    seen = 0
    for bucket, count in histogram:
        seen += count
        if seen >= rank:
            low, high = bucket_bounds(bucket)
            return min(max((low + high) // 2, lowest), highest)
    return highest


def _ceil_share(p: float, samples: int) -> int:
    """Return p percent of a number of samples, rounded up."""
    return math.ceil(Fraction(str(p)) * samples / 100)
