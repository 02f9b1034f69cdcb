"""A report as HTML for a notebook: findings and the table of levels, without pictures."""

from __future__ import annotations

from brickprof.reports.base import Report
from brickprof.reports.html import findings_of, headline
from brickprof.reports.html_tables import levels_table
from brickprof.reports.markup import element, joined


def fragment(report: Report) -> str:
    """Return a report as a part of an HTML page.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        A ``div``: what ran, what to look at next, and the levels by brick.
    """
    bricks = report.summary.bricks
    parts = [element("p", element("strong", headline(bricks)))]
    if report.findings:
        parts.append(element("ol", *findings_of(report, links=False)))
    if bricks:
        parts.append(levels_table(bricks, anchors=False))
    return element("div", joined(parts))
