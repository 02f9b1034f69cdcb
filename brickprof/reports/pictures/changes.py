"""The picture of a comparison: the change of each brick and level with its interval."""

from __future__ import annotations

from typing import Any

from brickprof.diagnose.change import Verdict
from brickprof.diagnose.comparison import Comparison
from brickprof.reports.comparison_rows import Line, lines_of
from brickprof.reports.pictures.names import distinct_names
from brickprof.reports.pictures.vega import PALETTE

WIDTH = 620
MAX_LINES = 40
"""Changes that are drawn, the first of them."""

MOST_PERCENT = 400.0
"""Ends of intervals beyond it are drawn there: they tell nothing, and would hide all others."""

_COLORS = {
    Verdict.SLOWER: PALETTE[1],
    Verdict.FASTER: PALETTE[2],
    Verdict.NO_DIFFERENCE: PALETTE[0],
    Verdict.CANNOT_TELL: "#8c959f",
}
_HEIGHT = 22


def changes(comparison: Comparison) -> dict[str, Any]:
    """Describe a comparison's changes in Vega-Lite.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    dict
        For `brickprof.reports.pictures.vega.described`.
    """
    lines = [line for line in lines_of(comparison) if line.change.ratio is not None]
    bricks = list(dict.fromkeys(line.row.brick for line in lines[:MAX_LINES]))
    shown = dict(zip(bricks, distinct_names(bricks), strict=True))
    rows = [_row(line, shown[line.row.brick]) for line in lines[:MAX_LINES]]
    names = [row["name"] for row in rows]
    left_out = f", the first {MAX_LINES} of {len(lines)}" if len(lines) > MAX_LINES else ""
    subtitle = f"time of B over A, with intervals that hold together in 95 %{left_out}"
    return {
        "title": {
            "text": f"Comparison: {comparison.verdict.value}",
            "subtitle": subtitle if rows else "nothing could be compared",
        },
        "width": WIDTH,
        "height": {"step": _HEIGHT},
        "data": {"values": rows},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": names, "title": None},
            "color": {
                "field": "verdict",
                "type": "nominal",
                "title": "verdict",
                "scale": {
                    "domain": [verdict.value for verdict in _COLORS],
                    "range": list(_COLORS.values()),
                },
            },
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [4, 4]},
                "encoding": {
                    "x": {"datum": 0, "type": "quantitative"},
                    "y": None,
                    "color": {"value": "#8c959f"},
                    "description": {"value": "no change"},
                },
            },
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.6},
                "encoding": {
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "title": "change, %",
                        "axis": {"tickCount": 10},
                    },
                    "x2": {"field": "high"},
                    "description": {"field": "description"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {
                    "x": {"field": "change", "type": "quantitative"},
                    "description": {"field": "description"},
                    "tooltip": {"field": "description"},
                },
            },
        ],
    }


def _row(line: Line, brick: str) -> dict[str, Any]:
    """Return the row of a line, with the name that its brick is shown by."""
    change = line.change
    name = f"{brick} {line.level}".strip()
    figures = [line.ratio, f"({line.interval})"]
    return {
        "name": name,
        "verdict": change.verdict.value,
        "change": _percent(change.ratio),
        "low": _percent(change.low),
        "high": _percent(change.high),
        "description": f"{name}: {' '.join(figures)}, {change.verdict.value}",
    }


def _percent(ratio: float | None) -> float:
    """Return a change in percent, as far as it is drawn."""
    return min(100 * ((1.0 if ratio is None else ratio) - 1), MOST_PERCENT)
