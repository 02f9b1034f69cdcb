"""A user's annotated program: mypy --strict must see the types of all that it uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import brickprof as bp
from brickprof import BrickProfiler, TileLevel
from brickprof.reports import Report

if TYPE_CHECKING:
    from typing_extensions import assert_type

    Floats = NDArray[np.float32] | NDArray[np.float64]


def record(a: NDArray[np.float32], b: NDArray[np.float32]) -> bp.Recording:
    """Record tiles in every way that there is."""
    prof = BrickProfiler(sample_every=1, clock="manual")
    with prof, prof.brick("mine", dtype="float32"):
        with prof.tile(TileLevel.MIDI, 0, 0, elements=1, flops=2, nbytes=3):
            bp.gemm(a, b, profiler=prof)
        timer = prof.start_tile(TileLevel.MICRO, 0, 0)
        prof.stop_tile(timer, 1, 2, nbytes=3)

    @prof.tile(TileLevel.MIDI, 0, 0, flops=lambda x: x)
    def twice(x: int) -> str:
        return str(2 * x)

    if TYPE_CHECKING:
        assert_type(twice(1), str)
    prof.record_elapsed("elsewhere", 1e6, level=TileLevel.MACRO)
    return prof.recording()


def evaluate(recording: bp.Recording, path: Path) -> float:
    """Ask a recording, and what is made of it."""
    saved = bp.load_recording(recording.save(path))
    stats = bp.merge_recordings([saved, recording]).tile_stats(TileLevel.MICRO, brick="mine")
    report = Report.of(saved)
    comparison = bp.compare_recordings(saved, recording)
    if TYPE_CHECKING:
        assert_type(stats, bp.TileStats)
        assert_type(stats.count, int)
        assert_type(stats.gflops, float)
        assert_type(report.recording, bp.Recording)
        assert_type(comparison, bp.Comparison)
        assert_type(BrickProfiler().tile_summary(), str)
        assert_type(TileLevel.MACRO.cache, str)
    return stats.cache_efficiency(100.0)


def compute(q: NDArray[np.float32], machine: bp.Machine | None = None) -> None:
    """Use kernels, plans, roofs and thread counts."""
    machine = machine or bp.detect_machine()
    packed = bp.pack(q[0])
    product = bp.gemm(q[0].T.copy(), packed, threads=1)
    plan = bp.plan_gemm(3, 4, 5, machine=machine)
    heads = bp.plan_attention(1, 2, 3, 4, causal=True)
    sweep = bp.sweep_threads(lambda n: bp.gemm(q[0].T, q[0], threads=n), [1])
    law = bp.fit_scalability([1, 2, 3], [1.0, 1.9, 2.5])
    tuning = bp.tune(lambda rows: rows, {"rows": (1, 2)})
    with bp.configure_optimal_thread_pool(threads=1) as chosen, bp.auto_instrument() as prof:
        pass
    if TYPE_CHECKING:
        assert_type(packed, bp.PackedMatrix)
        assert_type(plan, bp.GemmPlan)
        assert_type(heads, bp.AttentionPlan)
        assert_type(machine.usable_cores, int)
        assert_type(sweep, bp.Sweep)
        assert_type(law, bp.Scalability)
        assert_type(tuning.best, dict[str, object])
        assert_type(chosen.threads, int)
        assert_type(prof, BrickProfiler)
        assert_type(bp.roofs(), bp.Roofs)
        assert_type(bp.optimal_threads(100), int)
        assert_type(bp.isas(), tuple[str, ...])
        assert_type(bp.count(compute, q).flops, int)
        assert_type(bp.get_include(), str)
        assert_type(bp.__version__, str)
    print(product)
