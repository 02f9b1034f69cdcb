"""The PNG output: the roofline of a report."""

from __future__ import annotations

from brickprof.reports.base import Report
from brickprof.reports.roofline import roofline
from brickprof.reports.vega import described, to_png


def render_report(report: Report) -> bytes:
    """Draw the roofline of a report as PNG.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    bytes

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    return to_png(described(roofline(report), "light"))
