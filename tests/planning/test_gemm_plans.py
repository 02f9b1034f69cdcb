"""Plans of GEMM: their totals against brute force, parts that cover C, blocks that fit caches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oracles.gemm_plan import MIN_FLOPS, GemmOracle
from support.kernel_checks import DTYPES, ISAS
from support.plan_strategies import MICROS, dtypes, gemm_plans, layouts, machines, micros, threads

import brickprof as bp
from brickprof.core.dtypes import itemsize_of
from brickprof.core.levels import TileLevel
from brickprof.machine import Machine, detect_machine
from brickprof.planning.blocks import MicroKernel, ceil_div, round_up
from brickprof.planning.gemm import Blocks, gemm_blocks


def gemm_oracles() -> st.SearchStrategy[GemmOracle]:
    """What the planner written apart says of plans in small blocks."""
    return gemm_plans().map(GemmOracle.of)


def few_rows() -> bp.GemmPlan:
    """Return the plan of few rows down a large B: the small blocks of others are never deep."""
    blocks = Blocks(96, 512, 256, l1_bytes=2**12, l2_bytes=2**15)
    return bp.plan_gemm(12, 512, 256, blocks=blocks, micro=MICROS[0], threads=1)


@given(gemm_plans())
@example(few_rows())
def test_plans_are_those_of_the_oracle(plan: bp.GemmPlan) -> None:
    oracle = GemmOracle.of(plan)
    assert (plan.kind, plan.grid, plan.workers) == (oracle.kind, oracle.grid, oracle.workers)
    assert plan.levels == tuple(
        replace(level, updated_bytes=plan.level(level.level).updated_bytes)
        for level in oracle.levels
    )
    if plan.kind == "tiles" and plan.flops:
        assert (plan.mc, plan.nc, plan.kc) == (oracle.mc, oracle.nc, oracle.kc)
        assert plan.packs_a == oracle.packs_a(plan.nc)
        rows = max(part.rows for part in oracle.parts())
        assert plan.b_mode == oracle.b_mode(min(plan.mc, rows))
        assert plan.edge_b_mode == oracle.b_mode(min(rows % plan.mc or plan.mc, rows))
        for level in (TileLevel.MACRO, TileLevel.MIDI):
            assert plan.level(level).updated_bytes == oracle.stored_again(level)
    elif plan.flops:
        assert (plan.b_mode, plan.edge_b_mode) == ("in place", "in place")
        assert (plan.mc, plan.nc) == {
            "axpyf": (1, oracle.axpyf_block),
            "dotxf rows": (oracle.dotxf_block, plan.n),
            "dotxf columns": (plan.m, oracle.dotxf_block),
        }[plan.kind]


@pytest.mark.parametrize("size", [2**20, 2**40])
def test_plans_of_any_size_are_instant_and_exact(size: int) -> None:
    plan = bp.plan_gemm(size, size, size, threads=4096)
    macro, midi, micro = plan.levels
    assert plan.flops == 2 * size**3
    assert macro.tiles <= midi.tiles <= micro.tiles
    assert size**3 // 1024 < macro.nbytes < midi.nbytes


Tile = tuple[TileLevel, int, int]
"""A tile: its level, its flops and the elements that it moves."""


def even_micropanels(rows: int, mr: int) -> list[int]:
    """Cut rows into as few micropanels as there can be, of heights that differ by one at most."""
    count = ceil_div(rows, mr)
    return [rows // count + (number < rows % count) for number in range(count)]


def walk_micropanel(plan: GemmOracle, rows: int, width: int, deep: int) -> int:
    """Count the loads and stores of A and B where a micropanel is swept down a block."""
    micropanels, padded = even_micropanels(rows, plan.micro.mr), round_up(width, plan.micro.lanes)
    mode = plan.b_mode(rows)
    moved = 0
    if mode == "transposed":
        moved += (width + padded) * deep
    for micropanel, high in enumerate(micropanels):
        moved += high * deep
        if mode == "copied" and micropanel == 0:
            moved += (width + padded) * deep
        else:
            moved += (width if mode in ("in place", "single pass") else padded) * deep
    return moved


def evicted(elements: int, footprint: int, cache: int) -> int:
    """Return what a cache loses: all from 1.2 of its size on, nothing up to 0.77."""
    share = Fraction(footprint, cache)
    low, high = Fraction(77, 100), Fraction(6, 5)
    return int(elements * min(max((share - low) / (high - low), Fraction(0)), Fraction(1)))


def walk_block(
    plan: GemmOracle, rows: int, columns: int, deep: int, touches: int
) -> Iterator[Tile]:
    """Yield the Midi tile of a block of A and the Micro tiles in it."""
    micro, size, l1 = plan.micro, plan.itemsize, plan.blocks.l1_bytes
    mode, of_a = plan.b_mode(rows), len(even_micropanels(rows, micro.mr))
    line = 48 // size + 1
    in_place = mode in ("in place", "single pass")
    moved = 2 * plan.packs_a(columns) * rows * deep + rows * deep
    full = micro.nr
    if rows <= micro.wide_rows and mode == "single pass":
        full = 4 * micro.lanes
    done = sweeps = again = batched = whole = 0
    while done < columns:
        wide = full if columns - done >= full else micro.nr
        width = min(wide, columns - done)
        padded, ragged = round_up(width, micro.lanes), width + line - 1
        moved += (padded if mode == "packed" else width) * deep
        again += padded if mode in ("copied", "transposed") else 0
        again += (of_a - 1) * (ragged if in_place else padded)
        moved += touches * rows * ragged
        elements = walk_micropanel(plan, rows, width, deep) + touches * rows * width
        if of_a == 1 and mode in ("single pass", "packed") and width == full:
            batched, whole = batched + elements, whole + width
        else:
            yield TileLevel.MICRO, 2 * rows * width * deep, elements
        done += width
        sweeps += 1
    if whole:
        yield TileLevel.MICRO, 2 * rows * whole * deep, batched
    micropanel = micro.nr + (line - 1 if in_place else 0)
    held = deep * (micropanel + micro.mr) * size
    if mode not in ("packed", "transposed"):
        moved += evicted(sweeps * (line - 1), held, l1) * deep
    moved += evicted(again, held, l1) * deep
    moved += evicted((sweeps - 1) * rows, deep * (rows + micropanel) * size, l1) * deep
    yield TileLevel.MIDI, 2 * rows * columns * deep, moved


def walk_tiles(plan: GemmOracle) -> Iterator[Tile]:
    """Yield every tile of a plan of register blocks."""
    for part in plan.parts():
        columns, padded = part.columns, round_up(part.columns, plan.micro.lanes)
        for p in range(0, plan.k, plan.kc):
            deep, touches = min(plan.kc, plan.k - p), 2 if p else 1
            moved = (part.rows + columns) * deep + touches * part.rows * columns
            moved += (padded - columns) * deep if plan.prepacked else 0
            passes = 1 if plan.packs_b else -1
            for first in range(0, part.rows, plan.mc):
                rows = min(plan.mc, part.rows - first)
                passes += 1
                yield from walk_block(plan, rows, columns, deep, touches)
            packed = plan.packs_b or plan.prepacked
            held, high = padded if packed else columns, min(plan.mc, part.rows)
            footprint = (7 * high // 4 + held) * deep + high * columns
            again = evicted(passes * held, footprint * plan.itemsize, plan.blocks.l2_bytes)
            yield TileLevel.MACRO, 2 * part.rows * columns * deep, moved + again * deep


def walk_dotxf(plan: GemmOracle) -> Iterator[Tile]:
    """Yield every tile of a plan of dot products."""
    of_rows = plan.kind == "dotxf rows"
    vectors = plan.n if of_rows else plan.m
    groups = ceil_div(vectors, plan.micro.max_dotxf)
    for part in plan.parts():
        rows = part.rows if of_rows else part.columns
        for p in range(0, plan.k, plan.kc):
            deep, touches = min(plan.kc, plan.k - p), 2 if p else 1
            for first in range(0, rows, plan.dotxf_block):
                count = min(plan.dotxf_block, rows - first)
                seen = 0
                for group in range(groups):
                    across = vectors * (group + 1) // groups - vectors * group // groups
                    assert 1 <= across <= plan.micro.max_dotxf
                    most = 2 if across == 1 else 4
                    passes = range(0, count, most)
                    loads = sum(deep * (min(most, count - r) + across) for r in passes)
                    yield (
                        TileLevel.MICRO,
                        2 * across * count * deep,
                        loads + touches * across * count,
                    )
                    seen += count * deep
                moved = seen + vectors * deep + touches * vectors * count
                yield TileLevel.MIDI, 2 * vectors * count * deep, moved
            moved = (rows + vectors) * deep + touches * vectors * rows
            yield TileLevel.MACRO, 2 * vectors * rows * deep, moved


def walk_axpyf(plan: GemmOracle) -> Iterator[Tile]:
    """Yield every tile of a plan of a sum of rows."""
    for part in plan.parts():
        for first in range(0, part.columns, plan.axpyf_block):
            count = min(plan.axpyf_block, part.columns - first)
            loads, passes, p = 0, 0, 0
            while p < plan.k:
                rows = min(8, plan.k - p)
                p += rows
                passes += 1
            loads = plan.k * count + plan.k + (2 * passes - 1) * count
            yield TileLevel.MICRO, 2 * plan.k * count, loads
            yield TileLevel.MIDI, 2 * plan.k * count, plan.k * (count + 1) + count
        yield (
            TileLevel.MACRO,
            2 * plan.k * part.columns,
            plan.k * (part.columns + 1) + part.columns,
        )


@given(gemm_oracles())
def test_gemm_totals_by_brute_force(plan: GemmOracle) -> None:
    assume(plan.flops)
    walk = {"tiles": walk_tiles, "axpyf": walk_axpyf}.get(plan.kind, walk_dotxf)
    tiles, flops, elements = [0, 0, 0], [0, 0, 0], [0, 0, 0]
    for level, work, moved in walk(plan):
        tiles[level] += 1
        flops[level] += work
        elements[level] += moved
    assert flops == [plan.flops] * 3
    for level in TileLevel:
        planned = plan.level(level)
        assert (planned.tiles, planned.flops) == (tiles[level], flops[level])
        assert planned.nbytes == elements[level] * plan.itemsize


@given(gemm_oracles())
def test_gemm_levels_are_consistent(plan: GemmOracle) -> None:
    assert plan.flops == 2 * plan.m * plan.n * plan.k
    compulsory = plan.m * plan.k + plan.k * plan.n + plan.m * plan.n
    for level in TileLevel:
        planned = plan.level(level)
        assert planned.level is level
        assert planned.flops == plan.flops
        assert (planned.tiles == 0) == (planned.nbytes == 0) == (plan.flops == 0)
        assert (planned.footprint_bytes == 0) == (plan.flops == 0)
        if plan.flops:
            assert planned.nbytes >= compulsory * plan.itemsize
    macro, midi, micro = plan.levels
    assert macro.tiles <= midi.tiles <= micro.tiles
    assert macro.nbytes <= midi.nbytes <= micro.nbytes or plan.kind == "tiles"


def assert_parts_cover(plan: GemmOracle) -> None:
    """Check that the parts of C are a grid that covers it, each with something in it."""
    down, across = plan.grid
    parts = list(plan.parts())
    assert len(parts) == down * across
    rows = [part.rows for part in parts[::across]]
    columns = [part.columns for part in parts[:across]]
    assert [(part.rows, part.columns) for part in parts] == [(r, c) for r in rows for c in columns]
    assert (sum(rows), sum(columns)) == (plan.m, plan.n)
    if plan.flops:
        assert min(rows + columns) >= 1
    assert 1 <= plan.workers <= min(plan.threads, len(parts))
    assert plan.workers == 1 or plan.flops >= plan.workers * MIN_FLOPS
    if plan.kind == "axpyf":
        assert down == 1
    elif plan.kind == "tiles":
        assert all(width % plan.micro.nr == 0 for width in columns[:-1])
    else:
        shared = across if plan.kind == "dotxf rows" else down
        assert shared == 1
    assert max(columns) == plan.nc


@given(gemm_oracles())
def test_parts_cover_the_result_once(plan: GemmOracle) -> None:
    assert_parts_cover(plan)


@given(
    st.sampled_from(MICROS),
    st.sampled_from(["axpyf", "dotxf rows", "dotxf columns"]),
    st.integers(2, 4000),
    st.integers(500, 90000),
    st.integers(2, 64),
)
def test_parts_of_few_vectors_on_many_threads(
    micro: MicroKernel, kind: str, count: int, k: int, threads: int
) -> None:
    sizes = {
        "axpyf": (1, count + 1),
        "dotxf rows": (count, micro.max_dotxf),
        "dotxf columns": (micro.max_dotxf, count),
    }[kind]
    layout = "columns" if kind == "dotxf columns" else "rows"
    plan = GemmOracle(*sizes, k, "float32", micro, Blocks(6, 8, 256), threads, "rows", layout)
    assert plan.kind == kind
    assert_parts_cover(plan)


@given(gemm_oracles())
def test_steps_and_blocks_suit_the_kernels(plan: GemmOracle) -> None:
    assert plan.mc % plan.micro.mr == 0 or (plan.by_micropanels and plan.mc < plan.micro.mr)
    assert plan.kc >= 1
    if plan.kind == "tiles":
        assert plan.kc <= max(round_up(plan.blocks.kc, 4), 4)
    elif plan.kind == "axpyf":
        assert plan.kc >= plan.k
        assert plan.axpyf_block % plan.micro.nr == 0
    else:
        assert plan.dotxf_block >= 1
    for columns in {part.columns for part in plan.parts()}:
        for rows in (1, plan.micro.wide_rows, plan.micro.wide_rows + 1, plan.mc):
            widths = plan.micropanel_widths(rows, columns)
            assert sum(widths) == columns
            most = 4 * plan.micro.lanes if rows <= plan.micro.wide_rows else plan.micro.nr
            assert all(0 < width <= most for width in widths)
            assert all(width % plan.micro.lanes == 0 for width in widths[:-1])


@given(gemm_oracles())
def test_kinds_suit_the_layouts(plan: GemmOracle) -> None:
    assert plan.kind in ("tiles", "axpyf", "dotxf rows", "dotxf columns")
    if plan.kind == "axpyf":
        assert (plan.m, plan.b_layout) == (1, "rows")
    elif plan.kind == "dotxf rows":
        assert plan.a_layout == "rows"
        assert plan.dotxf_vectors == plan.n <= plan.micro.max_dotxf
    elif plan.kind == "dotxf columns":
        assert plan.b_layout == "columns"
        assert plan.dotxf_vectors == plan.m
    if plan.a_layout == "strided":
        assert plan.packs_a(plan.n)
    if plan.b_layout != "rows":
        assert plan.b_mode(1) in ("packed", "transposed")
        assert not plan.streams


@pytest.mark.parametrize("isa", ISAS)
def test_every_kind_is_planned_here(isa: str) -> None:
    kinds = {
        bp.plan_gemm(*sizes, threads=1, isa=isa, a_layout=a, b_layout=b).kind
        for sizes in [(1, 500, 500), (500, 1, 500), (500, 500, 500)]
        for a in ("rows", "columns", "strided")
        for b in ("rows", "columns", "strided")
    }
    assert kinds == {"tiles", "axpyf", "dotxf rows", "dotxf columns"}


@given(
    machines(),
    micros,
    dtypes,
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.integers(1, 5000),
    threads,
    layouts,
    layouts,
)
def test_gemm_tiles_fit_their_caches(
    machine: Machine,
    micro: MicroKernel,
    dtype: str,
    m: int,
    n: int,
    k: int,
    max_threads: int,
    a_layout: str,
    b_layout: str,
) -> None:
    blocks = gemm_blocks(machine, micro, itemsize_of(dtype))
    plan = GemmOracle(m, n, k, dtype, micro, blocks, max_threads, a_layout, b_layout)
    l1, l2, l3 = (machine.cache(level).size_bytes for level in (1, 2, 3))
    assert (blocks.l1_bytes, blocks.l2_bytes) == (l1, l2)
    assert blocks.mc % micro.mr == blocks.nc % micro.nr == 0
    share = max(l3 // machine.cache(3).shared_by, l2)
    if plan.kind == "tiles":
        assert plan.mc * plan.kc * plan.itemsize <= l2 or plan.mc == micro.mr
        micropanel = plan.kc * plan.nc * plan.itemsize
        assert micropanel <= share or plan.nc <= micro.nr
        # A micropanel of B takes L1 and a third; below this depth C would be updated too often.
        assert plan.kc * micro.nr * plan.itemsize * 3 <= l1 * 4 or plan.kc <= 256
        high = max(part.rows for part in plan.parts())
        assert high <= max(plan.blocks.rows, plan.mc)
        assert plan.nc <= max(plan.blocks.nc, micro.nr)
    elif plan.kind == "axpyf":
        assert plan.axpyf_block * plan.itemsize <= l1 or plan.axpyf_block == micro.nr
    else:
        assert plan.dotxf_vectors * plan.kc * plan.itemsize <= l2 or plan.kc <= 64
        assert plan.dotxf_block * plan.kc * plan.itemsize <= l2 or plan.dotxf_block <= 8


@given(gemm_oracles())
@example(GemmOracle(300, 300, 300, "float32", MICROS[0], Blocks(12, 16, 30), 4))
def test_threads_that_have_work_get_it(plan: GemmOracle) -> None:
    worth = max(min(plan.threads, plan.flops // MIN_FLOPS), 1)
    if plan.kind == "tiles":
        units = ceil_div(plan.m, plan.micro.mr) * ceil_div(plan.n, plan.micro.nr)
        assert plan.workers == max(min(worth, units), 1) or plan.workers * 2 > min(worth, units)
    assert plan.workers <= worth


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_tiles_fit_this_machine(isa: str, dtype: str) -> None:
    machine = detect_machine()
    plan = bp.plan_gemm(3000, 3000, 3000, dtype, threads=1, isa=isa)
    for level in (TileLevel.MIDI, TileLevel.MACRO):
        footprint = plan.level(level).footprint_bytes
        assert 0 < footprint <= machine.cache(level).size_bytes, level
    # What of a micropanel does not stay in L1 comes from L2.
    micro = plan.level(TileLevel.MICRO).footprint_bytes
    assert 0 < micro <= machine.cache(TileLevel.MIDI).size_bytes // 2
