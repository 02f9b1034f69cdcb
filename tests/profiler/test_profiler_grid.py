"""BrickProfiler(grid=...): time, number and slowest of the tiles by row and column."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest

import brickprof as bp
from brickprof.recording import SlowTile, TileGrid
from brickprof.recording.tile_grid import SLOWEST
from tests.support.strategies import grid_of

MIDI, MICRO = bp.TileLevel.MIDI, bp.TileLevel.MICRO


def manual(**options: int) -> bp.BrickProfiler:
    """Return a profiler that is on, with a clock of its own."""
    prof = bp.BrickProfiler(clock="manual", **options)
    prof.enable_tile_profiling()
    return prof


def grid(prof: bp.BrickProfiler, level: bp.TileLevel = MICRO) -> TileGrid:
    """Return the grid of a level, which is there."""
    found = prof.tile_stats(level).grid
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(30))
def test_cells_and_slowest_are_those_of_the_single_tiles(seed: int) -> None:
    rng = random.Random(seed)
    size = rng.choice([2, 3, 5, 16])
    most = rng.choice([4, 40, 1000, 2**64 - 1])
    prof = manual(grid=size)
    tiles, starts, now = [], [], 0
    for _ in range(rng.randrange(1, 60)):
        row, col, ns = (
            rng.randint(0, most),
            rng.randint(0, rng.choice([1, most])),
            rng.randint(0, 50),
        )
        tiles.append((row, col, ns))
        starts.append(now)
        with prof.tile(MICRO, row, col):
            prof.advance(ns)
        now += ns
    expected = grid_of(tiles, size)
    found = grid(prof)
    assert found.cells == expected.cells
    assert (found.rows_per_cell, found.cols_per_cell) == (
        expected.rows_per_cell,
        expected.cols_per_cell,
    )
    slowest = sorted(
        (
            SlowTile(ns, start, 0, row, col)
            for start, (row, col, ns) in zip(starts, tiles, strict=True)
        ),
        key=SlowTile.rank,
    )
    assert found.slowest == tuple(slowest[:SLOWEST])


def test_a_grid_is_kept_for_each_level_and_brick() -> None:
    prof = manual(grid=8)
    for name in ("a", "b"):
        with prof.brick(name), prof.tile(MIDI, 1, 2), prof.tile(MICRO, 3, 4):
            prof.advance(7)
    assert [(cell.row, cell.col, cell.tiles) for cell in grid(prof, MIDI).cells] == [(1, 2, 2)]
    one = prof.tile_stats(MICRO, "b").grid
    assert one is not None
    assert one.cells == ((3, 4, 1, 7, 7),)


def test_without_a_grid_none_is_kept() -> None:
    prof = manual()
    with prof.tile(MICRO, 0, 0):
        prof.advance(1)
    assert prof.grid == 0
    assert prof.tile_stats(MICRO).grid is None


def test_a_reset_empties_the_grid_and_starts_its_time_anew() -> None:
    prof = manual(grid=2)
    with prof.tile(MICRO, 100, 100):
        prof.advance(5)
    prof.reset_tile_stats()
    prof.advance(3)
    with prof.tile(MICRO, 1, 0):
        prof.advance(2)
    assert grid(prof) == TileGrid(size=2, cells=((1, 0, 1, 2, 2),), slowest=((2, 3, 0, 1, 0),))  # type: ignore[arg-type]


def test_slow_tiles_share_the_time_of_events() -> None:
    prof = manual(grid=2, events=10)
    prof.advance(1000)
    for ns in (4, 6):
        with prof.tile(MICRO, 0, 0):
            prof.advance(ns)
    starts = {event.start_ns for event in prof.recording().events}
    assert {tile.start_ns for tile in grid(prof).slowest} == starts == {0, 4}


def test_only_timed_tiles_are_in_a_grid() -> None:
    prof = manual(grid=4, sample_every=3)
    for i in range(9):
        with prof.tile(MICRO, i, 0):
            prof.advance(10)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.timed) == (9, 3)
    assert grid(prof).count == 3


def test_threads_add_to_one_grid_and_slow_tiles_tell_them_apart() -> None:
    prof = bp.BrickProfiler(grid=4)
    prof.enable_tile_profiling()

    def work() -> None:
        for i in range(8):
            with prof.tile(MICRO, i, 0):
                pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    found = grid(prof)
    assert [(cell.row, cell.tiles) for cell in found.cells] == [(0, 6), (1, 6), (2, 6), (3, 6)]
    assert len(found.slowest) == SLOWEST
    assert prof.recording().tile_stats(MICRO).grid == found


def test_a_kernel_without_the_gil_fills_grids_that_are_whole_while_it_runs() -> None:
    prof = bp.BrickProfiler(grid=8)
    prof.enable_tile_profiling()
    a = np.ones((160, 160), np.float32)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            bp.gemm(a, a, profiler=prof, threads=1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(60):
            for level in bp.TileLevel:
                stats = prof.tile_stats(level)
                if stats.grid is not None:
                    assert stats.grid.count == stats.timed
                    assert max(cell.max_ns for cell in stats.grid.cells) == stats.max_ns
            prof.recording().to_json()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (1, ValueError),
        (1025, ValueError),
        (-1, ValueError),
        (2.5, ValueError),
        ("8", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_sizes_that_make_no_grid_are_refused_by_name(size: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="grid must be"):
        bp.BrickProfiler(grid=size)  # type: ignore[arg-type]
