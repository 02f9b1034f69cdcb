"""Efficiency against the roofs: compute-bound, memory-bound, near the roof, or above it."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.diagnose.finding import Finding
from brickprof.diagnose.rules.noise import outlier_share
from brickprof.diagnose.rules.registry import rule
from brickprof.diagnose.summary import BrickSummary, LevelSummary, Summary

NEAR_ROOF = 0.8
"""Efficiency from which a kernel counts as near its roof: edge tiles, packing and loop ends take
the last fifth, and even tuned libraries rarely get all of it."""

ABOVE_ROOF = 1.05
"""Efficiency above which the inputs must be wrong: repeats of a steady roof differ by less."""

LOW_BANDWIDTH = 0.2
"""Share of a cache's bandwidth below which the arithmetic units do not wait for data."""

_RAISE_INTENSITY = {
    TileLevel.MICRO: "Enlarge the register tile, so that each value loaded from L1 is used more.",
    TileLevel.MIDI: "Enlarge the micro tiles (or their depth), so that each value from L2 is used "
    "more often while it is in L1.",
    TileLevel.MACRO: "Enlarge the midi tiles, so that each value from L3 is used more often while "
    "it is in L2; fuse passes over the same data.",
}


def _limiting_level(brick: BrickSummary) -> tuple[LevelSummary, float, float] | None:
    """Return the level with the lowest credible roof, that roof in GFLOP/s, and the efficiency.

    All levels do the same flops, so the lowest of their roofs limits the brick. Of equal roofs the
    finest level's is taken, as its rate has no packing in it.
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
    """Return a level's rate, roof and intensity by name."""
    return (
        ("gflops", row.gflops),
        ("attainable_gflops", attainable),
        ("efficiency", metrics.cache_efficiency(row.gflops, attainable)),
        ("intensity_flop_per_byte", row.intensity),
        ("bandwidth_share", row.bandwidth_share or 0.0),
    )


def _time_above(row: LevelSummary, roof_gflops: float) -> float:
    """Return the nanoseconds that a level would save at a given rate in GFLOP/s."""
    return max(row.stats.total_ns - metrics.share(row.stats.flops, roof_gflops), 0.0)


@rule
def above_roof(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
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


@rule
def compute_bound(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Compute-bound, yet far from the compute roof."""
    limiting = _limiting_level(brick)
    if limiting is None:
        return
    row, attainable, efficiency = limiting
    # Time lost in outliers is the machine's fault, not the kernel's.
    undisturbed = 1 - max(map(outlier_share, brick.levels))
    if row.bound != "compute" or efficiency >= NEAR_ROOF * undisturbed:
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


@rule
def memory_bound(brick: BrickSummary, summary: Summary) -> Iterator[Finding]:
    """Memory-bound on the cache that feeds a level."""
    limiting = _limiting_level(brick)
    roofs = summary.roofs
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
    """Return a sentence with a small first letter, for the place behind a colon."""
    return sentence[0].lower() + sentence[1:]


def near_roof(brick: BrickSummary) -> Iterator[Finding]:
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


def noisy_roofs(summary: Summary) -> Iterator[Finding]:
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
