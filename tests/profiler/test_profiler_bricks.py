"""BrickProfiler: bricks and recorders that are misused, from Python and from C."""

from __future__ import annotations

import pytest
from support.entry_points import (
    MACRO,
    MICRO,
    MIDI,
    UNDECLARED,
    figures,
    manual,
    micro,
    pointer_of,
    tile_library,
)

from brickprof.core.errors import TileNestingError


def test_a_brick_left_with_tiles_open() -> None:
    prof = manual()
    with prof.tile(MACRO, 7, 7):
        with (
            pytest.raises(TileNestingError, match=r"'k': thread 0: 2 left open.*Micro\(3, 4\)"),
            prof.brick("k"),
        ):
            timers = [prof.start_tile(level, 3, 4) for level in (MIDI, MICRO)]
        with pytest.raises(TileNestingError, match="abandoned"):
            prof.stop_tile(timers[1], 0, 0)
        micro(prof)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 1]
    rec = prof.recording()
    assert (rec.abandoned_tiles, rec.open_tiles) == (2, 0)
    assert rec.brick_info("k").calls == 1
    assert prof.tile_stats(MICRO, "default").count == 1


def test_an_exception_in_a_brick_is_not_hidden_by_the_tiles_it_left() -> None:
    prof = manual()
    with pytest.raises(KeyError), prof.recorders("k", 2) as handles:
        timer = prof.start_tile(MICRO, 0, 0)
        tile_library().start(pointer_of(handles[1]), 2, 0, 0)
        raise KeyError
    with pytest.raises(TileNestingError, match="abandoned"):
        prof.stop_tile(timer, 0, 0)
    rec = prof.recording()
    assert (rec.abandoned_tiles, rec.open_tiles) == (2, 0)


def test_a_timer_may_not_be_stopped_inside_a_later_brick() -> None:
    prof = manual()
    timer = prof.start_tile(MACRO, 0, 0)
    with prof.brick("k"):
        before = figures(prof)
        with pytest.raises(TileNestingError, match="outside the brick"):
            prof.stop_tile(timer, 1, 1)
        assert figures(prof) == before
        micro(prof)
    prof.stop_tile(timer, 1, 1)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 1]


@pytest.mark.parametrize("error", [None, KeyError])
def test_a_block_left_inside_a_later_brick(error: type[Exception] | None) -> None:
    prof = manual()
    block = prof.tile(MICRO, 0, 0)
    block.__enter__()
    with prof.recorders("k") as (handle,):
        if error is None:
            with pytest.raises(TileNestingError, match="brick open inside"):
                block.__exit__(None, None, None)
        else:
            block.__exit__(error, error(), None)
        with pytest.raises(TileNestingError, match="coarser"):
            prof.start_tile(MACRO, 0, 0)
        micro(prof)
        tile_library().start(pointer_of(handle), 2, 0, 0)
        tile_library().stop(pointer_of(handle), 0, 0, 0)
    with prof.tile(MACRO, 0, 0):
        pass
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 2]
    rec = prof.recording()
    assert (rec.abandoned_tiles, rec.open_tiles) == (1, 0)


@pytest.mark.parametrize("through_c", [False, True])
def test_a_timer_dropped_inside_a_later_brick(through_c: bool) -> None:
    prof = manual()
    outer, timer = prof.start_tile(MACRO, 0, 0), prof.start_tile(MIDI, 0, 0)
    with prof.recorders("k") as (handle,):
        del timer
        with pytest.raises(TileNestingError):
            prof.stop_tile(outer, 0, 0)
        if through_c:
            tile_library().start(pointer_of(handle), 2, 0, 0)
            tile_library().stop(pointer_of(handle), 0, 0, 0)
        else:
            micro(prof)
    prof.stop_tile(outer, 0, 0)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 1]
    assert prof.recording().abandoned_tiles == 1


def test_bricks_left_out_of_order() -> None:
    prof = manual()
    timer = prof.start_tile(MACRO, 0, 0)
    outer, inner = prof.recorders("outer"), prof.recorders("inner")
    outer.__enter__()
    inner.__enter__()
    left = prof.start_tile(MICRO, 0, 0)
    with pytest.raises(TileNestingError, match=r"'outer': left before a brick .*; .* 1 left open"):
        outer.__exit__(None, None, None)
    prof.stop_tile(timer, 0, 0)
    with pytest.raises(TileNestingError, match=r"'inner': .*enclosing brick"):
        inner.__exit__(None, None, None)
    for brick in (outer, inner):
        brick.__exit__(None, None, None)
    with pytest.raises(TileNestingError):
        prof.stop_tile(left, 0, 0)
    with prof.recorders("k") as (handle,):
        tile_library().start(pointer_of(handle), 0, 0, 0)
        tile_library().stop(pointer_of(handle), 0, 0, 0)
    assert [(stats.brick, stats.count) for stats in prof.recording().tiles] == [
        ("default", 1),
        ("k", 1),
    ]


