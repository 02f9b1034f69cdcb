"""What every output of a comparison shows of its rows, in the words and digits that all share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from brickprof.core import units
from brickprof.diagnose.change import Change, Verdict
from brickprof.diagnose.comparison import Comparison
from brickprof.diagnose.comparison_rows import ComparisonRow, Side
from brickprof.diagnose.headline import percent_of, short_name, signed_percent

MEANING = (
    "Times are means of a call; a brick's own line is wall time and the whole run, a level's the "
    "time in its tiles, summed over threads. Changes are of the undisturbed time of a call, which "
    "the means need not show. Those of a level's self time, outside finer tiles, leave out what "
    "levels have in common as far as a slower machine may have done it. All intervals hold "
    "together in 95 % of comparisons. A brick's GFLOP/s are those of its median call, a level's "
    "those of one thread."
)

OWN_ROOFS = (
    "Changes vs. own roof are of the time of the work over its time at each side's own roof: + is "
    "further from the roof in B."
)

_BASES = {
    "time per flop": "per flop",
    "tile time": "of a tile",
    "share of roof": "vs. own roof",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table of changes.

    Parameters
    ----------
    row : ComparisonRow
        The row that it is of.
    change : Change
        The change that it shows.
    own : bool
        Whether that is of a level's self time.
    """

    row: ComparisonRow
    change: Change
    own: bool = False

    @property
    def level(self) -> str:
        """Name of the level, and of which time of it; empty for a brick as a whole."""
        if self.row.level is None:
            return ""
        return f"{self.row.level.capitalize()}{' self' if self.own else ''}"

    @property
    def times(self) -> tuple[str, str]:
        """Mean times of a call in A and B, or dashes."""
        first, second = ("-" if ns is None else units.format_ns(ns) for ns in self.times_ns)
        return first, second

    @property
    def times_ns(self) -> tuple[float | None, float | None]:
        """Nanoseconds of a call in A and B; None where it is missing."""
        first, second = (
            None if side is None else side.self_ns if self.own else side.time_ns
            for side in (self.row.a, self.row.b)
        )
        return first, second

    @property
    def ratio(self) -> str:
        """The change, such as ``"+5.2 %"``, and of what if that is no time of a call."""
        if self.change.ratio is None:
            return "-"
        of = _BASES.get(self.change.basis)
        shown = f"{signed_percent(self.change.ratio - 1)} %"
        return f"{shown} {of}" if of else shown

    @property
    def interval(self) -> str:
        """Its interval, such as ``"+4.1 to +6.3 %"``."""
        if self.change.low is None or self.change.high is None:
            return "-"
        low, high = (signed_percent(end - 1) for end in (self.change.low, self.change.high))
        return f"{low} to {high} %"

    @property
    def visible(self) -> str:
        """The smallest change that would have been seen."""
        visible = self.change.visible
        return "-" if visible is None else f"{percent_of(visible)} %"

    @property
    def cells(self) -> tuple[str, ...]:
        """Times, change, interval, what would have been seen, and verdict."""
        return (
            *self.times,
            self.ratio,
            self.interval,
            self.visible,
            self.change.verdict.value,
        )


def lines_of(comparison: Comparison) -> Iterator[Line]:
    """Yield the lines of all rows."""
    for row in comparison.rows:
        yield Line(row, row.change)
        if row.self_change is not None:
            yield Line(row, row.self_change, own=True)


def rates_of(row: ComparisonRow) -> tuple[str, ...]:
    """Return GFLOP/s of A and B, their ratio, and the efficiencies of A and B."""
    sides = (row.a, row.b)
    rates = [units.format_number(side.gflops) if side and side.gflops else "-" for side in sides]
    ratio = row.gflops_ratio
    times = "-" if ratio is None else units.format_ratio(ratio)
    return (*rates, times, *map(_efficiency, sides))


def _efficiency(side: Side | None) -> str:
    """Return the share of what is attainable, or a dash."""
    if side is None or side.efficiency is None:
        return "-"
    return units.format_percent(side.efficiency)


def notes_of(comparison: Comparison) -> list[str]:
    """Return what the figures are, what would help, and all notes, in sentences."""
    advice = [comparison.advice] if comparison.advice else []
    if any(line.change.basis == "share of roof" for line in lines_of(comparison)):
        advice.append(OWN_ROOFS)
    recorded = [
        f"{side} was recorded with {facts}."
        for side, facts in zip("AB", comparison.sides, strict=True)
        if facts
    ]
    return [MEANING, *_reasons(comparison), *advice, *comparison.notes, *recorded]


def _reasons(comparison: Comparison) -> list[str]:
    """Return why nothing can be told of some rows, each reason once, with how many rows."""
    counts: dict[str, int] = {}
    for line in lines_of(comparison):
        if line.change.verdict is Verdict.CANNOT_TELL and line.change.reason:
            counts[line.change.reason] = counts.get(line.change.reason, 0) + 1
    return [
        f"Cannot tell ({units.format_count(count)} of the lines): {reason}"
        for reason, count in counts.items()
    ]


def limit_of(comparison: Comparison, fail_above: float | None) -> str | None:
    """Return what a limit says, as a sentence; None without one.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    fail_above : float or None
        What is allowed, as a fraction.
    """
    if fail_above is None:
        return None
    limit = f"{fail_above * 100:g} %"
    slower = comparison.slower_than(fail_above)
    if comparison.gone and not slower:
        gone = units.listed([short_name(brick) for brick in comparison.gone[:4]])
        more = " and more" if len(comparison.gone) > 4 else ""
        return f"Whether it is within {limit} cannot be told: B has no {gone}{more}."
    if not slower:
        return f"Within the limit: nothing is slower by more than {limit} for certain."
    names = [f"{short_name(row.brick)} {(row.level or '').capitalize()}".strip() for row in slower]
    shown = units.listed(names[:4]) if len(names) < 5 else f"{', '.join(names[:4])} and more"
    return f"Over the limit: slower by more than {limit} for certain: {shown}."
