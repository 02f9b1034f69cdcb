"""BrickProfiler on several threads: exact sums, and threads that end or meddle."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

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
from brickprof.profiler.tiles import TileTimer


def on_thread(work: Callable[[], object], name: str = "worker") -> None:
    """Run a function on a thread to its end, and raise here what it raises there."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_four_threads_lose_no_tile() -> None:
    prof = BrickProfiler(clock="clock_gettime")
    prof.enable_tile_profiling()
    together = threading.Barrier(4)

    def work(number: int) -> None:
        together.wait()
        with prof.brick(f"k{number % 2}"):
            for tile in range(1000):
                timer = prof.start_tile(MIDI, number, tile)
                with prof.tile(MICRO, 0, 0, elements=number, flops=tile, nbytes=1):
                    pass
                prof.stop_tile(timer, 1, 2**63)
        together.wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    midi, finest = prof.tile_stats(MIDI), prof.tile_stats(MICRO)
    assert (midi.count, midi.elements, midi.flops) == (4000, 4000, 4000 * 2**63)
    assert (finest.count, finest.nbytes, finest.elements) == (4000, 4000, 6000)
    assert finest.flops == 4 * sum(range(1000))
    assert sum(count for _, count in finest.histogram) == 4000
    rec = prof.recording()
    assert [info.calls for info in rec.brick_infos] == [2, 2]
    assert all(1 <= info.threads <= 2 for info in rec.brick_infos)
    assert (rec.open_tiles, rec.abandoned_tiles) == (0, 0)


def test_tiles_of_threads_do_not_nest_in_each_other() -> None:
    prof = manual()

    def work() -> None:
        with prof.tile(MACRO, 0, 0):
            prof.advance(10)

    with prof.tile(MICRO, 0, 0):
        on_thread(work)
    assert (prof.tile_stats(MICRO).self_ns, prof.tile_stats(MACRO).self_ns) == (10, 10)


def test_a_threads_tiles_outside_its_own_bricks_are_the_default_bricks() -> None:
    prof = manual()
    with prof.brick("k"):
        on_thread(lambda: micro(prof))
    on_thread(lambda: prof.brick("k").__enter__())
    on_thread(lambda: micro(prof))
    assert [(stats.brick, stats.count) for stats in prof.recording().tiles] == [("default", 2)]


def test_short_threads_share_a_recorder() -> None:
    prof = manual(events=200)
    for _ in range(100):
        on_thread(lambda: micro(prof))
    rec = prof.recording()
    assert {event.thread for event in rec.events} == {0}
    assert len(rec.events) == rec.tile_stats(MICRO).count == 100
    assert rec.brick_info("default").threads == 1


@pytest.mark.parametrize("dropped", [False, True])
def test_a_thread_that_ends_with_tiles_open(dropped: bool) -> None:
    prof = manual()
    kept: list[TileTimer] = []
    micro(prof, 3)

    def work() -> None:
        micro(prof, 4)
        timers = [prof.start_tile(MACRO, 1, 2), prof.start_tile(MICRO, 3, 4)]
        micro(prof, 5)
        if not dropped:
            kept.extend(timers)

    message = r"'tiler' .*: Macro\(1, 2\), Micro\(3, 4\)"
    with prof.tile(MACRO, 0, 0), pytest.warns(RuntimeWarning, match=message):
        on_thread(work, "tiler")
    for timer in kept:
        with pytest.raises(TileNestingError):
            prof.stop_tile(timer, 0, 0)
    on_thread(lambda: micro(prof, 6))
    macro, _, finest = prof.all_tile_stats()
    assert (macro.count, finest.count, finest.total_ns) == (1, 4, 18)
    rec = prof.recording()
    assert (rec.abandoned_tiles, rec.open_tiles) == (2, 0)


def test_a_thread_that_ends_in_order_is_silent() -> None:
    prof = manual()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_thread(lambda: micro(prof))
    assert prof.recording().abandoned_tiles == 0


def test_another_threads_timer() -> None:
    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    before = figures(prof)
    with pytest.raises(TileNestingError, match="another thread"):
        on_thread(lambda: prof.stop_tile(timer, 1, 1))
    assert figures(prof) == before
    prof.stop_tile(timer, 1, 1)
    assert prof.tile_stats(MICRO).count == 1


def test_another_threads_block() -> None:
    prof = manual()
    block = prof.tile(MICRO, 0, 0)
    with block:
        before = figures(prof)
        with pytest.raises(TileNestingError, match="another thread"):
            on_thread(lambda: block.__exit__(None, None, None))
        with pytest.raises(TileNestingError, match="open already"):
            on_thread(block.__enter__)
        assert figures(prof) == before
    assert prof.tile_stats(MICRO).count == 1


