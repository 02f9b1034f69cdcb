"""What notebooks show of reports, recordings, statistics, roofs, machines and sweeps, as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.machine import Machine
from brickprof.recording import Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.reports import machine_text, sweep_text
from brickprof.reports.base import Report
from brickprof.reports.html import headline
from brickprof.reports.html_findings import finding_items
from brickprof.reports.html_tables import levels_table, roofs_tables
from brickprof.reports.layout import Columns
from brickprof.reports.markup import Cell, Column, Markup, element, joined, table
from brickprof.roofline import Roofs
from brickprof.tuning.sweep import Sweep


@singledispatch
def html_of(value: object) -> str:
    """Return a value as a part of an HTML page.

    Parameters
    ----------
    value : Report, Recording, TileStats, Roofs, Machine or Sweep
        What to show.

    Returns
    -------
    str
        A ``div``, all of whose texts are printable and escaped.

    Raises
    ------
    TypeError
        If it is something else.
    """
    raise TypeError(f"notebooks have no view of {type(value).__name__}")


@html_of.register
def _(report: Report) -> str:
    bricks = report.summary.bricks
    parts = [element("p", element("strong", headline(bricks)))]
    if report.findings:
        parts.append(element("ol", *finding_items(report, links=False)))
    if bricks:
        parts.append(levels_table(bricks))
    return element("div", joined(parts))


@html_of.register
def _(recording: Recording) -> str:
    return html_of(Report.of(recording))


@html_of.register
def _(stats: TileStats) -> str:
    rows = (
        ("Tiles", units.format_count(stats.count)),
        ("Average", units.format_ns(stats.avg_us * 1e3)),
        ("Median, p99", ", ".join(units.format_ns(stats.percentile_ns(p)) for p in (50, 99))),
        ("Total, self", f"{units.format_ns(stats.total_ns)}, {units.format_ns(stats.self_ns)}"),
        ("Total known within", units.format_ns(stats.total_error_ns)),
        ("Rate", units.format_gflops(stats.gflops)),
        ("Arithmetic intensity", units.format_intensity(stats.arithmetic_intensity)),
    )
    of = f" of {printable(stats.brick)}" if stats.brick is not None else ""
    columns: Columns = (("Figure", "left"), ("Value", "right"))
    return element("div", _plain_table(f"{stats.level.label} tiles{of}", columns, rows))


@html_of.register
def _(roofs: Roofs) -> str:
    threads = units.format_threads(roofs.threads)
    measured = f"measured {roofs.measured_at} ({roofs.method}): {roofs.verdict}"
    head = element("p", f"{roofs.cpu}, {roofs.isa}, {threads}, {measured}")
    return element("div", head, roofs_tables(roofs))


@html_of.register
def _(machine: Machine) -> str:
    cores = f"{machine.physical_cores} physical, {machine.usable_cores} usable cores"
    head = element("p", f"{machine.cpu} ({machine.arch}), {machine.isa}, {cores}")
    caches = _plain_table("Caches", machine_text.CACHES, machine_text.cache_rows(machine))
    return element("div", head, caches)


@html_of.register
def _(sweep: Sweep) -> str:
    rows = sweep_text.rows(sweep)
    best = f"Fastest measured: {units.format_threads(sweep.best.threads)}."
    points = _plain_table("Thread counts", sweep_text.columns(sweep.unit), rows)
    return element("div", element("p", element("strong", best)), points)


def _plain_table(caption: str, columns: Columns, rows: Iterable[tuple[str, ...]]) -> Markup:
    """Return a table of texts."""
    heads = [Column(title, title, number=justify == "right") for title, justify in columns]
    cells = ((None, [Cell(text) for text in row]) for row in rows)
    return table(caption, heads, cells, sortable=False)
