"""The HTML output: one page that needs nothing else and sends nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import units
from brickprof.core.histograms import RESOLUTION
from brickprof.diagnose.summary import BrickSummary
from brickprof.reports.anchors import MAX_BRICKS, finding_anchor
from brickprof.reports.base import Report
from brickprof.reports.category_cells import budgets_head
from brickprof.reports.html_figure import figure
from brickprof.reports.html_findings import findings_by_row, findings_section, marked_rows
from brickprof.reports.html_page import page
from brickprof.reports.html_tables import (
    LEVEL_COLUMNS,
    budgets_table,
    categories_table,
    levels_table,
    roofs_tables,
    slowest_table,
)
from brickprof.reports.html_time_line import time_line
from brickprof.reports.markup import Markup, element, figure_text, meanings, name_text, text
from brickprof.reports.picture_tables import table_behind
from brickprof.reports.pictures import PICTURES, draw
from brickprof.reports.text import pair_cost
from brickprof.roofline import Roofs

_ALTERNATIVES = {
    "roofline": "Roofline: GFLOP/s of each brick and level over its arithmetic intensity, below "
    "the measured roofs; the figures are in the table of levels.",
    "times": "Bars of the self time of each brick, by level; the figures are in the table below.",
    "thread-times": "Bars of the self time of each thread of a brick, by level; the figures are in "
    "the table below.",
    "threads": "Bars of how busy each thread of a team was, the busiest of each call first; the "
    "figures are in the table below.",
    "grids": "Heat maps of the mean times of tiles by row and column, for each brick and level; "
    "the figures are in the tables below.",
    "histograms": "Histograms of the times of tiles by brick and level; the figures are in the "
    "table below.",
}


def render_report(report: Report) -> str:
    """Render a report as an HTML page.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        The page: headline, findings, pictures in light and dark, tables that can be sorted, and
        what the figures come from.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    tiles = any(level.stats.timed for brick in report.summary.bricks for level in brick.levels)
    sections = [
        *_header(report),
        *findings_section(report),
        *(_figure(report, "roofline", "Roofline") if any(marked_rows(report)) else ()),
        *(_figure(report, "times", "Where the time went") if tiles else ()),
        *_levels(report),
        *_categories_and_budgets(report),
        *(_figure(report, "histograms", "How long tiles took") if tiles else ()),
        *_threads(report),
        *_grids(report),
        *time_line(report),
        *_surroundings(report),
    ]
    return page(_title(report), sections)


def _title(report: Report) -> str:
    """Return what the page is of."""
    names = [brick.info.name for brick in report.summary.bricks[:3]]
    return f"{', '.join(names) or 'nothing recorded'} - brickprof"


def _header(report: Report) -> Iterator[Markup]:
    """Yield what ran, how near the roof it was, and what to do first."""
    bricks = report.summary.bricks
    yield element("h1", "Tile profile")
    yield element("p", headline(bricks), class_="headline")
    if report.findings:
        first = report.findings[0]
        link = element("a", "Why", href=f"#{finding_anchor(1)}")
        level = "" if first.level is None else first.level.label
        place = f"{name_text(first.brick or '')} {level}".strip()
        of = Markup(f"First, {place}: " if place else "First: ")
        what = first.action.partition("; or ")[0].rstrip(".")
        yield element("p", element("strong", of), f"{what}. ", link)
    recording = report.recording
    facts = [f"brickprof {recording.version}".strip(), recording.created]
    if recording.machine is not None:
        facts.append(recording.machine.cpu)
    yield element("p", " · ".join(filter(None, facts)), class_="dim")


def headline(bricks: tuple[BrickSummary, ...]) -> Markup:
    """Return the brick that took longest, its rate and its share of the peak.

    Parameters
    ----------
    bricks : tuple of BrickSummary
        Those of a report.
    """
    if not bricks:
        return text("Nothing was recorded.")
    first = bricks[0]
    info = first.info
    parts = [
        Markup(f"{name_text(info.name)} took "),
        figure_text(
            units.format_ns(info.wall_ns),
            "Wall time of its calls, time that overlaps counted once; measured.",
        ),
        text(f" in {_calls(info.calls)}" if info.calls else ""),
    ]
    if first.run_gflops:
        parts += [
            text(" at "),
            figure_text(
                units.format_gflops(first.run_gflops),
                f"{units.listed(info.work_sources or ('declared',)).capitalize()} flops over the "
                "wall time, of all threads.",
            ),
        ]
    if first.run_gflops and first.peak_share is not None:
        parts += [
            text(", "),
            figure_text(
                f"{units.format_percent(first.peak_share)} of the peak",
                "That rate over the measured peak of as many threads.",
            ),
        ]
    parts.append(text(f" on {units.format_threads(info.threads)}"))
    others = len(bricks) - 1
    more = f"; {units.format_counted(others, 'more brick')}" if others else ""
    return Markup("".join([*parts, text(f"{more}.")]))


def _calls(calls: int) -> str:
    """Return a number of calls."""
    return units.format_counted(calls, "call")


def _figure(report: Report, picture: str, title: str) -> Iterator[Markup]:
    """Yield a picture of the report."""
    assert picture in PICTURES
    instead = _ALTERNATIVES[picture]
    yield from figure(picture, title, instead, lambda theme: draw(report, picture, theme))
    behind = table_behind(report, picture)
    if behind is not None:
        yield behind


