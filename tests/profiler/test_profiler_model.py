"""BrickProfiler against a model in plain Python: random trees of tiles, exact to the tick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from oracles.tiles import Model, Sum, Tree, forests
from support.entry_points import manual, overhead, tile

from brickprof import BrickProfiler
from brickprof.core.levels import TileLevel
from brickprof.recording import Overhead


def play(prof: BrickProfiler, tree: Tree, handle: object) -> None:
    """Record a tile with the profiler."""
    with tile(prof, tree.entry_point, tree.level, tree.work, handle):
        for ticks, child in zip(tree.times, tree.children, strict=False):
            prof.advance(ticks)
            play(prof, child, handle)
        prof.advance(tree.times[-1])


def check(forest: list[Tree], cost: Overhead, sample_every: int) -> None:
    """Record trees with the profiler and with the model, and compare."""
    prof, model = manual(overhead=cost, sample_every=sample_every), Model(cost, sample_every)
    with prof.recorders("k") as (handle,):
        for tree in forest:
            play(prof, tree, handle)
            model.record(tree, {level: Sum() for level in TileLevel})
    assert prof.all_tile_stats() == tuple(model.rows[level].stats(level) for level in TileLevel)


@given(forests, st.sampled_from([Overhead(), overhead()]))
def test_nested_tiles(forest: list[Tree], cost: Overhead) -> None:
    check(forest, cost, 1)


@given(forests, st.integers(2, 5))
def test_nested_tiles_when_sampling(forest: list[Tree], sample_every: int) -> None:
    check(forest, overhead(), sample_every)


@given(forests)
def test_self_times_add_up_to_the_outermost_tiles(forest: list[Tree]) -> None:
    prof = manual()
    start = prof.start_tile(TileLevel.MACRO, 0, 0)
    for tree in forest:
        with prof.recorders("k") as (handle,):
            play(prof, tree, handle)
    prof.stop_tile(start, 0, 0)
    outermost = prof.tile_stats(TileLevel.MACRO, "default").total_ns
    assert sum(stats.self_ns for stats in prof.all_tile_stats()) == outermost
