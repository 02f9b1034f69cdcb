"""By how much the times of two sides' bricks and levels differ, and of what that is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from brickprof.core import units
from brickprof.core.levels import TileLevel
from brickprof.diagnose.change import Difference, difference_of
from brickprof.diagnose.comparison_rows import ComparisonRow, Side, brick_side, level_side
from brickprof.diagnose.samples import (
    PREEMPTED_STD,
    ROOF_STD,
    Sample,
    joined_samples,
    machine_apart,
    sample_of_calls,
    sample_of_histogram,
    sample_of_shares,
    sample_of_tiles,
)
from brickprof.diagnose.summary import BrickSummary, summarize
from brickprof.diagnose.usage import Usage
from brickprof.recording import CallTimes, Recording
from brickprof.recording.call_times import REFERENCE, TILES, WALL

DISTURBED = 0.33
"""Share of their time that threads waited for a processor from which nothing is told: others that
they wait for in turn, or spin for, lose more than that."""

MIN_SELF_SHARE = 0.1
"""Share of a brick's time, on one side at least, from which a level's self time is compared: a
twentieth of that is 0.5 % of the brick, and no two runs are that much alike."""


class Machines(Enum):
    """Where recordings were made, as far as that is known."""

    ONE = "one"
    OTHER = "another one for each side"
    SEVERAL_A_SIDE = "several for one side"


def machines_of(sides: Sequence[Sequence[Recording]], same: bool | None) -> Machines:
    """Return where the recordings of both sides were made."""
    for side in sides:
        if len({one.machine.fingerprint() for one in side if one.machine is not None}) > 1:
            return Machines.SEVERAL_A_SIDE
    return Machines.OTHER if same is False else Machines.ONE


@dataclass(frozen=True, slots=True)
class Pair:
    """A row to be made, with the summaries that it is made from: of each side, and of its runs."""

    row: ComparisonRow
    a: BrickSummary | None
    b: BrickSummary | None
    runs: tuple[list[BrickSummary], list[BrickSummary]]

    @property
    def brick_sides(self) -> tuple[Side | None, Side | None]:
        """The figures of the whole brick on both sides."""
        return brick_side(self.a), brick_side(self.b)


Found = tuple[Difference, str] | str
"""A difference with what was compared, or why nothing was."""


def pairs_of(sides: Sequence[Sequence[Recording]], a: Recording, b: Recording) -> Iterator[Pair]:
    """Yield a row without changes for each brick and each of its levels."""
    bricks_a, bricks_b = (_by_name(one) for one in (a, b))
    runs_a, runs_b = (
        [_by_name(one) for one in side] if len(side) > 1 else [merged]
        for side, merged in zip(sides, (bricks_a, bricks_b), strict=True)
    )
    for name in {**bricks_a, **bricks_b}:
        brick_a, brick_b = bricks_a.get(name), bricks_b.get(name)
        of_a, of_b = ([one[name] for one in runs if name in one] for runs in (runs_a, runs_b))
        row = ComparisonRow(name, None, brick_side(brick_a), brick_side(brick_b))
        yield Pair(row, brick_a, brick_b, (of_a, of_b))
        for level in TileLevel:
            side_a, side_b = level_side(brick_a, level), level_side(brick_b, level)
            if side_a or side_b:
                row = ComparisonRow(name, level.name, side_a, side_b)
                yield Pair(row, brick_a, brick_b, (of_a, of_b))


def _by_name(recording: Recording) -> dict[str, BrickSummary]:
    """Return the bricks of a recording by name."""
    return {brick.info.name: brick for brick in summarize(recording).bricks}


def divided(pair: Pair) -> tuple[dict[str, Difference], Difference | None]:
    """Return by how much the shares of a brick's levels in its self time differ, and that time.

    Empty where the calls of both sides did not do the same: there, they differ for that reason.
    """
    a, b = pair.a, pair.b
    if a is None or b is None or a.info.threads != b.info.threads:
        return {}, None
    levels = [[one.level for one in brick.levels] for brick in (a, b)]
    tiles = _call_samples(a, b, TILES, per_flop=False)
    if levels[0] != levels[1] or tiles is None or not _same_work(pair) or _mixed(a) or _mixed(b):
        return {}, None
    found = {}
    for level in TileLevel:
        first, second = (
            sample_of_shares(part_of(one, f"{level.name} share"), run_ns(one)) for one in (a, b)
        )
        if first is None or second is None:
            continue
        shares = (math.exp(one.mean) * _in_tiles(brick) for one, brick in ((first, a), (second, b)))
        if max(shares) >= MIN_SELF_SHARE:
            found[level.name] = difference_of(first, second)
    return (found, difference_of(*tiles, apart(a, b))) if len(found) > 1 else ({}, None)


def difference(pair: Pair, machines: Machines) -> Found:
    """Return by how much the times of a row differ."""
    row, a, b = pair.row, pair.a, pair.b
    if a is None or b is None or row.a is None or row.b is None:
        return "Only one side has that brick or level."
    waited, side = max((preempted(a), "A"), (preempted(b), "B"))
    if waited >= DISTURBED:
        return (
            f"Threads waited for a processor for {units.format_percent(waited)} of their time in "
            f"{side}: record it where nothing else runs."
        )
    if machines is Machines.SEVERAL_A_SIDE:
        return "The recordings of one side are of several machines."
    if machines is Machines.OTHER or a.info.threads != b.info.threads:
        return _of_own_roofs(pair, same_machine=machines is Machines.ONE)
    per_flop = (not _same_work(pair) or _mixed(a) or _mixed(b)) and _has_flops(a, b)
    part = row.level or WALL
    samples = _call_samples(a, b, part, per_flop=per_flop) if row.a.time_ns else None
    if samples is None:
        return _of_histograms(pair)
    return difference_of(*samples, apart(a, b)), "time per flop" if per_flop else "time"


def _mixed(brick: BrickSummary) -> bool:
    """Tell whether the calls of a brick differ in their flops."""
    return brick.info.min_call_flops != brick.info.max_call_flops


def _same_work(pair: Pair) -> bool:
    """Tell whether a call did as many flops on both sides, on average."""
    flops = [
        next((one.stats.flops for one in brick.levels if one.stats.flops), 0)
        / (brick.info.calls or 1)
        for brick in (pair.a, pair.b)
        if brick is not None
    ]
    return math.isclose(min(flops), max(flops), rel_tol=1e-2)


def _has_flops(a: BrickSummary, b: BrickSummary) -> bool:
    """Tell whether all calls of both sides declared flops."""
    return a.info.min_call_flops > 0 and b.info.min_call_flops > 0


def _call_samples(
    a: BrickSummary, b: BrickSummary, part: str, *, per_flop: bool
) -> tuple[Sample, Sample] | None:
    """Return the samples of a part of both sides' calls, if both have it."""
    first, second = (
        sample_of_calls(
            part_of(brick, part),
            per_flop=per_flop,
            preempted=preempted(brick),
            run_ns=run_ns(brick),
        )
        for brick in (a, b)
    )
    return None if first is None or second is None else (first, second)


