"""The hatchet output: bricks and their levels as the literal that hatchet and Thicket take."""

from __future__ import annotations

from collections.abc import Mapping

from brickprof.core.plain_text import printable
from brickprof.diagnose.summary import BrickSummary
from brickprof.reports.base import Report
from brickprof.reports.flat_table import COLUMNS, LEVEL_COLUMNS, level_cells
from brickprof.reports.json import dump

_Node = dict[str, object]

_BRICK_METRICS = ("calls", "threads", "wall_ns", "run_gflops")

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
        brick's ``wall_ns``, ``calls``, ``threads`` and ``run_gflops``. Each node has every metric
        that any has, null where it is unknown. Names are printable: hatchet prints trees.

        A literal cannot be empty: without bricks it is one node without time.
    """
    bricks = report.summary.bricks
    known = _BRICK_METRICS + tuple(
        name
        for name in _NUMBERS
        if any(level_cells(row)[name] is not None for brick in bricks for row in brick.levels)
    )
    nodes = [_brick(brick, known) for brick in bricks]
    return dump(nodes or [_node("nothing recorded", "brick", (0, 0), {}, known, [])])


def _brick(brick: BrickSummary, known: tuple[str, ...]) -> _Node:
    """Return a brick with its levels, each inside the one before it."""
    inside: list[_Node] = []
    time_ns = 0
    for row in reversed(brick.levels):
        self_ns = row.stats.self_ns
        time_ns += self_ns
        metrics = level_cells(row)
        inside = [_node(row.level.label, "tile level", (self_ns, time_ns), metrics, known, inside)]
    info = brick.info
    whole = (info.calls, info.threads, info.wall_ns, brick.run_gflops)
    metrics = dict(zip(_BRICK_METRICS, whole, strict=True))
    return _node(printable(info.name), "brick", (0, time_ns), metrics, known, inside)


def _node(
    name: str,
    kind: str,
    times_ns: tuple[int, int],
    metrics: Mapping[str, object],
    known: tuple[str, ...],
    children: list[_Node],
) -> _Node:
    """Return a node with all metrics: hatchet takes their names from the last root."""
    self_ns, time_ns = times_ns
    return {
        "frame": {"name": name, "type": kind},
        "metrics": {
            "time": self_ns / 1e9,
            "time (inc)": time_ns / 1e9,
            **{metric: metrics.get(metric) for metric in known},
        },
        "children": children,
    }
