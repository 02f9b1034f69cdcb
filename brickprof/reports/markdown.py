"""The Markdown output: a table a brick, findings and notes, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from brickprof.core import units
from brickprof.core.plain_text import printable
from brickprof.diagnose import Finding
from brickprof.diagnose.summary import BrickSummary, Summary
from brickprof.reports.base import Report
from brickprof.reports.category_cells import (
    BUDGET_COLUMNS,
    CATEGORY_COLUMNS,
    budget_cells,
    budgets_head,
    category_cells,
    clipped,
)
from brickprof.reports.finding_groups import grouped
from brickprof.reports.findings_text import brick_name
from brickprof.reports.layout import text_of
from brickprof.reports.level_cells import COLUMNS, cells
from brickprof.reports.slowest_tiles import COLUMNS as SLOWEST_COLUMNS
from brickprof.reports.slowest_tiles import slowest_tiles

MAX_BRICKS = 20
"""Bricks that have a table, those of most wall time; a comment has at most 65536 characters."""

MAX_FINDINGS = 10
"""Findings that are listed, the most important ones."""

_NAMED = 3
"""Bricks of a finding that are named."""

_PLAIN_CODE = re.compile(r"[A-Za-z0-9_.+:-]+( [A-Za-z0-9_.+:-]+)*")
"""Names that a code span of backticks shows as they are, in a table too."""

_MARKUP = re.compile(r"[\\`*_\[\]<>|&#~$]")
"""What may begin markup within a line, of GitHub's too."""

_LINK = re.compile(r"(?<=www)\.|:(?=//)", re.IGNORECASE)
"""What makes a link of plain text within a line."""

_REFERENCE = re.compile(r"@|#(?=\d)|:(?=[\w+-]+:)")
"""What GitHub makes mentions, references and emoji of after references to characters are resolved,
but never in code."""

_SPECIAL = re.compile(f"{_REFERENCE.pattern}|{_MARKUP.pattern}|{_LINK.pattern}", re.IGNORECASE)


def render_report(report: Report) -> str:
    """Render a report as Markdown.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    str
        GitHub Flavored Markdown with a newline at its end. Texts of the recording, such as names,
        are shown literally: nothing in them is markup, a link or a mention.
    """
    summary = report.summary
    lines = ["## brickprof", "", _run(summary)]
    if not summary.bricks:
        lines += ["", "Nothing was recorded."]
    for brick in summary.bricks[:MAX_BRICKS]:
        lines += ["", *_brick(brick)]
    lines += _slowest(summary)
    rest = len(summary.bricks) - MAX_BRICKS
    if rest > 0:
        lines += ["", f"and {units.format_count(rest)} more brick{'' if rest == 1 else 's'}"]
    lines += _categories_and_budgets(report)
    lines += _findings(report.findings)
    lines += _list("### Notes", "- ", _notes(summary))
    return text_of(lines)


def _run(summary: Summary) -> str:
    """Return the line about the library, the machine, the clock and the roofs."""
    recording = summary.recording
    parts = [f"brickprof {prose(recording.version)}".strip()]
    if recording.machine is not None:
        isa = " and ".join(recording.isas) or recording.machine.isa
        parts += [prose(recording.machine.cpu), prose(isa)]
    parts.append(f"clock {prose(recording.clock.source)}")
    roofs = summary.roofs
    if roofs is None:
        parts.append("no roofs")
    else:
        peak = units.format_number(roofs.peak_by_dtype[roofs.dtype])
        parts.append(
            f"roofs of {units.format_threads(roofs.threads)}: {peak} GFLOP/s {prose(roofs.dtype)}"
        )
    return " · ".join(parts)


def _brick(brick: BrickSummary) -> Iterator[str]:
    """Yield a brick's heading and the table of its levels."""
    info = brick.info
    parts = [
        prose(brick.dtype),
        units.format_threads(info.threads),
        f"{units.format_ns(info.wall_ns)} wall",
    ]
    if any(row.stats.flops for row in brick.levels):
        parts.append(f"{units.format_number(brick.run_gflops)} GFLOP/s")
    if brick.peak_share is not None:
        parts.append(f"{units.format_percent(brick.peak_share)} of peak")
    if info.work_sources:
        parts.append(f"work {units.listed(info.work_sources)}")
    yield f"**{code(info.name)}** · {' · '.join(parts)}"
    if not brick.levels:
        return
    yield ""
    yield _row(heading.strip() for heading, _ in COLUMNS)
    yield _row("---" if justify == "left" else "---:" for _, justify in COLUMNS)
    for row in brick.levels:
        yield _row(prose(" ".join(cell.split())) for cell in cells(row))


