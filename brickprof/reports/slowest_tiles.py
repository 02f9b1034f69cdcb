"""The slowest tiles of each brick and level, with their place, thread and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from brickprof.core import metrics, units
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary
from brickprof.recording import SlowTile
from brickprof.reports.level_cells import single_time_known

COLUMNS = ("Brick", "Level", "Row, column", "Time", "x median", "Thread", "Started at")
"""Headings of `SlowestTile.cells`."""


@dataclass(frozen=True, slots=True)
class SlowestTile:
    """One of the slowest tiles of a level.

    Parameters
    ----------
    brick : BrickSummary
        The brick.
    level : LevelSummary
        Its level.
    tile : SlowTile
        The tile.
    """

    brick: BrickSummary
    level: LevelSummary
    tile: SlowTile

    @property
    def times_median(self) -> float:
        """Its time over the median of its level; 0.0 where that is 0."""
        return metrics.share(self.tile.ns, self.level.p50_ns)

    def cells(self) -> tuple[str, ...]:
        """Return what tables show of it; a dash for a time known to worse than `ERROR_LIMIT`."""
        tile = self.tile
        known = single_time_known(self.level, tile.ns)
        compared = known and self.level.p50_ns and single_time_known(self.level, self.level.p50_ns)
        return (
            self.brick.info.name,
            self.level.level.label,
            f"{tile.row}, {tile.col}",
            units.format_ns(tile.ns) if known else "-",
            units.format_ratio(self.times_median) if compared else "-",
            str(tile.thread),
            units.format_ns(tile.start_ns),
        )


def slowest_tiles(bricks: Iterable[BrickSummary], each: int) -> Iterator[SlowestTile]:
    """Yield the slowest tiles of bricks that kept a grid, longest first within a level.

    Parameters
    ----------
    bricks : iterable of BrickSummary
        The bricks.
    each : int
        The most tiles of each level.
    """
    for brick in bricks:
        for level in brick.levels:
            for tile in level.stats.grid.slowest[:each] if level.stats.grid else ():
                yield SlowestTile(brick, level, tile)
