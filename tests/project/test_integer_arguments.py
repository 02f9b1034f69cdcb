"""Whatever takes an integer refuses what is none, or out of range, with the same words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import brickprof as bp
from brickprof.core.errors import BrickprofError, MachineError, RoofsError, SweepError
from brickprof.machine import Cache, Machine
from brickprof.planning.attention import AttentionBlocks
from brickprof.planning.blocks import MicroKernel
from brickprof.planning.budget import set_default_threads
from brickprof.planning.gemm import Blocks
from brickprof.roofline import MEMORY, Roofs, load_roofs
from brickprof.tuning.sweep import SweepPoint

MACHINE = Machine(
    cpu="Test CPU",
    arch="x86_64",
    isa="base",
    isas=("base",),
    physical_cores=4,
    logical_cores=4,
    usable_cores=4,
    quota_cores=None,
    caches=tuple(Cache(level, 2**15 << level, 64, 1, 8) for level in (1, 2, 3)),
    assumed=(),
)
ROOFS = Roofs(
    threads=1,
    dtype="float32",
    isa="base",
    cpu="Test CPU",
    fingerprint=MACHINE.fingerprint(),
    peak_by_dtype={"float32": 1.0},
    bandwidth_gbs=dict.fromkeys(MEMORY, 1.0),
    spread=dict.fromkeys(("float32", *MEMORY), 0.0),
    working_set_bytes=dict.fromkeys(MEMORY, 4096),
    measured_at="2024-05-01T12:00:00Z",
    method="full",
    noisy=False,
    verdict="steady",
)
FIT = bp.Scalability(1.0, 0.0, 0.0, 1.0, (1, 5))
SWEEP = bp.Sweep((SweepPoint(1, (1,)),), 1.0, "calls", 1, 1, None)
MICRO = MicroKernel("base", 4, 8, 4, 4, 4)
MATRIX = np.ones((4, 4), "f4")
HEADS = np.ones((2, 4, 4), "f4")
Call = Callable[[Any], object]


def work(threads: int) -> None:
    """Stand for what a sweep times."""


def default_threads(value: Any) -> None:
    """Set the default number of threads, and undo it."""
    set_default_threads(set_default_threads(value))


def changes(model: Any, names: str) -> dict[str, Call]:
    """Return calls that put a value into each of a model's fields."""
    kind = type(model).__name__
    return {
        f"{kind} {name}": lambda value, name=name: replace(model, **{name: value})
        for name in names.split()
    }


ARGUMENTS: dict[str, Call] = {
    **changes(Blocks(8, 16, 8), "mc nc kc rows l1_bytes l2_bytes"),
    **changes(AttentionBlocks(8, 8), "rows keys"),
    **changes(MICRO, "mr nr lanes wide_rows max_dotxf"),
    "plan_gemm m": lambda value: bp.plan_gemm(value, 4, 4),
    "plan_gemm n": lambda value: bp.plan_gemm(4, value, 4),
    "plan_gemm k": lambda value: bp.plan_gemm(4, 4, value),
    "plan_attention heads": lambda value: bp.plan_attention(value, 4, 4, 4),
    "plan_attention rows": lambda value: bp.plan_attention(4, value, 4, 4),
    "plan_attention keys": lambda value: bp.plan_attention(4, 4, value, 4),
    "plan_attention dim": lambda value: bp.plan_attention(4, 4, 4, value),
    "optimal_threads work_elements": bp.optimal_threads,
    "optimal_threads itemsize": lambda value: bp.optimal_threads(9, itemsize=value),
    "optimal_threads cache_line": lambda value: bp.optimal_threads(9, cache_line=value),
    "optimal_threads lines_per_thread": lambda value: bp.optimal_threads(9, lines_per_thread=value),
    "ThreadConfig prefill": lambda value: bp.ThreadConfig(value, 1),
    "ThreadConfig decode": lambda value: bp.ThreadConfig(4096, value),
    "for_model hidden": lambda value: bp.ThreadConfig.for_model(value, 4),
    "for_model tokens": lambda value: bp.ThreadConfig.for_model(4, value),
    "for_model itemsize": lambda value: bp.ThreadConfig.for_model(4, 4, value),
    "for_model lines_per_thread": lambda value: bp.ThreadConfig.for_model(
        4, 4, lines_per_thread=value
    ),
    "configure itemsize": lambda value: bp.configure_optimal_thread_pool(
        threads=1, itemsize=value
    ).restore(),
    "configure lines_per_thread": lambda value: bp.configure_optimal_thread_pool(
        threads=1, lines_per_thread=value
    ).restore(),
    "sweep_threads rounds": lambda value: bp.sweep_threads(work, [1], rounds=value),
    "sweep_threads counts[1]": lambda value: bp.sweep_threads(work, [1, value], rounds=1),
    "fit_scalability counts[1]": lambda value: bp.fit_scalability([1, value], [1.0, 2.0]),
    "load_roofs threads": lambda value: load_roofs(MACHINE, value),
    "calibrate threads": lambda value: bp.calibrate(value, store=False),
    "roofs threads": bp.roofs,
    "recorders threads": lambda value: bp.BrickProfiler().recorders("k", value),
    "layer number": lambda value: bp.ParallelRegion().layer(value),
    "run position": lambda value: bp.ParallelRegion().run(value),
}
"""Calls with an integer that may not be None, by function and name of the argument."""

