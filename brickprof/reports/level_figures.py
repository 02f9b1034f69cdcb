"""Every figure of a level by its name, as JSON, tables and trees of metrics hold it."""

from __future__ import annotations

import math

from brickprof.diagnose.level_summary import LevelSummary


def level_figures(row: LevelSummary) -> dict[str, object]:
    """Return the figures of a level as JSON values.

    Parameters
    ----------
    row : LevelSummary
        The level.

    Returns
    -------
    dict
        Names as `brickprof.reports.json.render` lists them. An interval is a list of both ends,
        null for one that is not bounded.
    """
    stats = row.stats
    return {
        "level": row.level.name,
        "cache": row.level.cache,
        "memory": row.memory,
        "tiles": stats.count,
        "timed_tiles": stats.timed,
        "avg_ns": row.avg_ns,
        "p50_ns": row.p50_ns,
        "p99_ns": row.p99_ns,
        "min_ns": stats.min_ns,
        "max_ns": stats.max_ns,
        "total_ns": stats.total_ns,
        "self_ns": stats.self_ns,
        "total_error_ns": stats.total_error_ns,
        "self_error_ns": stats.self_error_ns,
        "typical_ns": row.typical_ns,
        "avg_interval_ns": _ends(row.avg_interval_ns),
        "tile_error_ns": row.tile_error_ns,
        "raw_total_ns": stats.raw_total_ns,
        "raw_self_ns": stats.raw_self_ns,
        "self_share": row.self_share,
        "elements": stats.elements,
        "elements_per_s": stats.throughput,
        "flops": stats.flops,
        "same_work": stats.same_work,
        "nbytes": stats.nbytes,
        "loaded_bytes": stats.loaded_bytes if stats.split_declared else None,
        "stored_bytes": stats.stored_bytes if stats.split_declared else None,
        "bytes_basis": row.bytes_basis,
        "gflops": row.gflops,
        "intensity_flop_per_byte": row.intensity,
        "bandwidth_gbs": row.bandwidth_gbs,
        "gflops_interval": _ends(row.gflops_interval),
        "typical_gflops": row.typical_gflops,
        "typical_gbs": row.typical_gbs,
        "attainable_gflops": row.attainable_gflops,
        "efficiency": row.efficiency,
        "efficiency_interval": row.efficiency_interval and _ends(row.efficiency_interval),
        "bandwidth_share": row.bandwidth_share,
        "bound": row.bound,
        "bound_basis": row.bound_basis,
        "near_roof": row.near_roof,
        "overhead_share": row.overhead_share,
        "tiles_to_batch": row.batch,
        "batch_level": None if row.batch_level is None else row.batch_level.name,
    }


def _ends(interval: tuple[float, float]) -> list[float | None]:
    """Return both ends of an interval; null for one that is not bounded."""
    return [end if math.isfinite(end) else None for end in interval]
