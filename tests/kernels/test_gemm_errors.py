"""gemm refuses bad arguments by name, before anything is written."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support.kernel_checks import ISAS, Array, tiny_plan

import brickprof as bp
from brickprof.core.limits import MAX_BLOCK
from brickprof.planning.gemm import Blocks

A = np.ones((4, 3), "float32")
B = np.ones((3, 5), "float32")
WIDE = np.broadcast_to(np.float32(1), (1, 2**40))


def strided(shape: tuple[int, int], steps: tuple[int, int]) -> Array:
    """Return an array of odd strides, given in elements."""
    return as_strided(np.ones(64, "float32"), shape, (4 * steps[0], 4 * steps[1]))


def read_only(array: Array) -> Array:
    """Return a copy that cannot be written."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


BAD_CALLS: dict[str, tuple[type[Exception], str, dict[str, Any]]] = {
    "a None": (ValueError, "^a must be 2-D", {"a": None}),
    "b None": (ValueError, "^b must be 2-D", {"b": None}),
    "a 0-D": (ValueError, r"^a must be 2-D, got shape \(\)", {"a": np.float32(1)}),
    "a 1-D": (ValueError, r"^a must be 2-D, got shape \(3,\)", {"a": A[0]}),
    "b 3-D": (ValueError, "^b must be 2-D", {"b": B[None]}),
    "a text": (ValueError, "^a must be 2-D", {"a": "matrix"}),
    "a of integers": (
        TypeError,
        "^a must be float32 or float64, got dtype int",
        {"a": [[1, 2, 3]]},
    ),
    "a ragged": (ValueError, "^a must be an array of one shape", {"a": [[1.0, 2.0], [3.0]]}),
    "a float16": (TypeError, "^a must be .* float16", {"a": A.astype("float16")}),
    "a longdouble": (TypeError, "^a must be ", {"a": A.astype("longdouble")}),
    "a complex": (TypeError, "^a must be .* complex64", {"a": A.astype("complex64")}),
    "a object": (TypeError, "^a must be .* object", {"a": A.astype(object)}),
    "a bool": (TypeError, "^a must be .* bool", {"a": A.astype(bool)}),
    "b int32": (TypeError, "^b must be float32, got dtype int32", {"b": B.astype("int32")}),
    "b float64": (TypeError, "^b must be float32, got dtype float64", {"b": B.astype("float64")}),
    "a float64": (TypeError, "^b must be float64, got dtype float32", {"a": A.astype("float64")}),
    "inner sizes": (ValueError, "^b must have as many rows as a has columns", {"b": B.T}),
    "out list": (
        TypeError,
        "^out must be a numpy array or None, got list",
        {"out": [[0.0] * 5] * 4},
    ),
    "out shape": (ValueError, r"^out must have shape \(4, 5\)", {"out": np.ones((5, 4), "f4")}),
    "out rank": (ValueError, "^out must have shape", {"out": np.ones(20, "f4")}),
    "out float64": (TypeError, "^out must be float32", {"out": np.ones((4, 5))}),
    "out foreign": (
        TypeError,
        "^out must be float32",
        {"out": np.ones((4, 5), ">f4" if sys.byteorder == "little" else "<f4")},
    ),
    "out read-only": (
        ValueError,
        "^out must be writeable",
        {"out": read_only(np.ones((4, 5), "f4"))},
    ),
    "out repeated row": (
        ValueError,
        "^out must not overlap itself",
        {"out": strided((4, 5), (0, 1))},
    ),
    "out sliding": (ValueError, "^out must not overlap itself", {"out": strided((4, 5), (2, 1))}),
    "out of records": (
        ValueError,
        "^out must be aligned",
        {"out": np.ones((4, 5), [("x", "u1"), ("y", "f4")])["y"]},
    ),
    "out misaligned": (
        ValueError,
        "^out must be aligned",
        {"out": np.zeros(81, "u1")[1:].view("f4").reshape(4, 5)},
    ),
    "threads 0": (ValueError, "^threads must be", {"threads": 0}),
    "threads -1": (ValueError, "^threads must be", {"threads": -1}),
    "threads 5000": (ValueError, "^threads must be", {"threads": 5000}),
    "threads huge": (ValueError, "^threads must be", {"threads": 2**70}),
    "threads 1.5": (TypeError, "^threads must be", {"threads": 1.5}),
    "threads True": (TypeError, "^threads must be", {"threads": True}),
    "threads text": (TypeError, "^threads must be", {"threads": "2"}),
    "isa unknown": (ValueError, "^isa must be one of .*'base'.*got 'sse9'", {"isa": "sse9"}),
    "isa number": (TypeError, "^isa must be the name of", {"isa": 2}),
    "isa bytes": (TypeError, "^isa must be the name of", {"isa": b"base"}),
    "plan of attention": (
        TypeError,
        "^plan must be a GemmPlan",
        {"plan": bp.plan_attention(1, 4, 5, 3)},
    ),
    "plan text": (TypeError, "^plan must be a GemmPlan", {"plan": "fast"}),
    "plan of another size": (
        ValueError,
        "^plan must be of this product, 4 x 5 x 3",
        {"plan": bp.plan_gemm(4, 5, 2)},
    ),
    "plan of another type": (
        ValueError,
        "^plan must be of this product",
        {"plan": bp.plan_gemm(4, 5, 3, "float64")},
    ),
    "plan of a made-up micro-kernel": (
        ValueError,
        "^plan must be for the micro-kernel",
        {
            "plan": bp.plan_gemm(4, 5, 3, micro=bp.MicroKernel("base", 3, 7, 4, 2, 4)),
        },
    ),
    "plan of a transposed a": (
        ValueError,
        "^plan must be made with a_layout='rows' for this a, got 'columns'",
        {"plan": bp.plan_gemm(4, 5, 3, a_layout="columns")},
    ),
    "plan of a transposed b": (
        ValueError,
        "^plan must be made with b_layout='rows' for this b, got 'columns'",
        {"plan": bp.plan_gemm(4, 5, 3, b_layout="columns")},
    ),
    "plan of a packed b": (
        ValueError,
        "^plan must be made with b_layout='packed' for a packed b",
        {"plan": bp.plan_gemm(4, 5, 3, b_layout="packed")},
    ),
    **{
        f"plan with another {field}": (
            ValueError,
            "^plan must be as plan_gemm made it",
            {"plan": replace(bp.plan_gemm(4, 5, 3), **{field: value})},
        )
        for field, value in {
            "kind": "axpyf",
            "grid": (2, 1),
            "workers": 2,
            "mc": 1,
            "nc": 1,
            "kc": 99,
            "packs_a": True,
            "b_mode": "packed",
            "edge_b_mode": "packed",
        }.items()
    },
    "plan with too many threads": (
        ValueError,
        "^plan.threads must be",
        {"plan": replace(bp.plan_gemm(4, 5, 3), threads=2**40)},
    ),
    "plan with a layout that there is not": (
        ValueError,
        "^plan must have an a_layout",
        {"plan": replace(bp.plan_gemm(4, 5, 3), a_layout="diagonal")},
    ),
    "plan with a stride beyond memory": (
        ValueError,
        "^plan.b_stride must be",
        {"plan": replace(bp.plan_gemm(4, 5, 3), b_stride=2**41)},
    ),
    "profiler text": (TypeError, "^profiler must be a BrickProfiler", {"profiler": "on"}),
    "profiler class": (
        TypeError,
        "^profiler must be a BrickProfiler",
        {"profiler": bp.BrickProfiler},
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_arguments_are_named_and_nothing_is_written(case: str) -> None:
    error, message, changes = BAD_CALLS[case]
    call: dict[str, Any] = {"a": A, "b": B, "out": np.full((4, 5), 7, "float32"), **changes}
    before = np.array(call["out"])
    with pytest.raises(error, match=message):
        bp.gemm(call.pop("a"), call.pop("b"), **call)
    if "out" in call:
        assert np.array_equal(np.array(call["out"]), before)


@pytest.mark.parametrize("isa", ["avx512", "avx2", "neon", "base"])
def test_an_isa_is_used_or_refused(isa: str) -> None:
    if isa in ISAS:
        assert (bp.gemm(A, B, isa=isa) == 3).all()
    else:
        with pytest.raises(ValueError, match=f"^isa .*{isa}"):
            bp.gemm(A, B, isa=isa)


def test_a_plan_for_another_isa_is_refused() -> None:
    for isa in ISAS:
        for other in set(ISAS) - {isa}:
            with pytest.raises(ValueError, match="^plan must be for the micro-kernel"):
                bp.gemm(A, B, plan=tiny_plan(4, 5, 3, "float32", other), isa=isa)


@pytest.mark.parametrize("of", ["a", "b"])
def test_out_may_not_overlap_an_input(of: str) -> None:
    room = np.arange(400, dtype="float32").reshape(20, 20)
    before = room.copy()
    other = np.eye(8, dtype="float32")
    for mine, out in [
        (room[:8, :8], room[:8, :8]),
        (room[:8, :8], room[:8, :8].T),
        (room[:8, :8], room[7:15, 7:15]),
        (room[:8, :8], room[7::-1, 7::-1]),
        (room[:16:2, :16:2], room[:8, :8]),
        (room[::2, 2:10][:8], room[2:10, :8]),
    ]:
        pair = (mine, other) if of == "a" else (other, mine)
        with pytest.raises(ValueError, match=f"^out must not overlap {of}$"):
            bp.gemm(*pair, out=out)
        assert np.array_equal(room, before)


def test_an_open_midi_tile_is_an_error_before_anything_is_written() -> None:
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    for level in (bp.TileLevel.MIDI, bp.TileLevel.MICRO):
        out = np.full((4, 5), 7, "float32")
        timer = profiler.start_tile(level, 0, 0)
        with pytest.raises(bp.TileNestingError, match="MACRO"):
            bp.gemm(A, B, out=out, profiler=profiler)
        assert (out == 7).all()
        profiler.stop_tile(timer, 1, 1)
        bp.gemm(A, B, out=out, profiler=profiler)
        assert (out == 3).all()
    assert profiler.tile_stats(bp.TileLevel.MACRO, "gemm").count == 2


def test_results_too_large_for_memory_are_an_error() -> None:
    with pytest.raises((MemoryError, ValueError)):
        bp.gemm(WIDE.T[:, :1], WIDE[:, : 2**20])
    assert bp.gemm(WIDE.T, np.ones((1, 0), "float32")).shape == (2**40, 0)


def run_with_isa(value: str | None) -> subprocess.CompletedProcess[str]:
    """Say in a new process which instruction set is used when BRICKPROF_ISA is set."""
    code = "import brickprof as bp; print(bp.plan_gemm(1, 1, 1).micro.isa, *bp.isas())"
    environment = {name: text for name, text in os.environ.items() if name != "BRICKPROF_ISA"}
    if value is not None:
        environment["BRICKPROF_ISA"] = value
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_the_environment_lowers_the_instruction_set() -> None:
    for value in (None, "", ISAS[0], "base"):
        run = run_with_isa(value)
        assert run.stdout.split() == [value or ISAS[0], *ISAS], run.stderr


@pytest.mark.parametrize("value", ["sse9", "neon" if "avx2" in ISAS else "avx2"])
def test_the_environment_cannot_ask_for_what_there_is_not(value: str) -> None:
    run = run_with_isa(value)
    assert run.returncode == 1
    assert "ValueError: BRICKPROF_ISA: isa" in run.stderr
    assert repr(value) in run.stderr


def test_a_plan_whose_micropanels_pass_all_memory_is_refused() -> None:
    m, k = 70, 2**40
    row = np.broadcast_to(np.float32(1), (m, k))
    micro = bp.plan_gemm(1, 1, 1, threads=1).micro
    blocks = Blocks(micro.mr, micro.nr, MAX_BLOCK, micro.mr)
    plan = bp.plan_gemm(m, m, k, a_layout="strided", b_layout="strided", blocks=blocks)
    assert plan.kc == MAX_BLOCK
    with pytest.raises(MemoryError, match="packed micropanels"):
        bp.gemm(row, row.T, plan=plan)


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer needs the address space"
)
def test_threads_that_cannot_be_started_are_an_error() -> None:
    code = (
        "import resource, numpy as np, brickprof as bp\n"
        "a, b = np.ones((16000, 256), 'f4'), np.ones((256, 512), 'f4')\n"
        "plan = bp.plan_gemm(16000, 512, 256, threads=1000)\n"
        "assert plan.workers == 1000, plan.workers\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + (300 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "out = np.zeros((16000, 512), 'f4')\n"
        "try:\n"
        "    bp.gemm(a, b, threads=1000, out=out)\n"
        "except RuntimeError as error:\n"
        "    print(error, out.any())\n"
        "print(bp.gemm(a, b, threads=2, out=out)[0, 0])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "cannot be started by this process False\n256.0" in run.stdout, run.stderr


class OtherRecorders(bp.BrickProfiler):
    """A profiler whose `recorders` returns nothing a kernel could record in."""

    def recorders(self, *given: Any, **more: Any) -> Any:
        return None


def test_a_kernel_does_not_depend_on_what_a_subclass_returns() -> None:
    profiler = OtherRecorders()
    profiler.enable_tile_profiling()
    a = np.ones((8, 8), np.float32)
    assert np.array_equal(bp.gemm(a, a, profiler=profiler), a @ a)
    assert profiler.recording().bricks == ("gemm",)