def test_recorders_entered_twice() -> None:
    prof = manual()
    brick = prof.recorders("k", 2)
    with brick, pytest.raises(TileNestingError, match="in use already"):
        brick.__enter__()
    with brick:
        micro(prof)
    brick.__exit__(None, None, None)
    assert prof.recording().brick_info("k").calls == 2


def test_recorders_are_used_again() -> None:
    prof = manual(events=100)
    for _ in range(5):
        with prof.recorders("k", 3) as handles:
            for handle in handles:
                tile_library().start(pointer_of(handle), 2, 0, 0)
                tile_library().stop(pointer_of(handle), 1, 2, UNDECLARED)
    rec = prof.recording()
    assert {event.thread for event in rec.events} == {0, 1, 2}
    assert (rec.brick_info("k").threads, rec.brick_info("k").calls) == (3, 5)
    stats = prof.tile_stats(MICRO, "k")
    assert (stats.count, stats.elements, stats.nbytes, stats.undeclared) == (15, 15, 60, 15)


def test_tiles_from_c_lie_inside_those_of_the_calling_thread() -> None:
    prof = manual()
    with prof.tile(MACRO, 0, 0), prof.recorders("k", 2) as handles:
        for handle in handles:
            tile_library().start(pointer_of(handle), 1, 0, 0)
            prof.advance(10)
            tile_library().stop(pointer_of(handle), 0, 0, 0)
    macro, midi, _ = prof.all_tile_stats()
    assert (midi.count, midi.total_ns, macro.total_ns, macro.self_ns) == (2, 20, 20, 10)


def test_off_is_a_null_recorder() -> None:
    tile_library().start(None, 0, 0, 0)
    tile_library().stop(None, 0, 0, 0)


def test_a_tile_stopped_from_c_where_none_is_open() -> None:
    prof = manual()
    timer = prof.start_tile(MACRO, 0, 0)
    with (
        pytest.raises(TileNestingError, match="thread 0: a tile was stopped where none was open"),
        prof.recorders("k", 2) as handles,
    ):
        tile_library().stop(pointer_of(handles[0]), 1, 1, 1)
    prof.stop_tile(timer, 0, 0)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 0]


def test_a_coarser_tile_inside_a_finer_one_from_c() -> None:
    prof = manual()
    with (
        pytest.raises(TileNestingError, match="thread 1: a coarser tile"),
        prof.recorders("k", 2) as (_, handle),
    ):
        for level in (2, 0):
            tile_library().start(pointer_of(handle), level, 0, 0)
        for _ in range(2):
            tile_library().stop(pointer_of(handle), 0, 0, 0)
    with prof.recorders("k", 2):
        micro(prof)


@pytest.mark.parametrize("level", [-1, 3, 2**31 - 1])
def test_a_level_from_c_that_does_not_exist(level: int) -> None:
    prof = manual()
    with (
        pytest.raises(TileNestingError, match=r"thread 0: .* level that does not exist"),
        prof.recorders("k") as (handle,),
    ):
        tile_library().start(pointer_of(handle), level, 0, 0)
        tile_library().stop(pointer_of(handle), 0, 0, 0)


def test_more_than_32_tiles_from_c() -> None:
    prof = manual()
    with (
        pytest.raises(TileNestingError, match="more than 32 tiles were open"),
        prof.recorders("k") as (handle,),
    ):
        for _ in range(40):
            tile_library().start(pointer_of(handle), 2, 0, 0)
        for _ in range(40):
            tile_library().stop(pointer_of(handle), 0, 0, 0)
    assert prof.tile_stats(MICRO).count == 32
    with prof.recorders("k") as (handle,):
        tile_library().start(pointer_of(handle), 2, 0, 0)
        tile_library().stop(pointer_of(handle), 0, 0, 0)
    assert prof.tile_stats(MICRO).count == 33


def test_tiles_left_open_by_c_are_named() -> None:
    prof = manual()
    with (
        pytest.raises(TileNestingError, match=r"thread 1: 3 left open.*Macro\(5, 6\)"),
        prof.recorders("k", 2) as (_, handle),
    ):
        for level in (0, 1, 2):
            tile_library().start(pointer_of(handle), level, 5, 6)
    rec = prof.recording()
    assert (rec.abandoned_tiles, rec.open_tiles, rec.tiles) == (3, 0, ())
