"""A comparison as an HTML page: verdict, tables that can be sorted, and what the sides share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brickprof.core import units
from brickprof.diagnose.comparison import Comparison
from brickprof.diagnose.comparison_rows import ComparisonRow
from brickprof.reports.comparison_rows import (
    Line,
    limit_of,
    lines_of,
    notes_of,
    rates_of,
)
from brickprof.reports.html_figure import figure
from brickprof.reports.html_page import page
from brickprof.reports.markup import Cell, Column, Markup, element, meanings, table
from brickprof.reports.pictures.changes import changes
from brickprof.reports.pictures.vega import described

MAX_LINES = 2000
"""Lines of the tables: a page of more opens slowly."""

_NAMES = (
    Column("Brick", "The kernel, as it was entered by name.", number=False),
    Column("Level", "The level of the tiles; none for the brick as a whole.", number=False),
)

_CHANGES = (
    *_NAMES,
    Column("Time A", "Mean time of a call in A: wall time of a brick, time in a level's tiles."),
    Column("Time B", "The same in B."),
    Column("Change", "How much longer an undisturbed call takes in B than in A."),
    Column("Interval", "Where the change is; all intervals hold together in 95 % of comparisons."),
    Column("Would see", "The smallest change that would have been seen nine times in ten."),
    Column("Verdict", "What the interval says.", number=False),
)

_RATES = (
    *_NAMES,
    Column("GFLOP/s A", "Declared flops over the time in A."),
    Column("GFLOP/s B", "The same in B."),
    Column("B/A", "Rate of B over that of A."),
    Column("Efficiency A", "Rate over what A's measured roofs let it attain."),
    Column("Efficiency B", "The same of B."),
)


def render(
    comparison: Comparison,
    names_a: Sequence[str],
    names_b: Sequence[str],
    *,
    fail_above: float | None = None,
) -> str:
    """Render a comparison as an HTML page.

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
        The page, which needs nothing else.
    """
    names = list(dict.fromkeys(row.brick for row in comparison.rows))[:3]
    title = f"{', '.join(names) or 'nothing recorded'} compared - brickprof"
    return page(title, _sections(comparison, names_a, names_b, fail_above))


def _sections(
    comparison: Comparison, names_a: Sequence[str], names_b: Sequence[str], fail_above: float | None
) -> Iterator[Markup]:
    """Yield the parts of the page."""
    yield element("h1", f"Comparison: {comparison.verdict.value}")
    yield element("p", comparison.headline, class_="headline")
    for side, names in (("A", names_a), ("B", names_b)):
        yield element("p", f"{side}: {', '.join(names)}", class_="dim")
    limit = limit_of(comparison, fail_above)
    if limit:
        yield element("p", limit)
    lines = list(lines_of(comparison))
    if any(line.change.ratio is not None for line in lines):
        yield from figure(
            "picture",
            "Changes and their intervals",
            "The change of each brick and level with its interval; the figures are in the table.",
            lambda theme: described(changes(comparison), theme),
        )
    yield element("h2", "Changes", id="changes")
    if len(lines) > MAX_LINES:
        more = units.format_count(len(lines))
        yield element("p", f"The first {MAX_LINES} of {more} lines; the JSON output has all.")
    rows = ((None, _change_cells(line)) for line in lines[:MAX_LINES])
    yield table("Changes by brick and level, of one call", _CHANGES, rows)
    yield meanings(_CHANGES)
    yield element("h2", "Rates", id="rates")
    rates = ((None, _rate_cells(row)) for row in comparison.rows[:MAX_LINES])
    yield table("Rates and efficiencies by brick and level", _RATES, rates)
    yield element("h2", "Notes", id="notes")
    notes = notes_of(comparison)
    yield element("ul", *(element("li", note) for note in notes))


def _change_cells(line: Line) -> list[Cell]:
    """Return the cells of a line: shown as in the text, sorted by the figures."""
    change, row = line.change, line.row
    values = (
        *(ns or 0.0 for ns in line.times_ns),
        *(change.ratio or 0.0, change.low or 0.0, change.visible or 0.0, None),
    )
    return [
        Cell(row.brick),
        Cell(line.level),
        *(Cell(shown, value) for shown, value in zip(line.cells, values, strict=True)),
    ]


def _rate_cells(row: ComparisonRow) -> list[Cell]:
    """Return the cells of a row's rates."""
    a, b = row.a, row.b
    values = (
        *(a.gflops if a else 0.0, b.gflops if b else 0.0, row.gflops_ratio or 0.0),
        *(side.efficiency or 0.0 if side else 0.0 for side in (a, b)),
    )
    return [
        Cell(row.brick),
        Cell((row.level or "").capitalize()),
        *(Cell(shown, value) for shown, value in zip(rates_of(row), values, strict=True)),
    ]
