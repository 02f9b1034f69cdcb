"""Summaries: every figure that reports and findings use, computed from a recording and roofs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from brickprof.core import metrics
from brickprof.core.histograms import bucket_bounds, percentile_ns
from brickprof.core.levels import TileLevel
from brickprof.diagnose.brick_notes import brick_notes
from brickprof.diagnose.categories import CategoryShare, category_shares
from brickprof.diagnose.level_summary import LevelSummary, summarize_level
from brickprof.diagnose.run_notes import run_notes
from brickprof.diagnose.thread_roofs import ThreadRoofs, roofs_of_brick
from brickprof.diagnose.usage import Usage
from brickprof.recording import BrickInfo, Recording
from brickprof.roofline import Roofs

MIXED_DTYPE = "mixed"
"""The element type of a brick that was entered with several: it has no single peak."""

UNKNOWN_DTYPE = "unknown"
"""The element type of a brick that was entered without one."""

MIN_CALLS_OF_A_SPREAD = 4
"""Calls from which the quartiles of their times are of different calls."""


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
    roofs : ThreadRoofs or None
        What its levels are held against; None where no roofs are of what it ran.
    usage : Usage or None
        What the operating system saw of its threads.
    run_gflops : float
        Rate of all threads in the median call; where calls were not kept apart, flops of the
        coarsest level that declares any, over wall time.
    run_spread : float or None
        Difference of the quartiles of the calls' times per flop, over their median; None for
        fewer than `MIN_CALLS_OF_A_SPREAD` calls.
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
    roofs: ThreadRoofs | None
    usage: Usage | None
    run_gflops: float
    run_spread: float | None
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
    categories : tuple of CategoryShare
        How the time divides among categories; empty where no brick has one.
    """

    recording: Recording
    roofs: Roofs | None
    bricks: tuple[BrickSummary, ...]
    notes: tuple[str, ...]
    categories: tuple[CategoryShare, ...] = ()


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
    shares_of = cache(lambda one, inside: ThreadRoofs.of(one, recording.machine, inside))
    infos = sorted(recording.brick_infos, key=lambda info: (-info.wall_ns, info.name))
    return Summary(
        recording=recording,
        roofs=roofs,
        bricks=tuple(_summarize_brick(recording, info, roofs, shares_of) for info in infos),
        notes=tuple(run_notes(recording, roofs)) if infos else (),
        categories=category_shares(recording.brick_paths),
    )


def _summarize_brick(
    recording: Recording,
    info: BrickInfo,
    roofs: Roofs | None,
    shares_of: Callable[[Roofs, int], ThreadRoofs],
) -> BrickSummary:
    """Summarize one brick against the roofs of its element type, if they are of what it ran."""
    dtype = (info.dtypes or (UNKNOWN_DTYPE,))[0] if len(info.dtypes) <= 1 else MIXED_DTYPE
    own_roofs = roofs_of_brick(recording, info, dtype, roofs)
    shares = None if own_roofs is None else shares_of(own_roofs, max(info.threads_inside, 1))
    by_level = [recording.tile_stats(level, info.name) for level in TileLevel]
    stats = tuple(one for one in by_level if one.count)
    levels = tuple(
        summarize_level(one, stats, shares, recording.clock, recording.machine, info.work_sources)
        for one in stats
    )
    totals = [one.flops for one in stats if one.flops]
    if info.threads_inside:  # calls of a library: none is inside of another one
        totals = [sum(totals)] if totals else []
    median, spread = _call_rate(info)
    run_gflops = median or metrics.gflops(totals[0] if totals else 0, info.wall_ns)
    same_threads = own_roofs is not None and own_roofs.threads == info.threads
    peak_share = (
        metrics.cache_efficiency(run_gflops, own_roofs.peak_gflops)
        if own_roofs is not None and same_threads and totals
        else None
    )
    return BrickSummary(
        info=info,
        dtype=dtype,
        levels=levels,
        roofs=shares,
        usage=Usage.of(info),
        run_gflops=run_gflops,
        run_spread=spread,
        flops_agree=len(set(totals)) <= 1,
        peak_share=peak_share,
        notes=tuple(brick_notes(recording, info, dtype, levels, roofs, own_roofs, peak_share)),
    )


def _call_rate(info: BrickInfo) -> tuple[float, float | None]:
    """Return the GFLOP/s of the median call, and the spread of the middle half of all calls.

    The rate is 0.0, and the spread None, where no call declared flops.
    """
    calls = sum(count for _, count in info.call_paces)
    if not calls:
        return 0.0, None
    first, last = (sum(bucket_bounds(info.call_paces[end][0])) // 2 for end in (0, -1))
    quarter, half, three = (percentile_ns(info.call_paces, p, first, last) for p in (25, 50, 75))
    spread = metrics.share(three - quarter, half) if calls >= MIN_CALLS_OF_A_SPREAD else None
    return metrics.gflops(10**9, half), spread


def summary_of(recording_or_summary: Recording | Summary, roofs: Roofs | None = None) -> Summary:
    """Return what is to be diagnosed, held against other roofs where some are given.

    Raises
    ------
    TypeError
        If an argument is of another type.
    """
    if isinstance(recording_or_summary, Recording):
        return summarize(recording_or_summary, roofs)
    if not isinstance(recording_or_summary, Summary):
        raise TypeError(
            "recording_or_summary must be a Recording or a Summary, got "
            f"{type(recording_or_summary).__name__}"
        )
    if roofs is None:
        return recording_or_summary
    return summarize(recording_or_summary.recording, roofs)
