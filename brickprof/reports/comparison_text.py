"""A comparison as text: verdict, tables of changes and rates, what the sides do not share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.core.importing import IMPORTING
from brickprof.core.plain_text import printable
from brickprof.diagnose.comparison import Comparison
from brickprof.reports import layout
from brickprof.reports.comparison_rows import (
    Line,
    limit_of,
    lines_of,
    notes_of,
    rates_of,
)

if TYPE_CHECKING:
    from rich.console import Console

_CHANGES: layout.Columns = (
    ("", "left"),
    ("Time A", "right"),
    ("Time B", "right"),
    ("Change", "right"),
    ("Interval", "right"),
    ("Would see", "right"),
    ("Verdict", "left"),
)

_RATES: layout.Columns = (
    ("", "left"),
    ("GFLOP/s A", "right"),
    ("GFLOP/s B", "right"),
    ("B/A", "right"),
    ("Eff. A", "right"),
    ("Eff. B", "right"),
)

_NAME_WIDTH = 20

_MAX_FILES = 8
"""Files of a side that are named."""


def render(
    comparison: Comparison,
    names_a: Sequence[str],
    names_b: Sequence[str],
    *,
    fail_above: float | None = None,
    console: Console | None = None,
) -> str:
    """Render a comparison as text.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    names_a, names_b : sequence of str
        Names of the recordings of either side, such as those of their files.
    fail_above : float, optional
        How much slower is allowed, as a fraction.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    limit = limit_of(comparison, fail_above)
    lines = [
        *layout.paragraphs(console, comparison.headline, *([limit] if limit else [])),
        "",
        *layout.table(
            console, _CHANGES, ((_name(one), *one.cells) for one in lines_of(comparison))
        ),
        "",
        *layout.table(
            console, _RATES, ((_name(Line(r, r.change)), *rates_of(r)) for r in comparison.rows)
        ),
        *layout.paragraphs(console, "", *notes_of(comparison)),
    ]
    # Names of files are shown as they are, whatever their length.
    files = [*_files(console, "A  ", names_a), *_files(console, "B  ", names_b)]
    return layout.text_of([*files, "", *lines])


def _files(console: Console, side: str, names: Sequence[str]) -> list[str]:
    """Return the names of a side's files, with lines broken between them alone."""
    with IMPORTING:
        from rich.cells import cell_len

    shown = [printable(name) for name in names[:_MAX_FILES]]
    if len(names) > _MAX_FILES:
        shown[-1] += f" and {units.format_count(len(names) - _MAX_FILES)} more"
    lines: list[str] = []
    for name in shown:
        longer = f"{lines[-1]}, {name}" if lines else f"{side}{name}"
        if not lines or cell_len(longer) <= console.width:
            lines[-1:] = [longer]
        else:
            lines[-1] += ","
            lines.append(f"{' ' * len(side)}{name}")
    return lines


def _name(line: Line) -> str:
    """Return the brick's name literally, cut to `_NAME_WIDTH` characters, or the level."""
    if line.level:
        return f"  {line.level}"
    text = printable(line.row.brick)
    return text if len(text) <= _NAME_WIDTH else f"{text[: _NAME_WIDTH - 1]}…"
