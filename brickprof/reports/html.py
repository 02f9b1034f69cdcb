"""The HTML output: one page that needs nothing else and sends nothing anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from brickprof.core import units
from brickprof.diagnose import Finding
from brickprof.diagnose.summary import BrickSummary
from brickprof.reports.base import Report
from brickprof.reports.html_page import page
from brickprof.reports.html_tables import (
    LEVEL_COLUMNS,
    MAX_BRICKS,
    level_anchor,
    levels_table,
    roofs_table,
    slowest_table,
)
from brickprof.reports.markup import Markup, element, meanings, text
from brickprof.reports.pictures import PICTURES, draw
from brickprof.reports.pictures.vega import THEMES, to_svg
from brickprof.reports.text import pair_cost

_ALTERNATIVES = {
    "roofline": "Roofline: GFLOP/s of each brick and level over its arithmetic intensity, below "
    "the measured roofs; the figures are in the table of levels.",
    "times": "Bars of the self time of each brick, by level; the figures are in the table of "
    "levels.",
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
    sections = [
        *_header(report),
        *_findings(report),
        *_figure(report, "roofline", "Roofline"),
        *_figure(report, "times", "Where the time went"),
        *_levels(report),
        *_figure(report, "histograms", "How long tiles took"),
        *_grids(report),
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
        link = element("a", "Why", href="#finding-1")
        yield element("p", element("strong", "First: "), first.action, " ", link)
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
    yield element("ol", *findings_of(report), class_="findings")


def findings_of(report: Report, *, links: bool = True) -> Iterator[Markup]:
    """Yield the findings of a report as items of a list, with links to their rows if `links`."""
    bricks = report.summary.bricks if links else ()
    places = {brick.info.name: number for number, brick in enumerate(bricks)}
    for number, finding in enumerate(report.findings, 1):
        anchor = f"finding-{number}" if links else None
        yield element("li", *_finding(finding, places), id=anchor)


def _finding(finding: Finding, places: dict[str, int]) -> Iterator[str]:
    """Yield where a finding is, its evidence, its cause and what to do."""
    level = "" if finding.level is None else finding.level.label
    place = f"{finding.brick or ''} {level}".strip()
    if place and finding.brick in places and places[finding.brick] < MAX_BRICKS and level:
        yield element("a", place, href=f"#{level_anchor(places[finding.brick], level)}")
        yield ": "
    elif place:
        yield f"{place}: "
    yield element("strong", finding.symptom)
    gain = finding.gain
    worth = "" if gain is None or gain < 1.05 else f", up to {units.format_number(gain)}x as fast"
    yield f" ({finding.evidence}){worth}. "
    yield element("code", finding.code)
    yield element("p", f"{finding.cause} {finding.action}")


def _figure(report: Report, picture: str, title: str) -> Iterator[Markup]:
    """Yield a picture in the colors that the reader's system asks for."""
    assert picture in PICTURES
    light, dark = (_data(to_svg(_untitled(draw(report, picture, theme)))) for theme in THEMES)
    source = Markup(f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">')
    image = Markup(f'<img src="{light}" alt="{text(_ALTERNATIVES[picture])}">')
    yield element("h2", title, id=picture)
    yield element(
        "figure", element("picture", source, image), tabindex="0", role="group", aria_label=title
    )


def _untitled(picture: dict[str, Any]) -> dict[str, Any]:
    """Return a picture without its title, which is the heading above it."""
    return {**picture, "title": {**picture["title"], "text": ""}}


def _data(svg: str) -> str:
    """Return a picture as an address that holds all of it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


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
    yield levels_table(bricks)
    yield meanings(LEVEL_COLUMNS)


def _grids(report: Report) -> Iterator[Markup]:
    """Yield the heat maps and the slowest tiles, where a grid was kept."""
    bricks = report.summary.bricks[:MAX_BRICKS]
    if not any(level.stats.grid for brick in bricks for level in brick.levels):
        return
    yield from _figure(report, "grids", "Tiles by row and column")
    yield slowest_table(bricks)


def _surroundings(report: Report) -> Iterator[Markup]:
    """Yield the roofs, the machine, the timer and the notes."""
    recording, roofs = report.recording, report.roofs
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
    if recording.events_dropped or recording.events:
        kept = units.format_count(len(recording.events))
        yield element("p", f"The recording holds a time line of {kept} tiles.", class_="dim")


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
