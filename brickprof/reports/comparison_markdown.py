"""A comparison as Markdown for a pull request: verdict, table of changes, details."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brickprof.core import units
from brickprof.diagnose.comparison import Comparison
from brickprof.reports.comparison_rows import (
    Line,
    limit_of,
    lines_of,
    notes_of,
    rates_of,
)
from brickprof.reports.layout import text_of
from brickprof.reports.markdown import code, prose

MAX_LINES = 60
"""Lines of the table; a comment has at most 65536 characters."""

_MAX_FILES = 8
_MAX_NOTES = 20

_HEADS = ("", "Time A", "Time B", "Change", "Interval", "Would see", "Verdict")
_RATES = ("", "GFLOP/s A", "GFLOP/s B", "B/A", "Eff. A", "Eff. B")


def render(
    comparison: Comparison,
    names_a: Sequence[str],
    names_b: Sequence[str],
    *,
    fail_above: float | None = None,
) -> str:
    """Render a comparison as Markdown.

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
        GitHub Flavored Markdown with a newline at its end; the verdict is its first line. Texts of
        the recordings are shown literally.
    """
    lines = list(lines_of(comparison))
    limit = limit_of(comparison, fail_above)
    text = [f"**{prose(comparison.headline)}**", *(["", prose(limit)] if limit else []), ""]
    text += _table(_HEADS, ([_name(one), *map(prose, one.cells)] for one in lines[:MAX_LINES]))
    if len(lines) > MAX_LINES:
        text += ["", f"and {units.format_count(len(lines) - MAX_LINES)} more lines"]
    text += ["", "<details><summary>Details</summary>", ""]
    rows = comparison.rows[:MAX_LINES]
    text += _table(
        _RATES, ([_name(Line(row, row.change)), *map(prose, rates_of(row))] for row in rows)
    )
    notes = notes_of(comparison)[:_MAX_NOTES]
    text += ["", *(f"- {prose(note)}" for note in notes)]
    text += [f"- A: {_files(names_a)}", f"- B: {_files(names_b)}", "", "</details>"]
    return text_of(text)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    aligned = ["---" if name in ("", "Verdict") else "---:" for name in heads]
    return [f"| {' | '.join(cells)} |" for cells in (heads, aligned, *rows)]


def _name(line: Line) -> str:
    """Return the name of the brick or of the level."""
    return prose(line.level) if line.level else code(line.row.brick)


def _files(names: Sequence[str]) -> str:
    """Return the names of a side's files."""
    more = f" and {len(names) - _MAX_FILES} more" if len(names) > _MAX_FILES else ""
    return f"{', '.join(map(code, names[:_MAX_FILES]))}{more}"
