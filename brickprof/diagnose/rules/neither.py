"""Neither roof is near: what the figures rule out, and which causes are left."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.rules.ceilings import ABOVE_CEILING, CEILINGS, elements_rate
from brickprof.diagnose.summary import BrickSummary
from brickprof.diagnose.thread_roofs import OUTWARD, ThreadRoofs
from brickprof.diagnose.usage import Usage

ON_CPU = 0.95
"""Share of the time on a processor from which waiting is ruled out."""

CALL_NS = 20_000
"""Tile time below which the overhead of calls from Python may be most of it: a call of NumPy takes
0.5 to 2 µs, and a tile may hold several."""

INTERPRETED_PER_NS = 0.2
"""Elements per nanosecond above which no interpreter is at work: one operation of CPython takes 20
to 50 ns and would have to make ten elements."""

SCATTER = 0.5
"""Share of a memory's bandwidth above which lines cannot be fetched for a part of their elements:
even half of each line would take all of it."""

BRANCH_NS = 3.0
"""Nanoseconds of a mispredicted branch at least: 10 to 20 cycles."""

PARTLY = (0.7, 2.0)
"""Rate over the loads of the memory behind at which tiles may have come from there in part."""

SAME_LATENCY = (0.75, 1.35)
"""Time of an element over a memory's latency at which loads may wait for each other."""


def neither_roof(
    brick: BrickSummary, roofs: ThreadRoofs, rows: list[LevelSummary]
) -> Finding | None:
    """Return the finding that tiles are near no roof; None where no roof is known for them."""
    known = [row for row in rows if row.attainable_gflops or row.typical_share is not None]
    if not known:
        return None
    row = max(known, key=_best_share)
    out = list(_ruled_out(row, roofs, brick.usage))
    left = list(_left(brick, row, roofs))
    attainable = row.attainable_gflops or 0.0
    saved = 1 - (row.typical_efficiency or row.typical_share or 0.0)
    peak_share = metrics.share(row.typical_gflops, roofs.peak_gflops)
    return Finding(
        code="neither-roof",
        brick=brick.info.name,
        level=row.level,
        symptom=f"near neither roof: {_shares(row, peak_share)}",
        evidence=f"ruled out: {', '.join(out)}" if out else "nothing is ruled out",
        figures=(
            ("gflops", row.typical_gflops),
            ("attainable_gflops", attainable),
            ("peak_share", peak_share),
            ("bandwidth_gbs", row.typical_gbs),
            ("bandwidth_share", row.typical_share or 0.0),
            ("elements_per_ns", elements_rate(row)),
        ),
        cause="Neither arithmetic nor bandwidth is at its limit: what takes the time has no roof.",
        action=f"Look for {'; or '.join(left)}.",
        weight=max(row.stats.total_ns * saved, 0.0),
    )


def _best_share(row: LevelSummary) -> float:
    """Return the larger share of the two roofs that a level reaches."""
    return max(row.typical_efficiency or 0.0, row.typical_share or 0.0)


def _shares(row: LevelSummary, peak_share: float) -> str:
    """Return a level's shares of both roofs as a clause."""
    parts = []
    if row.stats.flops:
        parts.append(f"{units.format_percent(peak_share)} of the peak")
    if row.typical_share is not None:
        parts.append(f"{units.format_percent(row.typical_share)} of {row.memory}'s bandwidth")
    return ", ".join(parts)


def _ruled_out(row: LevelSummary, roofs: ThreadRoofs, usage: Usage | None) -> Iterator[str]:
    """Yield the causes that the figures rule out."""
    if row.typical_share is not None:
        yield f"{row.memory}'s bandwidth"
    for name, ceiling in roofs.ceilings_gflops().items():
        text = CEILINGS.get(name)
        if text is None or text.most_flops is not None:
            continue
        if row.typical_gflops > text.rules_out * ceiling:
            yield text.what
    if usage is not None and usage.share(usage.total.cpu_ns) >= ON_CPU:
        yield "waiting"
    if usage is not None and usage.share(usage.fault_ns) < 1 - ON_CPU:
        yield "page faults"


def _left(brick: BrickSummary, row: LevelSummary, roofs: ThreadRoofs) -> Iterator[str]:
    """Yield the causes that the figures leave, those that fit best first."""
    element_ns = metrics.share(row.typical_ns * row.stats.count, row.stats.elements)
    latency = list(_latencies(row, element_ns, roofs))
    yield from latency
    outside = partly_outside(row, roofs)
    if outside is not None:
        yield (
            f"tiles larger than {row.level.cache} (their bytes come at "
            f"{units.format_percent(outside[1])} of what {outside[0]} loads)"
        )
    if row.typical_ns < CALL_NS:
        yield "call overhead (of Python or NumPy: larger tiles, or compiled loops)"
    if row.stats.elements and elements_rate(row) < INTERPRETED_PER_NS:
        yield "an interpreted loop (use NumPy, Cython or Numba)"
    yield from _possible_ceilings(row, roofs)
    if (row.typical_share or 0.0) < SCATTER:
        yield "strided or scattered access (gather, columns of a row-major array: pack)"
    if not latency:
        yield "latency of loads that depend on each other (pointer chasing: prefetch, interleave)"
    if not row.stats.elements or element_ns >= BRANCH_NS / 16:
        yield "mispredicted branches (write masked or sorted code)"
    if not any(brick.info.footprint_bytes):
        yield "tiles larger than their cache, or than the TLB reaches (declare footprint_bytes=)"
    if brick.info.threads > 1:
        yield "threads that write to the same cache lines (false sharing: pad to 64 bytes)"


def _latencies(row: LevelSummary, element_ns: float, roofs: ThreadRoofs) -> Iterator[str]:
    """Yield the memories whose latency is about the time of one element, or of one line."""
    for memory, latency in roofs.roofs.latency_ns.items():
        ratio = metrics.share(element_ns, latency)
        if SAME_LATENCY[0] <= ratio <= SAME_LATENCY[1]:
            yield (
                f"one load after another from {memory} (an element takes "
                f"{units.format_ns(element_ns)}, its latency is {units.format_ns(latency)})"
            )


def partly_outside(row: LevelSummary, roofs: ThreadRoofs) -> tuple[str, float] | None:
    """Return the memory behind a level's cache that may have fed it in part, and its share."""
    for memory in OUTWARD[row.memory][:1]:
        share = metrics.share(row.typical_gbs, roofs.load_gbs(memory))
        if PARTLY[0] <= share <= PARTLY[1]:
            return memory, share
    return None


def _possible_ceilings(row: LevelSummary, roofs: ThreadRoofs) -> Iterator[str]:
    """Yield the kinds of code that the rate leaves possible."""
    ceilings = roofs.ceilings_gflops()
    if not row.stats.flops:
        return
    possible = [
        CEILINGS[name].what
        for name in ("scalar-chain", "chain", "scalar", "quarter-width", "half-width", "no-fma")
        if name in ceilings and row.typical_gflops <= CEILINGS[name].rules_out * ceilings[name]
    ]
    if possible:
        yield f"{' or '.join(possible)} (vectorize, and keep several sums)"
    slow = [
        CEILINGS[name].what
        for name in ("divide", "sqrt", "exp")
        if name in ceilings and elements_rate(row) <= ABOVE_CEILING * ceilings[name]
    ]
    if slow:
        yield f"{', '.join(slow)} (or other slow operations)"
