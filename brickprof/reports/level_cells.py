"""The cells of a level's row in the text report."""

from __future__ import annotations

import math

from brickprof.core import units
from brickprof.diagnose.level_summary import ERROR_LIMIT, LevelSummary
from brickprof.reports import layout

COLUMNS: layout.Columns = (
    ("Level", "left"),
    ("Tiles", "right"),
    ("Avg", "right"),
    ("p50", "right"),
    ("p99", "right"),
    ("Self", "right"),
    ("GFLOP/s", "right"),
    ("flop/B", "right"),
    ("Attainable", "right"),
    ("Efficiency", "right"),
    (" Bound by", "left"),
)

_WIDTH = 11
"""Columns of a figure, up to which all its digits are shown."""

_NS_OF_UNIT = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}


def cells(row: LevelSummary) -> tuple[str, ...]:
    """Return the cells of a level.

    Parameters
    ----------
    row : LevelSummary
        The level.

    Returns
    -------
    tuple of str
        One for each of `COLUMNS`. A figure that is known to worse than `ERROR_LIMIT` is shown as
        the interval that it is in, or as a dash.
    """
    stats = row.stats
    assumed = "~" if row.bytes_basis == "assumed" else ""
    known = stats.flops and stats.nbytes
    return (
        f"{row.level.label:5} {row.memory}",
        _fit(units.format_count(stats.count), stats.count),
        _time(row.avg_ns) if row.certain else _times(*row.avg_interval_ns),
        *(_time(ns) if single_time_known(row, ns) else "-" for ns in (row.p50_ns, row.p99_ns)),
        _percent(row.self_share) if row.self_error_share <= ERROR_LIMIT else "-",
        _rate(row) if stats.flops else "-",
        assumed + _number(row.intensity) if known else "-",
        "-" if row.attainable_gflops is None else _number(row.attainable_gflops),
        _efficiency(row),
        f" {_bound(row)}",
    )


def single_time_known(row: LevelSummary, ns: int) -> bool:
    """Tell whether the time of one tile of a level is known well enough to be shown."""
    return row.tile_error_ns <= ERROR_LIMIT * ns or not ns


def known_time(row: LevelSummary, ns: float) -> str:
    """Return the time of one tile of a level, or a dash where it is not known well enough."""
    return units.format_ns(ns) if single_time_known(row, round(ns)) else "-"


def known_average(row: LevelSummary) -> str:
    """Return the mean time of a level's tiles, or the interval that it is in."""
    return units.format_ns(row.avg_ns) if row.certain else _times(*row.avg_interval_ns)


def _bound(row: LevelSummary) -> str:
    """Return which roof bounds a level; blank where neither is near."""
    if row.bound == "unknown":
        return "-"
    if row.bound_basis == "rule of thumb":
        return f"{row.bound}?"
    return row.bound if row.near_roof else ""


def _times(low: float, high: float) -> str:
    """Return an interval of times in the unit of its end."""
    _, _, unit = units.format_ns(high).partition(" ")
    size = _NS_OF_UNIT[unit]
    return _within(f"{units.format_rough(low / size)}-{units.format_rough(high / size)} {unit}", 11)


def _rate(row: LevelSummary) -> str:
    """Return a level's rate, or the interval that it is in."""
    return _number(row.gflops) if row.certain else _numbers(*row.gflops_interval)


def _efficiency(row: LevelSummary) -> str:
    """Return a level's efficiency, or the interval that it is in."""
    if row.efficiency is None or row.efficiency_interval is None:
        return "-"
    if row.certain:
        return _percent(row.efficiency)
    shown = _numbers(*(100 * end for end in row.efficiency_interval))
    return shown if shown == "-" else f"{shown} %"


def _numbers(low: float, high: float) -> str:
    """Return an interval of rates; its end may be infinite."""
    shown = units.format_rough(low)
    shown = f">{shown}" if math.isinf(high) else f"{shown}-{units.format_rough(high)}"
    return _within(shown, 9)


def _within(text: str, width: int) -> str:
    """Return an interval, or a dash where it is too wide for its column to say anything."""
    return text if len(text) <= width else "-"


def _time(ns: float) -> str:
    """Return a time."""
    return "<1 ns" if 0 < ns < 1 else _fit(units.format_ns(ns), ns / 1e9, " s")


def _percent(fraction: float) -> str:
    """Return a share in percent."""
    if 0 < fraction < 0.001:
        return "<0.1 %"
    return _fit(units.format_percent(fraction), fraction * 100, " %")


def _number(value: float) -> str:
    """Return a figure without a unit."""
    return _fit(units.format_number(value), value)


def _fit(text: str, value: float, unit: str = "") -> str:
    """Return a figure as it is or, where that is too wide for its column, in powers of ten."""
    return text if len(text) <= _WIDTH else f"{units.format_power(value)}{unit}"
