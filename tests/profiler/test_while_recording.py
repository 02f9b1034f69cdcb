"""Snapshots and resets while other threads record without the GIL."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from support.entry_points import MACRO, MICRO, MIDI, manual, pointer_of, tile_library

import brickprof as bp
from brickprof.core.errors import TileNestingError
from brickprof.recording import Recording
from brickprof.recording.tile_stats import TileStats


@contextmanager
def recording_threads(
    prof: bp.BrickProfiler, count: int = 2, pause: int = 0
) -> Iterator[list[int]]:
    """Record tiles on threads without the GIL; afterwards the list holds how many on each."""
    library, go, recorded = tile_library(), ctypes.c_int(1), [0] * count

    def work(number: int, address: int | None) -> None:
        recorded[number] = library.record(address, ctypes.byref(go), pause)

    with prof.recorders("kernel", count) as handles:
        threads = [
            threading.Thread(target=work, args=(number, pointer_of(handle)))
            for number, handle in enumerate(handles)
        ]
        for thread in threads:
            thread.start()
        try:
            yield recorded
        finally:
            go.value = 0
            for thread in threads:
                thread.join()


def check_row(tile: TileStats) -> None:
    """Check that all sums of a row are of the same tiles."""
    elements, flops, nbytes = (5, 6, 7) if tile.level is MIDI else (1, 2, 7)
    assert (tile.elements, tile.flops, tile.nbytes) == (
        tile.count * elements,
        tile.count * flops,
        tile.count * nbytes,
    )
    assert sum(count for _, count in tile.histogram) == tile.timed
    if tile.level is MICRO:
        assert (tile.loaded_bytes, tile.stored_bytes) == (3 * tile.count, 4 * tile.count)
    assert tile.min_ns * tile.timed <= tile.total_ns + tile.timed
    assert tile.total_ns <= tile.max_ns * tile.timed + tile.timed
    assert tile.self_ns <= tile.total_ns


@pytest.mark.parametrize("pause", [0, 30, 1000])
@pytest.mark.parametrize("sample_every", [1, 3])
def test_each_row_is_of_the_same_tiles(pause: int, sample_every: int) -> None:
    prof = bp.BrickProfiler(sample_every=sample_every, events=100)
    prof.enable_tile_profiling()
    with recording_threads(prof, pause=pause):
        for _ in range(100):
            recording = prof.recording()
            for tile in recording.tiles:
                if sample_every == 1:
                    check_row(tile)
                assert sum(count for _, count in tile.histogram) == tile.timed
            assert Recording.from_json(recording.to_json()) == recording


def test_snapshots_never_go_back() -> None:
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    with recording_threads(prof) as recorded:
        counts = [prof.tile_stats(MICRO).count for _ in range(300)]
    assert counts == sorted(counts)
    assert prof.tile_stats(MICRO).count == 3 * sum(recorded) >= counts[-1] > counts[0]


@pytest.mark.parametrize("sample_every", [1, 3])
def test_resets_beside_threads_that_record(sample_every: int) -> None:
    prof = bp.BrickProfiler(sample_every=sample_every, events=50)
    prof.enable_tile_profiling()
    with recording_threads(prof) as recorded:
        for _ in range(200):
            prof.reset_tile_stats()
            for tile in prof.recording().tiles:
                if sample_every == 1:
                    check_row(tile)
                assert tile.timed, "a row with tiles has a time"
        tries = 0
        while not prof.tile_stats(MICRO).count and tries < 1_000_000:
            tries += 1
    stats = prof.tile_stats(MICRO)
    assert 0 < stats.count < 3 * sum(recorded)


def test_a_reset_takes_effect_at_once_for_readers() -> None:
    prof = manual(events=10)
    with prof.recorders("kernel", 2) as handles:
        address = pointer_of(handles[1])
        tile_library().start(address, MICRO, 0, 0)
        tile_library().stop(address, 1, 2, 3)
        assert prof.tile_stats(MICRO).count == 1
        prof.reset_tile_stats()
        assert prof.tile_stats(MICRO).count == 0
        assert prof.recording().events == ()
        assert prof.recording().events_dropped == 0
        tile_library().start(address, MICRO, 0, 0)
        prof.advance(7)
        tile_library().stop(address, 5, 6, 7)
    stats = prof.tile_stats(MICRO, "kernel")
    assert (stats.count, stats.flops, stats.total_ns) == (1, 6, 7)
    assert len(prof.recording().events) == 1


def test_a_tile_after_a_reset_counts_from_python_too() -> None:
    prof = manual()
    with prof.brick("kernel"):
        for flops in (1, 10):
            timer = prof.start_tile(MICRO, 0, 0)
            prof.advance(3)
            prof.stop_tile(timer, 1, flops)
            if flops == 1:
                prof.reset_tile_stats()
    stats = prof.tile_stats(MICRO, "kernel")
    assert (stats.count, stats.flops, stats.total_ns) == (1, 10, 3)


def test_the_first_tile_after_a_reset_is_timed_when_sampling() -> None:
    prof = manual(sample_every=1000)
    with prof.recorders("kernel") as (handle,):
        address = pointer_of(handle)
        for _ in range(2):
            tile_library().start(address, MICRO, 0, 0)
            tile_library().stop(address, 1, 1, 1)
        prof.reset_tile_stats()
        for _ in range(3):
            tile_library().start(address, MICRO, 0, 0)
            prof.advance(2)
            tile_library().stop(address, 1, 1, 1)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.timed) == (3, 1)


def test_gemm_beside_resets_and_snapshots() -> None:
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    a = np.ones((300, 300), np.float32)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(60):
                bp.gemm(a, a, threads=2, profiler=prof)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        prof.recording().to_json()
        prof.reset_tile_stats()
    thread.join()
    assert not failed


def test_resets_and_snapshots_from_python_threads() -> None:
    prof = bp.BrickProfiler(events=20)
    prof.enable_tile_profiling()
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(150):
                with prof.brick(f"brick {turn % 7}"):
                    bp.gemm(a, a, threads=2, profiler=prof)
                if number == 0:
                    with contextlib.suppress(TileNestingError):
                        prof.reset_tile_stats()
                for tile in prof.recording().tiles:
                    assert sum(count for _, count in tile.histogram) == tile.timed
        except BaseException as error:
            failed.append(error)

    a = np.ones((64, 64), np.float32)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failed


def test_a_reset_gives_the_memory_of_bricks_back() -> None:
    def resident() -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    prof, before = manual(), resident()
    for number in range(5000):
        with prof.brick(f"brick {number}"), prof.tile(MICRO, 0, 0):
            prof.advance(1)
    full = resident()
    prof.reset_tile_stats()
    assert resident() - before < (full - before) / 3
    # Bricks of before are known still, and have no tiles.
    assert prof.tile_stats(MICRO, "brick 7").count == 0
    with prof.brick("brick 7"), prof.tile(MICRO, 0, 0):
        prof.advance(5)
    assert prof.tile_stats(MICRO, "brick 7").total_ns == 5
    assert prof.recording().bricks == ("brick 7",)


def test_a_reset_inside_a_brick_keeps_the_others() -> None:
    prof = manual()
    with prof.brick("outer"):
        prof.reset_tile_stats()
        with prof.brick("inner"), prof.tile(MICRO, 0, 0):
            prof.advance(2)
        with prof.tile(MACRO, 0, 0):
            prof.advance(3)
    assert prof.tile_stats(MICRO, "inner").total_ns == 2
    assert prof.tile_stats(MACRO, "outer").total_ns == 3


def test_tiles_that_stop_while_lost_ones_are_looked_for() -> None:
    """A callback of the garbage collector stops a tile while the reset looks at its timer."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    outer = prof.start_tile(MIDI, 0, 0)
    inner = [prof.start_tile(MIDI, 0, 1)]

    def stop(*_: object) -> None:
        if inner:
            prof.stop_tile(inner.pop(), 1, 1)

    threshold = gc.get_threshold()
    gc.callbacks.append(stop)
    gc.set_threshold(1)
    try:
        with pytest.raises(TileNestingError):
            prof.start_tile(MACRO, 0, 0)
    finally:
        gc.callbacks.remove(stop)
        gc.set_threshold(*threshold)
    timers = [prof.start_tile(MICRO, number, 0) for number in range(3)]
    assert len({id(timer) for timer in timers}) == 3
    for timer in reversed(timers):
        prof.stop_tile(timer, 1, 1)
    if inner:
        prof.stop_tile(inner.pop(), 1, 1)
    prof.stop_tile(outer, 1, 1)


def test_nested_tiles_beside_resets() -> None:
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    done = threading.Event()

    def nest(depth: int) -> None:
        if depth:
            timer = prof.start_tile(MICRO, depth, 0)
            nest(depth - 1)
            prof.stop_tile(timer, 1, 1)

    def work() -> None:
        while not done.is_set():
            nest(8)
            nest(2)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(300):
        with contextlib.suppress(TileNestingError):
            prof.reset_tile_stats()
    done.set()
    thread.join()
    prof.reset_tile_stats()
    nest(3)
    assert prof.tile_stats(MICRO).count == 3


def test_readers_on_several_threads_see_the_grid_of_their_own_row() -> None:
    prof = bp.BrickProfiler(clock="manual", grid=64)
    prof.enable_tile_profiling()
    for brick, row in (("first", 0), ("second", 63)):
        with prof.brick(brick), prof.tile(MICRO, row, 0):
            prof.advance(9)
    expected, seen = prof.recording().tiles, []

    def read() -> None:
        seen.extend(prof.recording().tiles for _ in range(300))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(seen) == 1200
    assert all(tiles == expected for tiles in seen)
