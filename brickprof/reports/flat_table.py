"""The flat table of a summary: a row for each brick and level, of plain columns."""

from __future__ import annotations

from brickprof.core.plain_text import encodable
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary, Summary
from brickprof.reports.level_figures import level_figures

Cell = str | int | float | bool | None
"""What a table holds; None is what is unknown."""

RUN_COLUMNS: dict[str, type] = {
    "created": str,
    "brickprof_version": str,
    "cpu": str,
    "brick": str,
    "dtype": str,
    "threads": int,
    "calls": int,
    "wall_ns": int,
    "run_gflops": float,
    "run_spread": float,
    "peak_share": float,
}
"""Columns of the run and the brick, with the type of their cells."""

LEVEL_COLUMNS: dict[str, type] = {
    "level": str,
    "cache": str,
    "memory": str,
    "tiles": int,
    "timed_tiles": int,
    "avg_ns": float,
    "avg_low_ns": float,
    "avg_high_ns": float,
    "p50_ns": int,
    "p99_ns": int,
    "min_ns": int,
    "max_ns": int,
    "tile_error_ns": float,
    "typical_ns": float,
    "total_ns": int,
    "total_error_ns": int,
    "raw_total_ns": int,
    "self_ns": int,
    "self_error_ns": int,
    "raw_self_ns": int,
    "self_share": float,
    "elements": int,
    "elements_per_s": float,
    "flops": int,
    "same_work": bool,
    "nbytes": int,
    "loaded_bytes": int,
    "stored_bytes": int,
    "bytes_basis": str,
    "gflops": float,
    "gflops_low": float,
    "gflops_high": float,
    "typical_gflops": float,
    "intensity_flop_per_byte": float,
    "bandwidth_gbs": float,
    "typical_gbs": float,
    "attainable_gflops": float,
    "efficiency": float,
    "efficiency_low": float,
    "efficiency_high": float,
    "bandwidth_share": float,
    "bound": str,
    "bound_basis": str,
    "near_roof": bool,
    "overhead_share": float,
    "tiles_to_batch": int,
    "batch_level": str,
}
"""Columns of the level: the names of the JSON output, intervals as two columns."""

COLUMNS: dict[str, type] = RUN_COLUMNS | LEVEL_COLUMNS
"""All columns from left to right."""

_INTERVALS = {
    "avg_interval_ns": ("avg_low_ns", "avg_high_ns"),
    "gflops_interval": ("gflops_low", "gflops_high"),
    "efficiency_interval": ("efficiency_low", "efficiency_high"),
}


def rows(summary: Summary) -> list[dict[str, Cell]]:
    """Return the rows, longest wall time first, then coarsest level first.

    Parameters
    ----------
    summary : Summary
        The summary. A brick without tiles has no row.

    Returns
    -------
    list of dict
        Each with the keys of `COLUMNS` in their order. Lone surrogates in text are escaped, which
        neither Arrow nor a file can hold.
    """
    recording = summary.recording
    run: dict[str, Cell] = {
        "created": encodable(recording.created),
        "brickprof_version": encodable(recording.version),
        "cpu": None if recording.machine is None else encodable(recording.machine.cpu),
    }
    return [
        {name: cells[name] for name in COLUMNS}
        for brick in summary.bricks
        for row in brick.levels
        for cells in [run | _brick_cells(brick) | level_cells(row)]
    ]


def columns(summary: Summary) -> dict[str, list[Cell]]:
    """Return the same table by columns, all of `COLUMNS` even where there are no rows."""
    table = rows(summary)
    return {name: [row[name] for row in table] for name in COLUMNS}


def level_cells(row: LevelSummary) -> dict[str, Cell]:
    """Return the cells of a level, those of `LEVEL_COLUMNS`."""
    cells: dict[str, Cell] = {}
    for name, value in level_figures(row).items():
        if name in _INTERVALS:
            low, high = value if isinstance(value, list) else (None, None)
            cells |= dict(zip(_INTERVALS[name], (low, high), strict=True))
        else:
            assert value is None or isinstance(value, (str, int, float))
            cells[name] = value
    return cells


def _brick_cells(brick: BrickSummary) -> dict[str, Cell]:
    """Return the cells of a brick."""
    info = brick.info
    return {
        "brick": encodable(info.name),
        "dtype": encodable(brick.dtype),
        "threads": info.threads,
        "calls": info.calls,
        "wall_ns": info.wall_ns,
        "run_gflops": brick.run_gflops,
        "run_spread": brick.run_spread,
        "peak_share": brick.peak_share,
    }
