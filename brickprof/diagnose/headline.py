"""The verdict of a comparison, and the sentence that says it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from brickprof.core import units
from brickprof.diagnose.change import MAX_VISIBLE, Change, Verdict

WANTED = 0.05
"""The change that advice on more recordings is for."""

ROUGH = 0.5
"""The smallest change that would be seen above which the headline says so first."""

MAX_NAME = 60
"""Characters of a brick's name in a sentence."""

MAX_RUNS = 50
"""More recordings a side than anybody will make."""


class Row(Protocol):
    """A row of a comparison."""

    @property
    def brick(self) -> str:
        """Name of the brick."""

    @property
    def level(self) -> str | None:
        """Name of the level; None for the brick as a whole."""

    @property
    def change(self) -> Change:
        """The change of its time."""

    @property
    def self_change(self) -> Change | None:
        """The change of its self time."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Both, as far as there are."""


def verdict_of(rows: Iterable[Row]) -> Verdict:
    """Return what rows say together: slower where any is, or else faster.

    Where none has changed there is no difference if the whole time of any could be compared.
    """
    rows = list(rows)
    verdicts = {change.verdict for row in rows for change in row.changes}
    for verdict in (Verdict.SLOWER, Verdict.FASTER):
        if verdict in verdicts:
            return verdict
    compared = any(row.change.verdict is Verdict.NO_DIFFERENCE for row in rows)
    return Verdict.NO_DIFFERENCE if compared else Verdict.CANNOT_TELL


def headline_of(rows: Sequence[Row]) -> str:
    """Return the verdict of rows as a sentence or two."""
    verdict = verdict_of(rows)
    if verdict is Verdict.CANNOT_TELL:
        reasons = [change.reason for row in rows for change in row.changes if change.reason]
        return f"Cannot tell: {reasons[0]}" if reasons else "Cannot tell: nothing was recorded."
    if verdict is Verdict.NO_DIFFERENCE:
        return f"{_no_difference([row.change for row in rows])}{_doubtful(rows)}"
    sentences = [_largest(rows, verdict)]
    faster = any(one.verdict is Verdict.FASTER for row in rows for one in row.changes)
    if verdict is Verdict.SLOWER and faster:
        sentences.append(_largest(rows, Verdict.FASTER))
    return " ".join(sentences)


def short_name(brick: str) -> str:
    """Return a brick's name as a sentence can hold it."""
    return brick if len(brick) <= MAX_NAME else f"{brick[: MAX_NAME - 1]}…"


def percent_of(fraction: float) -> str:
    """Return a change as a number without its sign, such as ``"5.2"`` for 0.052 and -0.052."""
    size = abs(fraction) * 100
    return f"{size:.1f}" if size < 99.95 else units.format_number(size)


def signed_percent(fraction: float) -> str:
    """Return a change in percent with its sign, such as ``"+5.2"``."""
    shown = percent_of(fraction)
    if shown == "0.0":
        return shown
    return f"{'+' if fraction > 0 else '-'}{shown}"


def _no_difference(changes: Sequence[Change]) -> str:
    """Return the sentence where nothing changed, with what would have been seen."""
    visible = max(
        (one.visible or 0.0 for one in changes if one.verdict is Verdict.NO_DIFFERENCE), default=0.0
    )
    seen = f"No difference: changes of {percent_of(visible)} % or more would have been seen."
    if visible > ROUGH:
        seen = f"No difference was seen, but only one of {percent_of(visible)} % or more would be."
    silent = sum(one.verdict is Verdict.CANNOT_TELL for one in changes)
    if not silent:
        return seen
    share = f"{units.format_count(silent)} of {units.format_count(len(changes))}"
    return f"{seen} Of {share} bricks and levels nothing can be told."


def _doubtful(rows: Sequence[Row]) -> str:
    """Return the self times of which nothing can be told that may differ, as a sentence."""
    found = [
        f"{(row.level or '').capitalize()} of {short_name(row.brick)}"
        for row in rows
        if (own := row.self_change) is not None
        and own.verdict is Verdict.CANNOT_TELL
        and own.low is not None
        and own.high is not None
        and not own.low <= 1 <= own.high
    ]
    more = " and others" if len(found) > 2 else ""
    return f" {units.listed(found[:2])}{more} may differ in self time." if found else ""


