"""The plans' traffic against a simulated cache: valgrind's cachegrind with the plan's cache sizes.

    python -m benchmarks.cachesim

A process calls the kernel once and another three times; half of the difference is what one call
fetches. Both are forks of one process, as costly to start as the calls. L1's misses are what Midi
tiles take from L2; those of the last level, given L2's size, are what Macro tiles take from L3. The
simulator counts lines that are fetched and not those that are written back, so C counts once for
each step of k on both sides. The kernels are those for AVX2, since valgrind knows no wider vectors.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import brickprof as bp
from brickprof.core.levels import TileLevel
from brickprof.machine import Cache, Machine

LINE = 64
L1_BYTES, L1_WAYS = 32 * 1024, 8
L2_BYTES, L2_WAYS = 512 * 1024, 8

GEMM_SHAPES = [(384, 384, 384), (300, 700, 500), (1200, 160, 900), (10, 800, 600)]
"""m, n, k."""

ATTENTION_SHAPE = (1, 700, 700, 64)
"""heads, rows, keys, dim."""

CALLS = (1, 3)
"""Of the two processes."""

_CHILD = """
import os, sys
import numpy as np
import brickprof as bp
from benchmarks.cachesim import CALLS, machine
kind, *sizes = sys.argv[1], *map(int, sys.argv[2:])
rng = np.random.default_rng(0)

def filled(*shape):
    # 16 bytes behind a page, where malloc puts large ones.
    room = np.empty(4 * int(np.prod(shape)) + 8192, np.uint8)
    first = -room.ctypes.data % 4096 + 16
    array = room[first : first + 4 * int(np.prod(shape))].view("f4").reshape(shape)
    array[...] = rng.standard_normal(shape)
    return array
if kind == "gemm":
    m, n, k = sizes
    a, b, out = filled(m, k), filled(k, n), filled(m, n)
    plan = bp.plan_gemm(m, n, k, machine=machine(), threads=1)
    run = lambda: bp.gemm(a, b, out=out, plan=plan)
else:
    heads, rows, keys, dim = sizes
    q, k, v = (filled(heads, x, dim) for x in (rows, keys, keys))
    plan = bp.plan_attention(*sizes, machine=machine(), threads=1)
    out = filled(heads, rows, dim)
    run = lambda: bp.attention(q, k, v, out=out, plan=plan)
for calls in CALLS:
    if not os.fork():
        for _ in range(calls):
            run()
        os._exit(0)
    if os.wait()[1]:
        sys.exit("the kernel failed")
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that one call fetches into L1 and into L2: simulated, and by the plan."""

    title: str
    simulated: tuple[int, int]
    planned: tuple[int, int]

    @property
    def ratios(self) -> tuple[float, float]:
        """Planned over simulated."""
        (l1, l2), (midi, macro) = self.simulated, self.planned
        return midi / l1, macro / l2


def machine() -> Machine:
    """Return this machine with the caches that are simulated."""
    return replace(
        bp.detect_machine(),
        caches=(
            Cache(1, L1_BYTES, LINE, 1, L1_WAYS),
            Cache(2, L2_BYTES, LINE, 1, L2_WAYS),
            Cache(3, 16 * 2**20, LINE, 1, 16),
        ),
    )


def misses(kind: str, sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the data misses of L1 and of the last level, each of both processes."""
    command = [
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=yes",
        "--cachegrind-out-file=/dev/null",
        f"--I1={L1_BYTES},{L1_WAYS},{LINE}",
        f"--D1={L1_BYTES},{L1_WAYS},{LINE}",
        f"--LL={L2_BYTES},{L2_WAYS},{LINE}",
        *(sys.executable, "-c", _CHILD, kind, *map(str, sizes)),
    ]
    quiet = {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "BRICKPROF_ISA": "avx2"}
    run = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **quiet},
        cwd=Path(__file__).parents[1],
    )
    found = [re.findall(rf"{name} +misses: +([0-9,]+)", run.stderr) for name in ("D1", "LLd")]
    # The last is the process that forked both.
    if any(len(counts) != len(CALLS) + 1 for counts in found):
        raise RuntimeError(f"valgrind printed no misses: {run.stderr}")
    return [tuple(int(count.replace(",", "")) for count in counts[:-1]) for counts in found]


def fetched(plan: bp.GemmPlan | bp.AttentionPlan) -> tuple[int, int]:
    """Return the bytes that a plan fetches into L1 and L2: all but stores to what is there."""
    midi, macro = (plan.level(level) for level in (TileLevel.MIDI, TileLevel.MACRO))
    return midi.nbytes - midi.updated_bytes, macro.nbytes - macro.updated_bytes


def compare(kind: str, sizes: tuple[int, ...]) -> Traffic:
    """Hold the plan of a problem against the simulator."""
    if kind == "gemm":
        plan: bp.GemmPlan | bp.AttentionPlan = bp.plan_gemm(
            *sizes, machine=machine(), threads=1, isa="avx2"
        )
    else:
        plan = bp.plan_attention(*sizes, machine=machine(), threads=1, isa="avx2")
    l1, l2 = ((three - one) * LINE // 2 for one, three in misses(kind, sizes))
    title = f"{kind} {' x '.join(map(str, sizes))}"
    return Traffic(title, (l1, l2), fetched(plan))


def main() -> None:
    """Print planned and simulated bytes."""
    if not shutil.which("valgrind"):
        sys.exit("valgrind is not installed (Debian: apt install valgrind)")
    print(
        f"{'MB into':28}{'L1':>8}{'planned':>10}{'ratio':>8}{'L2':>12}{'planned':>10}{'ratio':>8}"
    )
    for case in cases():
        row = f"{case.title:28}"
        for simulated, planned, ratio in zip(
            case.simulated, case.planned, case.ratios, strict=True
        ):
            row += f"{simulated / 1e6:8.2f}{planned / 1e6:10.2f}{ratio:8.2f}    "
        print(row)


def cases() -> Iterator[Traffic]:
    """Compare all problems."""
    for shape in GEMM_SHAPES:
        yield compare("gemm", shape)
    yield compare("attention", ATTENTION_SHAPE)


if __name__ == "__main__":
    main()
