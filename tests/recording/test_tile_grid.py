"""Grids of tiles add up exactly, and hold what their single tiles give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brickprof as bp
from brickprof.recording import Recording, SlowTile, TileGrid
from brickprof.recording.tile_grid import merge_grids
from tests.support.strategies import grid_of, grid_sizes, places

Tiles = list[tuple[int, int, int]]

tiles = st.lists(st.tuples(places, places, st.integers(0, 50)), max_size=12)


@given(st.lists(st.tuples(tiles, grid_sizes), min_size=1, max_size=3))
def test_a_merge_is_the_grid_of_all_tiles(
    parts: list[tuple[list[tuple[int, int, int]], int]],
) -> None:
    grids = [grid_of(part, size) for part, size in parts]
    together = [tile for part, _ in parts for tile in part]
    merged = merge_grids(grids)
    expected = grid_of(together, min(size for _, size in parts))
    assert merged is not None
    assert (merged.size, merged.cells) == (expected.size, expected.cells)
    assert merged.rows_per_cell == expected.rows_per_cell
    assert merged.cols_per_cell == expected.cols_per_cell
    assert [tile.ns for tile in merged.slowest] == [tile.ns for tile in expected.slowest]
    assert merge_grids(reversed(grids)) == merged
    assert merge_grids([merge_grids(grids[:2]), None, *grids[2:]]) == merged


def test_nothing_is_merged_to_nothing() -> None:
    assert merge_grids([]) is None
    assert merge_grids([None, None]) is None
    assert merge_grids([None, TileGrid(size=4)]) == TileGrid(size=4)


def test_slow_tiles_are_ranked_by_time_then_by_when_and_where() -> None:
    tiles = [SlowTile(5, 2, 0, 0, 0), SlowTile(9, 7, 0, 0, 0), SlowTile(5, 1, 3, 0, 0)]
    assert [tile.start_ns for tile in sorted(tiles, key=SlowTile.rank)] == [7, 1, 2]


def recorded() -> dict[str, Any]:
    """Return a recording with three tiles in two cells, as JSON."""
    prof = bp.BrickProfiler(clock="manual", grid=2)
    prof.enable_tile_profiling()
    with prof.brick("k"):
        for row, ns in ((0, 5), (1, 9), (3, 2)):
            with prof.tile(bp.TileLevel.MICRO, row, 0):
                prof.advance(ns)
    data: dict[str, Any] = json.loads(json.dumps(prof.recording().to_json()))
    assert data["tiles"][0]["grid"] == {
        "size": 2,
        "rows_per_cell": 2,
        "cols_per_cell": 1,
        "cells": [[0, 0, 2, 14, 9], [1, 0, 1, 2, 2]],
        "slowest": [[9, 5, 0, 1, 0], [5, 0, 0, 0, 0], [2, 14, 0, 3, 0]],
    }
    return data


FIRST, SECOND, THIRD = [9, 5, 0, 1, 0], [5, 0, 0, 0, 0], [2, 14, 0, 3, 0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("size", 1, "size: expected an integer >= 2"),
        ("size", 1025, r"size: expected an integer in \[2, 1024\]"),
        ("rows_per_cell", 3, "rows_per_cell: expected a power of two"),
        ("cols_per_cell", 2**64, "cols_per_cell: expected a power of two"),
        ("cells", [[0, 0, 2, 14]], r"cells\[0\]: expected \[row, col, tiles, total_ns, max_ns\]"),
        ("cells", [[1, 0, 1, 2, 2], [0, 0, 2, 14, 9]], "cells: expected distinct places, sorted"),
        ("cells", [[0, 0, 2, 14, 9], [2, 0, 1, 2, 2]], r"cells\[1\]: expected a place in 2 rows"),
        ("cells", [[0, 0, 0, 0, 9]], r"cells\[0\]: expected tiles that are at most as long"),
        ("cells", [[0, 0, 2, 99, 9]], r"cells\[0\]: expected tiles that are at most as long"),
        ("cells", [[0, 0, 4, 14, 9]], r"cells: expected counts that sum to at most timed \(3\)"),
        ("cells", [[0, 0, 2, 14, 10]], r"cells: expected times of at most max_ns \(9\)"),
        ("cells", [[0, 0, 2, 1, 9], [1, 0, 1, 2, 2]], "cells: expected times that sum to total_ns"),
        ("slowest", [FIRST], "slowest: expected 3 tiles"),
        ("slowest", [SECOND, FIRST, THIRD], "longest first"),
        (
            "slowest",
            [[9, 5, 0, 1, 9], SECOND, THIRD],
            r"slowest\[0\]: expected",
        ),
        (
            "slowest",
            [[8, 5, 0, 1, 0], SECOND, THIRD],
            "the longest of all cells",
        ),
        ("slowest", [[9, 5, 2**32, 1, 0], SECOND, THIRD], "a thread below"),
    ],
)
def test_grids_that_contradict_themselves_are_refused(
    field: str, value: object, message: str
) -> None:
    data = recorded()
    data["tiles"][0]["grid"][field] = value
    with pytest.raises(bp.RecordingError, match=message):
        Recording.from_json(data)


def test_recordings_without_a_grid_still_load() -> None:
    data = recorded()
    del data["tiles"][0]["grid"]
    assert Recording.from_json(data).tiles[0].grid is None