def test_another_threads_brick() -> None:
    prof = manual()
    brick = prof.recorders("k", 2)
    with brick:
        with pytest.raises(TileNestingError, match="another thread"):
            on_thread(lambda: brick.__exit__(None, None, None))
        with pytest.raises(TileNestingError, match="in use already"):
            on_thread(brick.__enter__)
        micro(prof)
    assert prof.recording().brick_info("k").calls == 1
    assert prof.tile_stats(MICRO, "k").count == 1


def test_a_brick_whose_thread_ended() -> None:
    prof = manual(events=9)
    brick = prof.recorders("k", 2)
    handles: list[tuple[object, ...]] = []
    outer = threading.Thread(target=lambda: handles.append(brick.__enter__()))
    outer.start()
    outer.join()
    # This thread is given the recorder of the one that ended.
    with prof.tile(MACRO, 0, 0):
        with pytest.raises(TileNestingError, match="its thread ended"):
            brick.__exit__(None, None, None)
        with prof.recorders("other", 2) as (own, _):
            tile_library().start(pointer_of(own), 2, 0, 0)
            tile_library().stop(pointer_of(own), 0, 0, 0)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 1]
    assert prof.recording().bricks == ("default", "other")


def test_recorders_of_one_call_are_used_on_many_threads() -> None:
    prof = manual()
    together = threading.Barrier(4)

    def work(address: int | None) -> None:
        together.wait()
        for _ in range(1000):
            tile_library().start(address, 1, 0, 0)
            tile_library().start(address, 2, 0, 0)
            tile_library().stop(address, 1, 2, 3)
            tile_library().stop(address, 4, 5, 6)

    with prof.recorders("k", 4) as handles:
        threads = [threading.Thread(target=work, args=(pointer_of(h),)) for h in handles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    midi, finest = prof.tile_stats(MIDI, "k"), prof.tile_stats(MICRO, "k")
    assert (finest.count, finest.elements, finest.flops, finest.nbytes) == (4000, 4000, 8000, 12000)
    assert (midi.count, midi.elements, midi.flops, midi.nbytes) == (4000, 16000, 20000, 24000)
    assert prof.recording().brick_info("k").threads == 4


def test_threads_are_those_in_a_brick_at_the_same_time() -> None:
    prof = manual()

    def work() -> None:
        with prof.recorders("k", 2) as handles:
            for handle in handles:
                tile_library().start(pointer_of(handle), 2, 0, 0)
                tile_library().stop(pointer_of(handle), 0, 0, 0)

    work()
    on_thread(work)
    assert prof.recording().brick_info("k").threads == 2
    with prof.brick("k"):
        work()
        on_thread(work)
    assert prof.recording().brick_info("k").threads == 3


def test_wall_time_is_that_of_all_threads_together() -> None:
    prof = manual()

    def work() -> None:
        with prof.brick("k", "float64"):
            micro(prof, 10)

    with prof.brick("k"):
        micro(prof, 1)
        on_thread(work)
        assert prof.recording().brick_info("k").wall_ns == 11
        prof.advance(2)
    prof.advance(1000)
    with prof.brick("k"):
        prof.advance(5)
    info = prof.recording().brick_info("k")
    assert (info.wall_ns, info.calls, info.threads) == (18, 3, 2)
    assert info.dtypes == ("float32", "float64")


def test_wall_time_of_a_brick_inside_itself_counts_once() -> None:
    prof = manual()
    with prof.brick("a"):
        prof.advance(1)
        with prof.brick("b"):
            prof.advance(10)
            with prof.brick("a"):
                prof.advance(100)
    rec = prof.recording()
    assert (rec.brick_info("a").wall_ns, rec.brick_info("b").wall_ns) == (111, 110)
    assert rec.brick_info("a").threads == 1


def test_a_thread_that_ended_is_no_longer_in_its_bricks() -> None:
    prof = manual()
    brick = prof.recorders("k", 3)

    def work() -> None:
        brick.__enter__()
        prof.advance(4)

    on_thread(work)
    prof.advance(1000)
    with prof.brick("k"):
        prof.advance(5)
    info = prof.recording().brick_info("k")
    assert (info.wall_ns, info.calls, info.threads) == (9, 1, 1)
    with pytest.raises(TileNestingError, match="its thread ended"):
        brick.__exit__(None, None, None)


def test_open_tiles_of_other_threads_are_counted() -> None:
    prof = manual()
    opened, done = threading.Event(), threading.Event()

    def work() -> None:
        with prof.tile(MACRO, 0, 0), prof.tile(MICRO, 0, 0):
            opened.set()
            done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    opened.wait()
    try:
        assert prof.recording().open_tiles == 2
        with pytest.raises(TileNestingError, match="2 open tiles"):
            prof.reset_tile_stats()
    finally:
        done.set()
        thread.join()
    assert prof.recording().open_tiles == 0
    assert prof.tile_stats(MICRO).count == 1