OPTIONAL: dict[str, Call] = {
    "plan_gemm a_stride": lambda value: bp.plan_gemm(4, 4, 4, a_stride=value),
    "plan_gemm b_stride": lambda value: bp.plan_gemm(4, 4, 4, b_stride=value),
    "plan_attention workers": lambda value: bp.plan_attention(4, 4, 4, 4, workers=value),
    "plan_gemm threads": lambda value: bp.plan_gemm(4, 4, 4, threads=value),
    "plan_attention threads": lambda value: bp.plan_attention(4, 4, 4, 4, threads=value),
    "plan_attention key_heads": lambda value: bp.plan_attention(6, 4, 4, 4, key_heads=value),
    "optimal_threads physical_cores": lambda value: bp.optimal_threads(9, physical_cores=value),
    "for_model budget": lambda value: bp.ThreadConfig.for_model(4, 4, budget=value),
    "configure threads": lambda value: bp.configure_optimal_thread_pool(threads=value).restore(),
    "configure work": lambda value: bp.configure_optimal_thread_pool(value).restore(),
    "sweep_threads rule": lambda value: bp.sweep_threads(work, [1], rounds=1, rule=value),
    "set_default_threads threads": default_threads,
    "gemm threads": lambda value: bp.gemm(MATRIX, MATRIX, threads=value),
    "attention threads": lambda value: bp.attention(HEADS, HEADS, HEADS, threads=value),
    "ParallelRegion threads": lambda value: bp.ParallelRegion(threads=value),
    "run threads": lambda value: bp.ParallelRegion().run(threads=value),
}
"""The same where None stands for a default."""

FIELDS: dict[str, tuple[Call, type[BrickprofError]]] = {
    **{
        name: (call, MachineError)
        for name, call in {
            **changes(MACHINE, "physical_cores logical_cores usable_cores"),
            **changes(MACHINE.caches[0], "level size_bytes line_bytes shared_by ways"),
        }.items()
    },
    "Roofs threads": (lambda value: replace(ROOFS, threads=value), RoofsError),
    "Roofs working_set_bytes['L1']": (
        lambda value: replace(ROOFS, working_set_bytes={**ROOFS.working_set_bytes, "L1": value}),
        RoofsError,
    ),
    **{
        name: (call, SweepError)
        for name, call in {
            **changes(SWEEP, "rule budget"),
            **changes(SWEEP.points[0], "threads"),
            "SweepPoint times_ns[0]": lambda value: SweepPoint(1, (value,)),
            "Scalability counts[0]": lambda value: replace(FIT, counts=(value, 5)),
        }.items()
    },
}
"""Fields of what files hold, which has errors of its own."""

WRONG_TYPES = ("3", 3.5, True, np.True_)
SIGNED = ("plan_gemm a_stride", "plan_gemm b_stride")
SLOW = ("calibrate threads", "roofs threads")
CALLS = {**ARGUMENTS, **OPTIONAL}


def refused(call: Call, value: object, name: str, error: type[Exception], words: str) -> None:
    """Assert that a call raises this error, with these words about the argument."""
    argument = name.split(" ")[1]
    with pytest.raises(error) as caught:
        call(value)
    message = str(caught.value)
    assert message.startswith(f"{argument} {words}"), message
    assert message.endswith(f", got {value!r}"), message


@pytest.mark.parametrize("name", CALLS)
def test_arguments(name: str) -> None:
    call = CALLS[name]
    for value in (*WRONG_TYPES, *([None] if name in ARGUMENTS else [])):
        refused(call, value, name, TypeError, "must be an integer in [")
    for value in (2**70, *(() if name in SIGNED else (-1, np.int64(-1)))):
        refused(call, value, name, ValueError, "must be in [")


@pytest.mark.parametrize("name", [name for name in CALLS if name not in SLOW])
def test_numpys_integers_are_arguments(name: str) -> None:
    CALLS[name](np.int64(3))


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_saved_models(name: str) -> None:
    change, error = FIELDS[name]
    for value in (*WRONG_TYPES, None):
        refused(change, value, name, error, "must be an integer in [")
    for value in (-1, np.int64(-1)):
        refused(change, value, name, error, "must be in [")
    with pytest.raises(
        error, match=r"must be in \[\d, (2\*\*512|2\*\*40|4096)\], got an integer of 601 bits$"
    ):
        change(2**600)


@pytest.mark.parametrize("name", FIELDS)
def test_numpys_integers_become_ints_in_saved_models(name: str) -> None:
    value = 1 if name == "Cache level" else 4
    model: Any = FIELDS[name][0](np.int64(value))
    field = name.split(" ")[1].split("[")[0]
    kept = getattr(model, field)
    kept = kept["L1"] if field == "working_set_bytes" else kept
    kept = kept[0] if isinstance(kept, tuple) else kept
    assert type(kept) is int
    assert kept == value
