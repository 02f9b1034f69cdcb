"""Plans that were edited after they were made: refused by name before anything runs."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import brickprof as bp
from brickprof.planning.attention import AttentionBlocks
from brickprof.planning.gemm import Blocks

A = np.ones((64, 96), "float32")
B = np.ones((96, 80), "float32")
Q = np.ones((2, 300, 96), "float32")
GEMM = bp.plan_gemm(64, 80, 96)
ATTENTION = bp.plan_attention(2, 300, 300, 96)
NO_BLOCKS = SimpleNamespace(mc=0, nc=0, kc=0, rows=0, l1_bytes=0, l2_bytes=0, keys=0)
NO_MICRO = SimpleNamespace(isa="base", mr=0, nr=0, lanes=0, wide_rows=0, max_dotxf=0)
COMMON: dict[str, list[Any]] = {
    "blocks": [None, NO_BLOCKS, (1, 2)],
    "micro": [None, NO_MICRO, "base"],
    "threads": ["x", None, 0, -1, True, 1.5, 2**70],
    "levels": [(), None, "levels", GEMM.levels[:2]],
}
GEMM_EDITS = COMMON | {
    "m": [-1, None, "64", 2**70, 65, np.ones(2)],
    "n": [None],
    "k": [None],
    "dtype": [None, "float64"],
    "a_layout": [None, ["rows"]],
    "b_layout": [None, ["rows"], "packed"],
    "a_stride": [None, "1", 2**70],
    "b_stride": [None],
    "kind": [None],
    "grid": [None, [1, 1], (99, 1)],
    "workers": [None, "1"],
    "mc": [None],
    "nc": [None],
    "kc": [None, 0],
    "packs_a": [None],
    "b_mode": [None],
    "edge_b_mode": [None],
}
ATTENTION_EDITS = COMMON | {
    "heads": [None, -1, 2**70],
    "rows": [None, "300"],
    "keys": [None],
    "dim": [None],
    "causal": [None, "yes"],
    "contiguous_keys": [None, "yes"],
    "dotxf": [None],
    "splits": [None],
    "split_keys": [None],
    "chunk": [None],
    "row_block": [None, 0],
    "key_block": [None, 0],
}


def refused(call: Any, field: str, plan: Any) -> None:
    """Hold that a plan is refused by the name of a field, and leaves no record."""
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    with pytest.raises((TypeError, ValueError), match=rf"^plan\b.*{field}"):
        call(plan=plan, profiler=profiler)
    assert not profiler.recording().bricks


def run_gemm(**given: Any) -> Any:
    return bp.gemm(A, B, **given)


def run_attention(**given: Any) -> Any:
    return bp.attention(Q, Q, Q, **given)


@pytest.mark.parametrize("field", GEMM_EDITS)
def test_an_edited_field_of_a_gemm_plan_is_refused(field: str) -> None:
    # A product of other sizes is refused by all of them at once.
    word = "" if field in ("m", "n", "k", "dtype") else field
    for value in [*GEMM_EDITS[field], *([GEMM.levels[::-1]] if field == "levels" else [])]:
        refused(run_gemm, word, replace(GEMM, **{field: value}))


@pytest.mark.parametrize("field", ATTENTION_EDITS)
def test_an_edited_field_of_an_attention_plan_is_refused(field: str) -> None:
    for value in [
        *ATTENTION_EDITS[field],
        *([ATTENTION.levels[::-1]] if field == "levels" else []),
    ]:
        refused(run_attention, field, replace(ATTENTION, **{field: value}))


def test_plans_of_nothing_are_refused() -> None:
    refused(run_gemm, "m", bp.GemmPlan(*[None] * 21))  # type: ignore[arg-type]
    refused(run_attention, "causal", bp.AttentionPlan(*[None] * 16))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, None, "8", 2**70])
def test_sizes_that_were_set_in_place_are_refused(value: Any) -> None:
    for name in ("mc", "nc", "kc", "rows", "l1_bytes", "l2_bytes"):
        plan = replace(GEMM, blocks=copy.copy(GEMM.blocks))
        object.__setattr__(plan.blocks, name, value)
        refused(run_gemm, rf"blocks\.{name}", plan)
        with pytest.raises((TypeError, ValueError), match=rf"^blocks\.{name} must be"):
            bp.plan_gemm(64, 80, 96, blocks=plan.blocks)
    for name in ("rows", "keys"):
        edited = replace(ATTENTION, blocks=copy.copy(ATTENTION.blocks))
        object.__setattr__(edited.blocks, name, value)
        refused(run_attention, rf"blocks\.{name}", edited)
        with pytest.raises((TypeError, ValueError), match=rf"^blocks\.{name} must be"):
            bp.plan_attention(2, 300, 300, 96, blocks=edited.blocks)
    for name in ("mr", "nr", "lanes", "wide_rows", "max_dotxf"):
        micro = copy.copy(GEMM.micro)
        object.__setattr__(micro, name, value)
        refused(run_gemm, rf"micro\.{name}", replace(GEMM, micro=micro))
        refused(run_attention, rf"micro\.{name}", replace(ATTENTION, micro=micro))
        with pytest.raises((TypeError, ValueError), match=rf"^micro\.{name} must be"):
            bp.plan_gemm(64, 80, 96, micro=micro)


def test_keys_that_fill_no_micropanels_are_refused() -> None:
    plan = bp.plan_attention(2, 300, 300, 96, threads=1)
    blocks = AttentionBlocks(plan.blocks.rows, 33)
    with pytest.raises(ValueError, match=r"^plan\.blocks\.keys must be a multiple of the micro"):
        bp.attention(Q, Q, Q, plan=replace(plan, blocks=blocks, key_block=33))


def test_levels_edited_after_a_run_are_refused() -> None:
    plan = bp.plan_gemm(64, 80, 96)
    bp.gemm(A, B, plan=plan)
    object.__setattr__(plan, "levels", plan.levels[::-1])
    refused(run_gemm, "levels", plan)


def test_copies_of_plans_run() -> None:
    for make in (copy.copy, copy.deepcopy, replace, lambda plan: pickle.loads(pickle.dumps(plan))):
        assert (bp.gemm(A, B, plan=make(GEMM)) == 96).all()
        assert np.allclose(bp.attention(Q, Q, Q, plan=make(ATTENTION)), 1)


@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
def test_a_single_row_or_column_runs_with_either_layout(layout: str) -> None:
    b = np.arange(64 * 32, dtype="float32").reshape(64, 32) % 7
    row, column = b.T[:1].copy(), b[:, :1].copy()
    plan = bp.plan_gemm(1, 32, 64, a_layout=layout)
    assert np.array_equal(bp.gemm(row, b, plan=plan), row @ b)
    plan = bp.plan_gemm(64, 64, 1, a_layout=layout, b_layout=layout)
    assert np.array_equal(bp.gemm(column, row, plan=plan), column @ row)
    plan = bp.plan_gemm(32, 1, 64, a_layout="columns", b_layout=layout)
    assert np.array_equal(bp.gemm(b.T, column, plan=plan), b.T @ column)


def test_blocks_whose_tiles_pass_64_bits_are_refused() -> None:
    size = 2**40
    with pytest.raises(ValueError, match=r"^blocks must be of tiles whose bytes 63 bits count"):
        bp.plan_gemm(size, size, size, blocks=Blocks(size, size, size, size))
    with pytest.raises(ValueError, match="63 bits"):
        bp.plan_gemm(1, size, size, threads=1)
