"""A tuning as text: the race, what was proved, and why one is faster, level by level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import printable
from brickprof.diagnose import diagnose
from brickprof.diagnose.comparison import compare_recordings
from brickprof.diagnose.comparison_rows import ComparisonRow
from brickprof.recording import Recording
from brickprof.reports import layout
from brickprof.reports.findings_text import brick_name, headline
from brickprof.tuning.outcome import Tuning

if TYPE_CHECKING:
    from rich.console import Console

_WHY: layout.Columns = (
    ("Level", "left"),
    ("GFLOP/s, default", "right"),
    ("fastest", "right"),
    ("Efficiency, default", "right"),
    ("fastest", "right"),
    ("Time", "right"),
)

_BRICK_WIDTH = 28
_MAX_FINDINGS = 3
_MAX_TOLD = 3


def render(tuning: Tuning, title: str, *, console: Console | None = None) -> str:
    """Render a tuning as text.

    Parameters
    ----------
    tuning : Tuning
        What was found.
    title : str
        What was tuned.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    heading = (
        f"{title} · {units.format_count(tuning.tried)} of "
        f"{units.format_count(tuning.space_size)} candidates timed in "
        f"{units.format_ns(tuning.search_ns)}"
    )
    lines = [
        *layout.paragraphs(console, heading, ""),
        *layout.table(console, _columns(tuning), _rows(tuning), bold=0),
        *layout.paragraphs(console, "", *_conclusions(tuning)),
    ]
    if tuning.before is not None and tuning.after is not None:
        lines += _why(console, tuning.before, tuning.after)
    return layout.text_of(lines)


def _columns(tuning: Tuning) -> layout.Columns:
    """Return a column for each argument, and those of the race."""
    names = [printable(name) for name in tuning.default]
    return (
        *((name, "right") for name in names),
        ("Median", "right"),
        ("95 %", "left"),
        ("Speed-up", "right"),
        ("Rounds", "right"),
        ("", "left"),
    )


def _rows(tuning: Tuning) -> Iterator[tuple[str, ...]]:
    """Yield a row for each candidate that was raced; speed-ups are over the default."""
    default = next(one for one in tuning.candidates if one.arguments == tuning.default)
    for one in tuning.candidates:
        low, high = one.interval_ns
        speedup = metrics.share(default.median_ns, one.median_ns)
        yield (
            *(layout.clipped(printable(f"{value}"), 24) for value in one.arguments.values()),
            units.format_ns(one.median_ns),
            f"{units.format_ns(low)} to {units.format_ns(high)}",
            units.format_ratio(speedup),
            str(len(one.times_ns)),
            "default" if one is default else "",
        )


def shown(arguments: dict[str, object]) -> str:
    """Return arguments as they would be written in a call."""
    return layout.clipped(
        printable(", ".join(f"{name}={value}" for name, value in arguments.items())), 72
    )


def _conclusions(tuning: Tuning) -> Iterator[str]:
    """Yield what was proved, and what was left out."""
    proof = tuning.proof
    if proof is None:
        yield f"The default is the fastest: {shown(tuning.default)}."
    else:
        low, high = (units.format_number(one) for one in proof.interval)
        ratio = f"{units.format_ratio(proof.median)} as fast ({low} to {high})"
        where = "in a fresh process" if proof.fresh else "in this process"
        least = units.format_number(1 + tuning.margin)
        if tuning.improved:
            yield f"Use {shown(tuning.best)}: {ratio} as the default, {where}."
        else:
            yield (
                f"The default stays: {shown(tuning.fastest.arguments)} is {ratio}, {where}, and "
                f"the whole interval has to be above {least}."
            )
        if not proof.fresh:
            yield f"No fresh process, which a search cannot have favoured: {proof.reason}."
    if tuning.wrong:
        told = "; ".join(map(shown, tuning.wrong[:_MAX_TOLD]))
        yield (
            f"{_candidates(len(tuning.wrong))} computed something else than the default, and "
            f"cannot be used: {told}{_more(len(tuning.wrong))}."
        )
    if tuning.failed:
        told = "; ".join(f"{shown(one)} ({why})" for one, why in tuning.failed[:_MAX_TOLD])
        yield f"{_candidates(len(tuning.failed))} failed: {told}{_more(len(tuning.failed))}."


def _candidates(count: int) -> str:
    """Return a number of candidates."""
    return f"{units.format_count(count)} candidate{'' if count == 1 else 's'}"


def _more(count: int) -> str:
    """Return that some are not told."""
    return f"; and {units.format_count(count - _MAX_TOLD)} more" if count > _MAX_TOLD else ""


def _why(console: Console, before: Recording, after: Recording) -> Iterator[str]:
    """Yield the levels side by side, and what is found on either side."""
    rows = [row for row in compare_recordings(before, after).rows if row.level is not None]
    several = len({row.brick for row in rows}) > 1
    yield ""
    yield from layout.table(console, _WHY, (_level_row(row, several) for row in rows))
    yield ""
    for side, recording in (("Default", before), ("Fastest", after)):
        for finding in diagnose(recording)[:_MAX_FINDINGS]:
            code = f" [{finding.code}]"
            width = max(console.width, layout.WIDTH) - len(side) - 2 - len(code)
            yield from layout.hanging(console, f"{side}: ", f"{headline(finding, width)}{code}")


def _level_row(row: ComparisonRow, several: bool) -> tuple[str, ...]:
    """Return the figures of a level on both sides."""
    sides = (row.a, row.b)
    label = TileLevel[row.level or "MACRO"].label
    return (
        f"{layout.clipped(brick_name(row.brick), _BRICK_WIDTH)} {label}" if several else label,
        *("-" if side is None else units.format_number(side.gflops) for side in sides),
        *(
            "-"
            if side is None or side.efficiency is None
            else units.format_percent(side.efficiency)
            for side in sides
        ),
        "-" if row.time_ratio is None else units.format_ratio(row.time_ratio),
    )
