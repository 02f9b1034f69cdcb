"""The picture of how busy the threads of a brick were."""

from __future__ import annotations

from typing import Any

from brickprof.core import metrics, units
from brickprof.reports.base import Report
from brickprof.reports.pictures.names import distinct_names

WIDTH = 760
MAX_TEAMS = 24
"""Teams that are drawn, those of most wall time."""


def threads(report: Report) -> dict[str, Any]:
    """Describe for how much of a call each thread had tiles open, in Vega-Lite.

    The busiest threads of all calls count together, then the second busiest: it is another thread
    each time.

    Parameters
    ----------
    report : Report
        What to draw.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    rows = busy_shares(report)
    teams = list(dict.fromkeys(row["team"] for row in rows))
    most = max([1.0, *(row["busy"] for row in rows)])
    known = sum(len(brick.info.teams) for brick in report.summary.bricks)
    left_out = f", the {MAX_TEAMS} longest of {known}" if known > MAX_TEAMS else ""
    subtitle = f"busy in tiles, known waits left out, the busiest of each call first{left_out}"
    return {
        "title": {
            "text": "How busy threads were",
            "subtitle": subtitle if rows else "no call shared its work out to several threads",
        },
        "width": WIDTH,
        "height": {"step": 14},
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {
                "field": "team",
                "type": "nominal",
                "sort": teams,
                "title": None,
            },
            "yOffset": {"field": "thread", "type": "nominal", "sort": None},
            "x": {
                "field": "busy",
                "type": "quantitative",
                "title": "share of the calls' wall time",
                "axis": {"labelExpr": "format(datum.value * 100, '~r') + ' %'"},
                "scale": {"domainMin": 0, "domainMax": most},
            },
            "color": {
                "field": "team",
                "type": "nominal",
                "sort": teams,
                "legend": None,
            },
            "tooltip": {"field": "description"},
            "description": {"field": "description"},
        },
    }


def busy_shares(report: Report) -> list[dict[str, Any]]:
    """Return the picture's rows: a thread of a team each, those of the longest team first.

    Parameters
    ----------
    report : Report
        What to draw.
    """
    bricks = report.summary.bricks
    names = distinct_names([brick.info.name for brick in bricks])
    teams = [
        (f"{name}, {units.format_threads(team.threads)}", team)
        for name, brick in zip(names, bricks, strict=True)
        for team in brick.info.teams
    ]
    teams.sort(key=lambda one: -one[1].wall_ns)
    return [
        {
            "team": name,
            "thread": f"{number}",
            "busy": metrics.share(busy_ns, team.wall_ns),
            "description": f"{name}, number {number + 1} of them, the busiest first: "
            f"{units.format_percent(metrics.share(busy_ns, team.wall_ns))} of the wall time",
        }
        for name, team in teams[:MAX_TEAMS]
        for number, busy_ns in enumerate(team.busy_ns)
    ]
