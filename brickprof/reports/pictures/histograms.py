"""The picture of how long tiles took: a histogram for each brick and level."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from brickprof.core import units
from brickprof.core.histograms import Histogram, bucket_bounds
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.reports.base import Report
from brickprof.reports.level_cells import known_time
from brickprof.reports.pictures.levels import longest_levels
from brickprof.reports.pictures.vega import PALETTE, time_label

WIDTH, HEIGHT = 760, 70
MAX_LEVELS = 12
"""Histograms that are drawn, of the levels with most self time."""

_TICKS = [digit * 10**power for power in range(19) for digit in (1, 2, 5)]
BARS_PER_OCTAVE = 8
"""Bars for each doubling of a time; the recorded buckets are up to four times as narrow."""


def histograms(report: Report) -> dict[str, Any]:
    """Describe how long the tiles of each brick and level took, in Vega-Lite.

    Parameters
    ----------
    report : Report
        What to draw.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    shown, left_out = shown_histograms(report)
    empty = {"data": {"values": []}, "mark": "bar", "width": WIDTH, "height": HEIGHT}
    return {
        "title": {
            "text": "How long tiles took",
            "subtitle": f"timed tiles by brick and level{left_out}",
        },
        "vconcat": [_histogram(*one) for one in shown] or [empty],
        "resolve": {"scale": {"x": "shared"}},
    }


def shown_histograms(report: Report) -> tuple[list[tuple[str, LevelSummary]], str]:
    """Return the levels that are drawn, as `longest_levels` does."""
    return longest_levels(report, MAX_LEVELS, lambda level: level.stats.timed)


def bars(histogram: Histogram) -> list[tuple[float, float, int]]:
    """Return the bars of a histogram: first and last nanosecond, and number of tiles.

    Parameters
    ----------
    histogram : Histogram
        Counts by bucket; see `brickprof.core.histograms`.
    """
    found: Counter[int] = Counter()
    for bucket, count in histogram:
        low, high = bucket_bounds(bucket)
        found[math.floor(BARS_PER_OCTAVE * math.log2(max((low + high) / 2, 0.5)))] += count
    return [
        (2 ** (place / BARS_PER_OCTAVE), 2 ** ((place + 1) / BARS_PER_OCTAVE), count)
        for place, count in sorted(found.items())
    ]


def _histogram(name: str, level: LevelSummary) -> dict[str, Any]:
    """Return the histogram of one level."""
    rows: list[dict[str, Any]] = [
        {
            "ns": low,
            "end": high,
            "tiles": count,
            "description": f"{name}, {units.format_ns(low)} to {units.format_ns(high)}: "
            f"{units.format_counted(count, 'tile')}",
        }
        for low, high, count in bars(level.stats.histogram)
    ]
    figures = ", ".join(
        f"{what} {known_time(level, ns)}"
        for what, ns in (("median", level.p50_ns), ("p99", level.p99_ns))
    )
    return {
        "title": {
            "text": f"{name}: {units.format_counted(level.stats.timed, 'tile')}, {figures}",
            "fontSize": 12,
            "fontWeight": "normal",
        },
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": rows},
        "mark": {"type": "bar", "binSpacing": 0, "color": PALETTE[0]},
        "encoding": {
            "x": {
                "field": "ns",
                "type": "quantitative",
                "title": None,
                "scale": {"type": "log", "nice": False},
                "axis": {"values": _TICKS, "labelExpr": time_label("value"), "labelOverlap": True},
            },
            "x2": {"field": "end"},
            "y": {
                "field": "tiles",
                "type": "quantitative",
                "axis": _counts(max((row["tiles"] for row in rows), default=0)),
            },
            "y2": {"datum": 0},
            "tooltip": {"field": "description"},
            "description": {"field": "description"},
        },
    }


def _counts(most: int) -> dict[str, Any]:
    """Return an axis of so many tiles, with whole numbers alone."""
    few = {"values": list(range(most + 1))} if most < 4 else {"tickCount": 3}
    return {**few, "format": "~s" if most >= 10_000 else "d"}
