"""A sweep of thread counts as an SVG picture: throughputs with intervals, and the fitted law."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from html import escape

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.tuning.sweep import Sweep

__all__ = ["render"]

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 616, 44, 344
_INK, _GRID, _DOT, _LAW = "#333333", "#dddddd", "#d1495b", "#2e6f95"
_CURVE_POINTS = 120
_TICKS = 5

_STYLE = (
    f"text{{font:12px sans-serif;fill:{_INK}}}"
    f".grid{{stroke:{_GRID}}}"
    f".axis{{stroke:{_INK}}}"
    f".law{{fill:none;stroke:{_LAW};stroke-width:1.6}}"
    f".optimum{{stroke:{_LAW};stroke-dasharray:4 3}}"
    f".interval{{stroke:{_DOT};stroke-width:1.4}}"
    f".dot{{fill:{_DOT}}}"
    f".best{{stroke:{_INK};stroke-width:1.6}}"
)

_Scale = Callable[[float], float]


def render(sweep: Sweep, title: str) -> str:
    """Draw a sweep.

    Parameters
    ----------
    sweep : Sweep
        What was measured.
    title : str
        What was swept.

    Returns
    -------
    str
        An SVG document. Dots are throughputs at the median, with an outline around the fastest;
        bars are 95 % confidence intervals; the line is the fitted law, dashed at its optimum.
    """
    counts = sorted(point.threads for point in sweep)
    first, last = counts[0], max(counts[-1], counts[0] + 1)
    top = max(sweep.throughput_interval(point)[1] for point in sweep)
    step = _step(top)
    steps = max(math.ceil(top / step), 1)
    ceiling = step * steps
    rates = [step * i for i in range(steps + 1)]

    def x_of(threads: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (threads - first) / (last - first)

    def y_of(rate: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * min(rate / ceiling, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<title>{escape(printable(title))}</title><style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 24, title),
        *_axes(sweep.unit, counts, rates, x_of, y_of),
        *_law(sweep, first, last, x_of, y_of),
        *_points(sweep, x_of, y_of),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _step(top: float) -> float:
    """Return a round distance between grid lines: 1, 2 or 5 times a power of ten."""
    if top <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top / _TICKS))
    return next(power * times for times in (1, 2, 5, 10, 20) if top <= _TICKS * power * times)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    """Return a line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(printable(text))}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a straight line of a class of the style sheet."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _axes(
    unit: str, counts: list[int], rates: list[float], x_of: _Scale, y_of: _Scale
) -> Iterator[str]:
    """Yield grid lines and labelled axes; a thread count whose label would collide has none."""
    for rate in rates:
        yield _line("grid", _LEFT, y_of(rate), _RIGHT, y_of(rate))
        yield _text(_LEFT - 8, y_of(rate) + 4, units.format_number(rate), "end")
    next_free_x = 0.0
    for count in counts:
        yield _line("axis", x_of(count), _BOTTOM, x_of(count), _BOTTOM + 5)
        if x_of(count) >= next_free_x:
            yield _text(x_of(count), _BOTTOM + 20, str(count), "middle")
            next_free_x = x_of(count) + 8 * len(str(count)) + 12
    yield _line("axis", _LEFT, _BOTTOM, _RIGHT, _BOTTOM)
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 42, "threads", "middle")
    yield _text(_RIGHT, 24, f"{unit}/s", "end")


def _law(sweep: Sweep, first: int, last: int, x_of: _Scale, y_of: _Scale) -> Iterator[str]:
    """Yield the fitted law as a curve, and its optimum where that is within the axes."""
    law = sweep.scalability
    if law is None:
        return
    steps = [first + (last - first) * i / _CURVE_POINTS for i in range(_CURVE_POINTS + 1)]
    curve = " ".join(f"{x_of(n):.1f},{y_of(law.predict(n)):.1f}" for n in steps)
    yield f'<polyline class="law" points="{curve}"/>'
    if first <= law.optimum <= last:
        at = x_of(law.optimum)
        yield _line("optimum", at, _BOTTOM, at, y_of(law.predict(law.optimum)))


def _points(sweep: Sweep, x_of: _Scale, y_of: _Scale) -> Iterator[str]:
    """Yield a dot with its interval for each thread count."""
    for point in sweep:
        x, y = x_of(point.threads), y_of(sweep.throughput(point))
        low, high = sweep.throughput_interval(point)
        yield _line("interval", x, y_of(low), x, y_of(high))
        kind = "dot best" if point == sweep.best else "dot"
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
