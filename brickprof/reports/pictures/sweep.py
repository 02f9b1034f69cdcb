"""The picture of a sweep: throughput over thread counts, with intervals and the fitted law.

N. J. Gunther, "Guerrilla Capacity Planning", 2007, chapter 4: the Universal Scalability Law.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.reports.pictures.names import short_name
from brickprof.reports.pictures.vega import PALETTE
from brickprof.tuning.sweep import Sweep

WIDTH, HEIGHT = 640, 340
_CURVE_POINTS = 120
_FASTEST, _MEASURED, _LAW = "fastest measured", "measured, interval of the median", "fitted law"
_COLORS = {_MEASURED: PALETTE[0], _FASTEST: PALETTE[2], _LAW: PALETTE[1]}

_NAMES = {"USL": "Universal Scalability", "Amdahl": "Amdahl's"}


def sweep(swept: Sweep, title: str) -> dict[str, Any]:
    """Describe a sweep of thread counts in Vega-Lite.

    Points are throughputs at the median time, bars their 95 % confidence intervals; the line is the
    fitted law, with a dashed line at its optimum where that is within the axes.

    Parameters
    ----------
    swept : Sweep
        What was measured.
    title : str
        What was swept.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    counts = sorted(point.threads for point in swept)
    return {
        "title": {"text": short_name(title), "subtitle": _subtitle(swept)},
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": {
            "x": {
                "field": "threads",
                "type": "quantitative",
                "title": "threads",
                "scale": {"domain": [counts[0], max(counts[-1], counts[0] + 1)], "nice": False},
                "axis": {"values": counts, "format": "d", "labelOverlap": "greedy"},
            },
            "y": {
                "field": "rate",
                "type": "quantitative",
                "title": f"{short_name(swept.unit)}/s",
                "scale": {"zero": True},
            },
            "color": {
                "field": "what",
                "type": "nominal",
                "title": None,
                "sort": None,
                "scale": {"domain": list(_COLORS), "range": list(_COLORS.values())},
            },
        },
        "layer": [*_law(swept, counts[0], counts[-1]), *_points(swept)],
    }


def _subtitle(swept: Sweep) -> list[str]:
    """Return what was fastest, and the law with how well it fits."""
    best = swept.best
    rate = f"{units.format_number(swept.throughput(best))} {short_name(swept.unit)}/s"
    lines = [f"fastest measured: {units.format_threads(best.threads)}, {rate}"]
    law = swept.scalability
    if law is not None:
        lines.append(
            f"{_NAMES.get(law.law, law.law)} law: contention {units.format_number(law.alpha)}, "
            f"coherency {units.format_number(law.beta)}, R² {units.format_number(law.r_squared)}"
        )
        lines += map(_first_sentence, law.caveats)
    return lines


def _first_sentence(text: str) -> str:
    """Return the first sentence of a text, as a line of a picture has room for."""
    return printable(text).partition(". ")[0].rstrip(".")


def _law(swept: Sweep, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Yield the fitted law as a curve, and its optimum where that is within the axes."""
    law = swept.scalability
    if law is None or last == first:
        return
    steps = [first + (last - first) * i / _CURVE_POINTS for i in range(_CURVE_POINTS + 1)]
    curve = [{"threads": n, "rate": law.predict(n), "what": _LAW} for n in steps]
    yield {
        "data": {"values": curve},
        "mark": {"type": "line", "strokeWidth": 2},
    }
    if first <= law.optimum <= last:
        rate = law.predict(law.optimum)
        said = f"optimum of the law: {units.format_number(law.optimum)} threads"
        yield {
            "data": {
                "values": [
                    {"threads": law.optimum, "rate": 0.0, "top": rate, "what": _LAW, "said": said}
                ]
            },
            "mark": {"type": "rule", "strokeDash": [4, 3]},
            "encoding": {"y2": {"field": "top"}, "description": {"field": "said"}},
        }


def _points(swept: Sweep) -> Iterator[dict[str, Any]]:
    """Yield a point with its interval for each thread count."""
    rows = []
    for point in swept:
        low, high = swept.throughput_interval(point)
        rate = swept.throughput(point)
        shown = ", ".join(units.format_number(end) for end in (low, high))
        rows.append(
            {
                "threads": point.threads,
                "rate": rate,
                "low": low,
                "high": high,
                "what": _FASTEST if point == swept.best else _MEASURED,
                "description": f"{units.format_threads(point.threads)}: "
                f"{units.format_number(rate)} {short_name(swept.unit)}/s, interval [{shown}]",
            }
        )
    yield {
        "data": {"values": rows},
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
            "description": {"field": "description"},
        },
    }
    yield {
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
        "encoding": {
            "tooltip": {"field": "description"},
            "description": {"field": "description"},
        },
    }
