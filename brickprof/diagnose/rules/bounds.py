"""What bounds the tiles of a brick: a memory, a ceiling of the core, the peak, or none of these."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.level_summary import LevelSummary
from brickprof.diagnose.rules.ceilings import ABOVE_CEILING, CEILINGS, Ceiling, busy, ceilings_hit
from brickprof.diagnose.rules.external_calls import external_call
from brickprof.diagnose.rules.neither import CALL_NS, neither_roof, partly_outside
from brickprof.diagnose.rules.registry import rule
from brickprof.diagnose.summary import BrickSummary, Summary
from brickprof.diagnose.thread_roofs import ABOVE_ROOF, OUTWARD, ThreadRoofs
from brickprof.machine import Machine
from brickprof.recording import Overhead, Recording

NEAR_ROOF = 0.8
"""Efficiency from which a kernel counts as near its roof: edge tiles, packing and loop ends take
the last fifth, and even tuned libraries rarely get all of it."""

MEMORY_USED = 0.6
"""Share of a memory's bandwidth from which it is what tiles wait for: of the best mix, updates in
place, a daxpy gets 0.73 and more in each memory of a Zen 5 and copies from DRAM get 0.59."""

MATCH = (0.8, ABOVE_ROOF)
"""Share of a bandwidth at which tiles run at the rate of that memory, where nothing else tells that
their data come from there."""

HALF = 0.52
"""Efficiency from which a compute-bound kernel is past what halves the peak: vectors of half the
width, or one of two units."""

_WITH_LOADS = ("load", "copy", "daxpy", "update")
"""Kinds of traffic with as many loads as stores at least."""

_HELD_BACK_BY_STORES = ("store", "copy", "nt-store")
"""Kinds of traffic whose stores do not find their lines loaded."""

AS_NEAR = 0.05
"""Difference of two shares below which a rate is as near to either: clocks differ by as much."""

_RAISE_INTENSITY = {
    "L1": "Enlarge the register tile: each value loaded is then used more often.",
    "L2": "Enlarge the micro tiles: each value is then used more often while it is in L1.",
    "L3": "Enlarge the midi tiles, or fuse passes over the same data.",
    "DRAM": "Fuse passes over the same data, tile for L3, or use a smaller element type.",
}


@rule
def bound_of(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """What bounds the tiles: the first of the causes below that the figures show."""
    rows = [row for row in brick.levels if row.certain and row.typical_ns > 0]
    if brick.roofs is None or not rows:
        return
    if brick.info.threads_inside:
        yield from external_call(brick, rows)
        return
    for found in (
        _above_roof(brick, rows),
        _near_peak(brick, rows),
        _own_memory(brick, brick.roofs, rows),
        _stores(brick, brick.roofs, rows),
        _outer_memory(brick, brick.roofs, rows, summary.recording),
        _ceiling(brick, brick.roofs, rows, summary.recording),
        _compute_bound(brick, brick.roofs, rows),
        neither_roof(brick, brick.roofs, rows),
    ):
        if found is not None:
            yield found
            return


def limiting_level(rows: list[LevelSummary]) -> LevelSummary | None:
    """Return the level with the lowest roof: all levels do the same flops, so that it limits them.

    Of equal roofs the finest level's is taken, as its rate has no packing in it.
    """
    limiting: LevelSummary | None = None
    for row in rows:
        if row.attainable_gflops and (
            limiting is None or row.attainable_gflops <= (limiting.attainable_gflops or 0.0)
        ):
            limiting = row
    return limiting


def time_above(row: LevelSummary, attainable: float, achieved: float) -> float:
    """Return the nanoseconds that a level would save at a rate that can be attained."""
    return row.stats.total_ns * max(1 - metrics.share(achieved, attainable), 0.0)


def _rate(row: LevelSummary, attainable: float) -> str:
    """Return a level's rate beside what is attainable, as a clause."""
    return f"{units.format_gflops(row.typical_gflops)} of {units.format_gflops(attainable)}"


def _figures(row: LevelSummary, **more: float) -> tuple[tuple[str, float], ...]:
    """Return a level's rates by name."""
    return (
        ("gflops", row.typical_gflops),
        ("attainable_gflops", row.attainable_gflops or 0.0),
        ("efficiency", row.typical_efficiency or 0.0),
        ("intensity_flop_per_byte", row.intensity),
        ("bandwidth_gbs", row.typical_gbs),
        ("bandwidth_share", row.typical_share or 0.0),
        *more.items(),
    )


