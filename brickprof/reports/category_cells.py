"""The tables of categories and of budgets, as cells of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose.budgets import BudgetResult, Kept
from brickprof.diagnose.categories import CategoryShare
from brickprof.reports import layout

CATEGORY_COLUMNS: layout.Columns = (
    ("Category", "left"),
    ("Calls", "right"),
    ("Self time", "right"),
    ("Share", "right"),
    (" Bricks", "left"),
)

BUDGET_COLUMNS: layout.Columns = (
    ("Budget of", "left"),
    ("Limit", "left"),
    ("Allowed", "right"),
    ("Reached", "right"),
    (" Verdict", "left"),
)

NONE = "(none)"
"""What stands for no category."""

_MAX_BRICKS = 3
"""Bricks of a category that are named."""


def category_cells(share: CategoryShare) -> tuple[str, ...]:
    """Return the cells of a category; names are not clipped."""
    bricks = [printable(brick) for brick in share.bricks[:_MAX_BRICKS]]
    more = len(share.bricks) - _MAX_BRICKS
    if more > 0:
        bricks.append(f"{units.format_count(more)} more")
    return (
        printable(share.category) or NONE,
        units.format_count(share.calls),
        units.format_ns(share.self_ns),
        units.format_percent(share.share),
        f" {', '.join(bricks)}",
    )


def budget_cells(result: BudgetResult) -> tuple[str, ...]:
    """Return the cells of a limit; names are not clipped."""
    of = "category " if result.budget.of == "category" else ""
    reason = f": {result.reason}" if result.reason else ""
    return (
        f"{of}{printable(result.budget.name)}",
        result.quantity,
        f"{result.sign} {result.shown(result.allowed)}",
        "-" if result.reached is None else result.shown(result.reached),
        f" {result.kept.value}{reason}",
    )


def budgets_head(results: tuple[BudgetResult, ...]) -> str:
    """Return how many limits were exceeded, and of how many that cannot be told."""
    counts = [
        f"{units.format_count(number)} {one.value}"
        if one is not Kept.CANNOT_TELL
        else f"{units.format_count(number)} cannot be told"
        for one in (Kept.NO, Kept.CANNOT_TELL, Kept.YES)
        if (number := sum(result.kept is one for result in results))
    ]
    return ", ".join(counts)


def clipped(rows: Iterable[tuple[str, ...]], width: int = 24) -> Iterator[tuple[str, ...]]:
    """Yield rows whose names fit beside the figures."""
    for name, *rest, last in rows:
        yield (layout.clipped(name, width), *rest, layout.clipped(last, 2 * width))
