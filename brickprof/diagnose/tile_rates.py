"""Rates of single tiles on the time line."""

from __future__ import annotations

from brickprof.core import metrics
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.recording import TileEvent


def tile_gflops(event: TileEvent, row: LevelSummary) -> float | None:
    """Compute the rate of one tile in GFLOP/s.

    Parameters
    ----------
    event : TileEvent
        The tile.
    row : LevelSummary
        The level of the brick that it is of.

    Returns
    -------
    float or None
        None where the tile took no time, or what it did is not known: tiles on the time line do
        not hold their work, which is that of their level over its tiles where all did the same.
    """
    stats = row.stats
    duration = event.stop_ns - event.start_ns
    if duration <= 0 or not (stats.flops and stats.same_work):
        return None
    return metrics.gflops(metrics.share(stats.flops, stats.count), duration)


def tile_bandwidth_gbs(event: TileEvent, row: LevelSummary) -> float | None:
    """Compute the bandwidth of one tile in GB/s, as `tile_gflops` does its rate.

    It is None, too, where the bytes of any tile of the level were not declared.
    """
    stats = row.stats
    duration = event.stop_ns - event.start_ns
    known = stats.nbytes and stats.same_work and stats.nbytes_declared
    if duration <= 0 or not known:
        return None
    return metrics.bandwidth_gbs(metrics.share(stats.nbytes, stats.count), duration)
