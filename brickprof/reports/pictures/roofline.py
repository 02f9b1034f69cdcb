"""The roofline picture: what tiles reach over their arithmetic intensity, below the measured roofs.

S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures", CACM 52(4), 2009; with a roof for each cache as of A. Ilic, F. Pratas and
L. Sousa, "Cache-aware Roofline model", IEEE CAL 13(1), 2014.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.summary import BrickSummary
from brickprof.diagnose.thread_roofs import ThreadRoofs
from brickprof.reports.anchors import level_anchor
from brickprof.reports.base import Report
from brickprof.reports.pictures.names import distinct_names, short_name
from brickprof.roofline import MEMORY

WIDTH, HEIGHT = 760, 460
MAX_BRICKS = 24
"""Bricks that have marks, those of most wall time: of more, no legend has room for the names."""

_SHAPES = {"Macro": "square", "Midi": "diamond", "Micro": "circle"}
_PLACES = (0.7, 0.4, 0.7, 0.4)
"""How far up its slope the name of each memory is."""

_CEILING_BELOW = 0.97
"""Share of the peak from which a ceiling is the peak: of vectors of half the width, on processors
that take the full ones in two steps."""


def roofline(report: Report) -> dict[str, Any]:
    """Describe the roofline of a report in Vega-Lite.

    Every rate is that of one thread. There is a mark for each brick and level that declared flops
    and bytes, its area by its self time; the roofs are those of the brick that took longest, and
    the peaks of all.

    Parameters
    ----------
    report : Report
        What to draw; without roofs the marks stand alone.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    bricks = report.summary.bricks[:MAX_BRICKS]
    names = distinct_names([brick.info.name for brick in bricks])
    marks = [
        _mark(name, level, number)
        for number, (name, brick) in enumerate(zip(names, bricks, strict=True))
        for level in drawn_levels(brick)
    ]
    roofs = list(_distinct_roofs(report))
    x, y = _domains(marks, roofs)
    layers = [
        *(_slopes(roofs[0], x, y) if roofs else ()),
        *(_peaks(roofs, x) if roofs else ()),
        *_ceilings(roofs[:1], x, y),
        *(_marks(marks) if marks else ()),
    ]
    axes = {
        "x": _axis("intensity", "arithmetic intensity, flop/byte", x),
        "y": _axis("gflops", "GFLOP/s of one thread", y),
    }
    return {
        "title": {"text": "Roofline", "subtitle": _subtitle(report, roofs, marks)},
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": axes,
        "layer": layers or [{"data": {"values": []}, "mark": "point"}],
    }


def drawn_levels(brick: BrickSummary) -> Iterator[LevelSummary]:
    """Yield the levels that have a place in the picture."""
    for level in brick.levels:
        if level.intensity > 0 and level.gflops > 0:
            yield level


def _mark(name: str, level: LevelSummary, number: int) -> dict[str, Any]:
    """Return the row of a level of the brick with a number."""
    # An interval that is hidden by its mark would be a speck in it.
    low, high = (level.gflops,) * 2 if level.certain else level.gflops_interval
    efficiency = level.efficiency
    roof = (
        ""
        if efficiency is None
        else f"{units.format_percent(efficiency)} of the roof of {level.memory}"
    )
    label = level.level.label
    at = f"{units.format_gflops(level.gflops)} at {units.format_number(level.intensity)} flop/B"
    own = f"self time {units.format_ns(level.stats.self_ns)}"
    return {
        "anchor": level_anchor(number, label),
        "description": ", ".join(filter(None, [f"{name} {label}: {at}", roof, own])),
        "brick": name,
        "level": label,
        "intensity": level.intensity,
        "gflops": level.gflops,
        "low": low,
        "high": high if math.isfinite(high) else level.gflops,
        "self_ms": level.stats.self_ns / 1e6,
    }


def _distinct_roofs(report: Report) -> Iterator[ThreadRoofs]:
    """Yield the roofs that bricks are held against, those of the longest first, each kind once."""
    seen = set()
    for brick in report.summary.bricks:
        if brick.roofs is not None and brick.roofs.roofs.kind not in seen:
            seen.add(brick.roofs.roofs.kind)
            yield brick.roofs


def _domains(
    marks: list[dict[str, Any]], roofs: list[ThreadRoofs]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends of both axes, around all marks, ridges and peaks."""
    ridges = [one.peak_gflops / one.best_gbs[memory] for one in roofs for memory in MEMORY]
    intensities = [mark["intensity"] for mark in marks] + ridges or [1.0]
    rates = [mark["gflops"] for mark in marks] + [one.peak_gflops for one in roofs] or [1.0]
    x = min(intensities) / 4, max(intensities) * 4
    return x, (min(rates) / 4, max(rates) * 1.4)


def _axis(field: str, title: str, domain: tuple[float, float]) -> dict[str, Any]:
    """Return a logarithmic axis."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "base": 2, "domain": list(domain), "nice": False},
        "axis": {"format": ".3~g", "tickCount": 8, "grid": True, "gridOpacity": 0.5},
    }


