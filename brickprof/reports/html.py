"""The HTML output: one page that needs nothing else and sends nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from brickprof.core import units
from brickprof.diagnose import Finding
from brickprof.diagnose.summary import BrickSummary
from brickprof.reports.anchors import MAX_BRICKS, finding_anchor, level_anchor
from brickprof.reports.base import Report
from brickprof.reports.html_figure import figure
from brickprof.reports.html_page import page
from brickprof.reports.html_tables import (
    LEVEL_COLUMNS,
    levels_table,
    roofs_table,
    slowest_table,
)
from brickprof.reports.html_time_line import time_line
from brickprof.reports.markup import Markup, element, meanings
from brickprof.reports.pictures import PICTURES, draw
from brickprof.reports.pictures.roofline import MAX_BRICKS as MARKED_BRICKS
from brickprof.reports.pictures.roofline import drawn_levels
from brickprof.reports.text import pair_cost

MAX_FINDINGS = 100
"""Findings on the page, most important first; nobody reads more."""

_ALTERNATIVES = {
    "roofline": "Roofline: GFLOP/s of each brick and level over its arithmetic intensity, below "
    "the measured roofs; the figures are in the table of levels.",
    "times": "Bars of the self time of each brick, by level; the figures are in the table of "
    "levels.",
    "threads": "Bars of how busy each thread of a team was, the busiest of each call first; the "
    "findings name teams that are uneven.",
    "grids": "Heat maps of the mean times of tiles by row and column, for each brick and level; "
    "the slowest tiles are in the table below.",
    "histograms": "Histograms of the times of tiles by brick and level; medians and 99th "
    "percentiles are in the table of levels.",
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
        *_findings(report),
        *(_figure(report, "roofline", "Roofline") if any(_marks(report)) else ()),
        *(_figure(report, "times", "Where the time went") if tiles else ()),
        *_levels(report),
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
        place = f"{first.brick or ''} {level}".strip()
        of = f"First, {place}: " if place else "First: "
        yield element("p", element("strong", of), first.action, " ", link)
    recording = report.recording
    facts = [f"brickprof {recording.version}".strip(), recording.created]
    if recording.machine is not None:
        facts.append(recording.machine.cpu)
    yield element("p", " · ".join(filter(None, facts)), class_="dim")


def headline(bricks: tuple[BrickSummary, ...]) -> str:
    """Return the brick that took longest, its rate and its share of the peak."""
    if not bricks:
        return "Nothing was recorded."
    first = bricks[0]
    parts = [f"{first.info.name} took {units.format_ns(first.info.wall_ns)}"]
    if first.run_gflops:
        share = "" if first.peak_share is None else f", {units.format_percent(first.peak_share)}"
        of_peak = f"{share} of the peak" if share else ""
        parts.append(f"at {units.format_gflops(first.run_gflops)}{of_peak}")
    threads = f"on {units.format_threads(first.info.threads)}"
    others = len(bricks) - 1
    more = f"; {others} more brick{'' if others == 1 else 's'}" if others else ""
    return f"{' '.join([*parts, threads])}{more}."


def _findings(report: Report) -> Iterator[Markup]:
    """Yield the findings, most important first."""
    yield element("h2", "What to look at next", id="findings")
    if not report.findings:
        yield element("p", "No finding: nothing that was looked for is there.")
        return
    yield element("ol", *islice(findings_of(report), MAX_FINDINGS), class_="findings")
    if len(report.findings) > MAX_FINDINGS:
        more = units.format_count(len(report.findings))
        yield element("p", f"The first {MAX_FINDINGS} of {more}; the JSON output has all.")


def findings_of(report: Report, *, links: bool = True) -> Iterator[Markup]:
    """Yield the findings of a report as items of a list, with links to their rows if `links`."""
    rows = _rows_of_findings(report) if links else {}
    marks = set(_marks(report)) if links else set()
    for number, finding in enumerate(report.findings, 1):
        row = rows.get(number)
        anchor = finding_anchor(number) if links else None
        yield element(
            "li", *_finding(finding, row, row in marks), id=anchor, tabindex="-1" if links else None
        )


def _rows_of_findings(report: Report) -> dict[int, str]:
    """Return the id of the row of each finding that has one, by its number."""
    bricks = report.summary.bricks[:MAX_BRICKS]
    places = {brick.info.name: number for number, brick in enumerate(bricks)}
    return {
        number: level_anchor(places[finding.brick], finding.level.label)
        for number, finding in enumerate(report.findings, 1)
        if finding.level is not None and finding.brick in places
    }


def _marks(report: Report) -> Iterator[str]:
    """Yield the ids of the rows of all levels that have a mark in the roofline."""
    for number, brick in enumerate(report.summary.bricks[:MARKED_BRICKS]):
        for level in drawn_levels(brick):
            yield level_anchor(number, level.level.label)


def _finding(finding: Finding, row: str | None, marked: bool) -> Iterator[str]:
    """Yield where a finding is, its evidence, its cause and what to do."""
    level = "" if finding.level is None else finding.level.label
    place = f"{finding.brick or ''} {level}".strip()
    if place:
        yield element("a", place, href=f"#{row}") if row else place
        yield ": "
    yield element("strong", finding.symptom)
    gain = finding.gain
    worth = "" if gain is None or gain < 1.05 else f", up to {units.format_ratio(gain)} as fast"
    yield f" ({finding.evidence}){worth}. "
    yield element("code", finding.code)
    if row and marked:
        yield " "
        yield element("a", "in the roofline", href="#roofline", data_mark=row)
    yield element("p", f"{finding.cause} {finding.action}")


def _figure(report: Report, picture: str, title: str) -> Iterator[Markup]:
    """Yield a picture of the report."""
    assert picture in PICTURES
    instead = _ALTERNATIVES[picture]
    yield from figure(picture, title, instead, lambda theme: draw(report, picture, theme))


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
    findings: dict[str, list[int]] = {}
    for number, row in _rows_of_findings(report).items():
        if number <= MAX_FINDINGS:
            findings.setdefault(row, []).append(number)
    yield levels_table(bricks, findings)
    yield meanings(LEVEL_COLUMNS)


def _threads(report: Report) -> Iterator[Markup]:
    """Yield how busy threads were, where a brick had several."""
    if any(team.threads > 1 for brick in report.summary.bricks for team in brick.info.teams):
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
        yield roofs_table(roofs)
    yield element("h2", "Machine and timer", id="machine")
    yield element("dl", *_facts(report))
    notes = [*report.summary.notes]
    for brick in report.summary.bricks[:MAX_BRICKS]:
        notes += [f"{brick.info.name}: {note}" for note in brick.notes]
    if notes:
        yield element("h2", "Notes", id="notes")
        yield element("ul", *(element("li", note) for note in notes))


def _facts(report: Report) -> Iterator[Markup]:
    """Yield the machine's facts and what the timer cost, as terms and definitions."""
    recording = report.recording
    machine, clock, overhead = recording.machine, recording.clock, recording.overhead
    facts = []
    if machine is not None:
        caches = ", ".join(
            f"L{cache.level} {units.format_bytes(cache.size_bytes)}" for cache in machine.caches
        )
        facts += [
            ("CPU", f"{machine.cpu}, {machine.isa}"),
            ("Cores", f"{machine.physical_cores} physical, {machine.usable_cores} usable"),
            ("Caches", caches),
        ]
    facts.append(("Clock", f"{clock.source}, {clock.ns_per_tick:.4g} ns a tick: {clock.reason}"))
    for name, pair, error in (
        ("nogil", overhead.c_pair, overhead.c_pair_error),
        ("Python", overhead.python_pair, overhead.python_pair_error),
    ):
        if pair:
            cost = f"{pair_cost(pair, error)}, taken out of all times"
            facts.append((f"Start/stop pair, {name}", cost))
    for term, fact in facts:
        yield element("dt", term)
        yield element("dd", fact)
