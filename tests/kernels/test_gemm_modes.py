"""Every way to take strips of B, with blocks of every height: caches so small that all occur."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernel_checks import DTYPES, ISAS, exact_product, integers

import brickprof as bp
from brickprof.planning.gemm import Blocks

MODES = ("packed", "transposed", "single pass", "copied", "in place")


def plan_with_caches(
    shape: tuple[int, int, int], dtype: str, isa: str, l2_bytes: int, layout: str
) -> bp.GemmPlan:
    """Plan a product in blocks of two panels, for an L2 that decides how B is taken."""
    micro = bp.plan_gemm(1, 1, 1, dtype, threads=1, isa=isa).micro
    blocks = Blocks(2 * micro.mr, 8 * micro.nr, 24, 40 * micro.mr, 4096, l2_bytes)
    return bp.plan_gemm(*shape, dtype, threads=1, isa=isa, b_layout=layout, blocks=blocks)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_a_last_block_of_any_height_takes_packed_strips(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(5)
    seen: Counter[str] = Counter()
    micro = bp.plan_gemm(1, 1, 1, dtype, threads=1, isa=isa).micro
    for rest in range(1, 2 * micro.mr + 1):
        for layout in ("rows", "columns"):
            shape = (4 * micro.mr + rest, 5 * micro.nr + 3, 50)
            plan = plan_with_caches(shape, dtype, isa, 4096, layout)
            a, b = integers(rng, shape[::2], dtype), integers(rng, (shape[2], shape[1]), dtype)
            given_b = b if layout == "rows" else np.asfortranarray(b)
            assert np.array_equal(bp.gemm(a, given_b, plan=plan, isa=isa), exact_product(a, b))
            seen[plan.edge_b_mode] += 1
    assert seen["packed"]


@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
def test_every_mode_gives_the_product(isa: str, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = tuple(data.draw(st.integers(1, 130)) for _ in range(3))
    layout = data.draw(st.sampled_from(("rows", "columns", "strided")))
    plan = plan_with_caches(
        shape, dtype, isa, data.draw(st.sampled_from((1, 4096, 65536, 2**20))), layout
    )
    m, n, k = shape
    rng = np.random.default_rng(m + n + k)
    a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
    laid = {"rows": b, "columns": np.asfortranarray(b)}.get(layout)
    if laid is None:
        laid = np.zeros((k, 2, n, 2), dtype)[:, 0, :, 0]
        laid[...] = b
    assert np.array_equal(bp.gemm(a, laid, plan=plan, isa=isa), exact_product(a, b))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 7, 8, 9, 40, 64, 65])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_that_share_sets_of_the_cache(isa: str, dtype: str, k: int, threads: int) -> None:
    m, n = 45, 4096 // np.dtype(dtype).itemsize
    a, b = (
        integers(np.random.default_rng(k), (m, k), dtype),
        integers(np.random.default_rng(k + 1), (k, n), dtype),
    )
    plan = bp.plan_gemm(m, n, k, dtype, threads=threads, isa=isa)
    if k <= 64:
        assert plan.mc == min(plan.micro.mr, 8)
        assert plan.b_mode == ("packed" if k > 8 else "single pass")
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    for out in (bp.gemm(a, b, threads=threads, isa=isa),
                bp.gemm(a, b, threads=threads, isa=isa, profiler=profiler)):  # fmt: skip
        assert np.array_equal(out, exact_product(a, b))
    for level in bp.TileLevel:
        assert profiler.tile_stats(level, "gemm").nbytes == plan.level(level).nbytes


@pytest.mark.parametrize("isa", ISAS)
def test_all_modes_occur(isa: str) -> None:
    modes = set()
    for l2_bytes in (1, 4096, 65536, 2**20):
        for layout in ("rows", "columns"):
            for shape in (
                (5, 40, 30),
                (12, 40, 30),
                (300, 40, 30),
                (40, 300, 90),
                (99, 99, 99),
                (99, 300, 9),
                (99, 512, 20),
            ):
                plan = plan_with_caches(shape, "float32", isa, l2_bytes, layout)
                modes |= {plan.b_mode, plan.edge_b_mode}
    assert modes == set(MODES)
