"""Flops and bytes of native programs are those counted by hand, instruction by instruction."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import brickprof as bp
from brickprof.core.errors import SimulationError
from brickprof.integrations.valgrind.callgrind import simulated_cache
from brickprof.integrations.valgrind.counts import FunctionCount, ProgramCount, count_program
from brickprof.integrations.valgrind.disassembly import instructions_at
from brickprof.machine import Cache

SOURCE = Path(__file__).parents[2] / "support/counted_kernels.c"

pytestmark = [
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif(bp.detect_machine().arch != "x86_64", reason="it counts x86_64 code"),
]

N, EDGE, LARGE = 1000, 24, 1 << 17

FLOPS = {
    "dot_float": ("single", 2 * N),
    "dot_double": ("double", 2 * N),
    "axpy": ("single", 2 * N),
    "stencil": ("double", 3 * (N - 2)),
    "root_and_quotient": ("double", 2 * N),
    "negate": ("single", 0),
    "convert": ("double", 0),
    "integers": ("single", 0),
    "extended": ("extended", 2 * N),
    "matmul": ("single", 2 * EDGE**3),
    "stream": ("double", LARGE),
    "in_a_thread": ("single", 2 * 2 * N),
    "before_and_after_fork": ("single", 2 * 723),
    "updates": ("single", 0),
}
"""By function, its operations, however it is compiled."""

VECTORS = {
    "fused_vectors": ("single", 2 * N),
    "masked": ("single", (16 + 1) * N // 8),
    "gathered": ("single", 8 * 100),
    "horizontal": ("single", (5 + 4 + 1) * N // 4),
    "least": ("single", N),
}

BYTES = {
    "dot_float": (8 * N, 0),
    "dot_double": (16 * N, 0),
    "axpy": (8 * N, 4 * N),
    "root_and_quotient": (8 * N, 8 * N),
    "negate": (4 * N, 4 * N),
    "stream": (8 * LARGE, 0),
    "updates": (4 * N, 4 * N),
    "exchanges": (4 * N, 4 * N),
    "copies": (8 * N, 8 * N),
    "fused_vectors": (8 * N, 0),
    "gathered": (4 * 8 * 100, 0),
    "horizontal": (4 * N, 0),
    "masked": (3 * 4 * N // 8, 3 * 4 * N // 8),
}
"""Bytes that optimized code loads and stores, and at most as many more as a function needs once."""

ONCE = 128
"""Bytes of a function's constants and return address."""


