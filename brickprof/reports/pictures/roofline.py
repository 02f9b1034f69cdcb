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
from brickprof.reports.pictures.vega import HALO, PALETTE, time_label
from brickprof.roofline import MEMORY

WIDTH, HEIGHT = 760, 460
MAX_BRICKS = 20
"""Bricks that have marks, those of most wall time: of more, no legend has room for the names."""

_SHAPES = {"Macro": "square", "Midi": "diamond", "Micro": "circle"}
_PLACES = (0.7, 0.4, 0.7, 0.4)
"""How far up its slope the name of each memory is."""

_LINE, _CHARACTER, _GAP = 14, 6.2, 10
"""Height of a line of text, width of its characters, and space between two texts, in pixels."""

MAX_ROOFS = 3
"""Roofs with other bandwidths that are drawn, those of the longest bricks."""

_CEILING_BELOW = 0.97
"""Share of the peak from which a ceiling is the peak: of vectors of half the width, on processors
that take the full ones in two steps."""


def roofline(report: Report) -> dict[str, Any]:
    """Describe the roofline of a report in Vega-Lite.

    Every rate is that of one thread. There is a mark for each brick and level that declared flops
    and bytes, its area by its self time; roofs and peaks are those of all bricks. The roofs of the
    brick that took longest are solid and have names, others are dotted.

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
        *(_slopes(_distinct_slopes(roofs), x, y) if roofs else ()),
        *(_horizontals(roofs, x, y) if roofs else ()),
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
    roof = ""
    if efficiency is not None and level.attainable_gflops is not None:
        attainable = units.format_gflops(level.attainable_gflops)
        roof = f"{units.format_percent(efficiency)} of the {attainable} that are attainable"
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
        "self_ns": level.stats.self_ns,
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


def _distinct_slopes(roofs: list[ThreadRoofs]) -> list[ThreadRoofs]:
    """Return the roofs whose bandwidths differ: those of other element types are the same."""
    found: dict[tuple[float, ...], ThreadRoofs] = {}
    for one in roofs:
        found.setdefault(tuple(one.best_gbs[memory] for memory in MEMORY), one)
    return list(found.values())[:MAX_ROOFS]


def _slopes(
    roofs: list[ThreadRoofs], x: tuple[float, float], y: tuple[float, float]
) -> Iterator[dict[str, Any]]:
    """Yield the roofs of the memories, each up to its peak, the first ones with their names."""
    for number, one in enumerate(roofs):
        rows = [
            {
                "memory": memory,
                "intensity": intensity,
                "gflops": intensity * gbs,
                "description": f"Roof of {memory}, {_measured_with(one)}: {units.format_gbs(gbs)}",
            }
            for memory, gbs in one.best_gbs.items()
            for intensity in _ends(one, gbs, x, y)
        ]
        style = {"strokeWidth": 1, "strokeDash": [1, 3]} if number else {"strokeWidth": 1.5}
        yield {
            "data": {"values": rows},
            "mark": {"type": "line", "clip": True, **style},
            "encoding": {"detail": {"field": "memory"}, "description": {"field": "description"}},
        }
    yield from _slope_names(roofs[0], x, y)


def _ends(
    roofs: ThreadRoofs, gbs: float, x: tuple[float, float], y: tuple[float, float]
) -> tuple[float, float]:
    """Return the intensities at which a slope begins and ends."""
    return max(x[0], y[0] / gbs), min(roofs.peak_gflops / gbs, x[1])


def _slope_names(
    roofs: ThreadRoofs, x: tuple[float, float], y: tuple[float, float]
) -> Iterator[dict[str, Any]]:
    """Yield the names of the memories along their slopes."""
    labels = []
    for place, memory in enumerate(MEMORY):
        gbs = roofs.best_gbs[memory]
        low, ridge = _ends(roofs, gbs, x, y)
        # Slopes may be close to each other: a name is beside those of its neighbours.
        at = low * (ridge / low) ** _PLACES[place]
        text = f"{memory} {units.format_number(gbs)} GB/s"
        labels.append({"intensity": at, "gflops": at * gbs, "text": text})
    rise = math.log(x[1] / x[0]) / WIDTH * HEIGHT / math.log(y[1] / y[0])
    angle = -math.degrees(math.atan(rise))
    mark = {"angle": angle, "baseline": "bottom", "dy": -2, "fontSize": 11}
    yield from _readable(labels, mark, {})


def _readable(
    rows: list[dict[str, Any]], mark: dict[str, Any], encoding: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield texts that can be read where they lie over lines."""
    for style in ({"style": HALO}, {}):
        yield {
            "data": {"values": rows},
            "mark": {"type": "text", **mark, **style},
            "encoding": {"text": {"field": "text"}, **encoding},
        }


def _measured_with(roofs: ThreadRoofs) -> str:
    """Return with how many threads roofs were measured."""
    threads = roofs.roofs.threads
    return "1 thread" if threads == 1 else f"the share of one of {threads} threads"


