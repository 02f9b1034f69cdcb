"""Tile plans: even blocks, plans of other machines, and bad plans refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.blocks import balanced
from support.plan_strategies import KIB, MIB, MICROS

import brickprof as bp
from brickprof.core.limits import MAX_BLOCK
from brickprof.machine import Cache, detect_machine
from brickprof.planning.attention import AttentionBlocks
from brickprof.planning.blocks import ceil_div, round_up
from brickprof.planning.gemm import Blocks


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(1, 64))
def test_balanced_blocks(extent: int, block: int, unit: int) -> None:
    size = balanced(extent, block, unit)
    assert size % unit == 0
    assert size >= unit
    assert size <= max(round_up(block, unit), unit)
    assert size <= max(round_up(extent, unit), unit)
    assert extent - (ceil_div(extent, size) - 1) * size <= size or extent < unit


def test_balanced_in_numbers() -> None:
    assert balanced(1000, 512, 1) == 500
    assert balanced(1000, 126, 6) == 126
    assert balanced(130, 126, 6) == 66
    assert balanced(0, 126, 6) == 6


@pytest.mark.parametrize(
    "field, value, error",
    [
        ("m", -1, ValueError),
        ("n", 1.5, TypeError),
        ("k", "3", TypeError),
        ("m", True, TypeError),
        ("k", 2**40 + 1, ValueError),
        ("dtype", "float16", ValueError),
        ("threads", 0, ValueError),
        ("threads", True, TypeError),
        ("threads", 5000, ValueError),
        ("blocks", (6, 16, 5), TypeError),
        ("blocks", AttentionBlocks(6, 8), TypeError),
        ("micro", "base", TypeError),
        ("a_layout", "diagonal", ValueError),
        ("a_layout", "packed", ValueError),
        ("b_layout", None, ValueError),
        ("a_stride", 2**41, ValueError),
        ("b_stride", 1.5, TypeError),
    ],
)
def test_bad_gemm_plans_are_refused(field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{field} must be"):
        bp.plan_gemm(**{"m": 5, "n": 6, "k": 7, field: value})


def refusal(value: Any) -> tuple[type[Exception], str]:
    """Return what a bad integer raises, and the words for it."""
    known = type(value) is int
    return (ValueError, "must be in") if known else (TypeError, "must be an integer in")


@pytest.mark.parametrize("value", [0, -6, 1.0, None, True, MAX_BLOCK + 1])
def test_bad_blocks_are_refused(value: Any) -> None:
    error, words = refusal(value)
    for name in ("mc", "nc", "kc", "rows", "l1_bytes", "l2_bytes"):
        with pytest.raises(error, match=rf"^{name} {words} \[1, 2\*\*40\]"):
            replace(Blocks(6, 16, 5), **{name: value})
    for name in ("rows", "keys"):
        with pytest.raises(error, match=rf"^{name} {words} \[1, 2\*\*40\]"):
            replace(AttentionBlocks(6, 8), **{name: value})


@pytest.mark.parametrize("value", [0, -6, 1.0, None, True])
def test_bad_micro_kernels_are_refused(value: Any) -> None:
    error, words = refusal(value)
    for name in ("mr", "nr", "lanes", "wide_rows", "max_dotxf"):
        with pytest.raises(error, match=rf"^{name} {words} \[1, 2\*\*63 - 1\]"):
            replace(MICROS[0], **{name: value})


@pytest.mark.parametrize(
    "field, value",
    [
        ("heads", -1),
        ("rows", 1.5),
        ("keys", "3"),
        ("dim", -1),
        ("dim", 2**31 + 1),
        ("threads", 0),
        ("threads", 5000),
        ("rows", True),
        ("micro", "base"),
        ("blocks", "6"),
        ("blocks", Blocks(6, 8, 5)),
    ],
)
def test_bad_attention_plans_are_refused(field: str, value: Any) -> None:
    error = refusal(value)[0]
    with pytest.raises(error, match=f"^{field} must be"):
        bp.plan_attention(**{"heads": 2, "rows": 3, "keys": 4, "dim": 5, field: value})


def test_keys_of_blocks_fill_micropanels() -> None:
    with pytest.raises(ValueError, match=r"^blocks.keys must be a multiple"):
        bp.plan_attention(2, 3, 4, 5, blocks=AttentionBlocks(6, 9), micro=MICROS[0])


@pytest.mark.parametrize("dtype", [np.float64, np.dtype("float64")])
def test_numpys_types_are_dtypes_of_plans(dtype: Any) -> None:
    plan = bp.plan_gemm(5, 6, 7, dtype)
    assert plan == bp.plan_gemm(5, 6, 7, "float64")
    assert type(plan.dtype) is str


def test_plans_of_other_machines() -> None:
    tiny = replace(
        detect_machine(),
        caches=(
            Cache(1, 8 * KIB, 64, 1, 8),
            Cache(2, 64 * KIB, 64, 1, 8),
            Cache(3, MIB, 64, 1, 16),
        ),
    )
    here, there = (bp.plan_gemm(999, 999, 999, machine=at) for at in (None, tiny))
    assert there.blocks.mc * there.blocks.kc < here.blocks.mc * here.blocks.kc
    assert bp.plan_attention(1, 9, 9, 64, machine=tiny).blocks.keys <= 128


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: bp.plan_gemm(1, 1, 1, "int8"), ValueError, "dtype must be"),
        (lambda: bp.plan_gemm(1, 1, 1, None), TypeError, "dtype must be"),
        (lambda: bp.plan_gemm(1, 1, 1, isa="sse9"), ValueError, "isa must be"),
        (lambda: bp.plan_gemm(-1, 1, 1), ValueError, "m must be"),
        (lambda: bp.plan_gemm(1, 1, 1, threads=0), ValueError, "threads must be"),
        (lambda: bp.plan_gemm(1, 1, 1, a_layout="C"), ValueError, "a_layout must be"),
        (lambda: bp.plan_gemm(1, 1, 1, b_layout=None), ValueError, "b_layout must be"),
        (lambda: bp.plan_gemm(1, 1, 1, b_layout=["rows"]), ValueError, "b_layout must be"),
        (lambda: bp.plan_attention(4, 1, 1, 8, key_heads=3), ValueError, "key_heads must divide"),
        (lambda: bp.plan_attention(4, 1, 1, 8, key_heads=0), ValueError, "key_heads must be"),
        (lambda: bp.plan_attention(4, 1, 1, 8, key_heads="2"), TypeError, "key_heads must be"),
        (lambda: bp.plan_attention(-4, 1, 1, 8, key_heads=2), ValueError, "heads must be"),
        (lambda: bp.plan_attention(4, "1", 1, 8, key_heads=2), TypeError, "rows must be"),
        (lambda: bp.plan_attention(1, 1, 1, -1), ValueError, "dim must be"),
        (lambda: bp.plan_attention(1, 1, 1, "64"), TypeError, "dim must be"),
        (lambda: bp.plan_attention(1, 1, 1, 8, threads=-1), ValueError, "threads must be"),
        (lambda: bp.plan_attention(1, 1, 1, 8, isa="sse9"), ValueError, "isa must be"),
    ],
)
def test_bad_requests_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