def _slowest(summary: Summary) -> list[str]:
    """Return the table of each level's slowest tile; no line where no grid was kept."""
    rows = [one.cells() for one in slowest_tiles(summary.bricks[:MAX_BRICKS], 1)]
    if not rows:
        return []
    return [
        *("", "### Slowest tile of each level", ""),
        _row(SLOWEST_COLUMNS),
        _row(["---"] * 2 + ["---:"] * 5),
        *(_row([code(brick), *map(prose, rest)]) for brick, *rest in rows),
    ]


def _categories_and_budgets(report: Report) -> list[str]:
    """Return the tables of categories and of budgets; no line without any."""
    lines: list[str] = []
    for heading, columns, rows in (
        ("Time by category", CATEGORY_COLUMNS, map(category_cells, report.summary.categories)),
        (
            f"Budgets: {budgets_head(report.budgets)}",
            BUDGET_COLUMNS,
            map(budget_cells, report.budgets),
        ),
    ):
        cells = [_row(prose(cell.strip()) for cell in row) for row in clipped(rows)]
        if cells:
            lines += ["", f"### {heading}", "", _row(name.strip() for name, _ in columns)]
            lines += [_row("---" if side == "left" else "---:" for _, side in columns), *cells]
    return lines


def _row(texts: Iterable[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(texts)} |"


def _findings(findings: tuple[Finding, ...]) -> list[str]:
    """Return the list of what to look at next."""
    groups = grouped(findings)
    lines = _list("### What to look at next", "1. ", list(map(_finding, groups[:MAX_FINDINGS])))
    more = len(groups) - MAX_FINDINGS
    if more > 0:
        lines += ["", f"and {units.format_count(more)} more"]
    return lines


def _finding(group: tuple[Finding, ...]) -> str:
    """Return where findings are, what is seen there and what to do, as one paragraph."""
    finding = group[0]
    bricks = [code(one.brick) for one in group[:_NAMED] if one.brick is not None]
    brick = ", ".join(bricks)
    if len(group) > _NAMED:
        brick += f" and {units.format_count(len(group) - _NAMED)} more"
    level = "" if finding.level is None else finding.level.label
    place = f"{brick} {level}".strip()
    gain = ""
    if finding.gain is not None and finding.gain >= 1.05:
        gain = f", up to {units.format_ratio(finding.gain)}"
    seen = f"{prose(finding.symptom)} ({prose(finding.evidence)}){gain}."
    head = f"**{prose(finding.code)}**{f' {place}' if place else ''}: {seen}"
    return f"{head} {prose(finding.cause)} {prose(finding.action)}"


def _notes(summary: Summary) -> list[str]:
    """Return all notes; one of several bricks is listed with the first and how many more."""
    about: dict[str, list[str]] = {}
    for brick in summary.bricks:
        for note in brick.notes:
            about.setdefault(note, []).append(brick.info.name)
    notes = []
    for note, bricks in about.items():
        more = f" and {units.format_count(len(bricks) - 1)} more" if len(bricks) > 1 else ""
        notes.append(f"{code(bricks[0])}{more}: {prose(note)}")
    return [*notes, *map(prose, summary.notes)]


def _list(heading: str, bullet: str, texts: list[str]) -> list[str]:
    """Return a list under its heading; no line without texts."""
    return ["", heading, "", *(f"{bullet}{text}" for text in texts)] if texts else []


def code(name: str) -> str:
    """Return the name of a brick as inline code, clipped if it is very long.

    A backslash or a bar would end a table's cell within backticks, where nothing can be escaped:
    such names are an HTML element with character references.
    """
    shown = brick_name(name)
    if _PLAIN_CODE.fullmatch(shown):
        return f"`{shown}`"
    inner = "".join(
        char if char.isalnum() or char == " " or ord(char) > 127 else f"&#{ord(char)};"
        for char in shown
    )
    return f"<code>{inner}</code>"


def prose(text: str) -> str:
    """Return text as Markdown that shows it literally."""
    return _SPECIAL.sub(_reference, printable(text))


def _reference(one: re.Match[str]) -> str:
    """Return a character as a reference to it, within code where that is not enough."""
    reference = f"&#{ord(one[0])};"
    return f"<code>{reference}</code>" if _REFERENCE.match(one.string, one.start()) else reference
