"""Every argument of every public function, given something of another kind: errors that name it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made_recordings import healthy_tiles, made

import brickprof as bp

MATRIX = np.ones((4, 4), "float32")
HEADS = np.ones((1, 4, 8), "float32")
RECORDING = made(healthy_tiles(30.0))
ROOFS = RECORDING.roofs
PLAN = bp.plan_gemm(8, 8, 8)

CALLS: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "gemm": (bp.gemm, {"a": MATRIX, "b": MATRIX}),
    "pack": (bp.pack, {"b": MATRIX}),
    "attention": (bp.attention, {"q": HEADS, "k": HEADS, "v": HEADS}),
    "plan_gemm": (bp.plan_gemm, {"m": 4, "n": 4, "k": 4}),
    "plan_attention": (bp.plan_attention, {"heads": 1, "rows": 4, "keys": 4, "dim": 8}),
    "plan.level": (PLAN.level, {"level": bp.TileLevel.MICRO}),
    "detect_machine": (bp.detect_machine, {"root": "/"}),
    "fit_scalability": (bp.fit_scalability, {"counts": [1, 2], "throughputs": [1.0, 2.0]}),
    "optimal_threads": (bp.optimal_threads, {"work_elements": 1000}),
    "ThreadConfig": (bp.ThreadConfig, {"prefill": 2, "decode": 1}),
    "ThreadConfig.for_model": (bp.ThreadConfig.for_model, {"hidden": 64, "tokens": 4}),
    "ThreadConfig.threads": (bp.ThreadConfig(2, 1).threads, {"phase": "decode"}),
    "ConfiguredThreads": (bp.ConfiguredThreads, {"choice": None}),
    "merge_recordings": (bp.merge_recordings, {"recordings": [RECORDING]}),
    "tile_space": (
        bp.tile_space,
        {"ranges": {"rows": (8, 4096)}, "footprint": lambda rows: rows * 64},
    ),
    "sweep_threads": (bp.sweep_threads, {"fn": lambda threads: None, "counts": [1], "rounds": 1}),
    "tune": (bp.tune, {"fn": lambda n: n - n, "space": {"n": [1]}, "rounds": 1}),
    "BrickProfiler": (bp.BrickProfiler, {}),
    "Overhead": (bp.Overhead, {}),
    "Recording.tile_stats": (RECORDING.tile_stats, {"level": bp.TileLevel.MICRO}),
    "Roofs.for_dtype": (ROOFS.for_dtype, {"dtype": "float32"}) if ROOFS else (print, {}),
    "Roofs.mix_bandwidth": (
        (ROOFS.mix_bandwidth, {"level": "L2", "loaded_bytes": 1, "stored_bytes": 1})
        if ROOFS
        else (print, {})
    ),
    "Roofs.attainable": (ROOFS.attainable, {"level": "L2", "intensity": 1})
    if ROOFS
    else (print, {}),
    "matvec": (
        lambda **given: bp.ParallelRegion(threads=1).matvec(**given),
        {"w": MATRIX, "x": MATRIX[0], "out": MATRIX[1].copy()},
    ),
    "run": (lambda **given: bp.ParallelRegion(threads=1).run(**given), {}),
}
UNTOLD = {
    "matvec": ("w", "x", "out", "bias", "add"),
    "run": ("position", "threads", "profiler", "fused"),
    "BrickProfiler": ("sample_every", "events", "clock", "overhead"),
}
"""Parameters of what has no signature of its own."""

STRANGE = (
    object(),
    3,
    1.5,
    "strange",
    b"strange",
    [object()],
    {"strange": 1},
    np.array([1, 2]),
    memoryview(np.ones((2, 2))),
    Path("strange"),
)
PLACES = [
    (name, parameter)
    for name, (function, _) in CALLS.items()
    for parameter in UNTOLD.get(name) or inspect.signature(function).parameters
]


def refusal(function: Callable[..., object], given: dict[str, Any], otherwise: str) -> str:
    """Return what the error of a call says, `otherwise` where there is none."""
    try:
        function(**given)
    except (TypeError, ValueError) as error:
        return str(error)
    except KeyError:  # of a name that nothing has
        assert any(value in STRANGE for value in given.values() if isinstance(value, str))
    return otherwise


@pytest.mark.parametrize(("name", "parameter"), PLACES)
def test_errors_are_of_types_or_values_and_name_the_argument(name: str, parameter: str) -> None:
    function, valid = CALLS[name]
    for strange in STRANGE:
        assert parameter in refusal(function, {**valid, parameter: strange}, parameter), strange
