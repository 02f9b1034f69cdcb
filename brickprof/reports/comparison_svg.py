"""A comparison of recordings as SVG: the change of each brick and level."""

from __future__ import annotations

from collections.abc import Sequence

from brickprof.diagnose.comparison import Comparison
from brickprof.reports.pictures.changes import changes
from brickprof.reports.pictures.vega import described, to_svg


def render(
    comparison: Comparison,
    names_a: Sequence[str],
    names_b: Sequence[str],
    *,
    fail_above: float | None = None,
) -> str:
    """Draw a comparison as SVG.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    names_a, names_b, fail_above
        As those of the other outputs; not drawn.

    Returns
    -------
    str

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    return to_svg(described(changes(comparison), "light"))
