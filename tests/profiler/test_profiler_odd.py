"""BrickProfiler's objects made, copied, kept and used in ways that nobody should."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support.entry_points import (
    MACRO,
    MICRO,
    MIDI,
    figures,
    manual,
    micro,
    pointer_of,
    tile_library,
)

from brickprof import BrickProfiler
from brickprof.core.errors import TileNestingError
from brickprof.profiler.recorder import Recorder
from brickprof.profiler.recorder_set import RecorderSet
from brickprof.profiler.tiles import TileBlock, TileTimer


def test_timers_are_made_by_the_profiler() -> None:
    prof = manual()
    with pytest.raises(TypeError, match="start_tile"):
        TileTimer()
    blank = TileTimer.__new__(TileTimer)
    assert repr(blank) == "<TileTimer stopped>"
    with pytest.raises(TileNestingError, match="stopped already"):
        prof.stop_tile(blank, 0, 0)


@pytest.mark.parametrize("make", [lambda kind: kind(), lambda kind: kind.__new__(kind)])
@pytest.mark.parametrize("kind", [TileBlock, RecorderSet])
def test_blocks_are_made_by_the_profiler(kind: Any, make: Callable[[Any], Any]) -> None:
    blank = make(kind)
    with pytest.raises(TypeError, match="BrickProfiler"), blank:
        raise AssertionError("the block was run")
    blank.__exit__(None, None, None)


def test_a_profiler_needs_no_init() -> None:
    prof = BrickProfiler.__new__(BrickProfiler, clock="manual")  # type: ignore[call-arg]
    prof.enable_tile_profiling()
    micro(prof, 5)
    assert prof.tile_stats(MICRO).total_ns == 5


def test_a_recorder_from_nowhere() -> None:
    for arguments in ((), (1, 2), (-1, 0, 0, 0, 0, 0)):
        with pytest.raises((TypeError, OverflowError)):
            Recorder(*arguments)
    with pytest.raises(TypeError):
        manual()._retire(None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_nothing_that_points_into_memory_is_copied(duplicate: Callable[[object], object]) -> None:
    prof = manual()
    with prof.brick("k"):
        timer = prof.start_tile(MICRO, 0, 0)
        for thing in (prof, timer, prof.tile(MICRO, 0, 0), prof.recorders("k")):
            with pytest.raises(TypeError, match="cop(y|ied) (or|nor) pickle"):
                duplicate(thing)
        prof.stop_tile(timer, 0, 0)


@pytest.mark.parametrize("thing", [None, "x", 0, object(), TileTimer, MICRO])
def test_what_is_no_timer_is_not_stopped(thing: Any) -> None:
    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    before = figures(prof)
    with pytest.raises(TypeError, match="timer"):
        prof.stop_tile(thing, 0, 0)
    assert figures(prof) == before
    prof.stop_tile(timer, 0, 0)


def test_a_subclass_that_is_in_a_cycle_is_freed() -> None:
    class Kept(BrickProfiler):
        """A profiler that may refer to its own blocks."""

    prof = Kept(clock="manual")
    prof.enable_tile_profiling()
    block = prof.tile(MACRO, 0, 0)
    block.__enter__()
    prof.mine = [block, prof.start_tile(MICRO, 0, 0), prof.recorders("k", 2)]  # type: ignore[attr-defined]
    prof.mine[2].__enter__()  # type: ignore[attr-defined]
    alive = weakref.ref(prof)
    del prof, block
    gc.collect()
    assert alive() is None


def test_what_outlives_its_profiler_is_safe() -> None:
    prof = manual()
    brick = prof.recorders("k", 2)
    handles = brick.__enter__()
    addresses = [pointer_of(handle) for handle in handles]
    timer = prof.start_tile(MACRO, 0, 0)
    alive = weakref.ref(prof)
    brick.__exit__(KeyError, KeyError(), None)
    del prof, brick
    gc.collect()
    assert alive() is None
    for address in addresses:
        tile_library().start(address, 2, 0, 0)
        tile_library().stop(address, 1, 1, 1)
    with pytest.raises(TileNestingError, match="another BrickProfiler"):
        manual().stop_tile(timer, 0, 0)
    del handles
    gc.collect()
    assert repr(timer) == "<TileTimer open>"
    del timer


def test_handles_come_and_go() -> None:
    prof = manual()
    for _ in range(50):
        with prof.recorders("k", 3) as handles:
            assert len({pointer_of(handle) for handle in handles}) == 3
    del handles
    gc.collect()
    micro(prof)
    assert prof.recording().brick_info("k").calls == 50


def test_a_handle_is_of_no_use_once_its_block_was_left() -> None:
    prof = manual()
    brick = prof.recorders("k", 2)
    with brick as handles:
        assert all(pointer_of(handle) for handle in handles)
    with brick as later:
        for handle in handles:
            with pytest.raises(ValueError, match="PyCapsule"):
                pointer_of(handle)
        assert all(pointer_of(handle) for handle in later)


MEMORY = """
import psutil
from brickprof import BrickProfiler
prof = BrickProfiler(clock="manual")
prof.enable_tile_profiling()
before = psutil.Process().memory_info().rss
for number in range(2000):
    with prof.brick(str(number)):
        pass
