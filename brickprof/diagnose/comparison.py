"""Comparisons: the same bricks and levels of two builds' recordings, with a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from brickprof.core.checks import checked_items, short_repr
from brickprof.core.plain_text import printable
from brickprof.diagnose.change import Change, Verdict, cannot_tell, change_of_difference
from brickprof.diagnose.comparison_notes import disturbances, notes_of, unlike
from brickprof.diagnose.comparison_rows import ComparisonRow
from brickprof.diagnose.differences import (
    Machines,
    Pair,
    difference,
    divided,
    machines_of,
    pairs_of,
)
from brickprof.diagnose.headline import advice_of, headline_of, verdict_of
from brickprof.diagnose.level_changes import level_changes
from brickprof.recording import Recording, merge_recordings


@dataclass(frozen=True, slots=True)
class Comparison:
    """The recordings of two builds side by side.

    Parameters
    ----------
    rows : tuple of ComparisonRow
        Each brick followed by its levels, the longest bricks of A first.
    same_machine : bool or None
        Whether both ran on the same machine; None if that is unknown.
    notes : tuple of str
        What the two sides do not have in common, in sentences.
    verdict : Verdict
        What the rows say together: slower where any is.
    headline : str
        The verdict as a sentence.
    recordings : tuple of int
        Recordings of either side.
    advice : str
        What would show smaller changes; empty where changes of 5 % are seen.
    sides : tuple of str
        What A and B were recorded with and when, such as ``"brickprof 0.1.0, EPYC, ..."``.
    """

    rows: tuple[ComparisonRow, ...]
    same_machine: bool | None
    notes: tuple[str, ...]
    verdict: Verdict = Verdict.CANNOT_TELL
    headline: str = ""
    recordings: tuple[int, int] = (1, 1)
    advice: str = ""
    sides: tuple[str, str] = ("", "")

    def slower_than(self, limit: float) -> tuple[ComparisonRow, ...]:
        """Return the rows that are slower by more than a fraction.

        Parameters
        ----------
        limit : float
            What is allowed, such as 0.05 for 5 %: a row counts where the whole interval of its
            change is above it, so that noise alone lets none through.

        Raises
        ------
        ValueError
            If `limit` is negative or not finite.
        """
        if not 0 <= limit < math.inf:
            raise ValueError(f"limit must be a finite number >= 0, got {short_repr(limit)}")
        return tuple(row for row in self.rows if row.slower_than(limit))

    @property
    def gone(self) -> tuple[str, ...]:
        """Names of the bricks of A that B does not have."""
        return tuple(
            row.brick for row in self.rows if row.level is None and row.a and row.b is None
        )


def compare_recordings(
    before: Recording | Sequence[Recording], after: Recording | Sequence[Recording]
) -> Comparison:
    """Compare what two builds took, brick by brick and level by level.

    Parameters
    ----------
    before, after : Recording or sequence of Recording
        The recordings of either side. Each recording, or each of those that a merged one was made
        of, is one run; with several the intervals hold how much runs differ.

    Returns
    -------
    Comparison
        Ratios are those of `after` (B) over `before` (A). The intervals of all its changes hold
        together in 95 % of comparisons.

    Raises
    ------
    TypeError
        If an argument is neither.
    ValueError
        If a sequence is empty.
    """
    sides = [_recordings(before, "before"), _recordings(after, "after")]
    a, b = (one[0] if len(one) == 1 else merge_recordings(one) for one in sides)
    same_machine = _same_machine(a, b)
    pairs = list(pairs_of(sides, a, b))
    rows = _tested(pairs, machines_of(sides, same_machine))
    return Comparison(
        rows,
        same_machine,
        (*notes_of(a, b, same_machine, rows), *unlike(pairs), *disturbances(pairs)),
        verdict_of(rows),
        headline_of(rows),
        (len(sides[0]), len(sides[1])),
        advice_of(row.change for row in rows),
        (_recorded_with(a), _recorded_with(b)),
    )


def _recorded_with(side: Recording) -> str:
    """Return the library, the processor and the time of a side's recordings."""
    facts = [f"brickprof {side.version}" if side.version else ""]
    facts.append("" if side.machine is None else side.machine.cpu)
    facts.append(side.created[:16].replace("T", " "))
    return ", ".join(printable(fact) for fact in facts if fact)


def _recordings(side: Recording | Sequence[Recording], name: str) -> list[Recording]:
    """Return a side's recordings."""
    found = [side] if isinstance(side, Recording) else list(checked_items(name, side))
    for one in found:
        if not isinstance(one, Recording):
            raise TypeError(f"{name} must be a Recording or several, got {short_repr(one)}")
    if not found:
        raise ValueError(f"{name} must hold at least one recording")
    if any(one in found[:number] for number, one in enumerate(found)):
        raise ValueError(f"{name} must hold each recording once")
    return found


def _tested(pairs: list[Pair], machines: Machines) -> tuple[ComparisonRow, ...]:
    """Return the rows with their changes, whose intervals hold together."""
    found = [difference(pair, machines) for pair in pairs]
    parts = {
        pair.row.brick: divided(pair)
        for pair in pairs
        if pair.row.level is None and machines is Machines.ONE
    }
    tests = sum(isinstance(one, tuple) for one in found)
    tests += sum(len(shares) for shares, _ in parts.values())
    rows: list[ComparisonRow] = []
    own: dict[str, Change] = {}
    for pair, one in zip(pairs, found, strict=True):
        row = pair.row
        change = cannot_tell(one) if isinstance(one, str) else change_of_difference(*one, tests)
        if row.level is not None:
            rows.append(replace(row, change=change, self_change=own.get(row.level)))
            continue
        rows.append(replace(row, change=change))
        shares, common = parts.get(row.brick, ({}, None))
        own = level_changes(shares, common, tests) if common else {}
    return tuple(rows)


def _same_machine(a: Recording, b: Recording) -> bool | None:
    """Return whether two recordings are of one machine; None if that is unknown."""
    if a.machine is None or b.machine is None:
        return None
    return a.machine.fingerprint() == b.machine.fingerprint()