def _levels(report: Report) -> Iterator[Markup]:
    """Yield the table of all levels, and what its figures are."""
    yield element("h2", "Levels", id="levels")
    bricks = report.summary.bricks
    if len(bricks) > MAX_BRICKS:
        yield element(
            "p",
            f"The {MAX_BRICKS} bricks of most wall time, of {units.format_count(len(bricks))}; "
            "the JSON output has all.",
        )
    yield levels_table(bricks, findings_by_row(report))
    yield meanings(LEVEL_COLUMNS)


def _categories_and_budgets(report: Report) -> Iterator[Markup]:
    """Yield what each category took, and whether budgets were kept, where there are any."""
    if report.summary.categories:
        yield element("h2", "Time by category", id="categories")
        yield categories_table(report.summary.categories)
    if report.budgets:
        yield element("h2", f"Budgets: {budgets_head(report.budgets)}", id="budgets")
        yield budgets_table(report.budgets)


def _threads(report: Report) -> Iterator[Markup]:
    """Yield how busy threads were, where a brick had several."""
    infos = [brick.info for brick in report.summary.bricks]
    if any(len(info.thread_self_ns) > 1 for info in infos):
        yield from _figure(report, "thread-times", "Time by brick, level and thread")
    if any(team.threads > 1 for info in infos for team in info.teams):
        yield from _figure(report, "threads", "How busy threads were")


def _grids(report: Report) -> Iterator[Markup]:
    """Yield the heat maps and the slowest tiles, where a grid was kept."""
    bricks = report.summary.bricks[:MAX_BRICKS]
    if not any(level.stats.grid for brick in bricks for level in brick.levels):
        return
    yield from _figure(report, "grids", "Tiles by row and column")
    yield slowest_table(bricks)


def _surroundings(report: Report) -> Iterator[Markup]:
    """Yield the roofs, the machine, the timer and the notes."""
    roofs = report.roofs
    if roofs is not None:
        yield element("h2", "Roofs", id="roofs")
        threads = units.format_threads(roofs.threads)
        yield element(
            "p",
            f"{roofs.cpu}, {roofs.isa}, {threads}, measured {roofs.measured_at} "
            f"({roofs.method}): {roofs.verdict}",
        )
        yield roofs_tables(roofs)
    for more in _other_roofs(report):
        yield roofs_tables(more)
    yield element("h2", "Machine and timer", id="machine")
    yield element("dl", *_facts(report))
    notes = [*report.summary.notes]
    for brick in report.summary.bricks[:MAX_BRICKS]:
        notes += [f"{brick.info.name}: {note}" for note in brick.notes]
    if notes:
        yield element("h2", "Notes", id="notes")
        yield element("ul", *(element("li", note) for note in notes))


def _noise(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield how much the calls of the longest brick differed, and what else had the processors."""
    first = next(iter(report.summary.bricks), None)
    if first is not None and first.run_spread is not None:
        spread = units.format_percent(max(first.run_spread, RESOLUTION))
        shown = f"half of the calls of {first.info.name} within {spread}"
        source = "Difference of the quartiles of the calls' times per flop, over their median."
        yield "Noise", shown, source
    lost = (
        ("taken by the host", report.recording.steal_ns),
        ("quota", report.recording.throttled_ns),
    )
    for name, ns in lost:
        if ns:
            yield f"Time lost, {name}", units.format_ns(ns), "As the operating system counts it."


def _other_roofs(report: Report) -> Iterator[Roofs]:
    """Yield the roofs of other thread counts and instruction sets that bricks are held against."""
    shown = set() if report.roofs is None else {_measurement(report.roofs)}
    for brick in report.summary.bricks[:MAX_BRICKS]:
        if brick.roofs is not None and _measurement(brick.roofs.roofs) not in shown:
            shown.add(_measurement(brick.roofs.roofs))
            yield brick.roofs.roofs


def _measurement(roofs: Roofs) -> tuple[str, int, str]:
    """Return what tells measurements of roofs apart, whichever element type they are used for."""
    return roofs.fingerprint, roofs.threads, roofs.isa


def _facts(report: Report) -> Iterator[Markup]:
    """Yield the machine's facts and what the timer cost, as terms and definitions."""
    recording = report.recording
    machine, clock, overhead = recording.machine, recording.clock, recording.overhead
    facts = []
    if machine is not None:
        caches = ", ".join(
            f"L{cache.level} {units.format_bytes(cache.size_bytes)}" for cache in machine.caches
        )
        told = "As the operating system and the processor tell"
        assumed = f"; assumed: {', '.join(machine.assumed)}" if machine.assumed else ""
        facts += [
            ("CPU", f"{machine.cpu}, {machine.isa}", f"{told}."),
            (
                "Cores",
                f"{machine.physical_cores} physical, {machine.usable_cores} usable",
                f"{told}; usable are those that affinity and quota leave{assumed}.",
            ),
            ("Caches", caches, f"{told}, of each core or of those that share it{assumed}."),
        ]
    tick = f"{clock.source}, {clock.ns_per_tick:.4g} ns a tick: {clock.reason}"
    facts += _noise(report)
    facts.append(("Clock", tick, "Its tick is measured against the system's monotonic clock."))
    for name, pair, error in (
        ("nogil", overhead.c_pair, overhead.c_pair_error),
        ("Python", overhead.python_pair, overhead.python_pair_error),
    ):
        if pair:
            cost = f"{pair_cost(pair, error)}, taken out of all times"
            source = "Median over several kinds of work, measured when profiling was switched on."
            facts.append((f"Start/stop pair, {name}", cost, source))
    for term, fact, source in facts:
        yield element("dt", term)
        yield element("dd", figure_text(fact, source))
