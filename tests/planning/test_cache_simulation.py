"""The plans' traffic against a simulated cache, of the sizes that the plans are made for."""

from __future__ import annotations

import shutil

import pytest

import brickprof as bp
from benchmarks.cachesim import ATTENTION_SHAPE, GEMM_SHAPES, compare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif("avx2" not in bp.isas(), reason="the simulation is of the AVX2 kernels"),
]

PROBLEMS = [*(("gemm", shape) for shape in GEMM_SHAPES), ("attention", ATTENTION_SHAPE)]


@pytest.mark.parametrize("kind, sizes", PROBLEMS)
def test_planned_bytes_are_those_of_the_simulator(kind: str, sizes: tuple[int, ...]) -> None:
    traffic = compare(kind, sizes)
    for level, ratio in zip(("L1", "L2"), traffic.ratios, strict=True):
        assert 0.8 <= ratio <= 1.2, f"{level} of {traffic.title}: {traffic}"
