"""BrickProfiler against a model in plain Python: random trees of tiles, exact to the tick."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.tiles import Model, Sum, Tree, forests
from support.entry_points import ENTRY_POINTS, manual, overhead, tile

from brickprof import BrickProfiler
from brickprof.core.levels import TileLevel
from brickprof.recording import Overhead, merge_recordings


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
    for level, stats in zip(TileLevel, prof.all_tile_stats(), strict=True):
        row = model.rows[level]
        if stats.timed == stats.count:
            assert stats.total_error_ns == stats.self_error_ns == row.raised
        assert replace(stats, total_error_ns=0, self_error_ns=0) == row.stats(level)


@given(forests, st.sampled_from([Overhead(), overhead()]))
def test_nested_tiles(forest: list[Tree], cost: Overhead) -> None:
    check(forest, cost, 1)


@given(forests, st.integers(0, 10**6))
def test_a_tile_is_never_shorter_than_those_inside(forest: list[Tree], pair: int) -> None:
    cost = replace(overhead(), python_pair=float(pair), block_pair=2.0 * pair, c_pair=pair / 2)
    prof = manual(overhead=cost)
    for tree in forest:
        with prof.recorders("k") as (handle,):
            play(prof, tree, handle)
    recording = prof.recording()
    merged = merge_recordings([recording, recording])
    for one in (recording, merged):
        stats = [one.tile_stats(level) for level in TileLevel]
        inside = sum(part.total_ns - part.self_ns for part in stats)
        assert all(part.self_ns >= 0 for part in stats)
        assert inside <= sum(part.total_ns for part in stats)


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


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
@pytest.mark.parametrize("sample_every", [1, 2])
def test_a_first_tile_of_the_largest_work(entry_point: str, sample_every: int) -> None:
    """A row's least work begins at it, before there is any tile."""
    prof = manual(sample_every=sample_every)
    with prof.recorders("k") as (handle,):
        for work in ((1, 2**64 - 2, None), (0, 0, None)):
            with tile(prof, entry_point, TileLevel.MACRO, work, handle):
                prof.advance(1)
    stats = prof.tile_stats(TileLevel.MACRO)
    assert (stats.min_work, stats.max_work) == (0, 2**64 - 1)
