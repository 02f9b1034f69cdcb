"""What a comparison says besides its verdict: what sides have not in common, and disturbances."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import units
from brickprof.diagnose.comparison_rows import ComparisonRow
from brickprof.diagnose.differences import Pair, apart, part_of, preempted, run_ns
from brickprof.diagnose.headline import short_name
from brickprof.diagnose.summary import BrickSummary
from brickprof.recording import Recording
from brickprof.recording.call_times import WALL, log_std

NOTED_WAIT = 0.05
"""Share of a brick's time without a processor that is worth a note: its deviation is 0.75 %."""

NOTED_RUN_NS = 2e8
"""Nanoseconds of a run that are worth a note: its deviation is 1 %."""

NOTED_SPREAD = 0.02
"""Deviation of a run's time, by how its batches differ, that is worth a note."""


def notes_of(
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


def unlike(pairs: list[Pair]) -> Iterator[str]:
    """Yield what the sides of bricks do not have in common."""
    for pair in pairs:
        if pair.row.level is not None or pair.a is None or pair.b is None:
            continue
        name, a, b = short_name(pair.row.brick), pair.a.info, pair.b.info
        for what, first, second in (
            ("element types", a.dtypes, b.dtypes),
            ("instruction sets", a.isas, b.isas),
        ):
            if first != second and first and second:
                yield (
                    f"The {what} of {name} differ: {units.listed(list(first))} in A, "
                    f"{units.listed(list(second))} in B."
                )


def disturbances(pairs: list[Pair]) -> Iterator[str]:
    """Yield what made the intervals of bricks wider."""
    for pair in pairs:
        a, b = pair.a, pair.b
        if pair.row.level is not None or a is None or b is None:
            continue
        name = short_name(pair.row.brick)
        shortest, side = min((run_ns(a), "A"), (run_ns(b), "B"))
        if shortest <= NOTED_RUN_NS:
            yield (
                f"All calls of {name} took {units.format_ns(shortest)} a run in {side}: runs of a "
                "second tell more, and its intervals are wider for that."
            )
        waited, side = max((preempted(a), "A"), (preempted(b), "B"))
        if waited >= NOTED_WAIT:
            yield (
                f"{name}'s threads waited for a processor for {units.format_percent(waited)} of "
                f"their time in {side}: its intervals are wider for that."
            )
        spread, side = max((_spread(a), "A"), (_spread(b), "B"))
        if spread >= NOTED_SPREAD:
            yield (
                f"The fastest calls of {name} in {side} differ from run to run of them, as where "
                "others use the machine: its intervals are wider for that."
            )
        if apart(a, b):
            yield (
                f"Fixed work between {name}'s calls took longer on one side: the machine was "
                "slower, and intervals are wider for that."
            )


def _spread(brick: BrickSummary) -> float:
    """Return how far runs of a brick are known to be from their own times; 0 if unknown."""
    wall = part_of(brick, WALL)
    return log_std(wall.spread, sum(runs for _, runs in wall.times)) if wall else 0.0
