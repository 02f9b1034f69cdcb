"""Recordings and sweeps that together make every note and finding that a report can hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.made_recordings import (
    COUNTS,
    FLOPS,
    MACHINE,
    NOISY_ROOFS,
    ROOFS,
    changed,
    healthy_tiles,
    made,
    tiles,
)

from brickprof.core.histograms import bucket_of
from brickprof.core.levels import TileLevel
from brickprof.recording import (
    BrickInfo,
    BrickPath,
    Budget,
    ClockInfo,
    Overhead,
    Recording,
    TeamTimes,
    ThreadUsage,
)
from brickprof.tuning.outcome import TunedCandidate, Tuning
from brickprof.tuning.proof import Proof
from brickprof.tuning.scalability import Scalability
from brickprof.tuning.sweep import Sweep, SweepPoint

MACRO, MIDI, MICRO = TileLevel
_WALL = 1_100_000
_LARGE = replace(MACHINE, logical_cores=8, physical_cores=8, usable_cores=8)


def _with_tail(slow: int, ratio: float) -> Recording:
    """Return the healthy recording with some Micro tiles slower than the rest."""
    usual = 1_040_000 / (COUNTS[MICRO] + slow * (ratio - 1))
    times = [round(usual)] * (COUNTS[MICRO] - slow) + [round(usual * ratio)] * slow
    spread = tiles(MICRO, times)
    return changed(MICRO, histogram=spread.histogram, min_ns=spread.min_ns, max_ns=spread.max_ns)


def _threaded(threads: int, busy_us: tuple[int, ...] = (), **fields: object) -> Recording:
    """Return the healthy recording as one of several threads that were busy for so long."""
    teams = (TeamTimes(3, 1_000_000, tuple(one * 1000 for one in busy_us)),) if busy_us else ()
    machine = fields.get("machine", _LARGE)
    return made(brick_infos=(BrickInfo("gemm", 3, _WALL, threads, teams=teams),), machine=machine)


def _memory_bound(level: TileLevel, share_of_roof: float) -> Recording:
    """Return a GEMM at a quarter of one level's ridge, at a share of that slope."""
    roof = ROOFS.peak_by_dtype["float32"] / 4
    nbytes = round(FLOPS * ROOFS.bandwidth_gbs[level.cache] / roof)
    return changed(level, slower=FLOPS / (roof * share_of_roof) / 1_080_000, nbytes=nbytes)


_CEILINGS = replace(
    ROOFS,
    traffic_gbs={"L2 store": 10.0, "L2 update": 90.0},
    ceilings_gflops={"float32 scalar": 5.0, "float32 chain": 10.0, "float32 half-width": 40.0},
    latency_ns={"L1": 1.0, "L2": 4.0, "L3": 12.0, "DRAM": 100.0},
)


def _seen(*usage: ThreadUsage) -> Recording:
    """Return the healthy recording with what the operating system saw of its threads."""
    return made(brick_infos=(BrickInfo("gemm", 3, 10**7, len(usage), usage=usage),))


