"""The tables of the HTML page: levels, slowest tiles and roofs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from brickprof.core import units
from brickprof.diagnose.budgets import BudgetResult
from brickprof.diagnose.categories import CategoryShare
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary
from brickprof.reports import category_cells, layout, roof_cells, slowest_tiles
from brickprof.reports.anchors import MAX_BRICKS, finding_anchor, level_anchor
from brickprof.reports.level_cells import cells
from brickprof.reports.markup import Cell, Column, Markup, element, joined, name_text, table
from brickprof.roofline import Roofs

LEVEL_COLUMNS = (
    Column("Brick", "The kernel, as it was entered by name.", number=False),
    Column("Level", "The level of the tiles, and the memory that feeds them.", number=False),
    Column("Tiles", "Tiles that were started and stopped, as counted."),
    Column(
        "Average", "Mean time of a tile, tiles inside included, as measured, the timer's cost out."
    ),
    Column("Median", "Half of the tiles took less, within 1/64; measured."),
    Column("p99", "99 % of the tiles took less, within 1/64; measured."),
    Column("Self", "Share of the level in the brick's time outside finer tiles; measured."),
    Column("GFLOP/s", "Declared flops over the measured time in the level's tiles, of one thread."),
    Column("flop/B", "Arithmetic intensity: declared flops over bytes; ~ where bytes are assumed."),
    Column(
        "Attainable",
        "GFLOP/s: min(peak, intensity x bandwidth) of one thread, by roofs that were measured.",
    ),
    Column("Efficiency", "GFLOP/s over what is attainable."),
    Column("Bound by", "Which roof is near: compute or memory.", number=False),
)


def levels_table(
    bricks: Sequence[BrickSummary], findings: Mapping[str, Sequence[int]] | None = None
) -> Markup:
    """Return the table of the levels of all bricks, those of most wall time first.

    Parameters
    ----------
    bricks : sequence of BrickSummary
        The bricks.
    findings : mapping of str to sequence of int, optional
        Numbers of the findings that are about a row, by its id. Without it rows have no ids, which
        a page must have once only, and columns no buttons, which need the page's script.
    """
    rows = []
    for number, brick in enumerate(bricks[:MAX_BRICKS]):
        for level in brick.levels:
            anchor = level_anchor(number, level.level.label)
            about = () if findings is None else findings.get(anchor, ())
            cells = _level_cells(brick.info.name, level, about)
            rows.append((None if findings is None else anchor, cells))
    caption = "Levels by brick, times and rates of one thread"
    return table(caption, LEVEL_COLUMNS, rows, sortable=findings is not None)


def _level_cells(brick: str, level: LevelSummary, findings: Sequence[int]) -> list[Cell]:
    """Return the cells of a level: shown as in the text report, sorted by the figures."""
    values = (
        *(float(level.level), float(level.stats.count), level.avg_ns),
        *(float(level.p50_ns), float(level.p99_ns)),
        *(level.self_share, level.gflops, level.intensity),
        *(level.attainable_gflops or 0.0, level.efficiency or 0.0, None),
    )
    shown = (one.strip() for one in cells(level))
    return [
        Cell(_with_findings(brick, findings)),
        *(Cell(figure, value) for figure, value in zip(shown, values, strict=True)),
    ]


def _with_findings(brick: str, findings: Sequence[int]) -> str:
    """Return a brick's name with links to the findings about its level."""
    links = [
        element("a", f"finding {number}", href=f"#{finding_anchor(number)}", class_="finding")
        for number in findings
    ]
    return Markup(" ".join([name_text(brick), *links]))


_SLOWEST = 3
"""Slowest tiles of each level that have a row."""

_SLOWEST_COLUMNS = tuple(
    Column(title, meaning, number=number)
    for title, (meaning, number) in zip(
        slowest_tiles.COLUMNS,
        (
            ("The kernel, as it was entered by name.", False),
            ("The level of the tile.", False),
            ("Its place in the tile around it, as declared.", False),
            ("Its time, tiles inside included, as measured, the timer's cost out.", True),
            ("Its time over the median of the level.", True),
            ("Number of the thread, or task, that it ran in.", True),
            ("When it started, since the first event or since profiling began.", True),
        ),
        strict=True,
    )
)


def slowest_table(bricks: Sequence[BrickSummary]) -> Markup:
    """Return the table of the slowest tiles of each level."""
    rows = ((None, _slowest_cells(one)) for one in slowest_tiles.slowest_tiles(bricks, _SLOWEST))
    return table("Slowest tiles of each level", _SLOWEST_COLUMNS, rows)


