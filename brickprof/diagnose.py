"""Turns summaries into findings: what is seen, on what evidence, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from brickprof import metrics, units
from brickprof.levels import TileLevel
from brickprof.recording import Recording
from brickprof.roofline import Roofs
from brickprof.summary import BrickSummary, LevelSummary, Summary, summarize, too_short

NEAR_ROOF = 0.8
"""Efficiency from which a kernel counts as near its roof: the last fifth goes to edge tiles,
packing and loop ends, and even tuned libraries rarely get all of it."""

ABOVE_ROOF = 1.05
"""Efficiency above which the inputs must be wrong: repeats of a steady roof differ by less."""

LOW_BANDWIDTH = 0.2
"""Share of a cache's bandwidth below which the arithmetic does not wait for data."""

LARGE_TAIL = 3.0
"""p99 over p50 above which tile times vary too much: equal tiles in cache take equal times, and
one that has to come from the next memory takes two to four times as long."""

TAIL_SAMPLES = 200
"""Timed tiles below which p99 is one or two tiles, and no evidence."""

LARGE_OUTER_SELF = 0.2
"""Self share above which an outer level is more than packing and loop set-up should cost."""

_RAISE_INTENSITY = {
    TileLevel.MICRO: "Enlarge the register tile, so that each value loaded from L1 is used more.",
    TileLevel.MIDI: "Enlarge the micro tiles (or their depth), so that each value from L2 is used "
    "more often while it is in L1.",
    TileLevel.MACRO: "Enlarge the midi tiles, so that each value from L3 is used more often while "
    "it is in L2; fuse passes over the same data.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something worth a look.

    Parameters
    ----------
    code : str
        What kind it is: ``"above-roof"``, ``"compute-bound"``, ``"memory-bound"``,
        ``"near-roof"``, ``"noisy-roofs"``, ``"outer-self-time"``, ``"tiles-too-short"`` or
        ``"variable-latency"``.
    brick : str or None
        The brick; None where it is about the whole recording.
    level : TileLevel or None
        The level; None where it is about the whole brick or recording.
    symptom, evidence : str
        What is seen and the figures that show it, as clauses.
    figures : tuple of (str, float)
        The same figures by name, with the unit at the end of the name.
    cause, action : str
        The likely cause and what to do, in sentences.
    weight : float
        About how many nanoseconds of busy time it is about; findings are sorted by it.
    """

    code: str
    brick: str | None
    level: TileLevel | None
    symptom: str
    evidence: str
    figures: tuple[tuple[str, float], ...]
    cause: str
    action: str
    weight: float


Rule = Callable[[BrickSummary, Roofs | None], Iterable[Finding]]


def diagnose(
    recording_or_summary: Recording | Summary, roofs: Roofs | None = None
) -> tuple[Finding, ...]:
    """Find what limits the bricks of a recording.

    Parameters
    ----------
    recording_or_summary : Recording or Summary
        What to look at.
    roofs : Roofs, optional
        What to hold it against; by default the summary's or the recording's own.

    Returns
    -------
    tuple of Finding
        The one that is about most time first. A brick with nothing else to say of it, and steady
        roofs, gets a ``"near-roof"`` finding if it is there.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    if isinstance(recording_or_summary, Summary):
        summary = recording_or_summary
        if roofs is not None:
            summary = summarize(summary.recording, roofs)
    elif isinstance(recording_or_summary, Recording):
        summary = summarize(recording_or_summary, roofs)
    else:
        raise TypeError(
            "recording_or_summary must be a Recording or a Summary, got "
            f"{type(recording_or_summary).__name__}"
        )
    findings = list(_noisy_roofs(summary))
    steady = not findings
    for brick in summary.bricks:
        problems = [found for rule in RULES for found in rule(brick, summary.roofs)]
        findings += problems
        if steady and not problems:
            findings += _near_roof(brick)
    return tuple(sorted(findings, key=_importance))


def _importance(finding: Finding) -> tuple[float, str, str, int]:
    """Return what findings are sorted by: most time first, then by name."""
    level = -1 if finding.level is None else int(finding.level)
    return -finding.weight, finding.brick or "", finding.code, level


def _limiting_level(brick: BrickSummary) -> tuple[LevelSummary, float, float] | None:
    """Return the level with the lowest credible roof, that roof in GFLOP/s, and the efficiency.

    All levels work through the same flops, so the lowest of their roofs holds for the brick;
    where several are equal it is the finest's, whose rate has no packing in it.
    """
    limiting: tuple[LevelSummary, float, float] | None = None
    for row in brick.levels:
        attainable, efficiency = row.attainable_gflops, row.efficiency
        if not attainable or efficiency is None or efficiency > ABOVE_ROOF:
            continue
        if row.stats.total_ns and (limiting is None or attainable <= limiting[1]):
            limiting = row, attainable, efficiency
    return limiting


def _rate_evidence(row: LevelSummary, attainable: float) -> str:
    """Return a level's rate, roof and intensity as a clause."""
    doubt = ", bytes assumed" if row.bytes_basis == "assumed" else ""
    return (
        f"{units.format_gflops(row.gflops)} of {units.format_gflops(attainable)} attainable at "
        f"{units.format_intensity(row.intensity)}{doubt}"
    )


def _rate_figures(row: LevelSummary, attainable: float) -> tuple[tuple[str, float], ...]:
    """Return the same by name."""
    return (
        ("gflops", row.gflops),
        ("attainable_gflops", attainable),
        ("efficiency", metrics.cache_efficiency(row.gflops, attainable)),
        ("intensity_flop_per_byte", row.intensity),
        ("bandwidth_share", row.bandwidth_share or 0.0),
    )


def _time_above(row: LevelSummary, roof_gflops: float) -> float:
    """Return the nanoseconds that a level would save at a given rate."""
    return max(row.stats.total_ns - metrics.share(row.stats.flops, roof_gflops), 0.0)


def _above_roof(brick: BrickSummary, roofs: Roofs | None) -> Iterator[Finding]:
    """Efficiency above 100 %: one of the inputs is wrong."""
    rows = [(row.efficiency, row) for row in brick.levels if row.efficiency is not None]
    above = [(efficiency, row) for efficiency, row in rows if efficiency > ABOVE_ROOF]
    if not above:
        return
    efficiency, row = max(above, key=lambda pair: pair[0])
    attainable = row.attainable_gflops or 0.0
    wrong = "the bytes are" if row.bound == "memory" else "the flops or the peak are"
    yield Finding(
        code="above-roof",
        brick=brick.info.name,
        level=row.level,
        symptom=f"at {units.format_percent(efficiency)} of what is attainable",
        evidence=_rate_evidence(row, attainable),
        figures=_rate_figures(row, attainable),
        cause=f"Nothing runs above its roof, so an input is wrong; most likely {wrong}.",
        action="Check flops= and nbytes= of the tiles, and measure the roofs again "
        "(`brickprof calibrate`).",
        weight=float(row.stats.total_ns),
    )


def _compute_bound(brick: BrickSummary, roofs: Roofs | None) -> Iterator[Finding]:
    """Limited by the arithmetic, yet far from the compute roof."""
    limiting = _limiting_level(brick)
    if limiting is None:
        return
    row, attainable, efficiency = limiting
    if row.bound != "compute" or efficiency >= NEAR_ROOF:
        return
    used = row.bandwidth_share or 0.0
    if used < LOW_BANDWIDTH:
        cause = "Data are there in time; the arithmetic units wait for instructions."
        action = (
            "SIMD: vectorize with FMA, hold the results in registers, and keep enough of them "
            "independent to cover the latency of an FMA."
        )
    else:
        cause = "The loads fit into the bandwidth but do not overlap with the arithmetic."
        action = (
            "Enlarge the register tile for fewer loads per operation, unroll, and read packed, "
            "contiguous data."
        )
    yield Finding(
        code="compute-bound",
        brick=brick.info.name,
        level=row.level,
        symptom=f"compute-bound, yet at {units.format_percent(efficiency)} of the roof",
        evidence=f"{_rate_evidence(row, attainable)}, {units.format_percent(used)} of "
        f"{row.level.cache}'s bandwidth used",
        figures=_rate_figures(row, attainable),
        cause=cause,
        action=action,
        weight=_time_above(row, attainable),
    )


def _memory_bound(brick: BrickSummary, roofs: Roofs | None) -> Iterator[Finding]:
    """Limited by the cache that feeds a level."""
    limiting = _limiting_level(brick)
    if roofs is None or limiting is None or limiting[0].bound != "memory":
        return
    row, attainable, efficiency = limiting
    cache = row.level.cache
    if efficiency >= NEAR_ROOF:
        cause = f"{cache} feeds this level as fast as it can."
        action = f"Better tiling: {_lower_first(_RAISE_INTENSITY[row.level])}"
    else:
        cause = (
            f"{cache} feeds this level, but below its bandwidth: the tiles do not stay in {cache}, "
            "or are read with strides and without look-ahead."
        )
        action = (
            f"Tile to the size of {cache}, pack operands contiguously, prefetch. Then: "
            f"{_lower_first(_RAISE_INTENSITY[row.level])}"
        )
    peak = roofs.for_dtype(brick.dtype).peak_per_thread()
    yield Finding(
        code="memory-bound",
        brick=brick.info.name,
        level=row.level,
        symptom=f"memory-bound on {cache}, at {units.format_percent(efficiency)} of its roof",
        evidence=_rate_evidence(row, attainable),
        figures=(*_rate_figures(row, attainable), ("peak_gflops", peak)),
        cause=cause,
        action=action,
        weight=_time_above(row, peak),
    )


def _lower_first(sentence: str) -> str:
    """Return a sentence as it goes on behind a colon."""
    return sentence[0].lower() + sentence[1:]


def _variable_latency(brick: BrickSummary, roofs: Roofs | None) -> Iterator[Finding]:
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


def _tiles_too_short(brick: BrickSummary, roofs: Roofs | None) -> Iterator[Finding]:
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


def _outer_self_time(brick: BrickSummary, roofs: Roofs | None) -> Iterator[Finding]:
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


RULES: tuple[Rule, ...] = (
    _above_roof,
    _compute_bound,
    _memory_bound,
    _variable_latency,
    _tiles_too_short,
    _outer_self_time,
)
"""What is asked of every brick; a brick that none of them speaks of may be near its roof."""


def _near_roof(brick: BrickSummary) -> Iterator[Finding]:
    """As fast as the measured roof allows: nothing to gain in the tile loops."""
    limiting = _limiting_level(brick)
    if limiting is None or limiting[2] < NEAR_ROOF:
        return
    row, attainable, efficiency = limiting
    yield Finding(
        code="near-roof",
        brick=brick.info.name,
        level=row.level,
        symptom=f"compute-bound at {units.format_percent(efficiency)} of the roof",
        evidence=_rate_evidence(row, attainable),
        figures=_rate_figures(row, attainable),
        cause="The arithmetic units are busy nearly all the time.",
        action="Nothing is left in the tile loops: only fewer operations, a wider ISA or more "
        "threads make it faster.",
        weight=_time_above(row, attainable),
    )


def _noisy_roofs(summary: Summary) -> Iterator[Finding]:
    """Roofs that were measured on a busy machine."""
    roofs = summary.roofs
    if roofs is None or not roofs.noisy or not summary.bricks:
        return
    spread = max(roofs.spread.values())
    wall_ns = sum(brick.info.wall_ns for brick in summary.bricks)
    yield Finding(
        code="noisy-roofs",
        brick=None,
        level=None,
        symptom="the roofs are not steady",
        evidence=roofs.verdict,
        figures=(("spread", spread),),
        cause="Something else ran while they were measured, or the clock frequency changed.",
        action="Measure them again on an idle machine (`brickprof calibrate`).",
        weight=spread * wall_ns,
    )
