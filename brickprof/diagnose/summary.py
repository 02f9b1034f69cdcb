"""Summaries: every figure that reports and findings use, computed from a recording and roofs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from brickprof.core import metrics, units
from brickprof.core.levels import TileLevel
from brickprof.diagnose.run_notes import run_notes
from brickprof.recording import BrickInfo, Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import Roofs

MIXED_DTYPE = "mixed"
"""The element type of a brick that was entered with several: it has no single peak."""

UNKNOWN_DTYPE = "unknown"
"""The element type of a brick that was entered without one."""

Bound = Literal["compute", "memory", "unknown"]
BoundBasis = Literal["ridge", "rule of thumb"]
BytesBasis = Literal["declared", "assumed", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSummary:
    """The tiles of one level of one brick, against the roof of the level's cache for one thread.

    Parameters
    ----------
    level : TileLevel
        The level.
    stats : TileStats
        What was recorded.
    self_share : float
        Its self time over the self time of all levels of the brick.
    avg_ns : float
        Mean time of a tile in nanoseconds.
    p50_ns, p99_ns : int
        Percentiles of the tiles' times in nanoseconds.
    gflops, intensity, bandwidth_gbs : float
        GFLOP/s, flop/byte and GB/s of one thread while it is in the level's tiles.
    bytes_basis : str
        ``"declared"``, ``"assumed"`` (of one tile or more) or ``"none"``.
    attainable_gflops : float or None
        Roof of one thread at that intensity; None without roofs, flops or bytes.
    efficiency : float or None
        Achieved over attainable, as a fraction that is not clamped.
    bandwidth_share : float or None
        Achieved bandwidth over that of the level's cache for one thread.
    bound : str
        ``"compute"``, ``"memory"``, or ``"unknown"`` without flops or bytes.
    bound_basis : str
        ``"ridge"`` with roofs, else ``"rule of thumb"``.
    overhead_share : float
        Share of the raw time that was the timer itself and was taken out.
    batch : int or None
        How many tiles of `batch_level` to time as one so that this share falls under
        `metrics.OVERHEAD_LIMIT_PERCENT`; 0 where all of the time is the timer's; None where the
        share is within the limit.
    batch_level : TileLevel or None
        The level, this or a finer one, whose start/stop pairs cost most of that share.
    """

    level: TileLevel
    stats: TileStats
    self_share: float
    avg_ns: float
    p50_ns: int
    p99_ns: int
    gflops: float
    intensity: float
    bandwidth_gbs: float
    bytes_basis: BytesBasis
    attainable_gflops: float | None
    efficiency: float | None
    bandwidth_share: float | None
    bound: Bound
    bound_basis: BoundBasis
    overhead_share: float
    batch: int | None
    batch_level: TileLevel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrickSummary:
    """One brick: its whole run, and its levels.

    Parameters
    ----------
    info : BrickInfo
        What was recorded of the brick as a whole.
    dtype : str
        Its element type, or ``"mixed"``, or ``"unknown"``.
    levels : tuple of LevelSummary
        The levels that have tiles, coarsest first.
    run_gflops : float
        Flops of the coarsest level that declares any, over wall time: the rate of all threads.
    flops_agree : bool
        Whether all levels that declare flops declare the same total.
    peak_share : float or None
        `run_gflops` over the peak of as many threads; None where no such peak was measured.
    notes : tuple of str
        Caveats on the figures, in sentences.
    """

    info: BrickInfo
    dtype: str
    levels: tuple[LevelSummary, ...]
    run_gflops: float
    flops_agree: bool
    peak_share: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A recording compared with roofs.

    Parameters
    ----------
    recording : Recording
        The recording.
    roofs : Roofs or None
        The roofs, if there are any.
    bricks : tuple of BrickSummary
        Longest wall time first.
    notes : tuple of str
        Caveats on the figures of all bricks, in sentences.
    """

    recording: Recording
    roofs: Roofs | None
    bricks: tuple[BrickSummary, ...]
    notes: tuple[str, ...]


