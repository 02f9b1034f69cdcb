"""The picture of tiles by row and column: a heat map of mean times for each brick and level."""

from __future__ import annotations

import math
from typing import Any

from brickprof.core import units
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.recording import TileGrid
from brickprof.recording.tile_grid import merge_grids
from brickprof.reports.base import Report
from brickprof.reports.level_cells import known_average, known_time
from brickprof.reports.pictures.levels import longest_levels
from brickprof.reports.pictures.vega import PALETTE, time_label

SIZE = 340
"""Width and height of a heat map."""

MAX_LEVELS = 6
"""Heat maps that are drawn, of the levels with most self time."""

MAX_CELLS = 64
"""Cells along an edge that are drawn; a larger grid is drawn with coarser cells."""


CELLS_A_CIRCLE = 8
"""Cells for each slow tile that is circled: more circles would hide a small map."""


def grids(report: Report) -> dict[str, Any]:
    """Describe how long tiles took by row and column, in Vega-Lite.

    Parameters
    ----------
    report : Report
        What to draw.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    shown, left_out = shown_grids(report)
    empty = {"data": {"values": []}, "mark": "rect", "width": SIZE, "height": SIZE}
    subtitle = f"mean time of the tiles in each cell, the slowest circled{left_out}"
    missing = "no grid was kept: BrickProfiler(grid=64) keeps one"
    return {
        "title": {
            "text": "Tiles by row and column",
            "subtitle": subtitle if shown else missing,
        },
        "concat": [_heat_map(*one) for one in shown] or [empty],
        "columns": 2,
        "resolve": {"scale": {"color": "independent"}},
    }


def _has_cells(level: LevelSummary) -> bool:
    """Tell whether a level kept a grid with tiles in it."""
    return level.stats.grid is not None and bool(level.stats.grid.cells)


def _heat_map(name: str, level: LevelSummary) -> dict[str, Any]:
    """Return the heat map of one level."""
    drawn = drawn_grid(level)
    rows, cols = drawn.rows_per_cell, drawn.cols_per_cell
    cells = [
        {
            "row": cell.row * rows - 0.5,
            "row_end": (cell.row + 1) * rows - 0.5,
            "col": cell.col * cols - 0.5,
            "col_end": (cell.col + 1) * cols - 0.5,
            "ns": cell.avg_us * 1e3,
            "tiles": cell.tiles,
            "description": f"{name}, row {span(cell.row, rows)}, column {span(cell.col, cols)}: "
            f"mean {units.format_ns(cell.avg_us * 1e3)}, tiles: {units.format_count(cell.tiles)}",
        }
        for cell in drawn.cells
    ]
    slowest = [
        {
            "row": tile.row,
            "col": tile.col,
            "description": f"{name}, slow tile at row {tile.row}, column {tile.col}",
        }
        for tile in drawn.slowest[: max(len(cells) // CELLS_A_CIRCLE, 1)]
    ]
    each = f", {_places(rows)} x {_places(cols)} in a cell" if rows * cols > 1 else ""
    return {
        "title": {
            "text": f"{name}: {units.format_counted(drawn.count, 'tile')}{each}",
            "subtitle": f"average {known_average(level)}, "
            f"slowest {known_time(level, level.stats.max_ns)}",
            "fontSize": 12,
            "fontWeight": "normal",
        },
        "width": SIZE,
        "height": SIZE,
        "layer": [
            {
                "data": {"values": cells},
                "mark": {"type": "rect"},
                "encoding": {
                    "x": _axis("col", "column of tiles", cells),
                    "x2": {"field": "col_end"},
                    "y": {**_axis("row", "row of tiles", cells), "sort": "descending"},
                    "y2": {"field": "row_end"},
                    "color": {
                        "field": "ns",
                        "type": "quantitative",
                        "scale": {"scheme": "viridis", "zero": False},
                        "legend": {"title": None, "labelExpr": time_label("value")},
                    },
                    "tooltip": {"field": "description"},
                    "description": {"field": "description"},
                },
            },
            *(_circles(slowest, **style) for style in _CIRCLE),
        ],
    }


_CIRCLE: tuple[dict[str, Any], ...] = (
    {"stroke": "#ffffff", "strokeWidth": 5, "opacity": 1},
    {"stroke": PALETTE[1], "strokeWidth": 2.5, "opacity": 1},
)
"""A light ring below a dark one, of which one is seen on each color of a map."""


def _circles(tiles: list[dict[str, Any]], **style: Any) -> dict[str, Any]:
    """Return circles around slow tiles."""
    return {
        "data": {"values": tiles},
        "mark": {"type": "point", "shape": "circle", "size": 90, **style},
        "encoding": {
            "x": {"field": "col", "type": "quantitative"},
            "y": {"field": "row", "type": "quantitative"},
            "description": {"field": "description"},
        },
    }


def drawn_grid(level: LevelSummary) -> TileGrid:
    """Return the grid of a level that kept one, with cells as coarse as those that are drawn."""
    drawn = merge_grids([level.stats.grid, TileGrid(size=MAX_CELLS)])
    assert drawn is not None
    return drawn


def shown_grids(report: Report) -> tuple[list[tuple[str, LevelSummary]], str]:
    """Return the levels that are drawn, as `longest_levels` does."""
    return longest_levels(report, MAX_LEVELS, _has_cells)


def _places(number: int) -> str:
    """Return a number of rows or columns."""
    return units.format_count(number) if number < 10**9 else units.format_power(number)


def span(cell: int, places: int) -> str:
    """Return the rows or columns of a cell of so many, such as ``"3"`` or ``"8 to 11"``."""
    first = cell * places
    return f"{first}" if places == 1 else f"{first} to {first + places - 1}"


def _axis(field: str, title: str, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an axis of the places of tiles, on which a tile's cell surrounds its number."""
    end = max(cell[f"{field}_end"] for cell in cells)
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"domain": [-0.5, end], "nice": False, "zero": False},
        "axis": {
            "values": ticks(math.ceil(end)),
            # A common prefix of all labels would make of zero one of exa.
            "labelExpr": "format(datum.value, datum.value < 1e5 ? 'd' : datum.value < 1e12 ? '~s' "
            ": '.0e')",
            "grid": False,
            "labelOverlap": True,
        },
    }


def ticks(places: int) -> list[int]:
    """Return at most nine round numbers from 0 up to below a number of places, evenly apart."""
    step = next(
        digit * 10**power
        for power in range(len(str(places)) + 1)
        for digit in (1, 2, 5)
        if digit * 10**power * 9 >= places
    )
    return list(range(0, places, step))