def _above_roof(brick: BrickSummary, rows: list[LevelSummary]) -> Finding | None:
    """Above a roof: one of the inputs is wrong."""
    shares = [(row.efficiency or _share_of_limit(row, brick.roofs), row) for row in rows]
    share, row = max(shares, key=lambda pair: pair[0])
    if share <= ABOVE_ROOF:
        return None
    wrong = "flops or the peak are" if row.bound == "compute" else "bytes are"
    rates = (
        _rate(row, row.attainable_gflops or 0.0)
        if row.attainable_gflops
        else f"{units.format_gbs(row.bandwidth_gbs)} by its bytes"
    )
    return Finding(
        code="above-roof",
        brick=brick.info.name,
        level=row.level,
        symptom=f"at {units.format_percent(share)} of what is attainable",
        evidence=rates,
        figures=_figures(row),
        cause=f"Nothing runs above its roof, so an input is wrong; most likely the {wrong}.",
        action="Check flops= and nbytes= of the tiles; measure the roofs again "
        "(`brickprof calibrate`).",
        weight=float(row.stats.total_ns),
    )


def _share_of_limit(row: LevelSummary, roofs: ThreadRoofs | None) -> float:
    """Return the share of the highest rate that tiles without flops may reach.

    They may store zeros, which some machines take faster than anything else.
    """
    zeros = 0.0 if roofs is None else sum(roofs.kinds_gbs(row.memory, ("zero-store",)).values())
    share = row.bandwidth_share or 0.0
    return min(share, metrics.share(row.bandwidth_gbs, zeros)) if zeros else share


def _near_peak(brick: BrickSummary, rows: list[LevelSummary]) -> Finding | None:
    """As fast as the peak allows: nothing to gain in the tile loops."""
    row = _at_peak(rows, NEAR_ROOF)
    if row is None:
        return None
    return _against_peak(
        brick,
        row,
        code="near-roof",
        symptom="compute-bound at",
        cause="The arithmetic units are busy nearly all the time.",
        action="Only fewer operations, a smaller element type or more threads make it faster.",
    )


def _at_peak(rows: list[LevelSummary], least: float) -> LevelSummary | None:
    """Return the limiting level where the peak limits it, and it reaches a share of that."""
    row = limiting_level(rows)
    if row is None or row.bound != "compute" or (row.typical_efficiency or 0.0) < least:
        return None
    return row


def _against_peak(
    brick: BrickSummary, row: LevelSummary, *, code: str, symptom: str, cause: str, action: str
) -> Finding:
    """Return a finding about a share of the peak."""
    attainable = row.attainable_gflops or 0.0
    return Finding(
        code=code,
        brick=brick.info.name,
        level=row.level,
        symptom=f"{symptom} {units.format_percent(row.typical_efficiency or 0.0)} of the peak",
        evidence=_rate(row, attainable),
        figures=_figures(row),
        cause=cause,
        action=action,
        weight=time_above(row, attainable, row.typical_gflops),
    )


def _own_memory(
    brick: BrickSummary, roofs: ThreadRoofs, rows: list[LevelSummary]
) -> Finding | None:
    """The memory that tiles are held against gives them most of its bandwidth."""
    using = [(_share_used(row, roofs), row) for row in rows if row.bound != "compute"]
    share, row = max(using, key=lambda pair: pair[0], default=(0.0, rows[0]))
    if share < MEMORY_USED:
        return None
    stores = row.stats.split_declared and row.stats.stored_bytes > row.stats.loaded_bytes
    if stores:
        return _store_bound(brick, row, share, "store")
    return _memory_bound(brick, row, row.memory, share)


def _share_used(row: LevelSummary, roofs: ThreadRoofs) -> float:
    """Return the share of a memory's bandwidth that tiles use, 0 where they are not near it."""
    share = row.typical_share or 0.0
    if share >= MEMORY_USED or row.stats.split or not row.stats.flops:
        return share
    return _matching_share(row, row.memory, roofs)


def _matching_share(row: LevelSummary, memory: str, roofs: ThreadRoofs) -> float:
    """Return the share of a memory's bandwidth, where tiles run at that rate; 0 otherwise.

    Of tiles that compute and did not declare their stores, that of the kind of traffic with loads
    that they are nearest to. Of memories farther out there are too many kinds at too many rates.
    """
    rates = [roofs.bandwidth_gbs(memory, row.stats)]
    near = (row.memory, *OUTWARD[row.memory][:1])
    if row.stats.flops and not row.stats.split and memory in near:
        rates += roofs.kinds_gbs(memory, _WITH_LOADS).values()
    shares = [metrics.share(row.typical_gbs, gbs) for gbs in rates]
    return max((one for one in shares if MATCH[0] <= one <= MATCH[1]), default=0.0)


