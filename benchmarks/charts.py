"""The charts on the page of results."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks import ratios
from benchmarks.kernels.base import RateChart
from benchmarks.kernels.table import KERNELS
from benchmarks.ratios import OURS, Case, pick
from benchmarks.tables import threads

COLOURS = {OURS: "#d1495b", "NumPy": "#2e6f95", "PyTorch": "#e09f3e", "BLIS": "#6a994e"}
MARKERS = {OURS: "o", "NumPy": "s", "PyTorch": "^", "BLIS": "D"}
INK, PALE = "#333333", "#dddddd"
MAX_TICKS = 9

STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "brickprof",
}


def draw(cases: Sequence[Case], folder: Path, suffix: str = "svg") -> list[str]:
    """Draw what the cases allow into a folder and return the charts' names."""
    compared = [case for case in cases if len(case["times"]) > 1]
    drawn = []
    with mpl.rc_context(STYLE):
        figures = {"ratios": ratio_dots(compared)}
        for kernel in KERNELS.values():
            figures[kernel.chart.name] = rates(kernel.chart, pick(compared, kind=kernel.name))
        for name, figure in figures.items():
            if figure:
                undated = {"metadata": {"Date": None}} if suffix == "svg" else {"dpi": 160}
                figure.savefig(folder / f"{name}.{suffix}", **undated)
                drawn.append(name)
    return drawn


def ratio_dots(cases: Sequence[Case]) -> Figure | None:
    """Draw a dot for each problem, its family's mean as a bar, and the line at 1."""
    if not cases:
        return None
    families = ratios.values(cases, lambda case: (case["kind"], case["family"]))
    counts = ratios.values(cases, lambda case: case["threads"])
    dtypes = ratios.values(cases, lambda case: case["dtype"])
    colours = dict(zip(dtypes, itertools.cycle(COLOURS.values()), strict=False))
    figure = Figure(figsize=(1.6 + 3.2 * len(counts), 1.1 + 0.27 * len(families)))
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, len(counts), squeeze=False, sharex=True, sharey=True)[0]
    for panel, count in zip(panels, counts, strict=True):
        panel.axvline(1.0, color=INK, linewidth=1.0)
        for row, (kind, family) in enumerate(families):
            for place, (dtype, colour) in enumerate(colours.items()):
                group = pick(cases, kind=kind, family=family, threads=count, dtype=dtype)
                offset = 0.68 * ((place + 0.5) / len(colours) - 0.5)
                _dots(panel, group, row + offset, colour)
        panel.set_title(threads(count))
        panel.set_xscale("log")
        panel.set_xlabel("times as fast as the fastest of the others")
        _plain_ticks(
            panel.xaxis, [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20], panel.get_xlim()
        )
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(families)), [f"{kind}: {family}" for kind, family in families])
    panels[0].set_ylim(len(families) - 0.5, -0.5)
    for dtype, colour in colours.items():
        panels[-1].plot([], [], "o", color=colour, label=dtype)
    panels[-1].plot([], [], "|", color=INK, markersize=9, markeredgewidth=2, label="mean")
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside upper right",
                  ncols=len(colours) + 1)  # fmt: skip
    return figure


def _dots(panel: Any, group: Sequence[Case], height: float, colour: str) -> None:
    """Draw one family's dots and its geometric mean."""
    mean = ratios.summarize(group)
    if mean:
        found = [ratios.ratio(case) for case in group]
        panel.plot(found, [height] * len(found), "o", color=colour, alpha=0.45, markersize=3.4,
                   markeredgewidth=0)  # fmt: skip
        panel.plot([mean.mean], [height], "|", color=colour, markersize=9, markeredgewidth=2)


def _plain_ticks(axis: Any, ticks: Sequence[float], limits: tuple[float, float]) -> None:
    """Put plain numbers on a logarithmic axis, those within the limits."""
    inside = [tick for tick in ticks if limits[0] <= tick <= limits[1]]
    axis.set_ticks(inside if len(inside) <= MAX_TICKS else inside[::-2])
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _lines(panel: Any, cases: Mapping[int, Case]) -> None:
    """Draw each backend's rate over the size, with the range between its quartiles."""
    for name, colour in COLOURS.items():
        found = [(size, case) for size, case in cases.items() if name in case["times"]]
        if not found:
            continue
        places = [size for size, _ in found]
        front = 3 if name == OURS else 2
        best = [ratios.rate(case, name) for _, case in found]
        panel.plot(places, best, color=colour, marker=MARKERS[name], label=name, zorder=front)
        slow, fast = ([ratios.rate(case, name, of) for _, case in found] for of in ("q3", "q1"))
        panel.fill_between(places, slow, fast, color=colour, alpha=0.15, linewidth=0)
    panel.set_xscale("log", base=2)
    _plain_ticks(panel.xaxis, [2**power for power in range(20)], panel.get_xlim())
    panel.set_ylim(bottom=0)


def rates(chart: RateChart, cases: Sequence[Case]) -> Figure | None:
    """Draw rates over the size, and the multiply-add peak as a line where it was measured."""
    cases = [case for case in cases if chart.shown(case)]
    if not cases:
        return None
    rows = ratios.values(cases, chart.row)
    counts = ratios.values(cases, lambda case: case["threads"])
    figure = Figure(figsize=(0.6 + 3.6 * len(counts), 0.5 + 2.1 * len(rows)))
    figure.set_layout_engine("constrained")
    grid = figure.subplots(len(rows), len(counts), squeeze=False, sharex=True)
    for panels, title in zip(grid, rows, strict=True):
        for panel, count in zip(panels, counts, strict=True):
            group = [case for case in pick(cases, threads=count) if chart.row(case) == title]
            by_size = {chart.size(case): case for case in group}
            peaks = [case["peak"]["best"] for case in group if "peak" in case]
            if peaks:
                panel.axhline(max(peaks), color=INK, linestyle=(0, (4, 3)), label="FMA peak")
            _lines(panel, dict(sorted(by_size.items())))
            panel.set_title(f"{title}, {threads(count)}")
        panels[0].set_ylabel("GFLOP/s")
    for panel in grid[-1]:
        panel.set_xlabel(chart.size_title)
    handles, labels = grid[0][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure
