"""Findings as text: the most important ones, two lines each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.core.importing import IMPORTING
from brickprof.core.plain_text import printable
from brickprof.diagnose import Finding
from brickprof.diagnose.explanations import EXPLANATIONS
from brickprof.reports import layout
from brickprof.reports.finding_groups import grouped

if TYPE_CHECKING:
    from rich.console import Console

MAX_FINDINGS = 5
"""Findings that are shown; what comes after five is seldom the next thing to do."""

NAME_WIDTH = 48
"""Columns of a brick's name at most."""

_LEAST_EVIDENCE = 24
"""Columns below which a part of the evidence says nothing."""

_HEADING = "What to look at next"


def render_findings(findings: Iterable[Finding], *, console: Console | None = None) -> str:
    """Render the most important findings under their heading, two lines each.

    Parameters
    ----------
    findings : iterable of Finding
        As `brickprof.diagnose.diagnose` and `diagnose_sweep` return them; those of several bricks
        with the same code, level and action, but for numbers, are shown as one.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end; empty without findings. In less than `layout.WIDTH` columns each
        of the two lines is broken.
    """
    groups = grouped(findings)
    if not groups:
        return ""
    console = console or layout.plain_console()
    shown = groups[:MAX_FINDINGS]
    lines = [_HEADING]
    for number, group in enumerate(shown, 1):
        lines += _lines(console, number, group)
    if len(groups) > len(shown):
        lines.append(f"    and {units.format_count(len(groups) - len(shown))} more (--json)")
    return layout.text_of(lines)


def explain(code: str, findings: Iterable[Finding], *, console: Console | None = None) -> str:
    """Render at length what a code means, and what was found of it.

    Parameters
    ----------
    code : str
        One of `brickprof.diagnose.explanations.EXPLANATIONS`.
    findings : iterable of Finding
        Those of a recording; of other codes too.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    meaning = " ".join(EXPLANATIONS[code].split())
    lines = [code, "", *layout.paragraphs(console, meaning)]
    for finding in findings:
        if finding.code == code:
            lines += ["", *layout.hanging(console, "", _paragraph(finding))]
    return layout.text_of(lines)


def _paragraph(finding: Finding) -> str:
    """Return all that a finding says."""
    return f"{headline(finding)}. {finding.cause} {finding.action}"


def headline(finding: Finding, width: int | None = None) -> str:
    """Return where a finding is, what is seen there, and what mending it would gain at most.

    Parameters
    ----------
    finding : Finding
        The finding.
    width : int, optional
        Columns to fit it into; by default as many as it takes.
    """
    return _headline([finding], width)


def _headline(group: Sequence[Finding], width: int | None) -> str:
    """Return what `headline` does, of findings that are alike."""
    with IMPORTING:
        from rich.cells import cell_len

    gain, symptom = _gain(group[0]), _symptom(group)
    evidence = printable(group[0].evidence)
    whole = f"{symptom} ({evidence}){gain}"
    if width is None or cell_len(whole) <= width:
        return whole
    room = width - cell_len(symptom) - len(gain) - 3
    if room < _LEAST_EVIDENCE:
        return f"{layout.clipped_words(symptom, width - len(gain))}{gain}"
    return f"{symptom} ({layout.clipped_words(evidence, room)}){gain}"


def _symptom(group: Sequence[Finding]) -> str:
    """Return where a finding is, and what is seen there."""
    first = group[0]
    bricks = places([finding.brick for finding in group if finding.brick is not None])
    level = "" if first.level is None else first.level.label
    place = f"{bricks} {level}".strip()
    return f"{place}: {first.symptom}" if place else first.symptom.capitalize()


def _lines(console: Console, number: int, group: Sequence[Finding]) -> list[str]:
    """Return what is seen and what it would gain, and what to do."""
    first, width = group[0], max(console.width, layout.WIDTH) - 4
    action = layout.clipped_words(printable(first.action), width - len(first.code) - 3)
    return [
        *layout.hanging(console, f"{number:2}. ", _headline(group, width)),
        *layout.hanging(console, "    ", f"{action} [{first.code}]"),
    ]


def _gain(finding: Finding) -> str:
    """Return how many times as fast the brick would be at most."""
    if finding.gain is None or finding.gain < 1.05:
        return ""
    return f", up to {units.format_ratio(finding.gain)}"


def places(bricks: list[str]) -> str:
    """Return the names of bricks, the first two of many."""
    names = [brick_name(brick) for brick in dict.fromkeys(bricks)]
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {units.format_count(len(names) - 2)} more"
    return units.listed(names)


def brick_name(brick: str) -> str:
    """Return a brick's name literally, clipped if it is very long."""
    return layout.clipped(printable(brick), NAME_WIDTH)
