"""The PNG output: a picture of a report."""

from __future__ import annotations

from brickprof.reports.base import Report
from brickprof.reports.pictures import draw
from brickprof.reports.pictures.vega import Theme, to_png


def render_report(report: Report, picture: str = "roofline", theme: Theme = "light") -> bytes:
    """Draw a picture of a report as PNG.

    Parameters
    ----------
    report : Report
        The report.
    picture : str
        One of `brickprof.reports.pictures.PICTURES`.
    theme : {"light", "dark"}
        Dark ink on white paper, or light ink on black.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If there is no such picture or theme.
    MissingPackageError
        If vl-convert-python is not installed.
    """
    return to_png(draw(report, picture, theme))
