"""LevelSummary: the tiles of one level of one brick against the roofs of one thread."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from brickprof.core import metrics
from brickprof.core.levels import TileLevel
from brickprof.diagnose.thread_roofs import ThreadRoofs
from brickprof.machine import Machine
from brickprof.recording import ClockInfo
from brickprof.recording.tile_stats import TileStats

ERROR_LIMIT = 0.025
"""Half an interval over its middle, above which the interval is shown in place of a figure: it is
then wider than 5 % of it."""

NEAR = 0.5
"""Efficiency from which a roof counts as what bounds the tiles."""

MEDIAN_STEPS = 20
"""Steps of the clock in a median tile from which its time is known to a few percent."""

Bound = Literal["compute", "memory", "unknown"]
BoundBasis = Literal["ridge", "rule of thumb"]
BytesBasis = Literal["declared", "counted", "simulated", "assumed", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSummary:
    """The tiles of one level of one brick, against the roof of the level's cache for one thread.

    Parameters
    ----------
    level : TileLevel
        The level.
    stats : TileStats
        What was recorded.
    memory : str
        What feeds the tiles: ``"L1"``, ``"L2"`` or ``"L3"``, the level's cache, or ``"DRAM"`` for
        Macro tiles that come from there.
    self_share : float
        Its self time over the self time of all levels of the brick.
    error_share, self_error_share : float
        Half the length of the intervals that the time and the self time are known to be in, over
        the time; above `ERROR_LIMIT` outputs show the interval, and no finding rests on it.
    typical_ns : float
        Time of the median tile where all tiles do the same work and the clock's step allows;
        else the mean. What a few disturbed tiles took is not in the median.
    typical_gflops, typical_gbs : float
        GFLOP/s and GB/s at that time.
    tile_error_ns : float
        Error of a single tile's time, and so of percentiles and extremes.
    avg_ns : float
        Mean time of a tile in nanoseconds.
    p50_ns, p99_ns : int
        Percentiles of the tiles' times in nanoseconds.
    gflops, intensity, bandwidth_gbs : float
        GFLOP/s, flop/byte and GB/s of one thread while it is in the level's tiles.
    bytes_basis : str
        ``"declared"``, ``"counted"`` or ``"simulated"`` where that is the source of all work of
        its brick that is not declared by hand, ``"assumed"`` (of one tile or more) or ``"none"``.
    attainable_gflops : float or None
        Roof of one thread at that intensity; None without roofs, flops or bytes.
    efficiency : float or None
        Achieved over attainable, as a fraction that is not clamped.
    bandwidth_share : float or None
        Achieved bandwidth over the most that one thread gets from `memory` for such a mix of loads
        and stores.
    bound : str
        ``"compute"``, ``"memory"``, or ``"unknown"`` without flops or bytes.
    bound_basis : str
        ``"ridge"`` with roofs, else ``"rule of thumb"``.
    overhead_share : float
        Share of the raw time that was the timer itself and was taken out.
    batch : int or None
        How many tiles of `batch_level` to time as one so that this share falls under
        `metrics.OVERHEAD_LIMIT_PERCENT` and the error under `ERROR_LIMIT`; 0 where all of the
        time is the timer's; None where both are.
    batch_level : TileLevel or None
        The level, this or a finer one, whose start/stop pairs cost most of that share.
    """

    level: TileLevel
    stats: TileStats
    memory: str
    self_share: float
    error_share: float
    self_error_share: float
    avg_ns: float
    typical_ns: float
    typical_gflops: float
    typical_gbs: float
    tile_error_ns: float
    p50_ns: int
    p99_ns: int
    gflops: float
    intensity: float
    bandwidth_gbs: float
    bytes_basis: BytesBasis
    attainable_gflops: float | None
    efficiency: float | None
    bandwidth_share: float | None
    bound: Bound
    bound_basis: BoundBasis
    overhead_share: float
    batch: int | None
    batch_level: TileLevel | None

    @property
    def certain(self) -> bool:
        """Whether its time is known well enough for findings."""
        return self.error_share <= ERROR_LIMIT

    @property
    def avg_interval_ns(self) -> tuple[float, float]:
        """What the mean time of a tile is between, in nanoseconds."""
        return metrics.interval(self.avg_ns, self.error_share)

    @property
    def gflops_interval(self) -> tuple[float, float]:
        """What the rate is between; its end is infinite where the time may be 0."""
        return metrics.rate_interval(self.gflops, self.error_share)

    @property
    def efficiency_interval(self) -> tuple[float, float] | None:
        """What the efficiency is between, where it is known."""
        if self.efficiency is None:
            return None
        return metrics.rate_interval(self.efficiency, self.error_share)

    @property
    def typical_efficiency(self) -> float | None:
        """Rate of the typical tile over what is attainable."""
        if self.attainable_gflops is None:
            return None
        return metrics.cache_efficiency(self.typical_gflops, self.attainable_gflops)

    @property
    def typical_share(self) -> float | None:
        """Bandwidth of the typical tile over that of `memory`."""
        if self.bandwidth_share is None:
            return None
        return self.bandwidth_share * metrics.share(self.avg_ns, self.typical_ns)

    @property
    def near_roof(self) -> bool:
        """Whether either roof is near: from `NEAR` of what is attainable on."""
        return self.efficiency is not None and self.efficiency >= NEAR


def too_short(levels: Iterable[LevelSummary]) -> tuple[LevelSummary, ...]:
    """Return, for each level whose tiles are too short for the timer, the row with most overhead.

    Parameters
    ----------
    levels : iterable of LevelSummary
        The levels of one brick.

    Returns
    -------
    tuple of LevelSummary
        One for each `batch_level`, coarsest first.
    """
    worst: dict[TileLevel, LevelSummary] = {}
    for row in levels:
        level = row.batch_level
        if level is not None and (
            level not in worst or row.overhead_share > worst[level].overhead_share
        ):
            worst[level] = row
    return tuple(worst[level] for level in sorted(worst))


def summarize_level(
    stats: TileStats,
    siblings: tuple[TileStats, ...],
    roofs: ThreadRoofs | None,
    clock: ClockInfo,
    machine: Machine | None,
    work_sources: tuple[str, ...] = (),
) -> LevelSummary:
    """Summarize one level of a brick.

    Parameters
    ----------
    stats : TileStats
        What was recorded of it.
    siblings : tuple of TileStats
        All levels of the brick that have tiles.
    roofs : ThreadRoofs or None
        What to hold it against.
    clock : ClockInfo
        What timed it.
    machine : Machine or None
        Where it ran.
    work_sources : tuple of str
        Where the work of its brick comes from; see `brickprof.recording.BrickInfo`.
    """
    level = stats.level
    median_ns = stats.percentile_ns(50)
    typical_ns = _typical_ns(stats, median_ns, clock)
    typical_gbs = metrics.bandwidth_gbs(stats.nbytes, typical_ns * stats.count)
    bandwidth = metrics.bandwidth_gbs(stats.nbytes, stats.total_ns)
    memory, attainable, efficiency, bandwidth_share = level.cache, None, None, None
    if roofs is not None and stats.nbytes:
        memory = roofs.memory_of(stats, typical_gbs, machine)
        bandwidth_share = metrics.share(bandwidth, roofs.bandwidth_gbs(memory, stats))
        if stats.flops:
            attainable = roofs.attainable_gflops(memory, stats)
            efficiency = stats.cache_efficiency(attainable)
    overhead_ns = max(stats.raw_total_ns - stats.total_ns, 0)
    over_limit = overhead_ns * 100 > metrics.OVERHEAD_LIMIT_PERCENT * stats.raw_total_ns
    error_share = metrics.share(stats.total_error_ns, stats.total_ns)
    # The error of sampling is no matter of the tiles' length.
    uncertain = error_share > ERROR_LIMIT and stats.timed == stats.count
    # Every start/stop pair costs about the same: the level with the most tiles costs the most.
    costliest = max((one for one in siblings if one.level >= level), key=lambda one: one.count)
    return LevelSummary(
        level=level,
        stats=stats,
        memory=memory,
        self_share=metrics.share(stats.self_ns, sum(one.self_ns for one in siblings)),
        error_share=error_share,
        self_error_share=metrics.share(stats.self_error_ns, stats.total_ns),
        avg_ns=stats.avg_us * 1000,
        typical_ns=typical_ns,
        typical_gflops=metrics.gflops(stats.flops, typical_ns * stats.count),
        typical_gbs=typical_gbs,
        tile_error_ns=metrics.tile_error_ns(stats.total_error_ns, stats.count, clock.step_ns),
        p50_ns=median_ns,
        p99_ns=stats.percentile_ns(99),
        gflops=stats.gflops,
        intensity=stats.arithmetic_intensity,
        bandwidth_gbs=bandwidth,
        bytes_basis=_bytes_basis(stats, work_sources),
        attainable_gflops=attainable,
        efficiency=efficiency,
        bandwidth_share=bandwidth_share,
        bound=_bound(stats, memory, roofs),
        bound_basis="rule of thumb" if roofs is None else "ridge",
        overhead_share=stats.overhead_share,
        batch=_batch(overhead_ns, error_share, stats) if over_limit or uncertain else None,
        batch_level=costliest.level if over_limit or uncertain else None,
    )


def _batch(overhead_ns: int, error_share: float, stats: TileStats) -> int:
    """Return how many tiles to time as one so that neither the timer nor its error is too much."""
    batch = metrics.tiles_to_batch(overhead_ns, stats.total_ns)
    return max(batch, math.ceil(error_share / ERROR_LIMIT)) if batch else 0


def _typical_ns(stats: TileStats, median: int, clock: ClockInfo) -> float:
    """Return the time of a tile that nothing disturbed."""
    if stats.same_work and median >= MEDIAN_STEPS * max(clock.step_ns, 1.0):
        return float(median)
    return stats.avg_us * 1000


def _bytes_basis(stats: TileStats, work_sources: tuple[str, ...]) -> BytesBasis:
    """Return where a level's bytes come from."""
    if not stats.nbytes:
        return "none"
    if not stats.nbytes_declared:
        return "assumed"
    if work_sources == ("counted",):
        return "counted"
    return "simulated" if work_sources == ("simulated",) else "declared"


def _bound(stats: TileStats, memory: str, roofs: ThreadRoofs | None) -> Bound:
    """Return which roof limits a level."""
    if not (stats.flops and stats.nbytes):
        return "unknown"
    ridge = metrics.RULE_OF_THUMB_INTENSITY if roofs is None else roofs.ridge(memory, stats)
    bound = metrics.bound_by(stats.arithmetic_intensity, ridge)
    return "compute" if bound == "compute" else "memory"
