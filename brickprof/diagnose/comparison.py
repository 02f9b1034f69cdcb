"""Comparisons: the same bricks and levels of two builds' recordings, with a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from brickprof.core import metrics, units
from brickprof.core.checks import checked_items, short_repr
from brickprof.core.levels import TileLevel
from brickprof.diagnose.change import (
    UNKNOWN,
    Change,
    Difference,
    Verdict,
    cannot_tell,
    change_of,
    difference_of,
)
from brickprof.diagnose.headline import (
    advice_of,
    headline_of,
    percent_of,
    short_name,
    verdict_of,
)
from brickprof.diagnose.level_changes import level_changes
from brickprof.diagnose.samples import (
    Sample,
    machine_apart,
    sample_of_calls,
    sample_of_histogram,
    sample_of_shares,
    sample_of_tiles,
)
from brickprof.diagnose.summary import BrickSummary, summarize
from brickprof.diagnose.usage import Usage
from brickprof.recording import CallTimes, Recording, merge_recordings
from brickprof.recording.call_times import REFERENCE, WALL

MIN_SELF_SHARE = 0.1
"""Share of a brick's self time from which that of a level is compared: a twentieth of that is 0.5 %
of the brick, and no two runs are that much alike."""


NOTED_WAIT = 0.05
"""Share of a brick's time without a processor that is worth a note: intervals grow by 1 %."""


@dataclass(frozen=True, slots=True)
class Side:
    """One brick, or one of its levels, in one recording.

    Parameters
    ----------
    time_ns : float
        Nanoseconds of one call: wall time of a brick, summed time of a level's tiles.
    self_ns : float or None
        Nanoseconds of one call in a level's tiles outside finer ones; None of a brick.
    flops : float
        Flops of one call.
    gflops : float
        GFLOP/s: of all threads for a brick, of one thread for a level.
    efficiency : float or None
        Share of the peak for a brick, of what is attainable for a level; None without roofs.
    """

    time_ns: float
    self_ns: float | None
    flops: float
    gflops: float
    efficiency: float | None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """The same brick or level in both recordings.

    Parameters
    ----------
    brick : str
        Name of the brick.
    level : str or None
        Name of the level, such as ``"MACRO"``; None for the brick as a whole.
    a, b : Side or None
        Its figures in either recording; None where it is missing.
    change : Change
        By how much a call's time differs, with its interval.
    self_change : Change or None
        By how much the level's self time differs besides what the machine did to all levels alike;
        None where no other level has any, and where it is less than a tenth of the brick's.
    """

    brick: str
    level: str | None
    a: Side | None
    b: Side | None
    change: Change = UNKNOWN
    self_change: Change | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the row."""
        return (self.change,) if self.self_change is None else (self.change, self.self_change)

    @property
    def verdict(self) -> Verdict:
        """What its changes say together."""
        return verdict_of(self.changes)

    @property
    def time_ratio(self) -> float | None:
        """Time of B over that of A."""
        return _ratio(self.a.time_ns, self.b.time_ns) if self.a and self.b else None

    @property
    def gflops_ratio(self) -> float | None:
        """Rate of B over that of A."""
        return _ratio(self.a.gflops, self.b.gflops) if self.a and self.b else None

    def slower_than(self, limit: float) -> bool:
        """Tell whether it is slower by more than a fraction, with all of an interval above it."""
        return any(
            change.verdict is Verdict.SLOWER and change.low is not None and change.low > 1 + limit
            for change in self.changes
        )


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
    """

    rows: tuple[ComparisonRow, ...]
    same_machine: bool | None
    notes: tuple[str, ...]
    verdict: Verdict = Verdict.CANNOT_TELL
    headline: str = ""
    recordings: tuple[int, int] = (1, 1)
    advice: str = ""

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
    pairs = list(_pairs(a, b))
    rows = _tested(pairs, same_machine is False)
    return Comparison(
        rows,
        same_machine,
        (*_notes(a, b, same_machine, rows), *_disturbances(pairs)),
        verdict_of([change for row in rows for change in row.changes]),
        headline_of(rows),
        (len(sides[0]), len(sides[1])),
        advice_of(row.change for row in rows),
    )


def _recordings(side: Recording | Sequence[Recording], name: str) -> list[Recording]:
    """Return a side's recordings."""
    found = [side] if isinstance(side, Recording) else list(checked_items(name, side))
    for one in found:
        if not isinstance(one, Recording):
            raise TypeError(f"{name} must be a Recording or several, got {short_repr(one)}")
    if not found:
        raise ValueError(f"{name} must hold at least one recording")
    return found


@dataclass(frozen=True, slots=True)
class _Pair:
    """A row to be made, with the summaries that it is made from."""

    row: ComparisonRow
    a: BrickSummary | None
    b: BrickSummary | None


