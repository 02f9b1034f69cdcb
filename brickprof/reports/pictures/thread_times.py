"""The picture of each thread's self time by brick and level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brickprof.core import units
from brickprof.reports.base import Report
from brickprof.reports.pictures.names import distinct_names
from brickprof.reports.pictures.times import SELF_TIME_BARS

WIDTH = 760
MAX_BRICKS = 12
"""Bricks that are drawn, those of most self time."""

MAX_THREADS = 16
"""Threads of a brick that are drawn, those of most self time."""


def thread_times(report: Report) -> dict[str, Any]:
    """Describe the self times of each thread of each brick by level, in Vega-Lite.

    The bars of a brick's threads add up to its bars in the picture of all times.

    Parameters
    ----------
    report : Report
        What to draw.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    rows = list(thread_self_times(report))
    bricks = list(dict.fromkeys(row["brick"] for row in rows))
    known = sum(bool(brick.info.thread_self_ns) for brick in report.summary.bricks)
    left_out = f", the {MAX_BRICKS} with most of {known} bricks" if known > MAX_BRICKS else ""
    subtitle = f"self time by thread, the one with most of each brick first{left_out}"
    return {
        "title": {
            "text": "Time by brick, level and thread",
            "subtitle": subtitle if rows else "no thread timed a tile",
        },
        "width": WIDTH,
        "height": {"step": 16},
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {
                "field": "brick",
                "type": "nominal",
                "sort": bricks,
                "title": None,
                "scale": {"paddingInner": 0.1, "paddingOuter": 0.05},
            },
            "yOffset": {"field": "thread", "type": "ordinal", "scale": {"paddingInner": 0.15}},
            **SELF_TIME_BARS,
        },
    }


def thread_self_times(report: Report) -> Iterator[dict[str, Any]]:
    """Yield the picture's rows: a thread's self time in a level of a brick each.

    Parameters
    ----------
    report : Report
        What to draw.
    """
    known = [brick for brick in report.summary.bricks if brick.info.thread_self_ns]
    known.sort(key=lambda brick: -sum(map(sum, brick.info.thread_self_ns)))
    bricks = known[:MAX_BRICKS]
    names = distinct_names([brick.info.name for brick in bricks])
    for name, brick in zip(names, bricks, strict=True):
        for number, own in enumerate(brick.info.thread_self_ns[:MAX_THREADS]):
            for level in (row.level for row in brick.levels):
                yield {
                    "brick": name,
                    "thread": number + 1,
                    "level": level.label,
                    "order": int(level),
                    "self_ns": own[level],
                    "description": f"{name} {level.label}, thread {number + 1} by self time: "
                    f"{units.format_ns(own[level])}",
                }
