"""Tile plans: their totals against brute force, and blocks that fit the caches."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_checks import DTYPES, ISAS

import brickprof as bp
from brickprof.attention_tiling import AttentionBlocks, attention_blocks
from brickprof.levels import TileLevel
from brickprof.machine import Cache, Machine, detect_machine
from brickprof.tiling import (
    ITEMSIZES,
    Blocks,
    MicroKernel,
    balanced,
    ceil_div,
    gemm_blocks,
    round_up,
)

KIB, MIB = 2**10, 2**20
MICROS = [MicroKernel("base", mr, nr) for mr, nr in [(6, 8), (6, 16), (14, 32), (12, 8), (3, 4)]]
micros = st.sampled_from(MICROS)
dtypes = st.sampled_from(DTYPES)
some = st.integers(0, 1) | st.integers(2, 90)
threads = st.integers(1, 9)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Machines from tiny to huge; no cache is larger than the next."""
    l1 = draw(st.sampled_from([8, 16, 32, 48, 64, 128])) * KIB
    l2 = max(l1, draw(st.sampled_from([64, 128, 256, 512, 1024, 2048, 16384])) * KIB)
    l3 = max(l2, draw(st.sampled_from([1, 4, 32, 96, 1024])) * MIB)
    shared = draw(st.sampled_from([1, 2, 8, 64]))
    return replace(
        detect_machine(),
        caches=(
            Cache(1, l1, 64, 1, 8),
            Cache(2, l2, 64, 1, 8),
            Cache(3, l3, 64, shared, 16),
        ),
    )


@st.composite
def gemm_plans(draw: st.DrawFn) -> bp.GemmPlan:
    """Plans in small blocks."""
    micro = draw(micros)
    blocks = Blocks(draw(st.integers(1, 60)), draw(st.integers(1, 99)), draw(st.integers(3, 30)))
    m, n, k = (draw(some) for _ in range(3))
    return bp.GemmPlan(m, n, k, draw(dtypes), micro, blocks, draw(threads))


@st.composite
def attention_plans(draw: st.DrawFn) -> bp.AttentionPlan:
    """Plans in small blocks."""
    micro = draw(micros)
    blocks = AttentionBlocks(micro.mr * draw(st.integers(1, 5)), micro.nr * draw(st.integers(1, 5)))
    return bp.AttentionPlan(
        draw(st.integers(0, 9)),
        draw(st.integers(0, 80)),
        draw(st.integers(0, 80)),
        draw(st.integers(0, 40)),
        draw(st.booleans()),
        micro,
        blocks,
        draw(threads),
        draw(st.booleans()),
    )


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(1, 64), st.integers(1, 16))
def test_balanced_blocks(extent: int, block: int, unit: int, parts: int) -> None:
    size = balanced(extent, block, unit, parts)
    assert size % unit == 0
    assert size >= unit
    assert size <= max(round_up(block, unit), unit)
    assert size <= max(round_up(extent, unit), unit)
    if extent >= unit * parts * ceil_div(ceil_div(extent, block), parts):
        assert extent - (ceil_div(extent, size) - 1) * size <= size


def test_balanced_in_numbers() -> None:
    assert balanced(1000, 512, 1) == 500
    assert balanced(1000, 126, 6) == 126
    assert balanced(130, 126, 6) == 66
    assert balanced(600, 1000, 6, parts=4) == 150
    assert balanced(0, 126, 6) == 6


@given(gemm_plans())
def test_gemm_levels_are_consistent(plan: bp.GemmPlan) -> None:
    assert plan.flops == 2 * plan.m * plan.n * plan.k
    for level in TileLevel:
        planned = plan.level(level)
        assert planned.level is level
        assert planned.flops == plan.flops
        assert (planned.tiles == 0) == (planned.nbytes == 0) == (plan.flops == 0)
    macro, midi, micro = plan.levels
    assert macro.tiles <= midi.tiles <= micro.tiles
    assert 1 <= plan.workers <= plan.threads
    assert (plan.mc % plan.micro.mr, plan.nc % plan.micro.nr) == (0, 0)
    assert plan.kc <= max(plan.blocks.kc, 1)