def summarize(recording: Recording, roofs: Roofs | None = None) -> Summary:
    """Compute every figure that a report shows.

    Parameters
    ----------
    recording : Recording
        The recording.
    roofs : Roofs, optional
        Roofs to compare with; by default the recording's own, if it has any.

    Returns
    -------
    Summary

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, got {type(recording).__name__}")
    if not (roofs is None or isinstance(roofs, Roofs)):
        raise TypeError(f"roofs must be Roofs or None, got {type(roofs).__name__}")
    roofs = recording.roofs if roofs is None else roofs
    infos = sorted(recording.brick_infos, key=lambda info: (-info.wall_ns, info.name))
    return Summary(
        recording=recording,
        roofs=roofs,
        bricks=tuple(_summarize_brick(recording, info, roofs) for info in infos),
        notes=tuple(run_notes(recording, roofs)) if infos else (),
    )


def too_short(levels: Iterable[LevelSummary]) -> tuple[LevelSummary, ...]:
    """Return, for each level whose tiles are too short for the timer, the row with most overhead.

    Parameters
    ----------
    levels : iterable of LevelSummary
        The levels of one brick.

    Returns
    -------
    tuple of LevelSummary
        One for each `batch_level`, coarsest first.
    """
    worst: dict[TileLevel, LevelSummary] = {}
    for row in levels:
        level = row.batch_level
        if level is not None and (
            level not in worst or row.overhead_share > worst[level].overhead_share
        ):
            worst[level] = row
    return tuple(worst[level] for level in sorted(worst))


def _summarize_brick(recording: Recording, info: BrickInfo, roofs: Roofs | None) -> BrickSummary:
    """Summarize one brick against the roofs of its element type, if they are of what it ran."""
    dtype = (info.dtypes or (UNKNOWN_DTYPE,))[0] if len(info.dtypes) <= 1 else MIXED_DTYPE
    own_roofs = None
    if roofs is not None and dtype in roofs.peak_by_dtype and info.isas in ((), (roofs.isa,)):
        own_roofs = roofs.for_dtype(dtype)
    by_level = [recording.tile_stats(level, info.name) for level in TileLevel]
    stats = tuple(one for one in by_level if one.count)
    levels = tuple(_summarize_level(one, stats, own_roofs) for one in stats)
    totals = [one.flops for one in stats if one.flops]
    run_gflops = metrics.gflops(totals[0] if totals else 0, info.wall_ns)
    same_threads = own_roofs is not None and own_roofs.threads == info.threads
    peak_share = (
        metrics.cache_efficiency(run_gflops, own_roofs.peak_gflops)
        if own_roofs is not None and same_threads and totals
        else None
    )
    notes = [*_level_notes(levels), *_work_notes(levels)]
    if roofs is not None and levels:
        notes += _brick_roof_notes(info, dtype, roofs, own_roofs)
    if peak_share is not None and peak_share > 1:
        notes.append(
            f"The run is at {units.format_percent(peak_share)} of the peak: the peak or the flops "
            "are wrong."
        )
    return BrickSummary(
        info=info,
        dtype=dtype,
        levels=levels,
        run_gflops=run_gflops,
        flops_agree=len(set(totals)) <= 1,
        peak_share=peak_share,
        notes=tuple(notes),
    )


def _summarize_level(
    stats: TileStats, siblings: tuple[TileStats, ...], roofs: Roofs | None
) -> LevelSummary:
    """Summarize one level of a brick; `siblings` are all of its levels that have tiles."""
    level, intensity = stats.level, stats.arithmetic_intensity
    bandwidth = metrics.bandwidth_gbs(stats.nbytes, stats.total_ns)
    attainable = efficiency = bandwidth_share = None
    if roofs is not None and stats.nbytes:
        feed = roofs.bandwidth_gbs[level.cache] / roofs.threads
        bandwidth_share = metrics.share(bandwidth, feed)
        if stats.flops:
            attainable = roofs.attainable_per_thread(level, intensity)
            efficiency = stats.cache_efficiency(attainable)
    overhead_ns = max(stats.raw_total_ns - stats.total_ns, 0)
    over_limit = overhead_ns * 100 > metrics.OVERHEAD_LIMIT_PERCENT * stats.raw_total_ns
    # Every start/stop pair costs about the same: the level with the most tiles costs the most.
    costliest = max((one for one in siblings if one.level >= level), key=lambda one: one.count)
    return LevelSummary(
        level=level,
        stats=stats,
        self_share=metrics.share(stats.self_ns, sum(one.self_ns for one in siblings)),
        avg_ns=stats.avg_us * 1000,
        p50_ns=stats.percentile_ns(50),
        p99_ns=stats.percentile_ns(99),
        gflops=stats.gflops,
        intensity=intensity,
        bandwidth_gbs=bandwidth,
        bytes_basis=_bytes_basis(stats),
        attainable_gflops=attainable,
        efficiency=efficiency,
        bandwidth_share=bandwidth_share,
        bound=_bound(stats, roofs),
        bound_basis="rule of thumb" if roofs is None else "ridge",
        overhead_share=stats.overhead_share,
        batch=metrics.tiles_to_batch(overhead_ns, stats.total_ns) if over_limit else None,
        batch_level=costliest.level if over_limit else None,
    )


def _bytes_basis(stats: TileStats) -> BytesBasis:
    """Return where a level's bytes come from."""
    if not stats.nbytes:
        return "none"
    return "declared" if stats.nbytes_declared else "assumed"


