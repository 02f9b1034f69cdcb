"""A comparison of two recordings as JSON: every figure of the text, unrounded."""

from __future__ import annotations

from dataclasses import asdict

from brickprof.diagnose.comparison import Comparison
from brickprof.reports.json import dump


def render(comparison: Comparison, name_a: str, name_b: str) -> str:
    """Render a comparison as JSON.

    Parameters
    ----------
    comparison : Comparison
        The two recordings side by side.
    name_a, name_b : str
        Names of the recordings, such as those of their files.

    Returns
    -------
    str
        One JSON object, with a newline at its end: ``a``, ``b``, ``same_machine``, ``rows`` (the
        fields of `ComparisonRow` with ``time_ratio`` and ``gflops_ratio``) and ``notes``. What is
        unknown is null.
    """
    return dump(
        {
            "a": name_a,
            "b": name_b,
            "same_machine": comparison.same_machine,
            "rows": [
                {**asdict(row), "time_ratio": row.time_ratio, "gflops_ratio": row.gflops_ratio}
                for row in comparison.rows
            ],
            "notes": list(comparison.notes),
        }
    )
