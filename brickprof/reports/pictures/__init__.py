"""Pictures of a report, described in Vega-Lite: a line each in PICTURES."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brickprof.core.checks import short_repr
from brickprof.reports.base import Report
from brickprof.reports.pictures.grids import grids
from brickprof.reports.pictures.histograms import histograms
from brickprof.reports.pictures.roofline import roofline
from brickprof.reports.pictures.thread_times import thread_times
from brickprof.reports.pictures.threads import threads
from brickprof.reports.pictures.times import times
from brickprof.reports.pictures.vega import THEMES, Theme, described

__all__ = ["PICTURES", "draw"]

PICTURES: dict[str, Callable[[Report], dict[str, Any]]] = {
    "roofline": roofline,
    "times": times,
    "histograms": histograms,
    "grids": grids,
    "thread-times": thread_times,
    "threads": threads,
}
"""What draws each picture of a report, by name."""


def draw(report: Report, picture: str, theme: Theme) -> dict[str, Any]:
    """Return a picture of a report, described in Vega-Lite.

    Parameters
    ----------
    report : Report
        The report.
    picture : str
        A key of `PICTURES`.
    theme : {"light", "dark"}
        Its colors.

    Raises
    ------
    ValueError
        If there is no such picture or theme.
    """
    for name, value, known in (("picture", picture, PICTURES), ("theme", theme, THEMES)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {short_repr(value)}")
    return described(PICTURES[picture](report), theme)
