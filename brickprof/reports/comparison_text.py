"""A comparison of two recordings as text: a table of both, and what they do not share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose.comparison import Comparison, ComparisonRow
from brickprof.reports import layout

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS: layout.Columns = (
    ("", "left"),
    ("Time A", "right"),
    ("Time B", "right"),
    ("B/A", "right"),
    ("GF/s A", "right"),
    ("GF/s B", "right"),
    ("B/A", "right"),
    ("Eff. A", "right"),
    ("Eff. B", "right"),
)

_NAME_WIDTH = 20


def render(
    comparison: Comparison, name_a: str, name_b: str, *, console: Console | None = None
) -> str:
    """Render a comparison as text.

    Parameters
    ----------
    comparison : Comparison
        The two recordings side by side.
    name_a, name_b : str
        Names of the recordings, such as those of their files.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    lines = [
        *layout.table(console, _COLUMNS, map(_cells, comparison.rows)),
        *layout.paragraphs(
            console,
            "",
            "Times are of one call; a brick's own line is wall time and the whole run.",
            *comparison.notes,
        ),
    ]
    # Names of files are shown as they are, whatever their length.
    return f"A  {printable(name_a)}\nB  {printable(name_b)}\n\n{layout.text_of(lines)}"


def _cells(row: ComparisonRow) -> tuple[str, ...]:
    """Return the cells of a row."""
    sides = (row.a, row.b)
    times = [units.format_ns(side.time_ns) if side else "-" for side in sides]
    rates = [units.format_number(side.gflops) if side and side.gflops else "-" for side in sides]
    efficiencies = [
        "-" if side is None or side.efficiency is None else units.format_percent(side.efficiency)
        for side in sides
    ]
    name = _clipped(row.brick) if row.level is None else f"  {row.level.capitalize()}"
    return (
        name,
        *times,
        _times(row.time_ratio),
        *rates,
        _times(row.gflops_ratio),
        *efficiencies,
    )


def _times(ratio: float | None) -> str:
    """Return a ratio, or a dash where it is unknown."""
    return "-" if ratio is None else f"{units.format_number(ratio)} x"


def _clipped(name: str) -> str:
    """Return a brick's name literally, cut to `_NAME_WIDTH` characters."""
    text = printable(name)
    return text if len(text) <= _NAME_WIDTH else f"{text[: _NAME_WIDTH - 1]}…"
