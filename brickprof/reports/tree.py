"""The tree output: bricks inside bricks as text, with what each took."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose.brick_tree import TreeNode, brick_tree
from brickprof.reports import layout
from brickprof.reports.base import Report

MAX_NODES = 200
"""Nodes above which those of little time are left out."""

LITTLE = 0.001
"""Share of the time that is little."""

_COLUMNS: layout.Columns = (
    ("Brick", "left"),
    ("Calls", "right"),
    ("Total", "right"),
    ("Self", "right"),
    ("Share", "right"),
    (" Category", "left"),
)

_NAME_WIDTH = 48
_CATEGORY_WIDTH = 16


def render_report(report: Report) -> str:
    """Render the bricks of a report as a tree.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        A line for each brick inside others, with the wall time of the threads that called it, and
        that less the bricks inside; a newline is at the end.
    """
    roots = brick_tree(report.recording)
    if not roots:
        return "Nothing was recorded.\n"
    nodes = [node for root in roots for node in root.walk()]
    least = LITTLE if len(nodes) > MAX_NODES else 0.0
    rows = [row for root in roots if root.share >= least for row in _rows(root, "", "", least)]
    lines = layout.table(layout.plain_console(), _COLUMNS, rows)
    if len(rows) < len(nodes):
        rest = units.format_count(len(nodes) - len(rows))
        lines.append(f"and {rest} more of little time (--format tree_json has them)")
    return layout.text_of(lines)


def _rows(
    node: TreeNode, before: str, below: str, least: float
) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Yield the row of a node, drawn behind `before`, and those of what is inside."""
    yield (
        layout.clipped(before + printable(node.name), _NAME_WIDTH),
        units.format_count(node.calls),
        units.format_ns(node.total_ns),
        units.format_ns(node.self_ns),
        units.format_percent(node.share),
        f" {layout.clipped(printable(', '.join(node.categories)), _CATEGORY_WIDTH)}",
    )
    inside = [one for one in node.inside if one.share >= least]
    for one in inside:
        last = one is inside[-1]
        yield from _rows(
            one, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), least
        )
