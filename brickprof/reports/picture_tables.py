"""The tables behind the pictures of the HTML page, which show the same figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from brickprof.core import units
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.reports.base import Report
from brickprof.reports.markup import Cell, Column, Markup, element, joined, table
from brickprof.reports.pictures.grids import drawn_grid, shown_grids, span
from brickprof.reports.pictures.histograms import bars, shown_histograms
from brickprof.reports.pictures.thread_times import thread_self_times
from brickprof.reports.pictures.threads import busy_shares
from brickprof.reports.pictures.times import self_times

_BRICK = Column("Brick", "The kernel, as it was entered by name.", number=False)
_LEVEL = Column("Level", "The level of the tiles.", number=False)
_SELF = Column("Self time", "Time in the level's tiles outside finer ones, all threads; measured.")


def table_behind(report: Report, picture: str) -> Markup | None:
    """Return the table of a picture's figures, folded away; None where another one shows them.

    Parameters
    ----------
    report : Report
        The report.
    picture : str
        A key of `brickprof.reports.pictures.PICTURES`.
    """
    make = _TABLES.get(picture)
    if make is None:
        return None
    return element("details", element("summary", "The figures as a table"), make(report))


def _times(report: Report) -> Markup:
    """Return the self times of bricks and levels."""
    columns = (_BRICK, _LEVEL, _SELF, Column("Share", "Of the self time of all bricks."))
    rows = (
        (*_texts(row, "brick", "level"), _time(row["self_ns"]), _share(row["share"]))
        for row in self_times(report)
    )
    return table("Self time by brick and level", columns, _without_ids(rows))


def _thread_times(report: Report) -> Markup:
    """Return the self times of each thread by brick and level."""
    rank = Column("Rank", "Of the thread by its self time in the brick, most first.")
    own = Column("Self time", "The thread's time in the level's tiles outside finer ones.")
    rows = (
        (
            *_texts(row, "brick"),
            Cell(str(row["thread"]), float(row["thread"])),
            *_texts(row, "level"),
            _time(row["self_ns"]),
        )
        for row in thread_self_times(report)
    )
    columns = (_BRICK, rank, _LEVEL, own)
    return table("Self time by brick, thread and level", columns, _without_ids(rows))


def _threads(report: Report) -> Markup:
    """Return how busy each thread of a team was."""
    columns = (
        Column("Team", "The brick, and how many threads worked on a call of it.", number=False),
        Column("Rank", "The busiest thread of each call is 1: another one each time."),
        Column("Busy", "Share of the calls' wall time with tiles open, known waits left out."),
    )
    rows = (
        (
            *_texts(row, "team"),
            Cell(str(int(row["thread"]) + 1), float(row["thread"]) + 1),
            _share(row["busy"]),
        )
        for row in busy_shares(report)
    )
    return table("How busy threads were", columns, _without_ids(rows))


def _histograms(report: Report) -> Markup:
    """Return the bars of all histograms."""
    columns = (
        Column("Brick and level", "The tiles that were timed.", number=False),
        Column("From", "The shortest times that are counted in the bar."),
        Column("Below", "The end of the bar."),
        Column("Tiles", "Timed tiles in it."),
    )
    rows = (
        (
            Cell(name),
            Cell(units.format_ns(low), low),
            Cell(units.format_ns(high), high),
            Cell(units.format_count(count), float(count)),
        )
        for name, level in shown_histograms(report)[0]
        for low, high, count in bars(level.stats.histogram)
    )
    return table("Times of tiles", columns, _without_ids(rows))


def _grids(report: Report) -> Markup:
    """Return the cells of all heat maps, a table each."""
    return joined(_grid(name, level) for name, level in shown_grids(report)[0])


def _grid(name: str, level: LevelSummary) -> Markup:
    """Return the cells of a heat map, in rows and columns as it draws them."""
    grid = drawn_grid(level)
    times = {(cell.row, cell.col): cell.avg_us for cell in grid.cells}
    cols = range(max(col for _, col in times) + 1)
    heads = [
        element("th", span(col, grid.cols_per_cell), scope="col", class_="number") for col in cols
    ]
    body = []
    for row in range(max(row for row, _ in times) + 1):
        cells = "".join(f"<td>{_shown(times.get((row, col)))}</td>" for col in cols)
        head = element("th", span(row, grid.rows_per_cell), scope="row")
        body.append(element("tr", head, Markup(cells)))
    caption = f"{name}: mean time in µs by row (down) and column (across)"
    whole = element(
        "table",
        element("caption", caption, class_="dim"),
        element("thead", element("tr", element("td", ""), *heads)),
        element("tbody", *body),
        class_="matrix",
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def _shown(mean_us: float | None) -> str:
    """Return a cell's mean time; nothing for one without tiles."""
    return "" if mean_us is None else units.format_number(mean_us)


def _texts(row: dict[str, Any], *names: str) -> Iterator[Cell]:
    """Yield the cells of texts."""
    for name in names:
        yield Cell(row[name])


def _time(ns: float) -> Cell:
    """Return the cell of a time."""
    return Cell(units.format_ns(ns), float(ns))


def _share(share: float) -> Cell:
    """Return the cell of a share."""
    return Cell(units.format_percent(share), share)


def _without_ids(rows: Iterable[tuple[Cell, ...]]) -> Iterator[tuple[None, tuple[Cell, ...]]]:
    """Yield rows that nothing links to."""
    for row in rows:
        yield None, row


_TABLES: dict[str, Callable[[Report], Markup]] = {
    "times": _times,
    "thread-times": _thread_times,
    "threads": _threads,
    "histograms": _histograms,
    "grids": _grids,
}
