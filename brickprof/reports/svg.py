"""The SVG output: the roofline of a report."""

from __future__ import annotations

from brickprof.reports.base import Report
from brickprof.reports.roofline import roofline
from brickprof.reports.vega import described, to_svg


def render_report(report: Report) -> str:
    """Draw the roofline of a report as SVG.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    return to_svg(described(roofline(report), "light"))