def _memory_bound(brick: BrickSummary, row: LevelSummary, memory: str, share: float) -> Finding:
    """Return the finding that tiles run at the rate of a memory."""
    farther = memory != row.memory
    peak = 0.0 if brick.roofs is None else brick.roofs.peak_gflops
    action = _RAISE_INTENSITY[memory]
    if farther:
        action = f"Make {row.level.label} tiles smaller, so that they stay in {row.level.cache}."
    return Finding(
        code="memory-bound",
        brick=brick.info.name,
        level=row.level,
        symptom=f"memory-bound on {memory} at {units.format_percent(share)} of its bandwidth",
        evidence=f"{units.format_gbs(row.typical_gbs)} at "
        f"{units.format_intensity(row.intensity)}{_assumed(row)}",
        figures=_figures(row, memory_share=share, peak_gflops=peak),
        cause=f"The tiles' bytes come at the rate of {memory}: they do not stay in "
        f"{row.level.cache}."
        if farther
        else f"{memory} feeds the tiles about as fast as it can.",
        action=action,
        weight=_time_saved(row, share, peak, farther),
    )


def _time_saved(row: LevelSummary, share: float, peak: float, farther: bool) -> float:
    """Return the nanoseconds that a level would save without its memory: by its own or the peak."""
    if farther and row.typical_share:
        return row.stats.total_ns * max(1 - row.typical_share, 0.0)
    if row.stats.flops and peak:
        return time_above(row, peak, row.typical_gflops)
    return row.stats.total_ns * max(1 - share, 0.0)


def _assumed(row: LevelSummary) -> str:
    """Say that bytes were assumed, where they were."""
    return ", bytes assumed" if row.bytes_basis == "assumed" else ""


def _stores(brick: BrickSummary, roofs: ThreadRoofs, rows: list[LevelSummary]) -> Finding | None:
    """Tiles that did not declare their stores run at the rate of stores or copies."""
    found: tuple[float, LevelSummary, float, str] | None = None
    for row in rows:
        if row.stats.split or not row.stats.nbytes or row.bound == "compute":
            continue
        least = MEMORY_USED if not row.stats.flops else MATCH[0]
        for kind, gbs in roofs.kinds_gbs(row.memory, _HELD_BACK_BY_STORES).items():
            if row.stats.flops and kind not in _WITH_LOADS:
                continue  # what it computes from is loaded
            share = metrics.share(row.typical_gbs, gbs)
            off = abs(math.log(share)) if share else math.inf
            if least <= share <= MATCH[1] and (found is None or off < found[0]):
                found = off, row, share, kind
    return None if found is None else _store_bound(brick, *found[1:])


def _store_bound(brick: BrickSummary, row: LevelSummary, share: float, kind: str) -> Finding:
    """Return the finding that tiles run at the rate of a memory's stores."""
    return Finding(
        code="store-bound",
        brick=brick.info.name,
        level=row.level,
        symptom=f"store-bound on {row.memory} at {units.format_percent(share)} of its {kind} rate",
        evidence=f"{units.format_gbs(row.typical_gbs)}{_assumed(row)}",
        figures=_figures(row, memory_share=share),
        cause=f"{row.memory} takes stores at a lower rate than it serves loads: a line is fetched "
        "before it is written to, and written back later.",
        action="Write in place or fuse passes; large results that are not read soon: non-temporal "
        "stores.",
        weight=row.stats.total_ns * max(1 - (row.typical_share or share), 0.0),
    )


def _outer_memory(
    brick: BrickSummary, roofs: ThreadRoofs, rows: list[LevelSummary], recording: Recording
) -> Finding | None:
    """Tiles run at the rate of a memory behind the one that they should live in."""
    for row in rows:
        if row.bound == "compute":
            continue
        for memory in _outer_memories(brick, row, recording.machine):
            share = _matching_share(row, memory, roofs)
            if share:
                hits = _ceilings_of(row, roofs, recording.overhead)
                return _or_ceiling(_memory_bound(brick, row, memory, share), hits, share)
    return None


def _ceilings_of(row: LevelSummary, roofs: ThreadRoofs, overhead: Overhead) -> list[Ceiling]:
    """Return the ceilings that a level is at; of tiles as short as a call, none of elements."""
    hits = ceilings_hit(row, roofs)
    if row.typical_ns >= CALL_NS or not _timed_from_python(row, overhead):
        return hits
    return [hit for hit in hits if CEILINGS[hit.name].most_flops is None]


def _timed_from_python(row: LevelSummary, overhead: Overhead) -> bool:
    """Tell by the cost of their timer whether Python started the tiles."""
    python = min(overhead.python_inside, overhead.block_inside)
    taken_out_ns = max(row.stats.raw_self_ns - row.stats.self_ns, 0)
    cost = metrics.share(taken_out_ns, row.stats.timed)
    return python > 0 and cost > (overhead.c_inside + python) / 2