def _pairs(a: Recording, b: Recording) -> Iterator[_Pair]:
    """Yield a row without changes for each brick and each of its levels."""
    bricks_a, bricks_b = (
        {brick.info.name: brick for brick in summarize(recording).bricks} for recording in (a, b)
    )
    for name in {**bricks_a, **bricks_b}:
        brick_a, brick_b = bricks_a.get(name), bricks_b.get(name)
        row = ComparisonRow(name, None, _brick_side(brick_a), _brick_side(brick_b))
        yield _Pair(row, brick_a, brick_b)
        for level in TileLevel:
            side_a, side_b = _level_side(brick_a, level), _level_side(brick_b, level)
            if side_a or side_b:
                row = ComparisonRow(name, level.name, side_a, side_b)
                yield _Pair(row, brick_a, brick_b)


def _tested(pairs: list[_Pair], other_machine: bool) -> tuple[ComparisonRow, ...]:
    """Return the rows with their changes, whose intervals hold together."""
    samples = [_samples(pair, other_machine) for pair in pairs]
    divided = {
        pair.row.brick: _divided(pair)
        for pair in pairs
        if pair.row.level is None and not other_machine
    }
    tests = sum(isinstance(one, tuple) for one in samples) + sum(map(len, divided.values()))
    rows: list[ComparisonRow] = []
    own: dict[str, Change] = {}
    for pair, found in zip(pairs, samples, strict=True):
        row = pair.row
        change = cannot_tell(found) if isinstance(found, str) else change_of(*found, tests)
        if row.level is not None:
            rows.append(replace(row, change=change, self_change=own.get(row.level)))
            continue
        rows.append(replace(row, change=change))
        shares = divided.get(row.brick, {})
        known = shares and not isinstance(found, str)
        own = level_changes(shares, difference_of(*found[:2]), tests) if known else {}
    return tuple(rows)


def _divided(pair: _Pair) -> dict[str, Difference]:
    """Return by how much the shares of a brick's levels in its self time differ.

    Empty where both sides did not do the same: there, they differ for that reason.
    """
    a, b = pair.a, pair.b
    if (
        a is None
        or b is None
        or a.info.threads != b.info.threads
        or _call_flops(a) != _call_flops(b)
    ):
        return {}
    found = {}
    for level in TileLevel:
        first, second = (sample_of_shares(_part(one, f"{level.name} share")) for one in (a, b))
        enough = min(_self_share(one, level.name) for one in (a, b)) >= MIN_SELF_SHARE
        if enough and first is not None and second is not None:
            found[level.name] = difference_of(first, second)
    return found if len(found) > 1 else {}


def _samples(pair: _Pair, other_machine: bool) -> tuple[Sample, Sample, str] | str:
    """Return the samples of both sides of a row and their basis, or why there are none."""
    row, a, b = pair.row, pair.a, pair.b
    if a is None or b is None or row.a is None or row.b is None:
        return "Only one side has it."
    own_roofs = other_machine or a.info.threads != b.info.threads
    part = row.level or WALL
    per_flop = own_roofs or (
        _call_flops(a) != _call_flops(b) or a.info.min_call_flops != a.info.max_call_flops
    )
    samples = _call_samples(a, b, part, per_flop=per_flop) if row.a.time_ns else None
    if samples is None and per_flop and not own_roofs and not _has_flops(a, b):
        per_flop = False
        samples = _call_samples(a, b, part, per_flop=False)
    if own_roofs:
        return _of_own_roofs(row, samples)
    if samples is not None:
        return *samples, "time per flop" if per_flop else "time"
    return _histogram_samples(pair)


def _call_flops(brick: BrickSummary) -> tuple[int, int]:
    """Return the least and the most flops of a call."""
    return brick.info.min_call_flops, brick.info.max_call_flops


def _has_flops(a: BrickSummary, b: BrickSummary) -> bool:
    """Tell whether all calls of both sides declared flops."""
    return a.info.min_call_flops > 0 and b.info.min_call_flops > 0


def _call_samples(
    a: BrickSummary, b: BrickSummary, part: str, *, per_flop: bool
) -> tuple[Sample, Sample] | None:
    """Return the samples of a part of both sides' calls, if both have it."""
    first, second = (
        sample_of_calls(_part(brick, part), per_flop=per_flop, preempted=_preempted(brick))
        for brick in (a, b)
    )
    if first is None or second is None:
        return None
    apart = machine_apart(_part(a, REFERENCE), _part(b, REFERENCE))
    return first.widened(apart), second.widened(apart)


def _preempted(brick: BrickSummary) -> float:
    """Return the share of their time that threads waited for a processor; 0 if unknown."""
    usage = Usage.of(brick.info)
    return usage.share(usage.preempted_ns) if usage else 0.0


def _part(brick: BrickSummary, part: str) -> CallTimes | None:
    """Return what a part of a brick's calls took."""
    return next((one for one in brick.info.parts_of_calls if one.part == part), None)