def built(folder: Path, *flags: str) -> str:
    """Compile the functions."""
    program = folder / f"kernels{''.join(flags)}"
    libraries = ("-lm", "-lpthread")
    subprocess.run(
        ["gcc", "-g", "-fno-math-errno", *flags, "-o", program, SOURCE, *libraries], check=True
    )
    return str(program)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> ProgramCount:
    """Count the functions with AVX2 and FMA."""
    flags = ("-O3", "-mavx2", "-mfma")
    program = built(tmp_path_factory.mktemp("fast"), *flags)
    return count_program([program, "word", "word"], stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ProgramCount:
    """Count the functions as SSE2 code, linked statically at a fixed place."""
    program = built(tmp_path_factory.mktemp("plain"), "-O1", "-static", "-no-pie")
    return count_program([program, "word"], stdout=subprocess.DEVNULL)


def of(count: ProgramCount, name: str) -> FunctionCount:
    """Return what a function did."""
    (found,) = (one for one in count.functions if one.name == name)
    return found


@pytest.mark.parametrize("name", [*FLOPS, *VECTORS])
def test_flops_are_those_counted_by_hand(fast: ProgramCount, name: str) -> None:
    precision, flops = {**FLOPS, **VECTORS}[name]
    found = of(fast, name)
    assert found.flops_by_precision[precision] == found.flops == flops
    assert found.unknown == 0


@pytest.mark.parametrize("name", FLOPS)
def test_flops_of_scalar_code_are_the_same(plain: ProgramCount, name: str) -> None:
    precision, flops = FLOPS[name]
    found = of(plain, name)
    assert found.flops_by_precision[precision] == found.flops == flops


@pytest.mark.parametrize("name", BYTES)
def test_bytes_are_those_counted_by_hand(fast: ProgramCount, name: str) -> None:
    loaded, stored = BYTES[name]
    found = of(fast, name)
    assert loaded <= found.loaded_bytes <= loaded + ONCE
    assert stored <= found.stored_bytes <= stored + ONCE
    assert found.unsized == 0


def test_what_streams_through_a_cache_is_fetched_once(fast: ProgramCount) -> None:
    found = of(fast, "stream")
    assert 8 * LARGE <= found.l1_bytes <= 8 * LARGE + ONCE
    small = of(fast, "fused_vectors")
    assert small.l1_bytes <= 8 * N + 2 * ONCE
    assert of(fast, "masked").masked == 6 * N // 8
    assert found.intensities[0] == pytest.approx(1 / 8, rel=1e-3)


def test_code_that_is_in_no_file_is_told_of(fast: ProgramCount, plain: ProgramCount) -> None:
    for count in (fast, plain):
        assert count.total.unknown >= 2 * N
        assert of(count, "made_at_run_time").unknown == 0


def test_processes_and_their_sums(fast: ProgramCount) -> None:
    total = fast.total
    assert (fast.exit_code, fast.processes, fast.unknown_instruction) == (7, 2, None)
    assert total.flops == sum(one.flops for one in fast.functions)
    assert total.nbytes == sum(one.nbytes for one in fast.functions)
    assert total.instructions == sum(one.instructions for one in fast.functions)
    ranks = [(-one.flops, -one.nbytes) for one in fast.functions]
    assert ranks == sorted(ranks)


def test_a_program_that_another_one_starts_is_counted(tmp_path: Path) -> None:
    program = tmp_path / "sum"
    source = "int main(int n, char **a) { volatile double s = n; s = s * 3 + n; return 0; }"
    subprocess.run(["gcc", "-xc", "-", "-o", program], input=source, text=True, check=True)
    count = count_program(["sh", "-c", f"{program}; {program} & wait; exit 5"])
    assert of(count, "main").flops == 4
    assert (count.exit_code, count.processes) == (5, 3)


def test_avx512_is_named(tmp_path: Path) -> None:
    program = tmp_path / "wide"
    source = """#include <immintrin.h>
    int main(void) { volatile __m512 x = _mm512_set1_ps(1); x = _mm512_add_ps(x, x); return 0; }"""
    command = ["gcc", "-mavx512f", "-xc", "-", "-o", str(program)]
    subprocess.run(command, input=source, text=True, check=True)
    with pytest.raises(SimulationError, match="AVX-512 instruction.*-march=x86-64-v3"):
        count_program([str(program)])
    survived = count_program(["sh", "-c", f"{program} || true"])
    assert survived.exit_code == 0
    assert "AVX-512 instruction" in str(survived.unknown_instruction)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh", b"\x7fELF\x02\x01", bytes(99)])
def test_what_is_no_program_has_no_instructions(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert instructions_at(str(tmp_path / "file"), [0, 4096]) == {}
    assert instructions_at(str(tmp_path / "gone"), [0]) == {}


@pytest.mark.slow
def test_the_librarys_own_product_does_what_its_plan_says() -> None:
    program = """
import numpy as np
import brickprof as bp
a, b = np.ones((30, 50), np.float32), np.ones((50, 32), np.float32)
bp.gemm(a, b, threads=1, isa="avx2")
"""
    count = count_program([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    assert count.exit_code == 0
    rows = [one for one in count.functions if one.name.startswith("tile_rows")]
    assert sum(one.flops for one in rows) == 2 * 30 * 50 * 32
    assert {one.flops for one in rows} == {one.flops_by_precision["single"] for one in rows}


@pytest.mark.parametrize(
    ("cache", "simulated"),
    [
        (Cache(1, 32768, 64, 1, 8), (32768, 8)),
        (Cache(1, 49152, 64, 1, 12), (49152, 12)),
        (Cache(3, 33 * 2**20, 64, 1, 11), (32 * 2**20, 16)),
        (Cache(3, 300 * 2**20, 64, 1, 0), (256 * 2**20, 8)),
        (Cache(1, 64, 64, 1, 0), (512, 8)),
    ],
)
def test_caches_that_can_be_simulated_are_about_as_large(
    cache: Cache, simulated: tuple[int, int]
) -> None:
    found = simulated_cache(cache)
    sets, rest = divmod(found.size_bytes, found.line_bytes * found.ways)
    assert not rest and sets & (sets - 1) == 0
    assert (found.size_bytes, found.ways) == simulated or cache.ways == 0