def _or_ceiling(finding: Finding, hits: list[Ceiling], share: float) -> Finding:
    """Add to a finding about a memory the ceilings inside the core that tiles are as near to."""
    near = [
        hit
        for hit in hits
        if CEILINGS[hit.name].busy_memory
        and abs(math.log(hit.share)) <= abs(math.log(share)) + AS_NEAR
    ]
    if not near:
        return finding
    return replace(
        finding,
        evidence=f"{finding.evidence}; as near: {_listed(near)}",
        cause=f"{finding.cause} Or it is {CEILINGS[near[0].name].what}: which of both, a smaller "
        "problem tells, whose data stay in the cache.",
    )


def _listed(hits: Iterable[Ceiling]) -> str:
    """Return what ceilings are of, and the shares of them."""
    return ", ".join(
        f"{CEILINGS[hit.name].what} ({units.format_percent(hit.share)})" for hit in hits
    )


def _outer_memories(
    brick: BrickSummary, row: LevelSummary, machine: Machine | None
) -> Iterator[str]:
    """Yield the memories behind a level's own that its bytes, of a call, may come from."""
    if machine is not None:
        for memory in OUTWARD[row.memory]:
            inside = _cache_inside(memory, machine)
            if row.stats.nbytes // max(brick.info.calls, 1) > 2 * inside:
                yield memory


def _cache_inside(memory: str, machine: Machine) -> int:
    """Return the bytes of the cache in front of a memory."""
    inner = {"L2": TileLevel.MICRO, "L3": TileLevel.MIDI, "DRAM": TileLevel.MACRO}[memory]
    return machine.cache(inner).size_bytes


def _ceiling(
    brick: BrickSummary, roofs: ThreadRoofs, rows: list[LevelSummary], recording: Recording
) -> Finding | None:
    """Tiles run at a ceiling inside the core."""
    memory_busy = any(
        busy(row, memory, roofs)
        for row in rows
        for memory in (row.memory, *_outer_memories(brick, row, recording.machine))
    )
    for row in reversed(rows):
        hits = [
            hit
            for hit in _ceilings_of(row, roofs, recording.overhead)
            if not (memory_busy and not CEILINGS[hit.name].busy_memory)
            # At the rate of a farther memory, a ceiling of vectors is a coincidence.
            and not (CEILINGS[hit.name].full_vectors and partly_outside(row, roofs))
        ]
        if hits:
            return _core_ceiling(brick, row, hits)
    return None


def _core_ceiling(brick: BrickSummary, row: LevelSummary, hits: list[Ceiling]) -> Finding:
    """Return the finding that tiles run at a ceiling, and which others are as near."""
    hit, *others = hits
    text = CEILINGS[hit.name]
    attainable = row.attainable_gflops or hit.peak_gflops
    also = _listed(others)
    return Finding(
        code="core-ceiling",
        brick=brick.info.name,
        level=row.level,
        symptom=f"at the ceiling of {text.what} ({units.format_percent(hit.share)})",
        evidence=f"{units.format_number(hit.rate)} of {units.format_number(hit.ceiling)} "
        f"{hit.unit}" + (f"; as near: {also}" if also else ""),
        figures=_figures(row, ceiling=hit.ceiling, ceiling_share=hit.share),
        cause=text.cause,
        action=text.action,
        weight=time_above(row, attainable, row.typical_gflops),
    )


def _compute_bound(
    brick: BrickSummary, roofs: ThreadRoofs, rows: list[LevelSummary]
) -> Finding | None:
    """Compute-bound at over half of the peak, yet not near it."""
    row = _at_peak(rows, HALF)
    if row is None:
        return None
    return _against_peak(
        brick,
        row,
        code="compute-bound",
        symptom="compute-bound, yet at",
        cause=f"{_in_use(row, roofs)}What is left: loads and stores beside each operation, call "
        "overhead, few independent sums, operations that are no multiply-adds, edges of tiles, "
        "packing.",
        action="Look at the micro-kernel: operations per load, independent sums, edges, packing.",
    )


def _in_use(row: LevelSummary, roofs: ThreadRoofs) -> str:
    """Say what a rate above the ceiling of code without it shows to be in use."""
    without = {"half-width": "full vectors", "no-fma": "multiply-adds"}
    ceilings = roofs.ceilings_gflops()
    found = [
        what
        for name, what in without.items()
        if name in ceilings and row.typical_gflops > ABOVE_CEILING * ceilings[name]
    ]
    return f"{' and '.join(found).capitalize()} are in use. " if found else ""
