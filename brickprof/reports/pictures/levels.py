"""The levels of a report that a picture has room for."""

from __future__ import annotations

from collections.abc import Callable

from brickprof.diagnose.level_summary import LevelSummary
from brickprof.reports.base import Report
from brickprof.reports.pictures.names import distinct_names


def longest_levels(
    report: Report, most: int, wanted: Callable[[LevelSummary], object]
) -> tuple[list[tuple[str, LevelSummary]], str]:
    """Return the levels of most self time with their names, and a note on those left out.

    Parameters
    ----------
    report : Report
        The report.
    most : int
        How many levels there is room for.
    wanted : callable
        Tells of a level whether it can be drawn.

    Returns
    -------
    levels : list of (str, LevelSummary)
        Each with the name of its brick and its own, longest first.
    left_out : str
        A clause to put after another one; empty where none is left out.
    """
    bricks = report.summary.bricks
    names = distinct_names([brick.info.name for brick in bricks])
    levels = [
        (f"{name} {level.level.label}", level)
        for name, brick in zip(names, bricks, strict=True)
        for level in brick.levels
        if wanted(level)
    ]
    levels.sort(key=lambda one: -one[1].stats.self_ns)
    left_out = f", the {most} longest of {len(levels)}" if len(levels) > most else ""
    return levels[:most], left_out
