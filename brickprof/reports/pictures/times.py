"""The picture of where the time went: self time by brick and level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brickprof.core import metrics, units
from brickprof.reports.anchors import level_anchor
from brickprof.reports.base import Report
from brickprof.reports.pictures.names import distinct_names
from brickprof.reports.pictures.vega import time_label

WIDTH = 760
MAX_BRICKS = 24
"""Bricks that have a bar, those of most self time."""

SELF_TIME_BARS: dict[str, Any] = {
    "x": {
        "field": "self_ns",
        "type": "quantitative",
        "title": "self time",
        "axis": {"labelExpr": time_label("value")},
    },
    "color": {"field": "level", "type": "nominal", "title": "level", "sort": None},
    "order": {"field": "order"},
    "tooltip": {"field": "description"},
    "description": {"field": "description"},
}
"""Encoding of bars of self time that are stacked by level."""


def times(report: Report) -> dict[str, Any]:
    """Describe the self times of a report's bricks and levels in Vega-Lite.

    Self time is that of all threads together, and not in a finer tile: the bars of a brick's levels
    add up to the time in its tiles.

    Parameters
    ----------
    report : Report
        What to draw.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    rows = list(self_times(report))
    names = list(dict.fromkeys(row["brick"] for row in rows))
    bricks = report.summary.bricks
    total = sum(level.stats.self_ns for brick in bricks for level in brick.levels)
    many = len(bricks) > MAX_BRICKS
    left_out = f"the {MAX_BRICKS} with most of {len(bricks)} bricks" if many else ""
    return {
        "title": {
            "text": "Where the time went",
            "subtitle": ", ".join(
                filter(None, [f"{units.format_ns(total)} in tiles, all threads", left_out])
            ),
        },
        "width": WIDTH,
        "height": {"step": 26},
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "brick", "type": "nominal", "sort": names, "title": None},
            **SELF_TIME_BARS,
        },
    }


def self_times(report: Report) -> Iterator[dict[str, Any]]:
    """Yield the picture's rows: a level's self time each, those of the longest brick first.

    Parameters
    ----------
    report : Report
        What to draw.
    """
    own = [
        (sum(level.stats.self_ns for level in brick.levels), number, brick)
        for number, brick in enumerate(report.summary.bricks)
    ]
    own.sort(key=lambda one: -one[0])
    total = sum(ns for ns, *_ in own)
    shown = own[:MAX_BRICKS]
    names = distinct_names([brick.info.name for *_, brick in shown])
    for name, (_, number, brick) in zip(names, shown, strict=True):
        for level in brick.levels:
            own_ns = level.stats.self_ns
            share = metrics.share(own_ns, total)
            yield {
                "anchor": level_anchor(number, level.level.label),
                "description": f"{name} {level.level.label}: self time "
                f"{units.format_ns(own_ns)}, {units.format_percent(share)} of all",
                "brick": name,
                "level": level.level.label,
                "order": int(level.level),
                "self_ns": own_ns,
                "share": share,
            }