print(psutil.Process().memory_info().rss - before)
"""


def test_empty_bricks_take_little_memory() -> None:
    command = [sys.executable, "-c", MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 45_000_000  # with full rows, and without a sanitizer, 90 MB


def test_a_profiler_that_is_off_keeps_no_bricks() -> None:
    prof = BrickProfiler(clock="manual")
    names = [f"brick {number}" for number in range(1000)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for name in names:
            with prof.brick(name), prof.recorders(name, 4), prof.tile(MICRO, 0, 0):
                pass
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000


class Meddler:
    """A count that uses the profiler while it is read."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __index__(self) -> int:
        self.act()
        return 5


def test_a_count_that_stops_its_own_tile() -> None:
    prof = manual()
    outer = prof.start_tile(MACRO, 0, 0)
    timer = prof.start_tile(MICRO, 0, 0)
    with pytest.raises(TileNestingError):
        prof.stop_tile(timer, Meddler(lambda: prof.stop_tile(timer, 1, 1)), 0)
    prof.stop_tile(outer, 0, 0)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 1]


def test_a_count_that_opens_tiles() -> None:
    prof = manual()
    kept: list[TileTimer] = []
    timer = prof.start_tile(MICRO, 0, 0)
    meddler = Meddler(lambda: kept.append(prof.start_tile(MICRO, 0, 0)))
    with pytest.raises(TileNestingError, match="innermost"):
        prof.stop_tile(timer, meddler, 0)
    prof.stop_tile(kept[0], 0, 0)
    kept.append(prof.start_tile(MICRO, meddler, 0))
    assert prof.recording().open_tiles == 3
    for opened in (*reversed(kept[1:2]), timer):
        with pytest.raises(TileNestingError):
            prof.stop_tile(opened, 0, 0)


def test_an_index_that_fails_is_passed_on() -> None:
    def fail() -> None:
        raise LookupError("mine")

    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    with pytest.raises(LookupError, match="mine"):
        prof.stop_tile(timer, 0, Meddler(fail))
    prof.stop_tile(timer, 0, 0)
    assert prof.tile_stats(MICRO).count == 1


def test_many_timers_at_once() -> None:
    prof = manual()
    stopped = []
    for _ in range(500):
        timer = prof.start_tile(MIDI, 0, 0)
        prof.stop_tile(timer, 0, 0)
        stopped.append(timer)
    stopped.clear()
    assert prof.tile_stats(MIDI).count == 500


EXIT = """
from brickprof import BrickProfiler
from brickprof.core.levels import TileLevel
prof = BrickProfiler()
prof.enable_tile_profiling()
prof.recorders("k", 2).__enter__()
timer = prof.start_tile(TileLevel.MACRO, 0, 0)
block = prof.tile(TileLevel.MICRO, 0, 0)
block.__enter__()
"""


def test_a_process_may_end_with_tiles_open() -> None:
    done = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
