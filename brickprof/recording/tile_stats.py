"""TileStats: what is known of the tiles of one level, and how two of them add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from brickprof.core import histograms as stats
from brickprof.core import metrics
from brickprof.core.levels import TileLevel
from brickprof.core.notebook import ShownInNotebooks
from brickprof.recording.tile_grid import TileGrid, merge_grids


@dataclass(frozen=True, slots=True, kw_only=True)
class TileStats(ShownInNotebooks):
    """The tiles of one level, in one brick or summed over bricks.

    All fields but the extremes are sums, so that statistics of several runs, threads or bricks
    add up exactly. Times are whole nanoseconds, inclusive of finer tiles unless named self.

    Parameters
    ----------
    level : TileLevel
        The level of the tiles.
    brick : str or None
        The kernel that they belong to; None for a sum over bricks.
    count : int
        Tiles that were started and stopped.
    timed : int
        Those of them that were timed; fewer than `count` under sampling.
    total_ns, self_ns : int
        Inclusive time, and inclusive time less that of finer tiles on the same thread, both less
        the timer's own cost and scaled from the timed tiles to `count`.
    raw_total_ns, raw_self_ns : int
        The same with the timer's own cost left in.
    min_ns, max_ns : int
        Shortest and longest timed tile, less the timer's own cost; 0 without timed tiles.
    elements, flops, nbytes : int
        Work declared when the tiles were stopped. Tiles that declared no bytes are in `nbytes`
        with elements times the item size.
    undeclared : int
        Tiles whose bytes were assumed that way.
    total_error_ns, self_error_ns : int
        Half the length of the interval in which the time is known to be, around `total_ns` and
        `self_ns`: the cost of the timer that was taken out is itself an interval.
    loaded_bytes, stored_bytes : int
        Parts of `nbytes` that tiles declared as loaded and as stored.
    split : int
        Tiles that declared loaded and stored bytes apart.
    min_work, max_work : int
        Elements plus flops of the tile that declared least and of the one that declared most;
        equal where all tiles do the same amount of work.
    histogram : tuple of (int, int)
        Times of the timed tiles, as (bucket, count); see `brickprof.core.histograms`.
    grid : TileGrid or None
        The timed tiles by row and column; None where the profiler kept none.
    """

    level: TileLevel
    brick: str | None = None
    count: int = 0
    timed: int = 0
    total_ns: int = 0
    self_ns: int = 0
    raw_total_ns: int = 0
    raw_self_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0
    elements: int = 0
    flops: int = 0
    nbytes: int = 0
    undeclared: int = 0
    total_error_ns: int = 0
    self_error_ns: int = 0
    loaded_bytes: int = 0
    stored_bytes: int = 0
    split: int = 0
    min_work: int = 0
    max_work: int = 0
    histogram: stats.Histogram = ()
    grid: TileGrid | None = None

    @property
    def nbytes_declared(self) -> bool:
        """Whether every tile declared its bytes; False without tiles."""
        return self.count > 0 and self.undeclared == 0

    @property
    def same_work(self) -> bool:
        """Whether all tiles declared the same amount of work."""
        return self.min_work == self.max_work

    @property
    def split_declared(self) -> bool:
        """Whether every tile declared loaded and stored bytes apart; False without tiles."""
        return self.count > 0 and self.split == self.count

    @property
    def avg_us(self) -> float:
        """Mean inclusive time of a tile in microseconds."""
        return metrics.average_us(self.total_ns, self.count)

    @property
    def throughput(self) -> float:
        """Elements per second of busy time."""
        return metrics.throughput(self.elements, self.total_ns)

    @property
    def gflops(self) -> float:
        """GFLOP/s over the busy time of all threads; the rate of one thread."""
        return metrics.gflops(self.flops, self.total_ns)

    @property
    def arithmetic_intensity(self) -> float:
        """Flops per byte between the level's cache and the core."""
        return metrics.arithmetic_intensity(self.flops, self.nbytes)

    @property
    def overhead_share(self) -> float:
        """Share of the raw time that was the timer itself and was taken out."""
        return metrics.share(max(self.raw_total_ns - self.total_ns, 0), self.raw_total_ns)

    def cache_efficiency(self, peak_gflops: float) -> float:
        """Achieved GFLOP/s over a given peak, as a fraction that is not clamped.

        Raises
        ------
        ValueError
            If `peak_gflops` is negative or not finite.
        """
        return metrics.cache_efficiency(self.gflops, peak_gflops)

    def percentile_ns(self, p: float) -> int:
        """Nearest-rank percentile of the tiles' times in ns, within 1/64 and the clock's step.

        Raises
        ------
        ValueError
            If `p` is not in [0, 100].
        """
        return stats.percentile_ns(self.histogram, p, self.min_ns, self.max_ns)


_SUMMED = (
    "count",
    "timed",
    "total_ns",
    "self_ns",
    "raw_total_ns",
    "raw_self_ns",
    "elements",
    "flops",
    "nbytes",
    "undeclared",
    "total_error_ns",
    "self_error_ns",
    "loaded_bytes",
    "stored_bytes",
    "split",
)


def sum_tile_stats(
    parts: Iterable[TileStats], level: TileLevel, brick: str | None = None
) -> TileStats:
    """Add statistics of one level; associative and commutative bit for bit.

    Parameters
    ----------
    parts : iterable of TileStats
        What to add; may be empty.
    level : TileLevel
        Their level.
    brick : str or None
        The brick that the sum is said to belong to.

    Raises
    ------
    ValueError
        If a part is of another level.
    """
    parts = tuple(parts)
    if any(part.level is not level for part in parts):
        raise ValueError(f"parts must all be of level {level.name}")
    if len(parts) == 1:
        return parts[0] if parts[0].brick == brick else replace(parts[0], brick=brick)
    timed = [part for part in parts if part.timed]
    return TileStats(
        level=level,
        brick=brick,
        min_ns=min((part.min_ns for part in timed), default=0),
        max_ns=max((part.max_ns for part in timed), default=0),
        min_work=min((part.min_work for part in parts if part.count), default=0),
        max_work=max((part.max_work for part in parts if part.count), default=0),
        histogram=stats.merge_histograms(part.histogram for part in parts),
        grid=merge_grids(part.grid for part in parts),
        **{name: sum(getattr(part, name) for part in parts) for name in _SUMMED},
    )


def summed_tiles(
    tiles: Iterable[TileStats], level: TileLevel, brick: str | None = None
) -> TileStats:
    """Add up the statistics of a level, of one brick or of all."""
    parts = [tile for tile in tiles if tile.level is level and brick in (None, tile.brick)]
    return sum_tile_stats(parts, level, brick)