RECORDINGS: dict[str, Recording] = {
    "healthy": made(),
    "two-bricks": made(
        [*healthy_tiles(brick="[bold]atten\ntion of a name that is too long for its place[/]"),
         *healthy_tiles(slower=3.7)],
        brick_infos=(
            BrickInfo(
                "[bold]atten\ntion of a name that is too long for its place[/]",
                1, 2 * 10**6, 1, ("float64",),
            ),
            BrickInfo("gemm", 2, 10**7, 1, ("float32",)),
        ),
    ),
    "no-roofs": made(roofs=None, machine=None, sample_every=8),
    "empty": made((), brick_infos=(), machine=None, roofs=None),
    "no-tiles": made(
        (),
        open_tiles=1,
        abandoned_tiles=3,
        abandoned_by=(("left by ValueError", 2), ("timer dropped", 1)),
        brickless_threads=2,
        clock_steps_back=1,
        events_dropped=3,
    ),
    "work-in-doubt": made(
        [
            replace(one, undeclared=2) if one.level is MIDI
            else replace(one, flops=FLOPS * 2) if one.level is MACRO
            else replace(one, nbytes=0, elements=0)
            for one in healthy_tiles()
        ]
    ),
    "above-roof": changed(MIDI, nbytes=FLOPS * 10),
    "noisy-roofs": made(roofs=NOISY_ROOFS, clock=ClockInfo("mixed", 0.0, "merged")),
    "far-from-both": made(healthy_tiles(3.0)),
    "library-calls": made(
        [tile for tile in healthy_tiles(3.0) if tile.level is TileLevel.MICRO],
        brick_infos=(replace(made().brick_infos[0], calls=400, threads_inside=1,
                             work_sources=("counted",)),),
    ),
    "simulated-work": made(
        brick_infos=(replace(made().brick_infos[0], work_sources=("counted", "simulated")),),
    ),
    "compute-bound": made(healthy_tiles(1.3)),
    "scalar": made(healthy_tiles(16.0), roofs=_CEILINGS),
    "stores": made(
        [tiles(MIDI, [3300] * 250, elements=2_000_000, nbytes=8_000_000, split=250,
               stored_bytes=8_000_000)],
        roofs=_CEILINGS,
    ),
    "short-and-unknown": made(
        [replace(one, total_error_ns=one.total_ns // 4, self_error_ns=one.self_ns // 4)
         for one in healthy_tiles()],
        clock=ClockInfo("tsc", 0.385, "invariant TSC", 10.0),
        overhead=Overhead(12.0, 5.0, 60.0, 25.0, 170.0, 60.0, 6.0, 3.0, 13.0, 8.0, 55.0, 30.0),
    ),
    "waiting": _seen(ThreadUsage(10**7, 4 * 10**6, 0, 0, 0, 7, 0, 1)),
    "preempted": _seen(ThreadUsage(10**7, 4 * 10**6, 0, 0, 0, 0, 5, 2)),
    "first-touch": _seen(ThreadUsage(10**7, 10**7, 0, 5000)),
    "many-bricks": made(
        [one for number in range(9) for one in healthy_tiles(3.0, f"kernel {number}")],
        brick_infos=tuple(BrickInfo(f"kernel {n}", 3, 10**7 - n, 1) for n in range(9)),
    ),
    "calls-apart": made(
        brick_infos=(
            BrickInfo("gemm", 5, _WALL, 1, call_times=((bucket_of(200_000), 5),),
                      call_paces=((bucket_of(13_000_000), 3), (bucket_of(20_000_000), 2))),
        ),
    ),
    "slow-loads": changed(MICRO, slower=2.0, nbytes=FLOPS * 5 // 3),
    "memory-bound": _memory_bound(MIDI, 0.95),
    "strided": _memory_bound(MACRO, 0.5),
    "tail": _with_tail(50, 8.0),
    "outliers": _with_tail(9, 40.0),
    "too-short": changed(MICRO, raw_total_ns=1_400_000),
    "shorter-than-pair": made([tiles(MICRO, [15] * 200)]),
    "packing": changed(MACRO, self_ns=400_000),
    "outside-tiles": _threaded(2, (380, 370)),
    "uneven": _threaded(4, (990, 900, 100, 0)),
    "oversubscribed": _threaded(16),
    "over-quota": _threaded(4, machine=replace(_LARGE, usable_cores=2, quota_cores=2.5)),
    "large-tiles": made(
        healthy_tiles(1.3),
        brick_infos=(BrickInfo("gemm", 3, _WALL, 1, footprint_bytes=(2**27, 2**21, 2**17)),),
        machine=replace(MACHINE, isa="base"),
    ),
    "budgets": made(
        brick_infos=(
            BrickInfo("gemm", 3, _WALL, 1, call_times=((bucket_of(200_000), 2),
                                                       (bucket_of(400_000), 1))),
        ),
        brick_paths=(
            BrickPath(("[bold]step|",), "", 1, 1_500_000, 100_000),
            BrickPath(("[bold]step|", "attention"), "attention", 4, 600_000, 200_000),
            BrickPath(("[bold]step|", "attention", "gemm"), "attention", 2, 400_000, 400_000),
            BrickPath(("[bold]step|", "gemm"), "FFN", 1, 400_000, 400_000),
        ),
        budgets=(
            Budget(name="gemm", ns=250_000.0, percentile=50.0),
            Budget(name="gemm", ns=250_000.0, gflops=90.0, efficiency=0.5),
            Budget(name="rope", ns=1000.0),
            Budget(name="attention", of="category", ns=200_000.0),
        ),
    ),
    "budgets-without-roofs": made(
        roofs=None, budgets=(Budget(name="gemm", ns=1e6, efficiency=0.5),),
    ),
    "other-machine": made(machine=replace(MACHINE, cpu="Other CPU", isas=("base",), isa="base")),
}  # fmt: skip
"""By name; each shows notes or findings that no other one shows."""


def _sweep(times: dict[int, tuple[int, ...]], law: Scalability | None, unit: str) -> Sweep:
    """Return a sweep of given times in nanoseconds, whose budget is 4 threads."""
    points = tuple(SweepPoint(threads, taken) for threads, taken in times.items())
    return Sweep(points, 2.5, unit, 2, 4, law)


SWEEPS: dict[str, Sweep] = {
    "single": _sweep({1: (1_900, 2_000, 2_100)}, None, "GFLOP"),
    "peaks": _sweep(
        {
            1: (80_000_000, 81_000_000, 79_000_000) * 3,
            2: (42_000_000, 41_500_000, 42_500_000) * 3,
            4: (41_000_000, 40_900_000, 41_100_000) * 3,
            8: (90_000_000, 70_000_000, 91_000_000) * 2,
        },
        Scalability(31.25, 0.05, 0.04, 0.98765, (1, 2, 4, 8)),
        "GFLOP",
    ),
    "rises": _sweep(
        {1: (900_000, 2_000_000, 1_000_000) * 2, 2: (600_000, 500_000, 550_000) * 2},
        Scalability(2500.0, 0.1, 0.0, 1.0, (1, 2)),
        "tokens",
    ),
}
"""By name: a single count, one with a peak and every finding, and one without an optimum."""


def _tuning(ratio: float | None, **changed: Any) -> Tuning:
    """Return a tuning whose winner was so many times as fast."""
    default, winner = {"rows": 8, "kind": "plain"}, {"rows": 64, "kind": "plain"}
    raced = (
        TunedCandidate(winner, (1_000_000, 1_020_000, 990_000) * 3),
        TunedCandidate({"rows": 32, "kind": "skewed"}, (1_100_000, 1_090_000, 1_110_000) * 2),
        TunedCandidate(default, (1_500_000, 1_520_000, 1_490_000) * 2),
    )
    return Tuning(
        **{
            "default": default if ratio else winner,
            "candidates": raced,
            "space_size": 4096,
            "tried": 71,
            "wrong": (),
            "failed": (),
            "proof": ratio and Proof((ratio - 0.01, ratio, ratio + 0.01) * 4, fresh=True),
            "margin": 0.02,
            "search_ns": 2_500_000_000,
            "proof_ns": 1_000_000_000,
            **changed,
        }
    )


TUNINGS: dict[str, Tuning] = {
    "default-stays": _tuning(None),
    "within-margin": _tuning(1.015),
    "improved": _tuning(1.5, before=RECORDINGS["strided"], after=RECORDINGS["two-bricks"]),
    "in-doubt": _tuning(
        1.5,
        proof=Proof((1.5,) * 8, fresh=False, reason="fn cannot be pickled: a lock"),
        wrong=tuple({"rows": rows, "kind": "skewed"} for rows in range(5)),
        failed=(({"rows": 5, "kind": "\x1b[31m"}, "ValueError: no such kind"),),
    ),
}
"""By name: no proof, one within the margin, a profiled winner, and what can go wrong."""
