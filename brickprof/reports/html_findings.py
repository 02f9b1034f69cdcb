"""The findings of the HTML page, linked to the rows and marks that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from brickprof.core import units
from brickprof.diagnose import Finding
from brickprof.reports.anchors import MAX_BRICKS, finding_anchor, level_anchor
from brickprof.reports.base import Report
from brickprof.reports.finding_groups import grouped
from brickprof.reports.markup import Markup, element, figure_text, name_text
from brickprof.reports.pictures.roofline import MAX_BRICKS as MARKED_BRICKS
from brickprof.reports.pictures.roofline import drawn_levels

MAX_FINDINGS = 100
"""Findings on the page, most important first; nobody reads more."""

_NAMED = 3
"""Bricks of a finding that are named in its first line; all are in a list below it."""

_LISTED = 50
"""Bricks of a finding that are listed."""


def findings_section(report: Report) -> Iterator[Markup]:
    """Yield the findings, most important first, under their heading.

    Parameters
    ----------
    report : Report
        The report.
    """
    yield element("h2", "What to look at next", id="findings")
    found = len(grouped(report.findings))
    if not found:
        if report.summary.bricks:
            yield element("p", "No finding: nothing that was looked for is there.")
        else:
            yield element("p", "No tile was timed: enable_tile_profiling() switches a profiler on.")
        return
    yield element("ol", *islice(finding_items(report), MAX_FINDINGS), class_="findings")
    if found > MAX_FINDINGS:
        more = units.format_count(found)
        yield element("p", f"The first {MAX_FINDINGS} of {more}; the JSON output has all.")


def finding_items(report: Report, *, links: bool = True) -> Iterator[Markup]:
    """Yield the findings as items of a list, those that say the same of several bricks in one.

    Parameters
    ----------
    report : Report
        The report.
    links : bool
        Whether they link to their rows and marks, which are on the same page.
    """
    rows = _rows_of_bricks(report) if links else {}
    marks = set(marked_rows(report)) if links else set()
    for number, group in enumerate(grouped(report.findings), 1):
        yield element(
            "li",
            *_item(group, rows, marks),
            id=finding_anchor(number) if links else None,
            tabindex="-1" if links else None,
        )


def findings_by_row(report: Report) -> dict[str, list[int]]:
    """Return the numbers of the findings that are about each row, by the row's id.

    Parameters
    ----------
    report : Report
        The report.
    """
    rows = _rows_of_bricks(report)
    found: dict[str, list[int]] = {}
    for number, group in enumerate(grouped(report.findings)[:MAX_FINDINGS], 1):
        for row in dict.fromkeys(_row(finding, rows) for finding in group):
            if row is not None:
                found.setdefault(row, []).append(number)
    return found


def marked_rows(report: Report) -> Iterator[str]:
    """Yield the ids of the rows of all levels that have a mark in the roofline."""
    for number, brick in enumerate(report.summary.bricks[:MARKED_BRICKS]):
        for level in drawn_levels(brick):
            yield level_anchor(number, level.level.label)


_Rows = Mapping[tuple[str, str], str]
"""Ids of rows by brick and level, and by brick and "" that of its coarsest."""


def _rows_of_bricks(report: Report) -> _Rows:
    """Return the ids of all rows."""
    rows: dict[tuple[str, str], str] = {}
    for number, brick in enumerate(report.summary.bricks[:MAX_BRICKS]):
        for level in brick.levels:
            label = level.level.label
            rows[brick.info.name, label] = level_anchor(number, label)
            rows.setdefault((brick.info.name, ""), rows[brick.info.name, label])
    return rows


def _row(finding: Finding, rows: _Rows) -> str | None:
    """Return the id of the row that a finding is about: of a whole brick, its first one."""
    label = "" if finding.level is None else finding.level.label
    return None if finding.brick is None else rows.get((finding.brick, label))


def _item(group: tuple[Finding, ...], rows: _Rows, marks: set[str]) -> Iterator[str]:
    """Yield where findings are, their evidence, their cause and what to do."""
    first = group[0]
    if first.brick is not None:
        places = (_place(finding, rows) for finding in group[:_NAMED])
        yield Markup(", ".join(places))
        if len(group) > _NAMED:
            yield f" and {units.format_count(len(group) - _NAMED)} more"
        yield ": "
    yield element("strong", first.symptom)
    yield from _evidence(first)
    yield element("code", first.code)
    yield from _mark(_row(first, rows), marks)
    yield element("p", f"{first.cause} {first.action}")
    if len(group) > 1:
        yield element(
            "details",
            element("summary", f"{units.format_count(len(group))} bricks"),
            element("ul", *(element("li", *_one(one, rows, marks)) for one in group[:_LISTED])),
        )


def _one(finding: Finding, rows: _Rows, marks: set[str]) -> Iterator[str]:
    """Yield one of several findings that say the same: its place, symptom and evidence."""
    yield _place(finding, rows)
    yield f": {finding.symptom}"
    yield from _evidence(finding)
    yield from _mark(_row(finding, rows), marks)


def _place(finding: Finding, rows: _Rows) -> Markup:
    """Return the brick and level of a finding, as a link to its row."""
    level = "" if finding.level is None else finding.level.label
    place = Markup(f"{name_text(finding.brick or '')} {level}".strip())
    row = _row(finding, rows)
    return element("a", place, href=f"#{row}") if row else element("span", place)


def _mark(row: str | None, marks: set[str]) -> Iterator[str]:
    """Yield a link to the mark of a row that has one."""
    if row in marks:
        yield " "
        yield element("a", "in the roofline", href="#roofline", data_mark=row)


def _evidence(finding: Finding) -> Iterator[str]:
    """Yield the evidence, with its figures unrounded as a note, and the estimated gain."""
    figures = ", ".join(f"{name} = {value!r}" for name, value in finding.figures)
    yield " ("
    yield figure_text(
        finding.evidence,
        "From measured times, declared work and measured roofs"
        f"{f'; unrounded: {figures}' if figures else ''}.",
    )
    yield ")"
    if finding.gain is not None and finding.gain >= 1.05:
        yield ", "
        yield figure_text(
            f"up to {units.format_ratio(finding.gain)} as fast",
            "An estimate, of the brick alone: its time over what would be left of it if all that "
            "this costs were saved.",
        )
    yield ". "
