"""A report as plain text: a table per brick, notes and findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brickprof.core import metrics, units
from brickprof.core.histograms import RESOLUTION
from brickprof.core.plain_text import printable
from brickprof.diagnose.summary import BrickSummary, Summary
from brickprof.recording import Recording
from brickprof.reports import layout
from brickprof.reports.base import Report
from brickprof.reports.category_cells import (
    BUDGET_COLUMNS,
    CATEGORY_COLUMNS,
    budget_cells,
    budgets_head,
    category_cells,
    clipped,
)
from brickprof.reports.findings_text import brick_name, places, render_findings
from brickprof.reports.level_cells import COLUMNS, cells
from brickprof.reports.slowest_tiles import COLUMNS as SLOWEST_COLUMNS
from brickprof.reports.slowest_tiles import slowest_tiles
from brickprof.roofline import MEMORY, Roofs

if TYPE_CHECKING:
    from rich.console import Console

MAX_BRICKS = 4
"""Bricks that have a table, those of most wall time; a report of more stays within a screen."""

MAX_NOTES = 5
"""Notes that are shown in a report of more than `MAX_BRICKS` bricks."""

_MORE = "What a code means at length: `brickprof report --explain CODE`"

_SLOWEST_COLUMNS: layout.Columns = [
    (heading, "left" if number < 2 else "right") for number, heading in enumerate(SLOWEST_COLUMNS)
]

_EMPTY = (
    "Nothing was recorded yet: enable_tile_profiling(), then start_tile(...) and stop_tile(...) "
    "around the tiles of a kernel, or pass profiler= to gemm or attention."
)


def render(
    recording: Recording, roofs: Roofs | None = None, *, console: Console | None = None
) -> str:
    """Render a recording as a table per brick, notes and findings.

    Parameters
    ----------
    recording : Recording
        The recording.
    roofs : Roofs, optional
        Roofs to compare with; by default the recording's own.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    return render_report(Report.of(recording, roofs), console=console)


def render_report(report: Report, *, console: Console | None = None) -> str:
    """Render a report as `render` does a recording."""
    summary, console = report.summary, console or layout.plain_console()
    lines = [*layout.packed(console, _run_items(summary)), *_roof_lines(console, summary)]
    if not summary.bricks:
        lines += ["", *layout.hanging(console, "", _EMPTY)]
    for brick in summary.bricks[:MAX_BRICKS]:
        lines += ["", *layout.packed(console, _brick_items(brick))]
        if brick.levels:
            lines += layout.table(console, COLUMNS, map(cells, brick.levels), full_width=True)
    lines += _rest(console, summary)
    lines += _categories_and_budgets(console, report)
    slowest = [one.cells() for one in slowest_tiles(summary.bricks[:MAX_BRICKS], 1)]
    if slowest:
        rows = [(layout.clipped(printable(row[0]), 30), *row[1:]) for row in slowest]
        lines += ["", "Slowest tile of each level"]
        lines += layout.table(console, _SLOWEST_COLUMNS, rows, keys=2)
    notes = _notes(summary)
    if notes:
        lines += ["", *layout.bullets(console, "Notes", notes)]
    text = layout.text_of(lines)
    if not report.findings:
        return text
    more = layout.text_of(layout.hanging(console, "    ", _MORE))
    return f"{text}\n{render_findings(report.findings, console=console)}{more}"


def _categories_and_budgets(console: Console, report: Report) -> list[str]:
    """Return the tables of categories and of budgets; no line without any."""
    lines: list[str] = []
    shares = report.summary.categories
    if shares:
        lines += ["", "Time by category (of the calling threads)"]
        lines += layout.table(console, CATEGORY_COLUMNS, clipped(map(category_cells, shares)))
    if report.budgets:
        lines += ["", f"Budgets: {budgets_head(report.budgets)}"]
        rows = clipped(map(budget_cells, report.budgets))
        lines += layout.table(console, BUDGET_COLUMNS, rows, keys=2)
    return lines


def _rest(console: Console, summary: Summary) -> list[str]:
    """Return the line about the bricks that have no table."""
    rest = summary.bricks[MAX_BRICKS:]
    if not rest:
        return []
    share = metrics.share(
        sum(brick.info.wall_ns for brick in rest),
        sum(brick.info.wall_ns for brick in summary.bricks),
    )
    bricks = f"{units.format_count(len(rest))} more brick{'' if len(rest) == 1 else 's'}"
    text = f"and {bricks}, {units.format_percent(share)} of the wall time (--json has them)"
    return ["", *layout.paragraphs(console, text)]


