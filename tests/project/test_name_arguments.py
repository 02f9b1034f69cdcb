"""Whatever takes an element type or an instruction set refuses what is none with the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brickprof as bp
from brickprof.core.dtypes import DTYPE_NAMES, KERNEL_DTYPES
from brickprof.kernels.runtime.runtime import micro_kernel
from brickprof.machine.isas import ISA_NAMES
from brickprof.roofline import load_roofs

MATRIX = np.ones((4, 4), "f4")
HEADS = np.ones((2, 4, 4), "f4")
MACHINE = bp.detect_machine()
Call = Callable[[Any], object]

KERNELS_TAKE: dict[str, Call] = {
    "plan_gemm": lambda value: bp.plan_gemm(4, 4, 4, dtype=value),
    "micro_kernel": micro_kernel,
    "calibrate": lambda value: bp.calibrate(1, value, store=False),
    "roofs": lambda value: bp.roofs(1, value),
}
"""Calls with a `dtype` that kernels must take."""

BRICKS_TAKE: dict[str, Call] = {
    "brick": lambda value: bp.BrickProfiler().brick("k", value),
    "recorders": lambda value: bp.BrickProfiler().recorders("k", 1, value),
    "load_roofs": lambda value: load_roofs(MACHINE, 1, value),
}
"""Calls with a `dtype` that a brick may be of."""

KERNELS_RUN_WITH: dict[str, Call] = {
    "gemm": lambda value: bp.gemm(MATRIX, MATRIX, isa=value),
    "attention": lambda value: bp.attention(HEADS, HEADS, HEADS, isa=value),
    "pack": lambda value: bp.pack(MATRIX, isa=value),
    "ParallelRegion": lambda value: bp.ParallelRegion(isa=value),
    "micro_kernel": lambda value: micro_kernel("float32", value),
    "calibrate": lambda value: bp.calibrate(1, isa=value, store=False),
    "roofs": lambda value: bp.roofs(1, isa=value),
}
"""Calls with an `isa` that this CPU must have."""

BRICKS_RAN_WITH: dict[str, Call] = {
    "brick": lambda value: bp.BrickProfiler().brick("k", isa=value),
    "recorders": lambda value: bp.BrickProfiler().recorders("k", isa=value),
    "load_roofs": lambda value: load_roofs(MACHINE, 1, isa=value),
}
"""Calls with an `isa` of whatever machine."""


def listed(names: tuple[str, ...]) -> str:
    """Return names as a message lists them."""
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}"


def refused(call: Call, value: object, error: type[Exception], words: str) -> None:
    """Assert that a call raises this error, with these words."""
    with pytest.raises(error) as caught:
        call(value)
    assert type(caught.value) is error
    assert str(caught.value) == f"{words}, got {value!r}"


@pytest.mark.parametrize("names", [KERNEL_DTYPES, DTYPE_NAMES], ids=["kernels", "bricks"])
def test_dtypes(names: tuple[str, ...]) -> None:
    calls = KERNELS_TAKE if names is KERNEL_DTYPES else BRICKS_TAKE
    for call in calls.values():
        for value in (None, 4, b"float32", float, ["float32"]):
            refused(call, value, TypeError, f"dtype must be {listed(names)}")
        for other in ("", "float8", np.int64, np.dtype("U3")):
            refused(call, other, ValueError, f"dtype must be {listed(names)}")


@pytest.mark.parametrize("name", [*KERNELS_RUN_WITH, *BRICKS_RAN_WITH])
def test_what_is_no_name_of_an_instruction_set(name: str) -> None:
    call = {**KERNELS_RUN_WITH, **BRICKS_RAN_WITH}[name]
    words = "isa must be the name of an instruction set or None"
    for value in (5, b"base", ["base"], True):
        refused(call, value, TypeError, words)
    refused(call, "", ValueError, words)


@pytest.mark.parametrize("name", KERNELS_RUN_WITH)
def test_instruction_sets_that_there_are_not(name: str) -> None:
    refused(KERNELS_RUN_WITH[name], "sse9", ValueError, f"isa must be one of {ISA_NAMES}")
    lacking = next(isa for isa in ISA_NAMES if isa not in bp.isas())
    with pytest.raises(ValueError, match="^isa .* is not supported by this CPU; it has ") as caught:
        KERNELS_RUN_WITH[name](lacking)
    assert str(caught.value).endswith(str(bp.isas()))


def test_a_brick_may_have_run_on_another_machine() -> None:
    for call in BRICKS_RAN_WITH.values():
        call("sse9")
        call(np.str_("sve"))
