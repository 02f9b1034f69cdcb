"""The hatchet output: bricks and their levels as the literal that hatchet and Thicket take."""

from __future__ import annotations

from collections.abc import Mapping

from brickprof.core.plain_text import encodable
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary
from brickprof.reports.base import Report
from brickprof.reports.flat_table import COLUMNS, LEVEL_COLUMNS, level_cells
from brickprof.reports.json import dump

_NUMBERS = tuple(name for name in LEVEL_COLUMNS if COLUMNS[name] in (int, float))
"""The figures of a level that hatchet can add up and compare."""


def render_report(report: Report) -> str:
    """Render a report as a tree of metrics: each brick, in it Macro, Midi and Micro.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        A JSON list, with a newline at its end, that ``hatchet.GraphFrame.from_literal`` and
        ``thicket.Thicket.from_literal`` take as `json.loads` returns it. ``time`` is the self time
        of a level in seconds, all threads added up, and ``time (inc)`` that with the levels inside;
        the other metrics are the numbers of the JSON output under their names there, and the
        brick's ``wall_ns``, ``calls``, ``threads`` and ``run_gflops``. All nodes have all metrics,
        null where a node has none.

        A literal cannot be empty: without bricks it is one node without time.
    """
    nodes = [_brick(brick) for brick in report.summary.bricks]
    return dump(nodes or [_node("nothing recorded", "brick", 0, 0, {}, [])])


def _brick(brick: BrickSummary) -> dict[str, object]:
    """Return a brick with its levels, each inside the one before it."""
    inside: list[dict[str, object]] = []
    time_ns = 0
    for row in reversed(brick.levels):
        time_ns += row.stats.self_ns
        inside = [_level(row, time_ns, inside)]
    info = brick.info
    metrics = {
        "calls": info.calls,
        "threads": info.threads,
        "wall_ns": info.wall_ns,
        "run_gflops": brick.run_gflops,
    }
    return _node(encodable(info.name), "brick", 0, time_ns, metrics, inside)


def _level(row: LevelSummary, time_ns: int, inside: list[dict[str, object]]) -> dict[str, object]:
    """Return a level, which with those inside it took so long."""
    figures = level_cells(row)
    metrics = {name: figures[name] for name in _NUMBERS}
    return _node(row.level.label, "tile level", row.stats.self_ns, time_ns, metrics, inside)


def _node(
    name: str,
    kind: str,
    self_ns: int,
    time_ns: int,
    metrics: Mapping[str, object],
    children: list[dict[str, object]],
) -> dict[str, object]:
    """Return a node with all metrics: hatchet takes their names from the last root."""
    unknown = dict.fromkeys(("calls", "threads", "wall_ns", "run_gflops", *_NUMBERS))
    times = {"time": self_ns / 1e9, "time (inc)": time_ns / 1e9}
    return {
        "frame": {"name": name, "type": kind},
        "metrics": {**times, **unknown, **metrics},
        "children": children,
    }
