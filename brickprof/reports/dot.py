"""The DOT output: bricks inside bricks as a graph that Graphviz draws."""

from __future__ import annotations

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose.brick_tree import TreeNode, brick_tree
from brickprof.reports.base import Report
from brickprof.reports.layout import clipped

_NAME_WIDTH = 60


def render_report(report: Report) -> str:
    """Render the bricks of a report as a graph.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        A digraph in the DOT language, with a newline at its end: a node for each brick inside
        others, the redder the more of the time is its own, and an edge from it to each brick
        inside, the thicker the more time is there. Names are shown literally.
    """
    roots = brick_tree(report.recording)
    nodes = [node for root in roots for node in root.walk()]
    numbers = {node.path: number for number, node in enumerate(nodes)}
    total = sum(root.total_ns for root in roots)
    lines = [
        "digraph bricks {",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ]
    if not nodes:
        lines.append('  nothing [label="Nothing was recorded."];')
    for node in nodes:
        own = node.self_ns / total if total else 0.0
        label = r"\n".join(_quoted(line) for line in _label(node))
        color = f"0.05 {min(own, 1.0):.3f} 1.000"
        lines.append(f'  b{numbers[node.path]} [label="{label}", fillcolor="{color}"];')
    for node in nodes:
        for one in node.inside:
            width = 1 + 4 * min(one.share, 1.0)
            ends = f"b{numbers[node.path]} -> b{numbers[one.path]}"
            lines.append(f"  {ends} [penwidth={width:.2f}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(node: TreeNode) -> list[str]:
    """Return what is written on a node, line by line."""
    lines = [clipped(printable(node.name), _NAME_WIDTH)]
    if node.categories:
        lines.append(f"[{clipped(printable(', '.join(node.categories)), _NAME_WIDTH)}]")
    times = f"{units.format_ns(node.total_ns)}, self {units.format_ns(node.self_ns)}"
    return [*lines, units.format_counted(node.calls, "call"), times]


def _quoted(text: str) -> str:
    """Return text as it is written in a quoted label, where & begins a reference."""
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