def apart(a: BrickSummary, b: BrickSummary) -> float:
    """Return what changes are uncertain by where the machine was slower for one side."""
    return machine_apart(part_of(a, REFERENCE), part_of(b, REFERENCE))


def preempted(brick: BrickSummary) -> float:
    """Return the share of their time that threads waited for a processor; 0 if unknown."""
    usage = Usage.of(brick.info)
    return usage.share(usage.preempted_ns) if usage else 0.0


def run_ns(brick: BrickSummary) -> float:
    """Return how long all calls of a run took, on average of runs."""
    wall = part_of(brick, WALL)
    return brick.info.wall_ns / sum(runs for _, runs in wall.times) if wall else math.inf


def part_of(brick: BrickSummary, part: str) -> CallTimes | None:
    """Return what a part of a brick's calls took."""
    return next((one for one in brick.info.parts_of_calls if one.part == part), None)


def _of_own_roofs(pair: Pair, *, same_machine: bool) -> Found:
    """Return the difference in units of each side's own roof: the time that it would take there."""
    a, b, sides = pair.a, pair.b, (pair.row.a, pair.row.b)
    assert a is not None
    assert b is not None
    samples = _call_samples(a, b, pair.row.level or WALL, per_flop=True)
    if samples is None:
        return f"{_BY_ROOFS} calls that declare flops."
    shifted = []
    for side, sample in zip(sides, samples, strict=True):
        if side is None or not side.efficiency or not side.gflops:
            return f"{_BY_ROOFS} measured roofs on both sides, and tiles that declare bytes."
        shifted.append(sample.shifted(math.log(side.gflops / side.efficiency)))
    slower = apart(a, b) if same_machine else 0.0
    return difference_of(shifted[0], shifted[1], math.hypot(ROOF_STD, slower)), "share of roof"


_BY_ROOFS = "Other machines or thread counts are compared by their roofs, which needs"


def _of_histograms(pair: Pair) -> Found:
    """Return the difference of what recordings of few calls have: the times of single tiles."""
    assert pair.a is not None
    assert pair.b is not None
    if pair.row.level and not math.isclose(
        _tile_work(pair.a, pair.row.level), _tile_work(pair.b, pair.row.level), rel_tol=1e-3
    ):
        return "The tiles do not do the same work, and calls are too few: 8 in a run are compared."
    sides = []
    for runs in pair.runs:
        samples = [one for one in (_sample_of_run(run, pair.row.level) for run in runs) if one]
        if not samples:
            return "Too few calls: 8 of each brick in a run, or 64 tiles of a level, are compared."
        sides.append(joined_samples(samples))
    waited = max(preempted(one) for one in (pair.a, pair.b))
    systematic = math.hypot(apart(pair.a, pair.b), PREEMPTED_STD * waited)
    basis = "tile time" if pair.row.level else "time"
    return difference_of(sides[0], sides[1], systematic), basis


def _sample_of_run(brick: BrickSummary, level: str | None) -> Sample | None:
    """Return what a run's histogram tells of a brick's calls, or of a level's tiles."""
    if level is None:
        return sample_of_histogram(brick.info.call_times)
    stats = next((one.stats for one in brick.levels if one.level.name == level), None)
    return sample_of_tiles(stats) if stats else None


def _tile_work(brick: BrickSummary, level: str) -> float:
    """Return the flops, or else the elements, of a tile of a level."""
    stats = next(one.stats for one in brick.levels if one.level.name == level)
    return (stats.flops or stats.elements) / stats.count


def _in_tiles(brick: BrickSummary) -> float:
    """Return the share of a brick's undisturbed calls in tiles; 1 where several threads worked."""
    wall, tiles = (
        sample_of_calls(part_of(brick, part), per_flop=False, preempted=0.0)
        for part in (WALL, TILES)
    )
    return 1.0 if wall is None or tiles is None else min(math.exp(tiles.mean - wall.mean), 1.0)