@settings(deadline=None)
@given(gemm_plans())
def test_gemm_totals_by_brute_force(plan: bp.GemmPlan) -> None:
    assume(plan.flops)
    mr, nr, workers, by_columns = plan.micro.mr, plan.micro.nr, plan.workers, plan.by_columns
    mc, nc, kc = plan.mc, plan.nc, plan.kc
    tiles, moved = [0, 0, 0], [0, 0, 0]
    for j0, p0 in itertools.product(range(0, plan.n, nc), range(0, plan.k, kc)):
        nb, kb = min(nc, plan.n - j0), min(kc, plan.k - p0)
        panels, touched = ceil_div(nb, nr), 2 if p0 else 1
        moved[0] += kb * (nb + panels * nr)
        for worker in range(workers):
            mine = range(panels)
            if by_columns:
                mine = mine[panels * worker // workers : panels * (worker + 1) // workers]
            assert mine
            tiles[0] += 1
            blocks = range(0, plan.m, mc)
            for i0 in blocks if by_columns else blocks[worker::workers]:
                mb = min(mc, plan.m - i0)
                padded = round_up(mb, mr)
                columns = sum(min(nr, nb - v * nr) for v in mine)
                moved[0] += kb * (len(mine) * nr + mb) + touched * mb * columns
                tiles[1] += 1
                moved[1] += kb * (mb + padded + len(mine) * (padded + nr)) + touched * mb * columns
                tiles[2] += len(mine)
                moved[2] += len(mine) * padded // mr * (mr + nr) * kb + touched * mb * columns
    for level in TileLevel:
        assert plan.level(level).tiles == tiles[level]
        assert plan.level(level).nbytes == moved[level] * plan.itemsize


@given(machines(), micros, dtypes, st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000))
def test_gemm_tiles_fit_their_caches(
    machine: Machine, micro: MicroKernel, dtype: str, m: int, n: int, k: int
) -> None:
    plan = bp.GemmPlan(m, n, k, dtype, micro, gemm_blocks(machine, micro, ITEMSIZES[dtype]))
    l1, l2, l3 = (machine.cache(level).size_bytes for level in (1, 2, 3))
    share = max(l3 // machine.cache(3).shared_by, l2)
    macro, midi, _ = plan.levels
    assert macro.footprint_bytes <= share or plan.nc == micro.nr
    assert midi.footprint_bytes <= l2 or plan.mc == micro.mr
    # The panel of B stays in L1; below this depth C would be updated too often.
    assert plan.kc * micro.nr * plan.itemsize <= l1 or plan.kc <= 128


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_tiles_fit_this_machine(isa: str, dtype: str) -> None:
    machine = detect_machine()
    plan = bp.plan_gemm(3000, 3000, 3000, dtype, threads=1, isa=isa)
    for level in TileLevel:
        footprint = plan.level(level).footprint_bytes
        assert 0 < footprint <= machine.cache(level).size_bytes, level


@pytest.mark.parametrize("dim", [16, 64, 128])
@pytest.mark.parametrize("isa", ISAS)
def test_attention_tiles_fit_this_machine(isa: str, dim: int) -> None:
    machine = detect_machine()
    plan = bp.plan_attention(8, 1000, 1000, dim, threads=1, isa=isa)
    for level in TileLevel:
        footprint = plan.level(level).footprint_bytes
        assert 0 < footprint <= machine.cache(level).size_bytes, level


@given(machines(), micros, st.integers(0, 512))
def test_attention_blocks_suit_the_micro_kernel(
    machine: Machine, micro: MicroKernel, dim: int
) -> None:
    blocks = attention_blocks(machine, micro, dim)
    assert blocks.rows >= micro.mr
    assert blocks.keys >= micro.nr
    assert (blocks.rows % micro.mr, blocks.keys % micro.nr) == (0, 0)
    width = round_up(dim, micro.nr)
    l1, l2 = (machine.cache(level).size_bytes for level in (1, 2))
    assert 4 * micro.mr * blocks.keys <= l1 // 2 or blocks.keys == micro.nr
    assert 4 * 2 * width * blocks.keys <= l2 // 2 or blocks.keys == micro.nr
    assert 4 * 2 * width * blocks.rows <= l2 // 4 or blocks.rows == micro.mr


@given(attention_plans())
def test_what_rows_see(plan: bp.AttentionPlan) -> None:
    seen = [
        sum(not plan.causal or key <= row + plan.keys - plan.rows for key in range(plan.keys))
        for row in range(plan.rows)
    ]
    assert [plan.visible(row) for row in range(plan.rows)] == seen
    for rows in range(plan.rows + 1):
        assert plan.pairs(rows) == sum(seen[:rows])
    assert plan.flops == 4 * plan.dim * plan.heads * sum(seen)


@given(attention_plans())
def test_shares_cover_every_row_once(plan: bp.AttentionPlan) -> None:
    shares = list(plan.shares())
    if not plan.flops:
        assert not shares
        return
    rows = [(share.head, row) for share in shares for row in range(share.first, share.last)]
    assert rows == list(itertools.product(range(plan.heads), range(plan.rows)))
    turns = [share.thread for share in shares]
    assert turns == sorted(turns)
    assert 0 <= turns[0] <= turns[-1] < plan.threads
    work = [0] * plan.threads
    for share in shares:
        work[share.thread] += plan.pairs(share.last) - plan.pairs(share.first)
    total = plan.heads * plan.pairs(plan.rows)
    largest = max(
        plan.pairs(min(first + plan.chunk, plan.rows)) - plan.pairs(first)
        for first in range(0, plan.rows, plan.chunk)
    )
    # A thread stops at the first chunk that begins behind its share of the work.
    assert max(work) <= total / plan.threads + largest


@given(attention_plans())
def test_attention_levels_are_consistent(plan: bp.AttentionPlan) -> None:
    for level in TileLevel:
        planned = plan.level(level)
        assert planned.level is level
        assert planned.flops == plan.flops
    macro, midi, micro = plan.levels
    assert macro.tiles == len(list(plan.shares()))
    assert macro.tiles <= midi.tiles
    if not plan.flops:
        assert (macro.tiles, midi.tiles, micro.tiles) == (0, 0, 0)
        return
    panels = blocks = 0
    for share in plan.shares():
        for first in range(share.first, share.last, plan.row_block):
            blocks += 1
            last = min(first + plan.row_block, share.last)
            for row in range(first, last, plan.micro.mr):
                seen = plan.visible(min(row + plan.micro.mr, last) - 1)
                panels += ceil_div(seen, plan.blocks.keys)
    assert (midi.tiles, micro.tiles) == (blocks, panels)


@pytest.mark.parametrize(
    "field, value, error",
    [
        ("m", -1, ValueError),
        ("n", 1.5, ValueError),
        ("k", "3", ValueError),
        ("m", True, ValueError),
        ("dtype", "float16", ValueError),
        ("threads", 0, ValueError),
        ("threads", True, ValueError),
        ("threads", 5000, ValueError),
        ("blocks", (6, 16, 5), TypeError),
        ("blocks", None, TypeError),
        ("micro", "base", TypeError),
    ],
)
def test_bad_gemm_plans_are_refused(field: str, value: Any, error: type[Exception]) -> None:
    plan = bp.GemmPlan(5, 6, 7, "float32", MICROS[0], Blocks(6, 16, 5))
    with pytest.raises(error, match=f"^{field} must be"):
        replace(plan, **{field: value})


@pytest.mark.parametrize("value", [0, -6, 1.0, None, True])
def test_bad_blocks_are_refused(value: Any) -> None:
    for name in ("mc", "nc", "kc"):
        with pytest.raises(ValueError, match=f"^{name} must be an integer >= 1"):
            replace(Blocks(6, 16, 5), **{name: value})
    for name in ("mr", "nr"):
        with pytest.raises(ValueError, match=f"^{name} must be an integer >= 1"):
            replace(MICROS[0], **{name: value})


@pytest.mark.parametrize(
    "field, value",
    [
        ("heads", -1),
        ("rows", 1.5),
        ("keys", "3"),
        ("dim", -1),
        ("threads", 0),
        ("threads", 5000),
        ("rows", True),
    ],
)
def test_bad_attention_plans_are_refused(field: str, value: Any) -> None:
    plan = bp.AttentionPlan(2, 3, 4, 5, False, MICROS[0], AttentionBlocks(6, 8))
    with pytest.raises(ValueError, match=f"^{field} must be"):
        replace(plan, **{field: value})


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
        (lambda: bp.plan_attention(1, 1, 1, -1), ValueError, "dim must be"),
        (lambda: bp.plan_attention(1, 1, 1, "64"), ValueError, "dim must be"),
        (lambda: bp.plan_attention(1, 1, 1, 8, threads=-1), ValueError, "threads must be"),
        (lambda: bp.plan_attention(1, 1, 1, 8, isa="sse9"), ValueError, "isa must be"),
    ],
)
def test_bad_requests_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
