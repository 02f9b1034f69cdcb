"""Tiles: variable latency, too short for the timer, too large, time outside Micro tiles."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.core.units import format_threads
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.level_summary import ERROR_LIMIT, too_short
from brickprof.diagnose.rules.bounds import NEAR_ROOF
from brickprof.diagnose.rules.noise import TAIL_SAMPLES
from brickprof.diagnose.rules.registry import rule
from brickprof.diagnose.summary import BrickSummary, Summary
from brickprof.machine import Machine
from brickprof.planning.blocks import ceil_div

LARGE_TAIL = 3.0
"""p99 over p50 above which tile times vary too much: equal tiles in cache take equal times, and one
whose data come from the next memory takes two to four times as long."""

LARGE_LOSS = 0.1
"""Share of a level's time beyond that of as many median tiles from which a tail counts."""

LARGE_OUTER_SELF = 0.2
"""Self share above which an outer level is more than packing and loop set-up should cost."""

LARGE_FOOTPRINT = 1.5
"""Footprint over the cache's share of a thread from which a tile counts as too large: up to a
third more than L1 is planned on purpose, for micropanels of B that L2 streams."""


@rule
def variable_latency(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """A long tail of slow tiles; the finest level that has one, as coarser tiles contain it."""
    for row in reversed(brick.levels):
        tail = metrics.share(row.p99_ns, row.p50_ns)
        lost_ns = max(float(row.stats.total_ns - row.stats.count * row.p50_ns), 0.0)
        # Tiles as short as the timer vary with the timer, and tiles that do more take longer.
        if not row.stats.same_work or not row.certain or row.batch is not None:
            continue
        small = lost_ns <= LARGE_LOSS * row.stats.total_ns
        if row.stats.timed < TAIL_SAMPLES or tail <= LARGE_TAIL or small:
            continue
        yield Finding(
            code="variable-latency",
            brick=brick.info.name,
            level=row.level,
            symptom=f"tile times vary: p99 is {units.format_number(tail)} times p50",
            evidence=f"p50 {units.format_ns(row.p50_ns)}, p99 {units.format_ns(row.p99_ns)} over "
            f"{units.format_count(row.stats.timed)} timed tiles",
            figures=(
                ("p50_ns", float(row.p50_ns)),
                ("p99_ns", float(row.p99_ns)),
                ("timed_tiles", float(row.stats.timed)),
            ),
            cause="All tiles declare the same work. Left are: data of some tiles gone from "
            f"{row.level.cache} (put out by other threads, or tiles too large), work that depends "
            "on the data, page faults, interrupts.",
            action="See whether the slow tiles are the same each time (events=); pin threads.",
            weight=lost_ns,
        )
        return


@rule
def tiles_too_short(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """The timer took a large share of the time that it measured."""
    for row in too_short(brick.levels):
        batch_level = row.batch_level or row.level
        yield Finding(
            code="tiles-too-short",
            brick=brick.info.name,
            level=batch_level,
            symptom="tiles too short for the timer",
            evidence=f"the timer was {units.format_percent(row.overhead_share)} of "
            f"{row.level.label}'s time, known within {units.format_percent(row.error_share)}",
            figures=(
                ("overhead_share", row.overhead_share),
                ("error_share", row.error_share),
                ("tiles_to_batch", float(row.batch or 0)),
            ),
            cause="Starting and stopping a tile costs much of what the work in it does; that was "
            "taken out, but the correction is not exact. So does a call of Python or NumPy: where "
            "a tile holds little else, call overhead is what it times.",
            action=_batch(row.batch or 0, batch_level),
            weight=float(max(row.stats.raw_total_ns - row.stats.total_ns, 0)),
        )


@rule
def shorter_than_timer(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Tiles take less time than a start/stop pair, most of which is outside their own time."""
    recording = summary.recording
    costs = recording.overhead
    pair_ns = min(costs.c_pair, costs.python_pair, costs.block_pair)
    # Merged costs may be those of another machine, and sampling avoids most of them.
    if recording.machine is None or recording.sample_every > 1:
        return
    already_found = {row.batch_level for row in too_short(brick.levels)}
    for row in brick.levels:
        if row.stats.timed < TAIL_SAMPLES or row.level in already_found or row.p50_ns >= pair_ns:
            continue
        batch = metrics.tiles_to_batch(round(pair_ns), row.p50_ns)
        yield Finding(
            code="tiles-too-short",
            brick=brick.info.name,
            level=row.level,
            symptom="tiles too short for the timer",
            evidence=f"half of {units.format_count(row.stats.timed)} tiles took "
            f"{units.format_ns(row.p50_ns)} or less, a start/stop pair at least "
            f"{units.format_ns(pair_ns)}",
            figures=(
                ("p50_ns", float(row.p50_ns)),
                ("pair_ns", pair_ns),
                ("tiles_to_batch", float(batch)),
            ),
            cause="Starting and stopping a tile takes longer than the work in it, and slows down "
            "what is around it.",
            action=_batch(batch, row.level),
            weight=pair_ns * row.stats.count,
        )


def _batch(tiles: int, level: TileLevel) -> str:
    """Return the advice to time so many tiles as one; 0 where no number is large enough."""
    number = units.format_count(tiles) if tiles else "many"
    return f"Batch {number} {level.label} tiles into one, or sample (sample_every=)."


@rule
def outer_self_time(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Much time outside the Micro tiles."""
    if not any(row.level is TileLevel.MICRO for row in brick.levels):
        return
    for row in brick.levels:
        uncertain = row.self_error_share > ERROR_LIMIT
        if row.level is TileLevel.MICRO or row.self_share <= LARGE_OUTER_SELF or uncertain:
            continue
        self_share = units.format_percent(row.self_share)
        yield Finding(
            code="outer-self-time",
            brick=brick.info.name,
            level=row.level,
            symptom=f"{self_share} of the time is {row.level.label}'s own",
            evidence=f"{units.format_ns(row.stats.self_ns)} outside any finer tile",
            figures=(("self_share", row.self_share), ("self_ns", float(row.stats.self_ns))),
            cause="Packing, set-up, loop control, or waiting for other threads takes time that no "
            "micro tile computes in.",
            action="Pack once for more tiles, allocate beforehand; small problems: do not pack.",
            weight=float(row.stats.self_ns),
        )


@rule
def footprint(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """A tile holds more than a thread's share of the cache, and its level is not near its roof."""
    machine = summary.recording.machine
    if machine is None:
        return
    for row in brick.levels:
        footprint_bytes = brick.info.footprint_bytes[row.level]
        share = _cache_share(machine, row.level, brick.info.threads)
        at_roof = (row.typical_efficiency or row.typical_share or 0.0) >= NEAR_ROOF
        if footprint_bytes <= LARGE_FOOTPRINT * share or at_roof:
            continue
        ratio = metrics.share(footprint_bytes, share)
        yield Finding(
            code="footprint",
            brick=brick.info.name,
            level=row.level,
            symptom=f"tiles are larger than {row.level.cache}",
            evidence=f"a tile holds {units.format_bytes(footprint_bytes)} to use again, where "
            f"{units.format_bytes(share)} are there for each of "
            f"{format_threads(brick.info.threads)}",
            figures=(
                ("footprint_bytes", float(footprint_bytes)),
                ("cache_share_bytes", float(share)),
                ("ratio", ratio),
                ("threads", float(brick.info.threads)),
            ),
            cause=f"What a tile uses again is gone from {row.level.cache} by then and comes from "
            "the next memory.",
            action=f"Make {row.level.label} tiles smaller: a quarter to a half of "
            f"{units.format_bytes(share)}.",
            weight=row.stats.total_ns * (1 - 1 / ratio),
        )


def _cache_share(machine: Machine, level: TileLevel, threads: int) -> int:
    """Return a level's bytes of cache for each thread, with threads spread over all copies."""
    cache = machine.cache(level)
    copies = max(machine.logical_cores // max(cache.shared_by, 1), 1)
    return max(cache.size_bytes // max(min(ceil_div(threads, copies), cache.shared_by), 1), 1)