def _slopes(
    roofs: ThreadRoofs, x: tuple[float, float], y: tuple[float, float]
) -> Iterator[dict[str, Any]]:
    """Yield the roofs of the memories, each up to the peak, with their names along them."""
    rows, labels = [], []
    for place, memory in enumerate(MEMORY):
        gbs = roofs.best_gbs[memory]
        low, ridge = max(x[0], y[0] / gbs), min(roofs.peak_gflops / gbs, x[1])
        for intensity in (low, ridge):
            row = {"memory": memory, "intensity": intensity, "gflops": intensity * gbs}
            rows.append({**row, "description": f"Roof of {memory}: {units.format_gbs(gbs)}"})
        # Slopes may be close to each other: a name is beside those of its neighbours.
        at = low * (ridge / low) ** _PLACES[place]
        text = f"{memory} {units.format_number(gbs)} GB/s"
        labels.append({"intensity": at, "gflops": at * gbs, "text": text})
    rise = math.log(x[1] / x[0]) / WIDTH * HEIGHT / math.log(y[1] / y[0])
    yield {
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 1.5, "clip": True},
        "encoding": {"detail": {"field": "memory"}, "description": {"field": "description"}},
    }
    yield {
        "data": {"values": labels},
        "mark": {
            "type": "text",
            "angle": -math.degrees(math.atan(rise)),
            "baseline": "bottom",
            "dy": -2,
            "fontSize": 11,
        },
        "encoding": {"text": {"field": "text"}},
    }


def _peaks(roofs: list[ThreadRoofs], x: tuple[float, float]) -> Iterator[dict[str, Any]]:
    """Yield the peaks, from the first ridge to the right, with element type and ISA."""
    rows = [
        {
            "intensity": one.peak_gflops / max(one.best_gbs.values()),
            "end": x[1],
            "gflops": one.peak_gflops,
            "text": f"{one.roofs.dtype} peak, {printable(one.roofs.isa)}: "
            f"{units.format_number(one.peak_gflops)} GFLOP/s",
        }
        for one in roofs
    ]
    yield from _levels(rows, {"strokeWidth": 2})


def _ceilings(
    roofs: list[ThreadRoofs], x: tuple[float, float], y: tuple[float, float]
) -> Iterator[dict[str, Any]]:
    """Yield the ceilings inside the core that are in the picture, dashed."""
    rows = [
        {"intensity": x[0], "end": x[1], "gflops": rate, "text": name}
        for one in roofs
        for name, rate in one.ceilings_gflops().items()
        if y[0] <= rate < _CEILING_BELOW * one.peak_gflops
    ]
    if rows:
        yield from _levels(rows, {"strokeDash": [4, 4], "opacity": 0.45})


def _levels(rows: list[dict[str, Any]], style: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield horizontal lines with a text above their right ends."""
    yield {
        "data": {"values": rows},
        "mark": {"type": "rule", "clip": True, **style},
        "encoding": {"x2": {"field": "end"}, "description": {"field": "text"}},
    }
    yield {
        "data": {"values": rows},
        "mark": {"type": "text", "align": "right", "baseline": "bottom", "dx": -4, "dy": -1},
        "encoding": {
            "x": {"field": "end", "type": "quantitative"},
            "text": {"field": "text"},
            "opacity": {"value": style.get("opacity", 1) ** 0.5},
        },
    }


def _marks(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the bricks' levels, with their intervals behind them."""
    color = {"field": "brick", "type": "nominal", "title": "brick", "sort": None}
    uncertain = [row for row in rows if row["low"] < row["high"]]
    if uncertain:
        yield {
            "data": {"values": uncertain},
            "mark": {"type": "rule", "strokeWidth": 2, "clip": True},
            "encoding": {
                "y": {"field": "low", "type": "quantitative"},
                "y2": {"field": "high"},
                "color": color,
                "description": {"field": "description"},
            },
        }
    levels = [level for level in _SHAPES if any(row["level"] == level for row in rows)]
    yield {
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "opacity": 0.85, "strokeWidth": 1},
        "encoding": {
            "color": color,
            "shape": {
                "field": "level",
                "type": "nominal",
                "title": "level",
                "scale": {"domain": levels, "range": [_SHAPES[level] for level in levels]},
            },
            "size": {
                "field": "self_ms",
                "type": "quantitative",
                "title": "self time, ms",
                "scale": {"range": [40, 500], "zero": True},
                "legend": {"tickCount": 3},
            },
            "tooltip": {"field": "description"},
            "description": {"field": "description"},
        },
    }


def _subtitle(report: Report, roofs: list[ThreadRoofs], marks: list[dict[str, Any]]) -> list[str]:
    """Return what the roofs are of, and what is not in the picture."""
    lines = []
    if roofs:
        first = roofs[0].roofs
        threads = "1 thread" if first.threads == 1 else f"{first.threads} threads, the share of one"
        longest = next(one for one in report.summary.bricks if one.roofs is not None)
        lines.append(
            f"{short_name(first.cpu)}: best roofs of {threads}, {short_name(first.verdict)}; "
            f"slopes are those of {short_name(longest.info.name)}"
        )
    else:
        lines.append("No roofs were measured for these bricks: brickprof calibrate")
    bricks = report.summary.bricks
    if len(bricks) > MAX_BRICKS:
        lines.append(f"the {MAX_BRICKS} longest of {units.format_count(len(bricks))} bricks")
    left_out = sum(len(brick.levels) for brick in bricks[:MAX_BRICKS]) - len(marks)
    if left_out:
        lines.append(f"{left_out} brick levels without flops or bytes are not drawn")
    return lines