def _of_own_roofs(
    row: ComparisonRow, samples: tuple[Sample, Sample] | None
) -> tuple[Sample, Sample, str] | str:
    """Return the samples in units of each side's own roof: the time that it would take there."""
    if samples is None:
        return f"Of other machines or thread counts, {_NEEDS}."
    shifted = []
    for side, sample in zip((row.a, row.b), samples, strict=True):
        if side is None or not side.efficiency or not side.gflops:
            return f"Of other machines or thread counts, {_NEEDS}."
        shifted.append(sample.shifted(math.log(side.gflops / side.efficiency)))
    return shifted[0], shifted[1], "share of roof"


_NEEDS = "which are compared by their roofs: both need measured roofs and calls that declare flops"


def _histogram_samples(pair: _Pair) -> tuple[Sample, Sample, str] | str:
    """Return the samples of the histograms that recordings without times of calls have."""
    found, work = [], []
    for brick in (pair.a, pair.b):
        assert brick is not None
        if pair.row.level is None:
            work.append(0.0)
            found.append(sample_of_histogram(brick.info.call_times))
            continue
        stats = next(one.stats for one in brick.levels if one.level.name == pair.row.level)
        work.append((stats.flops or stats.elements) / stats.count)
        found.append(sample_of_tiles(stats))
    first, second = found
    if first is None or second is None:
        return "Too few calls: 8 of each brick in a run, or 64 tiles of a level, are compared."
    if not math.isclose(work[0], work[1], rel_tol=1e-3):
        return "The tiles do not do the same work, and calls are too few: 8 in a run are compared."
    return first, second, "tile time" if pair.row.level else "time"


def _self_share(brick: BrickSummary, level: str) -> float:
    """Return the share of a level's time outside finer tiles in that of all levels."""
    total = sum(one.stats.self_ns for one in brick.levels)
    own = sum(one.stats.self_ns for one in brick.levels if one.level.name == level)
    return metrics.share(own, total)


def _notes(
    a: Recording, b: Recording, same_machine: bool | None, rows: tuple[ComparisonRow, ...]
) -> Iterator[str]:
    """Yield notes on what the two recordings do not have in common."""
    if a.machine is None or b.machine is None:
        yield "At least one machine is unknown: they may differ."
    elif not same_machine:
        yield f"The machines differ: A ran on {a.machine.cpu}, B on {b.machine.cpu}."
    if a.roofs != b.roofs:
        yield "Efficiencies are held against different roofs."
    if any(row.change.basis == "share of roof" for row in rows):
        yield (
            "The machines or thread counts differ: changes are of the time in per cent of each "
            "side's own roof."
        )
    for row in rows:
        if row.level is None and row.a and row.b and row.a.flops != row.b.flops:
            flops_a, flops_b = (units.format_number(side.flops) for side in (row.a, row.b))
            yield (
                f"The problems differ: {row.brick} does {flops_a} flops a call in A, "
                f"{flops_b} in B."
            )


def _disturbances(pairs: list[_Pair]) -> Iterator[str]:
    """Yield what made the intervals of bricks wider."""
    for pair in pairs:
        a, b, brick = pair.a, pair.b, pair.row.brick
        if pair.row.level is not None or a is None or b is None:
            continue
        waited = max((_preempted(a), "A"), (_preempted(b), "B"))
        if waited[0] >= NOTED_WAIT:
            yield (
                f"{short_name(brick)}'s threads waited for a processor for "
                f"{units.format_percent(waited[0])} of their time in {waited[1]}: its intervals "
                "are wider for that."
            )
        apart = machine_apart(_part(a, REFERENCE), _part(b, REFERENCE))
        if apart:
            yield (
                f"Between {short_name(brick)}'s calls fixed work took longer on one side: the "
                f"machine was slower, and intervals of times are {percent_of(apart)} % wider."
            )


def _same_machine(a: Recording, b: Recording) -> bool | None:
    """Return whether two recordings are of one machine; None if that is unknown."""
    if a.machine is None or b.machine is None:
        return None
    return a.machine.fingerprint() == b.machine.fingerprint()


def _brick_side(brick: BrickSummary | None) -> Side | None:
    """Return the figures of a brick as a whole."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    flops = next((row.stats.flops for row in brick.levels if row.stats.flops), 0)
    return Side(brick.info.wall_ns / calls, None, flops / calls, brick.run_gflops, brick.peak_share)


def _level_side(brick: BrickSummary | None, level: TileLevel) -> Side | None:
    """Return the figures of one level of a brick; None without such tiles."""
    if brick is None:
        return None
    calls = brick.info.calls or 1
    for row in brick.levels:
        if row.level is level:
            stats = row.stats
            return Side(
                stats.total_ns / calls,
                stats.self_ns / calls,
                stats.flops / calls,
                row.gflops,
                row.efficiency,
            )
    return None


def _ratio(a: float, b: float) -> float | None:
    """Return b / a; None where either is zero."""
    return metrics.share(b, a) if a and b else None