def _largest(rows: Sequence[Row], verdict: Verdict) -> str:
    """Return a sentence about the brick that changed most, and the level where it did."""
    changed = {row.brick for row in rows for one in row.changes if one.verdict is verdict}
    bricks = [row for row in rows if row.level is None and row.change.verdict is verdict]
    more = _more(len(changed) - 1)
    if bricks:
        row = max(bricks, key=lambda one: _size(one.change))
        levels = [one for one in rows if one.brick == row.brick and one.level is not None]
        where = _where(row, levels, verdict)
        return f"{short_name(row.brick)} is {_by(row.change, verdict)}{where}{more}."
    found = [
        (row, one)
        for row in rows
        if row.level is not None
        for one in row.changes
        if one.verdict is verdict
    ]
    row, change = max(found, key=lambda pair: _size(pair[1]))
    level = (row.level or "").capitalize()
    return f"{level} of {short_name(row.brick)} is {_by(change, verdict)}{more}."


def _size(change: Change) -> float:
    """Return how large a change is for certain, whatever its direction."""
    low, high = change.low or 1.0, change.high or 1.0
    return max(low, 1 / high if high else 1.0)


def _where(brick: Row, levels: Sequence[Row], verdict: Verdict) -> str:
    """Return where a brick changed: the levels whose self time did, all alike, or none of them."""
    changed = [one for one in levels if one.change.verdict is verdict]
    own = [one for one in levels if one.self_change and one.self_change.verdict is verdict]
    if levels and not changed and not own:
        alike = all(one.change.verdict is Verdict.NO_DIFFERENCE for one in levels)
        return ", outside its tiles" if alike else ""
    if (
        not own
        and len(changed) == len(levels) > 1
        and all(
            one.self_change and one.self_change.verdict is Verdict.NO_DIFFERENCE for one in levels
        )
    ):
        return ", in all its levels alike"
    # A level that changed less than half as much as the brick does not explain it.
    least = abs(_log(brick.change)) / 2
    finest = [one for one in changed if abs(_log(one.change)) >= least][-1:]
    chosen = own or finest
    return (
        f", in {units.listed([(one.level or '').capitalize() for one in chosen])}" if chosen else ""
    )


def _log(change: Change) -> float:
    """Return the logarithm of a change's ratio."""
    return math.log(change.ratio) if change.ratio else 0.0


_BASES = {
    "time per flop": "per flop",
    "self time": "in self time",
    "relative self time": "in self time, relative to its other levels",
    "share of roof": "against its own roof",
}


def _by(change: Change, verdict: Verdict) -> str:
    """Return by how much it is slower or faster, such as ``"5.2 % slower (4.1 to 6.3 %)"``."""
    ratio, low, high = change.ratio or 1.0, change.low or 1.0, change.high or 1.0
    ends = sorted([abs(low - 1), abs(high - 1)])
    span = f"({percent_of(ends[0])} to {percent_of(ends[1])} %)"
    of = _BASES.get(change.basis, "")
    return " ".join(filter(None, [f"{percent_of(ratio - 1)} % {verdict.value}", of, span]))


def _more(others: int) -> str:
    """Return how many more bricks changed."""
    if others <= 0:
        return ""
    return f"; so {'is' if others == 1 else 'are'} {units.format_count(others)} more"


def advice_of(changes: Iterable[Change]) -> str:
    """Return how many recordings a side would show a change of `WANTED`; empty where these do."""
    wanted = max(
        (
            math.ceil(min(one.runs) * (min(one.visible, MAX_VISIBLE) / WANTED) ** 2)
            for one in changes
            if one.visible is not None and one.visible > WANTED
        ),
        default=0,
    )
    if wanted > MAX_RUNS:
        return "These runs are too noisy for small changes: compare again on a quiet machine."
    if wanted:
        return f"About {wanted} recordings a side would show a change of {percent_of(WANTED)} %."
    return ""
