"""Tiles of functions that an exception left, where something keeps the exception."""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator

import pytest
from support.children import child_succeeds
from support.entry_points import MACRO, MICRO, manual

import brickprof as bp
from brickprof.core.errors import TileNestingError
from brickprof.profiler.finished_frames import references_from_finished_frames


def fail(prof: bp.BrickProfiler, depth: int = 1) -> None:
    timer = prof.start_tile(MICRO, 0, 0)
    if depth > 1:
        fail(prof, depth - 1)
    raise ZeroDivisionError(f"with {timer} open")


def kept(prof: bp.BrickProfiler, depth: int = 1) -> BaseException:
    try:
        fail(prof, depth)
    except ZeroDivisionError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("depth", [1, 3])
def test_a_coarser_tile_may_start_and_the_reason_is_told(depth: int) -> None:
    prof = manual()
    error = kept(prof, depth)
    with prof.tile(MACRO, 0, 0):
        prof.advance(1)
    assert prof.tile_stats(MACRO).count == 1
    assert prof.recording().abandoned_by == (("left by a function that raised", depth),)
    assert error.__traceback__ is not None


def test_a_reset_is_not_refused() -> None:
    prof = manual()
    error = kept(prof)
    prof.reset_tile_stats()
    assert prof.recording().open_tiles == 0
    assert error.__traceback__ is not None


def test_an_enclosing_tile_may_be_stopped() -> None:
    prof = manual()
    outer = prof.start_tile(MACRO, 0, 0)
    error = kept(prof)
    prof.advance(4)
    prof.stop_tile(outer, 1, 1)
    assert prof.tile_stats(MACRO).total_ns == 4
    assert error.__traceback__ is not None


def test_a_timer_that_is_kept_elsewhere_is_still_open() -> None:
    prof = manual()
    keep: list[object] = []

    def fail_and_keep() -> None:
        timer = prof.start_tile(MICRO, 0, 0)
        keep.append(timer)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_and_keep()
    with pytest.raises(TileNestingError, match="coarser"):
        prof.start_tile(MACRO, 0, 0)
    prof.stop_tile(keep[0], 1, 1)  # type: ignore[arg-type]


def test_a_timer_in_a_tuple_is_still_open() -> None:
    # The garbage collector does not track a tuple of what it does not track.
    prof = manual()
    pair = (prof.start_tile(MICRO, 0, 0), 1)
    with pytest.raises(TileNestingError, match="coarser"):
        prof.start_tile(MACRO, 0, 0)
    prof.stop_tile(pair[0], 1, 1)


def test_a_function_that_runs_has_not_returned() -> None:
    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    with pytest.raises(TileNestingError, match="coarser"):
        prof.start_tile(MACRO, 0, 0)
    with pytest.raises(TileNestingError, match="cannot reset with 1 open"):
        prof.reset_tile_stats()
    prof.stop_tile(timer, 1, 1)


def test_a_generator_that_waits_has_not_returned() -> None:
    prof = manual()

    def steps() -> Generator[None, None, None]:
        timer = prof.start_tile(MICRO, 0, 0)
        yield
        prof.stop_tile(timer, 1, 1)

    generator = steps()
    next(generator)
    frame = generator.gi_frame
    with pytest.raises(TileNestingError, match="coarser"):
        prof.start_tile(MACRO, 0, 0)
    assert frame is generator.gi_frame
    next(generator, None)
    assert prof.tile_stats(MICRO).count == 1


def test_a_garbage_collection_while_frames_are_listed() -> None:
    """It may free a profiler, whose thread-local wants the lock that Python lists frames under."""

    def leave_garbage(*_: object) -> None:
        cycle: list[object] = [threading.local()]
        cycle.append(cycle)

    def work() -> bool:
        gc.callbacks.append(leave_garbage)
        gc.set_threshold(1)
        for _ in range(100):
            references_from_finished_frames([object()])
        return gc.isenabled()

    assert child_succeeds(work, seconds=20)


def test_all_objects_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    find = gc.get_referrers
    monkeypatch.setattr(gc, "get_referrers", lambda *held: calls.append(len(held)) or find(*held))
    prof = manual()
    timers = [prof.start_tile(level, 0, 0) for level in (MACRO, MICRO, MICRO)]
    with pytest.raises(TileNestingError):
        prof.reset_tile_stats()
    assert calls == [3]
    for timer in reversed(timers):
        prof.stop_tile(timer, 1, 1)
