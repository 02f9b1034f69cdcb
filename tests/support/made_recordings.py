"""Recordings made up for tests: a healthy GEMM, and what is needed to spoil one thing in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from brickprof.core.histograms import bucket_of, merge_histograms
from brickprof.core.levels import TileLevel
from brickprof.machine import Cache, Machine
from brickprof.recording import BrickInfo, ClockInfo, Overhead, Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import MEMORY, Roofs

MACHINE = Machine(
    cpu="Test CPU 3000",
    arch="x86_64",
    isa="avx2",
    isas=("avx2", "base"),
    physical_cores=2,
    logical_cores=2,
    usable_cores=2,
    quota_cores=None,
    caches=(
        Cache(1, 32 * 1024, 64, 1, 8),
        Cache(2, 512 * 1024, 64, 1, 8),
        Cache(3, 32 * 1024**2, 64, 2, 16),
    ),
    assumed=(),
)

# Ridges: L1 0.5, L2 1, L3 2 flop/byte.
ROOFS = Roofs(
    threads=1,
    dtype="float32",
    isa="avx2",
    cpu=MACHINE.cpu,
    fingerprint=MACHINE.fingerprint(),
    peak_by_dtype={"float32": 80.0, "float64": 40.0},
    bandwidth_gbs={"L1": 160.0, "L2": 80.0, "L3": 40.0, "DRAM": 20.0},
    spread=dict.fromkeys(("float32", "float64", *MEMORY), 0.02),
    working_set_bytes=dict.fromkeys(MEMORY, 4096),
    measured_at="2024-05-01T12:00:00+00:00",
    method="full",
    noisy=False,
    verdict="steady",
)

NOISY_ROOFS = replace(ROOFS, noisy=True, verdict="noisy: L3 spread 31 %")

FLOPS = 80_000_000
COUNTS = {TileLevel.MACRO: 1, TileLevel.MIDI: 250, TileLevel.MICRO: 1000}


def tiles(level: TileLevel, times_ns: Sequence[int], **fields: Any) -> TileStats:
    """Return the statistics of tiles that took these times and declared all, by default."""
    total = sum(times_ns)
    given: dict[str, Any] = {
        "brick": "gemm",
        "count": len(times_ns),
        "timed": len(times_ns),
        "total_ns": total,
        "self_ns": total,
        "min_ns": min(times_ns),
        "max_ns": max(times_ns),
        "histogram": merge_histograms([((bucket_of(time), 1),) for time in times_ns]),
    }
    given |= fields
    given.setdefault("raw_total_ns", given["total_ns"])
    given.setdefault("raw_self_ns", given["self_ns"])
    return TileStats(level=level, **given)


def healthy_tiles(slower: float = 1.0, brick: str = "gemm") -> tuple[TileStats, ...]:
    """Return a GEMM's levels at 96, 94 and 93 % of the peak, or slower by a factor."""
    totals = {
        TileLevel.MACRO: 1_080_000 * slower,
        TileLevel.MIDI: 1_060_000 * slower,
        TileLevel.MICRO: 1_040_000 * slower,
    }
    selfs = {level: 20_000 * slower for level in totals} | {
        TileLevel.MICRO: totals[TileLevel.MICRO]
    }
    nbytes = {TileLevel.MACRO: 2_000_000, TileLevel.MIDI: 8_000_000, TileLevel.MICRO: 16_000_000}
    return tuple(
        tiles(
            level,
            [round(totals[level] / COUNTS[level])] * COUNTS[level],
            self_ns=round(selfs[level]),
            flops=FLOPS,
            elements=4_000_000,
            nbytes=nbytes[level],
            brick=brick,
        )
        for level in TileLevel
    )


def made(stats: Sequence[TileStats] | None = None, **fields: Any) -> Recording:
    """Return a recording of these levels of a GEMM, by default the healthy ones."""
    levels = healthy_tiles() if stats is None else tuple(stats)
    wall = max((one.total_ns for one in levels), default=0) + 20_000
    given: dict[str, Any] = {
        "tiles": levels,
        "brick_infos": (BrickInfo("gemm", 3, wall, 1),),
        "clock": ClockInfo("tsc", 0.408, "invariant TSC"),
        "overhead": Overhead(19.0, 9.0, 71.0, 30.0, 190.0, 80.0),
        "machine": MACHINE,
        "roofs": ROOFS,
        "created": "2024-05-02T12:00:00+00:00",
        "version": "0.1.0",
    }
    return Recording(**(given | fields))


def changed(level: TileLevel, slower: float = 1.0, **fields: Any) -> Recording:
    """Return the healthy recording with some fields of one level replaced."""
    return made(
        [
            replace(one, **fields) if one.level is level else one
            for one in healthy_tiles(slower=slower)
        ]
    )