def _horizontals(
    roofs: list[ThreadRoofs], x: tuple[float, float], y: tuple[float, float]
) -> Iterator[dict[str, Any]]:
    """Yield the peaks and the ceilings inside the core, with texts that leave each other room."""
    peaks = [_peak(one, x[1]) for one in roofs]
    ceilings = [
        {"intensity": x[0], "end": x[1], "gflops": rate, "text": name}
        for name, rate in roofs[0].ceilings_gflops().items()
        if y[0] <= rate < _CEILING_BELOW * roofs[0].peak_gflops
    ]
    yield from _rules(peaks, {"strokeWidth": 2})
    if ceilings:
        yield from _rules(ceilings, {"strokeDash": [4, 4], "opacity": 0.45})
    labels = label_places([*peaks, *ceilings], x, y)
    for below, place in (
        (False, {"baseline": "bottom", "dy": -1}),
        (True, {"baseline": "top", "dy": 3}),
    ):
        rows = [row for row in labels if row["below"] is below]
        mark = {"align": "right", "dx": -4, **place}
        yield from _readable(rows, mark, {"x": {"field": "label_at", "type": "quantitative"}})


def _peak(roofs: ThreadRoofs, end: float) -> dict[str, Any]:
    """Return the row of a peak, from its first ridge to the right, with element type and ISA."""
    of = f"{roofs.roofs.dtype} peak, {printable(roofs.roofs.isa)}"
    threads = "" if roofs.roofs.threads == 1 else f", {roofs.roofs.threads} threads"
    return {
        "intensity": roofs.peak_gflops / max(roofs.best_gbs.values()),
        "end": end,
        "gflops": roofs.peak_gflops,
        "text": f"{of}{threads}: {units.format_number(roofs.peak_gflops)}",
    }


def _rules(rows: list[dict[str, Any]], style: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield horizontal lines."""
    yield {
        "data": {"values": rows},
        "mark": {"type": "rule", "clip": True, **style},
        "encoding": {"x2": {"field": "end"}, "description": {"field": "text"}},
    }


def label_places(
    rows: list[dict[str, Any]], x: tuple[float, float], y: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return rows whose texts do not overlap, with the intensity at which each text ends.

    Parameters
    ----------
    rows : list of dict
        Each with a ``text`` and ``gflops``, those to place first before others.
    x, y : tuple of float
        Ends of the axes.

    Returns
    -------
    list of dict
        The rows with ``below``, whether the text is below its line, since another one is right
        above, and ``label_at``: at the right end, or to the left of texts that are as high up
        there. One for which no place is left is left out; its line has a description.
    """
    placed: list[tuple[float, float, float]] = []
    found = []
    lines = [HEIGHT * math.log(row["gflops"] / y[0]) / math.log(y[1] / y[0]) for row in rows]
    for row, line in zip(rows, lines, strict=True):
        # Not across the line of another one right above.
        below = any(2 < other - line < _LINE for other in lines)
        height = line - _LINE - 2 if below else line
        width = _CHARACTER * len(row["text"]) + _GAP
        right = float(WIDTH)
        beside = sorted(one for one in placed if abs(one[0] - height) < _LINE)
        for _, left, end in sorted(beside, key=lambda one: -one[2]):
            if right - width < end and left < right:
                right = left
        if right - width < WIDTH / 6:
            continue
        placed.append((height, right - width, right))
        label_at = x[0] * (x[1] / x[0]) ** (right / WIDTH)
        found.append({**row, "label_at": label_at, "below": below})
    return found


def _marks(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the bricks' levels, with their intervals behind them."""
    bricks = {row["brick"] for row in rows}
    scheme = {"scale": {"scheme": "tableau20"}} if len(bricks) > len(PALETTE) else {}
    color = {"field": "brick", "type": "nominal", "title": "brick", "sort": None, **scheme}
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
                "field": "self_ns",
                "type": "quantitative",
                "title": "self time",
                "scale": {"range": [40, 500], "zero": True},
                "legend": {"tickCount": 3, "labelExpr": time_label("value")},
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
        lines.append(
            f"{short_name(first.cpu)}: roofs of the best mix of loads and stores, "
            f"{_measured_with(roofs[0])}, {short_name(first.verdict)}"
        )
        slopes = _distinct_slopes(roofs)
        if len(slopes) > 1:
            others = ", ".join(dict.fromkeys(_measured_with(one) for one in slopes[1:]))
            lines.append(f"dotted: those of other bricks, {others}")
    else:
        lines.append("No roofs were measured for these bricks: brickprof calibrate")
    bricks = report.summary.bricks
    if len(bricks) > MAX_BRICKS:
        lines.append(
            f"the {MAX_BRICKS} of most wall time of {units.format_count(len(bricks))} bricks"
        )
    left_out = sum(len(brick.levels) for brick in bricks[:MAX_BRICKS]) - len(marks)
    if left_out:
        levels = "1 level" if left_out == 1 else f"{units.format_count(left_out)} levels"
        lines.append(f"not drawn: {levels} without flops or bytes")
    return lines
