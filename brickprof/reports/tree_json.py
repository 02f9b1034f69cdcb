"""The tree as JSON: bricks inside bricks, every figure unrounded."""

from __future__ import annotations

from brickprof.diagnose.brick_tree import TreeNode, brick_tree
from brickprof.reports.base import Report
from brickprof.reports.json import dump

SCHEMA = "brickprof-tree"
"""Value of the key ``schema``."""

VERSION = 1
"""Value of the key ``version``; increased when a key changes its meaning or is removed."""


def render_report(report: Report) -> str:
    """Render the bricks of a report as a JSON tree.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        One JSON object, with a newline at its end: ``schema``, ``version``, ``brick_paths_dropped``
        (entries of bricks that found no room in the tree) and ``bricks``, the outermost ones. Each
        has ``name``, ``categories``, ``calls``, ``total_ns``, ``self_ns``, ``share`` (of the time
        of the outermost bricks) and ``bricks``, those inside; most time first.
    """
    return dump(
        {
            "schema": SCHEMA,
            "version": VERSION,
            "brick_paths_dropped": report.recording.brick_paths_dropped,
            "bricks": [_node(root) for root in brick_tree(report.recording)],
        }
    )


def _node(node: TreeNode) -> dict[str, object]:
    """Return a brick with those inside."""
    return {
        "name": node.name,
        "categories": list(node.categories),
        "calls": node.calls,
        "total_ns": node.total_ns,
        "self_ns": node.self_ns,
        "share": node.share,
        "bricks": [_node(one) for one in node.inside],
    }