def _bound(stats: TileStats, roofs: Roofs | None) -> Bound:
    """Return which roof limits a level."""
    if not (stats.flops and stats.nbytes):
        return "unknown"
    intensity = stats.arithmetic_intensity
    bound = metrics.bound_by(intensity) if roofs is None else roofs.bound(stats.level, intensity)
    return "compute" if bound == "compute" else "memory"


def _listed(parts: list[str]) -> str:
    """Join parts as in ``"Macro, Midi and Micro"``."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def _level_notes(levels: tuple[LevelSummary, ...]) -> Iterator[str]:
    """Yield notes on implausible rates and on tiles that are too short."""
    above = [
        f"{row.level.label} at {units.format_percent(row.efficiency)}"
        for row in levels
        if row.efficiency is not None and row.efficiency > 1
    ]
    if above:
        first = above[0].replace(" ", " runs ", 1)
        yield (
            f"{_listed([first, *above[1:]])} of attainable: the peak, the flops or the bytes are "
            "wrong."
        )
    for row in too_short(levels):
        batch_level = row.batch_level or row.level
        yield (
            f"{batch_level.label} tiles are too short for the timer, which was "
            f"{units.format_percent(row.overhead_share)} of {row.level.label}'s time (taken out): "
            f"batch {units.format_count(row.batch) if row.batch else 'many'} of them into one tile."
        )


def _work_notes(levels: tuple[LevelSummary, ...]) -> Iterator[str]:
    """Yield notes on flops and bytes that were not declared, or that disagree."""
    if not levels:
        yield "No tile was recorded in it."
    assumed = [row.level.label for row in levels if row.bytes_basis == "assumed"]
    if assumed:
        yield (
            f"Bytes of {_listed(assumed)} are assumed (elements x item size, marked ~): pass "
            "nbytes= where the kernel knows its traffic."
        )
    no_bytes = [row.level.label for row in levels if row.bytes_basis == "none"]
    if no_bytes:
        yield f"{_listed(no_bytes)} declared neither bytes nor elements: intensity is unknown."
    no_flops = [row.level.label for row in levels if not row.stats.flops]
    if no_flops:
        yield f"{_listed(no_flops)} declared no flops: rate and efficiency are unknown."
    declaring = [row for row in levels if row.stats.flops]
    if len({row.stats.flops for row in declaring}) > 1:
        totals = ", ".join(f"{row.level.label} {row.stats.flops:.4g}" for row in declaring)
        yield (
            f"Levels declare different flops ({totals}); the run's rate is by "
            f"{declaring[0].level.label}."
        )


def _brick_roof_notes(
    info: BrickInfo, dtype: str, roofs: Roofs, own_roofs: Roofs | None
) -> Iterator[str]:
    """Yield notes on roofs of another ISA, element type or thread count than the brick's."""
    if info.isas not in ((), (roofs.isa,)):
        yield (
            f"It ran with {' and '.join(info.isas)}, the roofs are those of {roofs.isa}: "
            "efficiency is left out, the bound is by rule of thumb."
        )
    elif own_roofs is None:
        yield (
            f"No peak was measured for {dtype} elements: efficiency is left out, the bound is by "
            "rule of thumb."
        )
    elif own_roofs.threads != info.threads:
        yield (
            f"It ran on {threads_text(info.threads)}, the roofs are those of "
            f"{threads_text(roofs.threads)}: a thread's share may differ, the share of peak is "
            "left out."
        )


def threads_text(threads: int) -> str:
    """Return a number of threads as text, such as ``"1 thread"``."""
    return f"{units.format_count(threads)} thread{'' if threads == 1 else 's'}"
