"""Runs made up for tests of comparisons, disturbed in the ways that real ones are."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from support.made_recordings import made, tiles

from brickprof.core.levels import TileLevel
from brickprof.recording import BrickInfo, CallTimes, Recording, call_times_of

CALL_NS = {TileLevel.MACRO: 1_000_000, TileLevel.MIDI: 800_000, TileLevel.MICRO: 500_000}
"""Time of a call in the tiles of each level, which hold those of finer ones."""


def noise(rng: random.Random, calls: int) -> list[float]:
    """Return by how much each call is longer than undisturbed: a factor, at least 1.

    An AR(1) process, whose neighbours are alike, a drift, a phase in which somebody else shares the
    core, and calls that were preempted.
    """
    drift = rng.uniform(0, 0.02)
    start, length = rng.randrange(calls), rng.randrange(calls // 3 + 1)
    value, factors = 0.0, []
    for call in range(calls):
        value = 0.9 * value + rng.gauss(0, 0.004)
        factor = 1 + abs(value) + drift * abs(call - calls / 2) / calls
        if start <= call < start + length:
            factor *= 1.4
        if rng.random() < 0.02:
            factor *= rng.uniform(1.5, 10)
        factors.append(factor)
    return factors


def batches_of(
    rng: random.Random, calls: int, own: dict[TileLevel, float], flops: int, outside: float = 0.0
) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return a batch a call, of levels that take so long outside finer tiles."""
    inclusive = {level: sum(ns for one, ns in own.items() if one >= level) for level in own}
    run = math.exp(rng.gauss(0, 0.004))
    found = []
    for factor in noise(rng, calls):
        times = [inclusive[TileLevel.MACRO] + outside, *inclusive.values(), *own.values()]
        found.append((1, flops, tuple(round(ns * factor * run) for ns in times)))
    return found


def run_of(
    seed: int,
    slower: dict[TileLevel, float] | None = None,
    *,
    calls: int = 600,
    flops: int = 1000,
    brick: str = "k",
    outside: float = 0.0,
) -> Recording:
    """Return the recording of a run, in which some levels' own time is longer by a fraction.

    So many nanoseconds of each call are in no tile.
    """
    rng = random.Random(seed)
    own = {TileLevel.MACRO: 200_000.0, TileLevel.MIDI: 300_000.0, TileLevel.MICRO: 500_000.0}
    for level, more in (slower or {}).items():
        own[level] *= 1 + more
    batches = batches_of(rng, calls, own, flops, outside)
    parts = call_times_of(batches, 1.0, mixed=False, flops=flops > 0)
    return recording_of(brick, batches, parts, flops)


def recording_of(
    brick: str,
    batches: Sequence[tuple[int, int, tuple[int, ...]]],
    parts: tuple[CallTimes, ...],
    flops: int,
) -> Recording:
    """Return a recording of calls, with a tile of each level a call."""
    rows = []
    for level in TileLevel:
        times = [ticks[1 + level] for _, _, ticks in batches]
        own = sum(ticks[4 + level] for _, _, ticks in batches)
        rows.append(
            tiles(level, times, brick=brick, self_ns=own, flops=flops * len(times), elements=1)
        )
    wall = sum(ticks[0] for _, _, ticks in batches)
    info = BrickInfo(brick, len(batches), wall, 1, parts_of_calls=parts)
    if parts:
        info = replace(info, min_call_flops=flops, max_call_flops=flops)
    return made(rows, brick_infos=(info,))
