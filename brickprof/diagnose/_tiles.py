"""What the times of single tiles tell: long tails, tiles too short, time outside micro tiles."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof import metrics, units
from brickprof.diagnose._finding import Finding
from brickprof.levels import TileLevel
from brickprof.summary import BrickSummary, Summary, too_short

LARGE_TAIL = 3.0
"""p99 over p50 above which tile times vary too much: equal tiles in cache take equal times, and
one that has to come from the next memory takes two to four times as long."""

TAIL_SAMPLES = 200
"""Timed tiles below which p99 is one or two tiles, and no evidence."""

LARGE_OUTER_SELF = 0.2
"""Self share above which an outer level is more than packing and loop set-up should cost."""


def variable_latency(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """A long tail of slow tiles; at the finest level that has one, as coarser ones contain it."""
    for row in reversed(brick.levels):
        tail = metrics.share(row.p99_ns, row.p50_ns)
        # Tiles of the timer's own length vary with the timer.
        if row.stats.timed < TAIL_SAMPLES or row.batch is not None or tail <= LARGE_TAIL:
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
            cause=f"Cache thrashing: some tiles find their data gone from {row.level.cache}, put "
            "out by other threads, a moved thread or a tile too large; or tiles differ in size.",
            action="Pin threads to cores, and make the tiles smaller than "
            f"{row.level.cache}'s share of one thread.",
            weight=max(float(row.stats.total_ns - row.stats.count * row.p50_ns), 0.0),
        )
        return


def tiles_too_short(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """The timer is a large part of what was timed."""
    for row in too_short(brick.levels):
        payer = row.batch_level or row.level
        batch = units.format_count(row.batch) if row.batch else "many"
        yield Finding(
            code="tiles-too-short",
            brick=brick.info.name,
            level=payer,
            symptom="tiles too short for the timer",
            evidence=f"the timer was {units.format_percent(row.overhead_share)} of "
            f"{row.level.label}'s time",
            figures=(
                ("overhead_share", row.overhead_share),
                ("tiles_to_batch", float(row.batch or 0)),
            ),
            cause="Starting and stopping a tile costs much of what the work in it does; that was "
            "taken out, but the correction is not exact.",
            action=f"Batch {batch} {payer.label} tiles into one, or sample (sample_every=).",
            weight=float(max(row.stats.raw_total_ns - row.stats.total_ns, 0)),
        )


def outer_self_time(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Much time outside the micro tiles."""
    if not any(row.level is TileLevel.MICRO for row in brick.levels):
        return
    for row in brick.levels:
        if row.level is TileLevel.MICRO or row.self_share <= LARGE_OUTER_SELF:
            continue
        own_share = units.format_percent(row.self_share)
        yield Finding(
            code="outer-self-time",
            brick=brick.info.name,
            level=row.level,
            symptom=f"{own_share} of the time is {row.level.label}'s own",
            evidence=f"{units.format_ns(row.stats.self_ns)} outside any finer tile",
            figures=(("self_share", row.self_share), ("self_ns", float(row.stats.self_ns))),
            cause="Packing, set-up and loop control take time that no micro tile computes in.",
            action="Pack once and use it for more tiles, pack with SIMD, allocate buffers "
            "beforehand; for a small problem, skip packing.",
            weight=float(row.stats.self_ns),
        )
