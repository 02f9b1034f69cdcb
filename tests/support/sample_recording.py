"""A recording that fills every place of its JSON, and ways to damage that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from support.strategies import grid_of, stats_of

from brickprof.core.levels import TileLevel
from brickprof.machine import Cache, Machine
from brickprof.recording import (
    BrickInfo,
    BrickPath,
    Budget,
    CallTimes,
    Checksum,
    ClockInfo,
    Overhead,
    Recording,
    TeamTimes,
    ThreadUsage,
    TileEvent,
)
from brickprof.roofline import Roofs

Path_ = tuple[str | int, ...]
MEMORIES = ("L1", "L2", "L3", "DRAM")
NEWER_SUMS = (
    "total_error_ns",
    "self_error_ns",
    "loaded_bytes",
    "stored_bytes",
    "split",
    "min_work",
    "max_work",
)
ROOFS = Roofs(
    threads=1,
    dtype="float32",
    isa="avx2",
    cpu="EPYC",
    fingerprint="00ff",
    peak_by_dtype={"float32": 76.5},
    bandwidth_gbs=dict.fromkeys(MEMORIES, 40.5),
    spread=dict.fromkeys(("float32", *MEMORIES), 0.01),
    working_set_bytes=dict.fromkeys(MEMORIES, 4096),
    measured_at="2024-05-01T12:00:00+00:00",
    method="full",
    noisy=False,
    verdict="steady",
)
SAMPLE = Recording(
    tiles=(
        stats_of(
            [100, 300, 300],
            TileLevel.MACRO,
            "gemm",
            untimed=2,
            flops=2**66,
            undeclared=1,
            self_ns=60,
            raw_self_ns=60,
        ),
        stats_of(
            [7],
            TileLevel.MICRO,
            "gemm",
            nbytes=7,
            elements=7,
            self_ns=7,
            raw_self_ns=7,
            grid=grid_of([(5, 1, 7)], 2),
            **dict(zip(NEWER_SUMS, (1, 2, 3, 4, 1, 6, 7), strict=True)),
        ),
        stats_of([5], TileLevel.MACRO, "weiß"),
    ),
    brick_infos=(
        BrickInfo(
            "gemm",
            20,
            450,
            2,
            ("float32", "float64"),
            (TeamTimes(2, 400, (300, 200)), TeamTimes(1, 50, (40, 40, 0))),
            (0, 2**70, 4096),
            ("avx2", "base"),
            (ThreadUsage(9, 8, 7, 6, 5, 4, 3, 2), ThreadUsage(2, 1)),
            ((40, 0, 6), (20, 0, 1)),
            ((3, 2), (40, 1)),
            ((7, 1),),
            (
                CallTimes("wall", ((3000, 1), (3001, 1)), 9, ((100, 1),), 8),
                CallTimes("MACRO share", ((2999, 1),), 7, ((99, 1),), 6),
            ),
            5,
            2**70,
            1,
            work_sources=("counted", "simulated"),
        ),
        BrickInfo("weiß", 1, 10, 1),
    ),
    clock=ClockInfo("tsc", 0.408, "invariant TSC", 10.2),
    overhead=Overhead(*(1.5 + number for number in range(12))),
    machine=Machine(
        cpu="EPYC",
        arch="x86_64",
        isa="avx2",
        isas=("avx2", "base"),
        physical_cores=2,
        logical_cores=4,
        usable_cores=3,
        quota_cores=3.5,
        caches=tuple(Cache(level, 2**15 << level, 64, 2, 8) for level in (1, 2, 3)),
        assumed=("L3",),
    ),
    roofs=ROOFS,
    more_roofs=(replace(ROOFS, threads=2),),
    sample_every=3,
    open_tiles=1,
    abandoned_tiles=2,
    abandoned_by=(("left by ValueError", 1), ("timer dropped", 1)),
    brickless_threads=3,
    clock_steps_back=2,
    events=(
        TileEvent(0, 100, 0, TileLevel.MACRO, 3, 0, "gemm"),
        TileEvent(5, 12, 1, TileLevel.MICRO, 1, 2, "gemm"),
    ),
    events_dropped=4,
    steal_ns=5,
    throttled_ns=6,
    brick_paths=(
        BrickPath(("gemm",), "FFN", 9, 400, 300),
        BrickPath(("step", "gemm"), "attention", 2, 50, 50),
    ),
    brick_paths_dropped=7,
    budgets=(Budget(name="gemm", ns=5.5, percentile=99.5, gflops=6.5, efficiency=0.75),),
    checksums=(
        Checksum(
            sequence=1,
            brick="gemm",
            call=2,
            level=TileLevel.MIDI,
            row=3,
            col=4,
            name="out",
            index=5,
            dtype="float32",
            shape=(2, 3),
            digest="00ff",
            nans=1,
            infinities=2,
            nonfinite="ff00",
            minimum=-1.5,
            maximum=2.5,
            mean=0.5,
            rms=1.5,
            sketch=(-0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5),
        ),
    ),
    checksums_dropped=8,
    created="2024-05-01T12:00:00+00:00",
    version="0.1.0",
)
DATA: dict[str, Any] = json.loads(json.dumps(SAMPLE.to_json()))
ABSENT = object()
OPTIONAL = {
    *("teams", "footprint_bytes", "isas", "usage", "thread_self_ns"),
    *("call_times", "call_paces"),
    *("parts_of_calls", "min_call_flops", "max_call_flops", "threads_inside"),
    *("work_sources", "nonfinite"),
    *(name for name in DATA["overhead"] if name.endswith("_error")),
    *NEWER_SUMS,
    *("grid", "step_ns", "more_roofs", "steal_ns", "throttled_ns"),
    *("brick_paths", "brick_paths_dropped", "budgets", "checksums", "checksums_dropped"),
    *("abandoned_by", "brickless_threads", "clock_steps_back"),
    *("traffic_gbs", "ceilings_gflops", "latency_ns"),
}
MAY_BE_EMPTY = {
    ("created",),
    ("checksums", 0, "nonfinite"),
    *(("brick_paths", number, "category") for number in (0, 1)),
    ("library_version",),
    ("clock", "reason"),
}

SIGNED = {
    *(("checksums", 0, "sketch", number) for number in range(8)),
    *(("checksums", 0, name) for name in ("minimum", "maximum", "mean")),
}
"""What may be negative."""

MAY_BE_NULL = {
    *(("machine",), ("roofs",), ("tiles", 1, "grid"), ("checksums", 0, "level")),
    *(("budgets", 0, name) for name in ("ns", "percentile", "gflops", "efficiency")),
}


def paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Walk all places of a JSON value but the root, parents first."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*path, key))


def spell(path: Path_) -> str:
    """Write a path as error messages do."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def at(data: Any, path: Path_) -> Any:
    """Return what is at a path."""
    for key in path:
        data = data[key]
    return data


def damaged(path: Path_, value: object) -> dict[str, Any]:
    """Return the sample's JSON with another value, or none, at one place."""
    data: dict[str, Any] = deepcopy(DATA)
    parent = at(data, path[:-1])
    if value is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return data
