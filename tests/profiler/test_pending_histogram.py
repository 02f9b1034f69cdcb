"""BrickProfiler: a tile reaches its histogram when the next one stops, which no figure may show."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.tiles import Model, Sum, Tree, forests
from support.entry_points import (
    ENTRY_POINTS,
    MACRO,
    MICRO,
    MIDI,
    manual,
    micro,
    overhead,
    pointer_of,
    tile,
    tile_library,
)

from brickprof import BrickProfiler
from brickprof.core.errors import TileNestingError
from brickprof.core.histograms import bucket_of
from brickprof.core.levels import TileLevel


def play(prof: BrickProfiler, tree: Tree, handle: object) -> None:
    """Record a tile and read all figures after each tile that stopped."""
    with tile(prof, tree.entry_point, tree.level, tree.work, handle):
        for ticks, child in zip(tree.times, tree.children, strict=False):
            prof.advance(ticks)
            play(prof, child, handle)
        prof.advance(tree.times[-1])
    for stats in prof.all_tile_stats():
        assert sum(count for _, count in stats.histogram) == stats.timed


@given(forests, st.integers(1, 4))
def test_figures_are_exact_after_each_tile(forest: list[Tree], sample_every: int) -> None:
    prof = manual(overhead=overhead(), sample_every=sample_every)
    model = Model(overhead(), sample_every)
    with prof.recorders("k") as (handle,):
        for tree in forest:
            play(prof, tree, handle)
            model.record(tree, {level: Sum() for level in TileLevel})
            exact = [
                replace(stats, total_error_ns=0, self_error_ns=0) for stats in prof.all_tile_stats()
            ]
            assert exact == [model.rows[level].stats(level) for level in TileLevel]


times = st.tuples(st.sampled_from("abc"), st.sampled_from(ENTRY_POINTS), st.integers(0, 2**40))


@given(st.lists(times, max_size=12), st.integers(0, 12))
def test_each_tile_is_in_its_own_bricks_histogram(
    tiles: list[tuple[str, str, int]], reset_after: int
) -> None:
    prof, expected = manual(), {name: Counter[int]() for name in "abc"}
    for number, (name, entry_point, ticks) in enumerate(tiles):
        if number == reset_after:
            prof.reset_tile_stats()
            expected = {name: Counter() for name in "abc"}
        with prof.recorders(name) as (handle,), tile(prof, entry_point, MICRO, handle=handle):
            prof.advance(ticks)
        expected[name][bucket_of(ticks)] += 1
    for name in {name for name, _, _ in tiles}:
        buckets = expected[name]
        assert prof.tile_stats(MICRO, name).histogram == tuple(sorted(buckets.items()))


def test_reset_forgets_the_latest_tile_too() -> None:
    prof = manual()
    micro(prof, 5)
    prof.reset_tile_stats()
    micro(prof, 9)
    micro(prof, 9)
    assert prof.tile_stats(MICRO).histogram == ((9, 2),)


def test_a_tile_passed_over_puts_nobody_into_a_histogram_twice() -> None:
    prof = manual(sample_every=100)
    for ticks in (5, 9, 9, 9):
        micro(prof, ticks)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.timed, stats.histogram) == (4, 1, ((5, 1),))


def test_an_abandoned_tile_leaves_the_one_before_in_its_histogram() -> None:
    prof = manual()
    micro(prof, 5)
    with pytest.raises(KeyError), prof.tile(MICRO, 0, 0):
        prof.advance(9)
        raise KeyError
    micro(prof, 7)
    assert prof.tile_stats(MICRO).histogram == ((5, 1), (7, 1))


def test_tiles_after_too_many_are_recorded_as_ever() -> None:
    prof, library = manual(), tile_library()
    with (
        pytest.raises(TileNestingError, match="more than 32 tiles were open at once"),
        prof.recorders("k") as (handle,),
    ):
        for _ in range(35):
            library.start(pointer_of(handle), MICRO, 0, 0)
        for _ in range(35):
            prof.advance(1)
            library.stop(pointer_of(handle), 1, 0, 0)
        with tile(prof, "c", MICRO, handle=handle):
            prof.advance(50)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.elements) == (33, 32)
    # 35 stops a tick apart: the first 3 are of tiles that were not opened.
    buckets = Counter(bucket_of(ticks) for ticks in (*range(4, 36), 50))
    assert stats.histogram == tuple(sorted(buckets.items()))


def test_a_nogil_tile_in_the_place_of_an_abandoned_one_is_not_taken_for_it() -> None:
    prof = manual()
    with pytest.raises(KeyError), prof.tile(MACRO, 0, 0):
        stale = prof.start_tile(MIDI, 0, 0)
        raise KeyError
    with prof.recorders("k") as (handle,):
        with tile(prof, "c", MACRO, handle=handle), tile(prof, "c", MIDI, handle=handle):
            with pytest.raises(TileNestingError, match="abandoned when an enclosing block"):
                prof.stop_tile(stale, 0, 0)
            del stale
        assert [stats.count for stats in prof.all_tile_stats()] == [1, 1, 0]
