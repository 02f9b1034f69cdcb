"""attention refuses bad arguments by name, before anything is written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support.kernel_checks import DEFAULT_ISA, tiny_attention_plan

import brickprof as bp
from brickprof.planning.attention import AttentionBlocks

Q = np.ones((2, 4, 3), "float32")
K = np.ones((2, 6, 3), "float32")
MICRO = bp.plan_attention(1, 1, 1, 1).micro

BAD_CALLS: dict[str, tuple[type[Exception], str, dict[str, Any]]] = {
    "q None": (ValueError, "^q must be 3-D or 4-D", {"q": None}),
    "k None": (ValueError, "^k must be 3-D or 4-D", {"k": None}),
    "q 2-D": (ValueError, r"^q must be 3-D or 4-D, got shape \(4, 3\)", {"q": Q[0]}),
    "v 5-D": (ValueError, "^v must be 3-D or 4-D", {"v": K[None, None]}),
    "q ragged": (ValueError, "^q must be an array of one shape", {"q": [[[1.0], [1.0, 2.0]]]}),
    "q list": (TypeError, "^q must be float32, got dtype float64", {"q": Q.tolist()}),
    "q float64": (TypeError, "^q must be float32, got dtype float64", {"q": Q.astype("float64")}),
    "k float16": (TypeError, "^k must be float32, got dtype float16", {"k": K.astype("float16")}),
    "v integers": (TypeError, "^v must be float32, got dtype int64", {"v": K.astype("int64")}),
    "v complex": (
        TypeError,
        "^v must be float32, got dtype complex64",
        {"v": K.astype("complex64")},
    ),
    "k 4-D": (ValueError, "^k must be 3-D as q is", {"k": K[None]}),
    "v 4-D": (ValueError, "^v must be 3-D as q is", {"v": K[None]}),
    "v shorter": (
        ValueError,
        r"^v must have k's shape \(2, 6, 3\), got \(2, 5, 3\)",
        {"v": K[:, :5]},
    ),
    "k dim": (ValueError, "^k must have q's dim 3, got 2", {"k": K[..., :2], "v": K[..., :2]}),
    "k batch": (
        ValueError,
        "^k must have q's batch 1, got 2",
        {"q": Q[None], "k": np.stack([K, K]), "v": np.stack([K, K]), "out": None},
    ),
    "k no heads": (ValueError, "^k must have at least one head", {"k": K[:0], "v": K[:0]}),
    "k heads": (
        ValueError,
        "^k must have a number of heads that divides q's 2, got 3",
        {"k": K[[0, 1, 0]], "v": K[[0, 1, 0]]},
    ),
    "k more heads": (
        ValueError,
        "^k must have a number of heads that divides q's 2, got 4",
        {"k": K[[0, 1, 0, 1]], "v": K[[0, 1, 0, 1]]},
    ),
    "scale text": (TypeError, "^scale must be a number or None", {"scale": "1"}),
    "scale complex": (TypeError, "^scale must be a number or None", {"scale": 1j}),
    "scale array": (TypeError, "^scale must be a number or None", {"scale": np.ones(1)}),
    "scale nan": (ValueError, "^scale must be finite", {"scale": float("nan")}),
    "scale infinite": (ValueError, "^scale must be finite", {"scale": float("inf")}),
    "scale too large": (ValueError, "^scale must be finite", {"scale": 1e300}),
    "scale huge integer": (ValueError, "^scale must be finite", {"scale": 10**400}),
    "out list": (TypeError, "^out must be a numpy array or None, got list", {"out": []}),
    "out shape": (
        ValueError,
        r"^out must have shape \(2, 4, 3\)",
        {"out": np.ones((4, 2, 3), "f4")},
    ),
    "out float64": (TypeError, "^out must be float32", {"out": np.ones((2, 4, 3))}),
    "out read-only": (
        ValueError,
        "^out must be writeable",
        {"out": np.broadcast_to(np.float32(7), (2, 4, 3))},
    ),
    "out repeated": (
        ValueError,
        "^out must not overlap itself",
        {"out": as_strided(np.ones(24, "f4"), (2, 4, 3), (0, 12, 4))},
    ),
    "out of records": (
        ValueError,
        "^out must be aligned",
        {"out": np.ones((2, 4, 3), [("x", "u1"), ("y", "f4")])["y"]},
    ),
    "threads 0": (ValueError, "^threads must be", {"threads": 0}),
    "threads 5000": (ValueError, "^threads must be", {"threads": 5000}),
    "threads 1.5": (TypeError, "^threads must be", {"threads": 1.5}),
    "threads True": (TypeError, "^threads must be", {"threads": True}),
    "isa unknown": (ValueError, "^isa must be one of", {"isa": "sse9"}),
    "isa number": (TypeError, "^isa must be the name of", {"isa": 2}),
    "plan of gemm": (TypeError, "^plan must be an AttentionPlan", {"plan": bp.plan_gemm(1, 1, 1)}),
    "plan rows": (
        ValueError,
        "^plan must be of this problem",
        {"plan": bp.plan_attention(2, 5, 6, 3)},
    ),
    "plan mask": (
        ValueError,
        "^plan must be of this problem",
        {"plan": bp.plan_attention(2, 4, 6, 3), "causal": True},
    ),
    "plan of a made-up micro-kernel": (
        ValueError,
        "^plan must be for the micro-kernel",
        {
            "plan": bp.plan_attention(2, 4, 6, 3, micro=bp.MicroKernel("base", 3, 7, 4, 2, 4)),
        },
    ),
    "plan that takes keys where they are": (
        ValueError,
        "^plan must be made with contiguous_keys=False",
        {
            "k": np.asfortranarray(K),
            "plan": tiny_attention_plan(Q, K, False, DEFAULT_ISA, 1, True),
        },
    ),
    **{
        f"plan with another {field}": (
            ValueError,
            "^plan must be as plan_attention made it",
            {"plan": replace(bp.plan_attention(2, 4, 6, 3), **{field: value})},
        )
        for field, value in {
            "dotxf": not bp.plan_attention(2, 4, 6, 3).dotxf,
            "splits": 2,
            "split_keys": 1,
            "chunk": 2,
            "row_block": 99,
            "key_block": 1,
        }.items()
    },
    "profiler text": (TypeError, "^profiler must be a BrickProfiler", {"profiler": "on"}),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_arguments_are_named_and_nothing_is_written(case: str) -> None:
    error, message, changes = BAD_CALLS[case]
    call: dict[str, Any] = {
        "q": Q,
        "k": K,
        "v": K,
        "out": np.full(Q.shape, 7, "float32"),
        **changes,
    }
    before = np.array(call["out"])
    arrays = [call.pop(name) for name in ("q", "k", "v")]
    with pytest.raises(error, match=message):
        bp.attention(*arrays, **call)
    assert np.array_equal(np.array(call["out"]), before)


@pytest.mark.parametrize("of", ["q", "k", "v"])
def test_out_may_not_overlap_an_input(of: str) -> None:
    room = np.arange(800, dtype="float32").reshape(2, 20, 20)
    before = room.copy()
    other = np.ones((2, 8, 8), "float32")
    mine = room[:, :8, :8]
    for out in (mine, mine.swapaxes(1, 2), room[:, 7:15, 7:15], room[::-1, 7::-1, 3:11]):
        arrays = [mine if name == of else other for name in ("q", "k", "v")]
        with pytest.raises(ValueError, match=f"^out must not overlap {of}$"):
            bp.attention(*arrays, out=out)
        assert np.array_equal(room, before)
    bp.attention(*arrays, out=room[:, 8:16, :8])


def test_an_open_midi_tile_is_an_error_before_anything_is_written() -> None:
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    out = np.full(Q.shape, 7, "float32")
    with profiler.tile(bp.TileLevel.MIDI, 0, 0):
        with pytest.raises(bp.TileNestingError, match="MACRO"):
            bp.attention(Q, K, K, out=out, profiler=profiler)
        assert (out == 7).all()
    bp.attention(Q, K, K, out=out, profiler=profiler)
    assert (out == 1).all()


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        *((sizes, ValueError) for sizes in [(0, 16), (6, 0), (-6, 16), (6, -16)]),
        ((6, MICRO.nr + 1), ValueError),
        ((6.0, 16), TypeError),
    ],
)
def test_blocks_that_do_not_suit_the_micro_kernel_are_refused(
    blocks: tuple[int, int], error: type[Exception]
) -> None:
    with pytest.raises(error, match="must be"):
        bp.plan_attention(1, 4, 40, 16, micro=MICRO, blocks=AttentionBlocks(*blocks))


@pytest.mark.parametrize("threads", [1, 4])
def test_keys_too_many_for_memory_are_an_error(threads: int) -> None:
    code = (
        "import numpy as np, brickprof as bp\n"
        "q = np.ones((1, 64, 16), np.float32)\n"
        "k = np.broadcast_to(np.float32(1), (1, 2**56, 16))\n"
        f"bp.attention(q, k, k, threads={threads})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1, f"exit code {run.returncode}"
    assert "MemoryError" in run.stderr


def test_results_too_large_for_memory_are_an_error() -> None:
    q = np.broadcast_to(np.float32(1), (2**40, 2**18, 1))
    with pytest.raises((MemoryError, ValueError)):
        bp.attention(q, K[:1, :, :1], K[:1, :, :1])