def _slowest_cells(one: slowest_tiles.SlowestTile) -> list[Cell]:
    """Return the cells of a slow tile."""
    tile = one.tile
    values = (
        *(None, float(one.level.level), float(tile.row) * 2**32 + tile.col),
        *(float(tile.ns), one.times_median),
        *(float(tile.thread), float(tile.start_ns)),
    )
    name, *shown = one.cells()
    cells = [Cell(text, value) for text, value in zip(shown, values[1:], strict=True)]
    return [Cell(name_text(name)), *cells]


def _columns(heads: Sequence[tuple[str, str]], *meanings: str) -> tuple[Column, ...]:
    """Return the columns of a table of text, with what each means."""
    return tuple(
        Column(title.strip(), meaning, number=side == "right")
        for (title, side), meaning in zip(heads, meanings, strict=True)
    )


def _cells(shown: Sequence[str], *values: float | None) -> list[Cell]:
    """Return the cells of a row of text, with the numbers that they show."""
    return [Cell(name_text(text.strip()), one) for text, one in zip(shown, values, strict=True)]


_CATEGORY_COLUMNS = _columns(
    category_cells.CATEGORY_COLUMNS,
    "What the time is for, as bricks or those around them declare.",
    "Calls of its bricks that are inside none of the category.",
    "Wall time of the calling threads in its bricks, outside of bricks inside; measured.",
    "That over the sum of all.",
    "The bricks that the time was spent in.",
)


def categories_table(shares: Sequence[CategoryShare]) -> Markup:
    """Return the table of what each category took."""
    rows = []
    for share in shares:
        values = (None, float(share.calls), float(share.self_ns), share.share, None)
        rows.append((None, _cells(category_cells.category_cells(share), *values)))
    return table("Time by category", _CATEGORY_COLUMNS, rows)


_BUDGET_COLUMNS = _columns(
    category_cells.BUDGET_COLUMNS,
    "The brick or category that is limited.",
    "Time of a call, rate of the median call, or rate over the attainable one.",
    "The most time, or the least rate, as the program declares.",
    "What the run took or reached; measured.",
    "Whether the limit was kept; it cannot be told where something is not known.",
)


def budgets_table(results: Sequence[BudgetResult]) -> Markup:
    """Return the table of limits and whether they were kept."""
    rows = []
    for result in results:
        values = (None, None, result.allowed, result.reached, None)
        cells = _cells(category_cells.budget_cells(result), *values)
        rows.append((None, cells))
    return table("Budgets", _BUDGET_COLUMNS, rows)


_ROOF_MEANINGS = {
    "Peak": "An element type's multiply-adds from registers, all of them useful.",
    "GFLOP/s": "Best of the repeats, of all threads together, as measured.",
    "A thread": "The same over the number of threads.",
    "Spread": "(max - min) / median of the repeats, without the slowest.",
    "GB/s": "The memory that the bytes come from or go to.",
    "Ridge": "Arithmetic intensity at which the best mix of loads and stores meets the peak.",
    "Latency": "Of one load whose address is the result of the one before.",
    "Working set": "What each thread read and wrote, over and over.",
    "Ceiling, GFLOP/s": "Code that keeps to one restriction, of all threads together: such as "
    "vectors of half the width, or no multiply-adds.",
}


def roofs_tables(roofs: Roofs) -> Markup:
    """Return the tables of measured peaks, of memories by kind of traffic, and of ceilings.

    Parameters
    ----------
    roofs : Roofs
        What was measured.
    """
    of = f"{units.format_threads(roofs.threads)}, {roofs.isa}"
    parts = [
        _texts(f"Peaks of {of}", roof_cells.PEAK_COLUMNS, roof_cells.peak_rows(roofs)),
        _texts(
            f"Bandwidths of {of} by kind of traffic, GB/s of loaded and stored bytes; tiles are "
            "held against the best mix for theirs",
            roof_cells.MEMORY_COLUMNS,
            roof_cells.memory_rows(roofs),
        ),
    ]
    if roofs.ceilings_gflops:
        columns = roof_cells.ceiling_columns(roofs)
        caption = f"Ceilings inside the core, of {of}"
        parts.append(_texts(caption, columns, roof_cells.ceiling_rows(roofs)))
    return joined(parts)


def _texts(caption: str, columns: layout.Columns, rows: Iterable[tuple[str, ...]]) -> Markup:
    """Return a table of roofs."""
    heads = [
        Column(
            title,
            _ROOF_MEANINGS.get(title, f"{title}: as measured, of all threads together."),
            number=justify == "right",
        )
        for title, justify in columns
    ]
    cells = ((None, [Cell(text) for text in row]) for row in rows)
    return table(caption, heads, cells, sortable=False)
