"""The picture of where the time went: self time by brick and level."""

from __future__ import annotations

from typing import Any

from brickprof.core import metrics, units
from brickprof.reports.anchors import level_anchor
from brickprof.reports.base import Report
from brickprof.reports.pictures.names import distinct_names

WIDTH = 760
MAX_BRICKS = 24
"""Bricks that have a bar, those of most self time."""


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
    own = [
        (sum(level.stats.self_ns for level in brick.levels), number, brick)
        for number, brick in enumerate(report.summary.bricks)
    ]
    own.sort(key=lambda one: -one[0])
    total = sum(ns for ns, *_ in own)
    shown = own[:MAX_BRICKS]
    names = distinct_names([brick.info.name for *_, brick in shown])
    rows = [
        {
            "anchor": level_anchor(number, level.level.label),
            "description": f"{name} {level.level.label}: self time "
            f"{units.format_ns(level.stats.self_ns)}, "
            f"{units.format_percent(metrics.share(level.stats.self_ns, total))} of all",
            "brick": name,
            "level": level.level.label,
            "order": int(level.level),
            "self_ms": level.stats.self_ns / 1e6,
            "share": metrics.share(level.stats.self_ns, total),
        }
        for name, (_, number, brick) in zip(names, shown, strict=True)
        for level in brick.levels
    ]
    left_out = f"the {MAX_BRICKS} longest of {len(own)} bricks" if len(own) > MAX_BRICKS else ""
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
            "x": {"field": "self_ms", "type": "quantitative", "title": "self time, ms"},
            "color": {"field": "level", "type": "nominal", "title": "level", "sort": None},
            "order": {"field": "order"},
            "tooltip": {"field": "description"},
            "description": {"field": "description"},
        },
    }
