"""TileGrid: the timed tiles of one level by their row and column, and how grids add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from brickprof.core import metrics

SLOWEST = 8
"""How many of the slowest tiles of a level are kept with their place."""


class GridCell(NamedTuple):
    """Tiles that lie in the same cell of a grid.

    Parameters
    ----------
    row, col : int
        Place in the grid, in cells.
    tiles : int
        Timed tiles that lie in it.
    total_ns : int
        Their inclusive time in nanoseconds, less the timer's own cost.
    max_ns : int
        The longest of them, in nanoseconds.
    """

    row: int
    col: int
    tiles: int
    total_ns: int
    max_ns: int

    @property
    def avg_us(self) -> float:
        """Mean inclusive time of a tile in microseconds."""
        return metrics.average_us(self.total_ns, self.tiles)


class SlowTile(NamedTuple):
    """One of the slowest tiles of a level.

    Parameters
    ----------
    ns : int
        Its inclusive time in nanoseconds, less the timer's own cost.
    start_ns : int
        When it started, in nanoseconds since the first event of the recording; without events since
        profiling was switched on first or reset last.
    thread : int
        Number of the recorder that timed it, as in `TileEvent`.
    row, col : int
        Its place in the parent tile, in tiles.
    """

    ns: int
    start_ns: int
    thread: int
    row: int
    col: int

    def rank(self) -> tuple[int, int, int, int, int]:
        """Return what to sort by: the longest first, equals by time and place."""
        return (-self.ns, self.start_ns, self.thread, self.row, self.col)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileGrid:
    """The timed tiles of one level by row and column, in a square of cells.

    Parameters
    ----------
    size : int
        Cells along an edge.
    rows_per_cell, cols_per_cell : int
        Rows and columns of tiles in a cell, powers of two.
    cells : tuple of GridCell
        Those with tiles, sorted by row and column.
    slowest : tuple of SlowTile
        The slowest tiles, at most `SLOWEST`, longest first.
    """

    size: int
    rows_per_cell: int = 1
    cols_per_cell: int = 1
    cells: tuple[GridCell, ...] = ()
    slowest: tuple[SlowTile, ...] = ()

    @property
    def count(self) -> int:
        """Timed tiles in all cells."""
        return sum(cell.tiles for cell in self.cells)


def merge_grids(grids: Iterable[TileGrid | None]) -> TileGrid | None:
    """Add up grids cell by cell; associative and commutative bit for bit.

    The sum has the fewest cells of all along an edge, and the most rows and columns of tiles in a
    cell, or twice as many as often as its cells would not fit.

    Parameters
    ----------
    grids : iterable of TileGrid or None
        What to add; None is a part that kept no grid.

    Returns
    -------
    TileGrid or None
        None where no part kept one.
    """
    parts = [grid for grid in grids if grid is not None]
    if len(parts) <= 1:
        return parts[0] if parts else None
    size = min(grid.size for grid in parts)
    rows_per_cell = _tiles_per_cell([(grid.rows_per_cell, _end(grid, 0)) for grid in parts], size)
    cols_per_cell = _tiles_per_cell([(grid.cols_per_cell, _end(grid, 1)) for grid in parts], size)
    sums: dict[tuple[int, int], tuple[int, int, int]] = {}
    for grid in parts:
        rows, cols = rows_per_cell // grid.rows_per_cell, cols_per_cell // grid.cols_per_cell
        for row, col, tiles, total_ns, max_ns in grid.cells:
            place = row // rows, col // cols
            known = sums.get(place, (0, 0, 0))
            sums[place] = known[0] + tiles, known[1] + total_ns, max(known[2], max_ns)
    slowest = sorted((tile for grid in parts for tile in grid.slowest), key=SlowTile.rank)
    return TileGrid(
        size=size,
        rows_per_cell=rows_per_cell,
        cols_per_cell=cols_per_cell,
        cells=tuple(GridCell(*place, *sums[place]) for place in sorted(sums)),
        slowest=tuple(slowest[:SLOWEST]),
    )


def _end(grid: TileGrid, axis: int) -> int:
    """Return the first row (axis 0) or column of cells behind all that have tiles."""
    return max((cell[axis] for cell in grid.cells), default=-1) + 1


def _tiles_per_cell(parts: list[tuple[int, int]], size: int) -> int:
    """Return the tiles along the edge of a cell with which all parts fit into `size` cells.

    Each part is given as the tiles along the edge of its cells, a power of two, and its cells.
    """
    most = max(per_cell for per_cell, _ in parts)
    while most * size < max(per_cell * cells for per_cell, cells in parts):
        most *= 2
    return most
