"""Plans of attention: what rows see, shares that cover them, totals, blocks that fit caches."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.attention_plan import MIN_KEYS, AttentionOracle
from support.kernel_checks import ISAS
from support.plan_strategies import MICROS, attention_plans, machines, micros

import brickprof as bp
from brickprof.core.levels import TileLevel
from brickprof.machine import Machine, detect_machine
from brickprof.planning.attention import AttentionBlocks, attention_blocks
from brickprof.planning.blocks import MicroKernel, ceil_div, round_up


def attention_oracles() -> st.SearchStrategy[AttentionOracle]:
    """What the planner written apart says of plans in small blocks."""
    return attention_plans().map(AttentionOracle.of)


@given(attention_plans())
def test_plans_are_those_of_the_oracle(plan: bp.AttentionPlan) -> None:
    oracle = AttentionOracle.of(plan)
    for name in ("dotxf", "splits", "split_keys", "chunk", "row_block", "key_block", "flops"):
        assert getattr(plan, name) == getattr(oracle, name), name
    assert plan.levels == oracle.levels
    assert plan.footprint_bytes == oracle.footprint_bytes


@given(attention_plans(), st.integers(1, 9))
def test_threads_are_those_that_have_work(plan: bp.AttentionPlan, threads: int) -> None:
    sizes = plan.heads, plan.rows, plan.keys, plan.dim, plan.causal
    chosen = bp.plan_attention(*sizes, threads=threads, micro=plan.micro, blocks=plan.blocks)
    assert chosen.threads == replace(AttentionOracle.of(plan), threads=threads).worth


def test_plans_of_long_heads_are_instant() -> None:
    plan = bp.plan_attention(2**40, 2**20, 2**20, 128, threads=4096)
    assert plan.flops == 4 * 128 * 2**80
    causal = bp.plan_attention(2**40, 2**20, 2**20, 128, True, threads=4096)
    assert causal.flops == 4 * 128 * 2**40 * (2**20 * (2**20 + 1) // 2)


@pytest.mark.parametrize(
    "sizes, threads",
    [
        ((16383, 2**20, 2**20, 64, True), 3),
        ((1, 2**24, 2**24, 64, True), 64),
        ((1, 2**26, 2**26, 64, True), 1),
        ((3, 2**31, 2**31, 64), 3),
        ((16383, 2**31, 64, 64), 4096),
        ((2**40, 1, 2**31, 64), 4096),
    ],
)
def test_plans_of_any_size_end_at_once(sizes: tuple[Any, ...], threads: int) -> None:
    began = time.perf_counter()
    plan = bp.plan_attention(*sizes, threads=threads)
    assert time.perf_counter() - began < 2
    assert all(level.nbytes > 0 and level.flops == plan.flops for level in plan.levels)


@pytest.mark.parametrize(
    "sizes",
    [(2**40, 2**31, 2**31, 2**31), (1, 2**31, 2**31, 64, True), (4, 2**31, 2**31, 64, True)],
)
@pytest.mark.parametrize("threads", [1, 3, 4096])
def test_sizes_that_take_too_long_to_plan_are_refused(sizes: tuple[Any, ...], threads: int) -> None:
    began = time.perf_counter()
    with pytest.raises(ValueError, match="^rows.* must be"):
        bp.plan_attention(*sizes, threads=threads)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("kib", [None, (32, 256), (32, 512), (32, 1024), (48, 2048), (64, 4096)])
@pytest.mark.parametrize("dim", [16, 64, 128])
@pytest.mark.parametrize("isa", ISAS)
def test_attention_tiles_fit_their_caches(isa: str, dim: int, kib: tuple[int, int] | None) -> None:
    machine = detect_machine()
    if kib is not None:
        inner = (
            replace(cache, size_bytes=size << 10)
            for cache, size in zip(machine.caches, kib, strict=False)
        )
        machine = replace(machine, caches=(*inner, *machine.caches[2:]))
    plan = bp.plan_attention(8, 1000, 1000, dim, machine=machine, threads=1, isa=isa)
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
    assert 4 * micro.mr * blocks.keys <= l1 * 3 // 4 or blocks.keys == micro.nr
    assert 4 * 2 * width * blocks.keys <= l2 // 2 or blocks.keys == micro.nr
    assert 4 * 2 * width * blocks.rows <= l2 // 4 or blocks.rows == micro.mr


@given(attention_oracles())
def test_what_rows_see(plan: AttentionOracle) -> None:
    seen = [
        sum(not plan.causal or key <= row + plan.keys - plan.rows for key in range(plan.keys))
        for row in range(plan.rows)
    ]
    assert [plan.visible(row) for row in range(plan.rows)] == seen
    for rows in range(plan.rows + 1):
        assert plan.pairs(rows) == sum(seen[:rows])
    assert plan.flops == 4 * plan.dim * plan.heads * sum(seen)


def seen_by(plan: AttentionOracle, row: int) -> set[int]:
    """Return the keys that a row sees."""
    last = row + plan.keys - plan.rows if plan.causal else plan.keys
    return {key for key in range(plan.keys) if key <= last}


@given(attention_oracles())
def test_shares_cover_every_pair_once(plan: AttentionOracle) -> None:
    shares = list(plan.shares())
    if not plan.flops:
        assert not shares
        return
    threads = [share.thread for share in shares]
    assert threads == sorted(threads)
    assert 0 <= threads[0] <= threads[-1] < plan.threads
    cells: Counter[tuple[int, int]] = Counter()
    for share in shares:
        assert 0 <= share.first < share.last <= plan.rows
        assert 0 <= share.key0 < share.key1 <= plan.keys
        for row in range(share.first, share.last):
            cells[share.head, row] += share.key1 - share.key0
    wanted = itertools.product(range(plan.heads), range(plan.rows))
    assert cells == dict.fromkeys(wanted, plan.keys)
    ranges = {(share.key0, share.key1) for share in shares}
    ends = sorted(ranges)
    assert ends[0][0] == 0 and ends[-1][1] == plan.keys
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))


@given(attention_oracles())
def test_shares_are_of_even_work(plan: AttentionOracle) -> None:
    if not plan.flops:
        return
    work = [0] * plan.threads
    if plan.splits > 1:
        for share in plan.shares():
            work[share.thread] += 1
        assert max(work) - min(work) <= 1
        return
    for share in plan.shares():
        work[share.thread] += plan.pairs(share.last) - plan.pairs(share.first)
    total = plan.heads * plan.pairs(plan.rows)
    largest = max(
        plan.pairs(min(first + plan.chunk, plan.rows)) - plan.pairs(first)
        for first in range(0, plan.rows, plan.chunk)
    )
    # A thread stops at the first chunk that begins behind its share of the work.
    assert max(work) <= total / plan.threads + largest


@given(attention_oracles())
def test_keys_are_cut_only_where_it_pays(plan: AttentionOracle) -> None:
    assert plan.splits >= 1
    if plan.splits > 1:
        assert plan.dotxf
        assert plan.threads > 1
        assert plan.keys // plan.splits >= MIN_KEYS
        assert plan.splits <= plan.threads
        assert (plan.splits - 1) * plan.split_keys < plan.keys <= plan.splits * plan.split_keys
        assert plan.chunk == plan.row_block == max(plan.rows, 1)
    if plan.dotxf:
        assert plan.contiguous_keys
        assert plan.rows <= plan.micro.max_dotxf
    assert 1 <= plan.worth <= plan.threads


def test_few_heads_on_many_threads_cut_the_keys() -> None:
    for heads, threads, splits in [(1, 4, 4), (2, 4, 2), (3, 2, 2), (4, 4, 1), (1, 1, 1)]:
        plan = AttentionOracle(
            heads, 1, 8192, 64, False, MICROS[2], AttentionBlocks(14, 64), threads
        )
        assert plan.splits == splits, (heads, threads)


def test_heads_that_share_keys_are_planned_as_rows_of_one() -> None:
    plan = bp.plan_attention(32, 1, 500, 64, True, threads=1, key_heads=8)
    assert (plan.heads, plan.rows, plan.keys, plan.causal) == (8, 4, 500, False)
    assert plan.flops == bp.plan_attention(32, 1, 500, 64, True, threads=1).flops
    several = bp.plan_attention(32, 2, 500, 64, True, threads=1, key_heads=8)
    assert (several.heads, several.rows, several.causal) == (32, 2, True)
    alone = bp.plan_attention(32, 1, 500, 64, threads=1, key_heads=32)
    assert (alone.heads, alone.rows) == (32, 1)


def walk(plan: AttentionOracle) -> tuple[list[int], list[int], list[int]]:
    """Count tiles, pairs of a row and a key, and elements, by level."""
    tiles, pairs, moved = [0] * 3, [0] * 3, [0] * 3
    dim, micro = plan.dim, plan.micro
    width = round_up(dim, micro.lanes)
    for share in plan.shares():
        tiles[0] += 1
        if not plan.dotxf:
            moved[0] += 2 * dim * len(seen_by(plan, share.last - 1))
        for first in range(share.first, share.last, plan.row_block):
            rows = list(range(first, min(first + plan.row_block, share.last)))
            part = set(range(share.key0, share.key1))
            seen = [seen_by(plan, row) & part for row in rows]
            tiles[1] += 1
            for level in (0, 1):
                pairs[level] += sum(len(keys) for keys in seen)
            moved[0] += 2 * dim * (len(rows) + len(seen[-1]))
            moved[1] += len(rows) * (3 * dim + width)
            count = ceil_div(len(rows), micro.mr)
            place = 0
            for panel in range(count):
                high = len(rows) // count + (panel < len(rows) % count)
                group = seen[place : place + high]
                place += high
                reach = sorted(group[-1])
                for begin in range(0, len(reach), plan.key_block):
                    keys = reach[begin : begin + plan.key_block]
                    tiles[2] += 1
                    pairs[2] += sum(len(one & set(keys)) for one in group)
                    moved[1] += len(keys) * (dim + width)
                    moved[1] += high * (dim + (2 if begin else 1) * width)
                    if len(keys) * dim * 4 > 2 * 4 * micro.mr * plan.blocks.keys:
                        moved[1] += len(keys) * (high + ceil_div(dim, micro.nr) * (high + 12))
                    if plan.dotxf:
                        moved[2] += len(keys) * dim
                        moved[2] += ceil_div(len(keys), 4) * high * dim
                    else:
                        moved[2] += ceil_div(len(keys), micro.nr) * (high + micro.nr) * dim
                        padded = round_up(len(keys), micro.lanes)
                        moved[2] += sum(2 * high * padded for _ in range(128, dim, 128))
                    moved[2] += 5 * high * round_up(len(keys), micro.lanes)
                    moved[2] += len(keys) * (ceil_div(dim, micro.nr) * high + width)
                    moved[2] += (4 if begin else 1) * high * width
    return tiles, pairs, moved


@given(attention_oracles())
def test_attention_totals_by_brute_force(plan: AttentionOracle) -> None:
    tiles, pairs, moved = walk(plan)
    for level in TileLevel:
        planned = plan.level(level)
        assert planned.level is level
        assert planned.flops == plan.flops == 4 * plan.dim * pairs[level]
        assert planned.tiles == tiles[level]
        assert planned.nbytes == 4 * moved[level]
