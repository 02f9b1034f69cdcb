"""A comparison of recordings as JSON: every figure of the text, unrounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from brickprof.diagnose.comparison import Comparison
from brickprof.reports.json import dump


def render(
    comparison: Comparison,
    names_a: Sequence[str],
    names_b: Sequence[str],
    *,
    fail_above: float | None = None,
) -> str:
    """Render a comparison as JSON.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    names_a, names_b : sequence of str
        Names of the recordings of either side, such as those of their files.
    fail_above : float, optional
        How much slower is allowed, as a fraction.

    Returns
    -------
    str
        One JSON object, with a newline at its end: ``a`` and ``b`` (a name, or a list of several),
        ``recorded_with`` (of either side), ``same_machine``, ``verdict``, ``headline``, ``rows``
        (the fields of `ComparisonRow` with ``verdict``, ``time_ratio`` and ``gflops_ratio``),
        ``advice``, ``notes``, ``fail_above`` and ``failed`` (whether a row is slower by more, or
        a brick is gone). What is unknown is null.
    """
    failed = (
        None if fail_above is None else bool(comparison.slower_than(fail_above) or comparison.gone)
    )
    return dump(
        {
            "a": names_a[0] if len(names_a) == 1 else list(names_a),
            "b": names_b[0] if len(names_b) == 1 else list(names_b),
            "recorded_with": list(comparison.sides),
            "same_machine": comparison.same_machine,
            "verdict": comparison.verdict.value,
            "headline": comparison.headline,
            "fail_above": fail_above,
            "failed": failed,
            "rows": [
                {
                    **asdict(row),
                    "verdict": row.verdict.value,
                    "time_ratio": row.time_ratio,
                    "gflops_ratio": row.gflops_ratio,
                }
                for row in comparison.rows
            ],
            "advice": comparison.advice or None,
            "notes": list(comparison.notes),
        }
    )