def _notes(summary: Summary) -> list[str]:
    """Return all notes; one that is about several bricks names the first of them."""
    about: dict[str, list[str]] = {}
    for brick in summary.bricks:
        for note in brick.notes:
            about.setdefault(note, []).append(brick.info.name)
    notes = [f"{places(bricks)}: {printable(note)}" for note, bricks in about.items()]
    notes += map(printable, summary.notes)
    if len(summary.bricks) > MAX_BRICKS and len(notes) > MAX_NOTES:
        more = units.format_count(len(notes) - MAX_NOTES + 1)
        return [*notes[: MAX_NOTES - 1], f"{more} more notes (--json has them)."]
    return notes


def _run_items(summary: Summary) -> Iterator[str]:
    """Yield the library, the machine, the clock and its overhead."""
    recording = summary.recording
    yield f"brickprof {recording.version}".strip()
    machine = recording.machine
    if machine is not None:
        cores = machine.usable_cores
        isa = " and ".join(recording.isas) or machine.isa
        yield f"{machine.cpu}, {cores} core{'' if cores == 1 else 's'}, {isa}"
    tick = recording.clock.ns_per_tick
    length = f" {units.format_number(tick)} ns/tick" if tick else ""
    step = recording.clock.step_ns
    if step:
        length += f", moves in steps of {units.format_ns(step)}"
    yield f"clock {recording.clock.source}{length}"
    overhead = recording.overhead
    entry_points = (
        (overhead.c_pair, overhead.c_pair_error, "nogil"),
        (overhead.python_pair, overhead.python_pair_error, "Python"),
    )
    pairs = [
        f"{pair_cost(pair_ns, error_ns)} {name}"
        for pair_ns, error_ns, name in entry_points
        if pair_ns
    ]
    if pairs:
        yield f"pair {', '.join(pairs)} (taken out)"


def pair_cost(pair_ns: float, error_ns: float) -> str:
    """Return what a pair costs, as the interval that it is in."""
    if error_ns < 0.5:
        return units.format_ns(pair_ns)
    return f"{max(pair_ns - error_ns, 0.0):.0f} to {pair_ns + error_ns:.0f} ns"


def _roof_lines(console: Console, summary: Summary) -> list[str]:
    """Return the lines of the roofs that the bricks are compared with."""
    roofs = summary.roofs
    if roofs is None:
        return []
    used = {brick.dtype for brick in summary.bricks}
    dtypes = [dtype for dtype in roofs.peak_by_dtype if dtype in used] or [roofs.dtype]
    several = len(dtypes) > 1
    peaks = [
        units.format_number(roofs.peak_by_dtype[dtype]) + (f" {dtype}" if several else "")
        for dtype in dtypes
    ]
    memories = [f"{name} {units.format_number(roofs.bandwidth_gbs[name])}" for name in MEMORY]
    head = f"Roofs ({'' if several else f'{dtypes[0]}, '}{units.format_threads(roofs.threads)}, "
    head += f"measured {roofs.measured_at[:10]}): peak {', '.join(peaks)} GFLOP/s"
    return layout.packed(console, [head, f"{' · '.join(memories)} GB/s"])


def _brick_items(brick: BrickSummary) -> Iterator[str]:
    """Yield a brick's name and the figures of its whole run."""
    info = brick.info
    yield brick_name(info.name)
    yield brick.dtype
    yield units.format_threads(info.threads)
    if info.calls:
        yield f"{units.format_count(info.calls)} call{'' if info.calls == 1 else 's'}"
    yield f"{units.format_ns(info.wall_ns)} wall"
    if any(row.stats.flops for row in brick.levels):
        share = brick.peak_share
        of_peak = "" if share is None else f" ({units.format_percent(share)} of peak)"
        spread = brick.run_spread
        middle = (
            ""
            if spread is None
            else f", half of the calls within {units.format_percent(max(spread, RESOLUTION))}"
        )
        yield f"{units.format_number(brick.run_gflops)} GFLOP/s{of_peak}{middle}"
    if info.work_sources:
        yield f"work {units.listed(info.work_sources)}"
