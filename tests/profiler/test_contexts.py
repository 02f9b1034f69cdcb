"""Tiles and bricks of asyncio's tasks, of generators, and of threads that are handed a context."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.entry_points import MACRO, MICRO, MIDI, manual, micro

from brickprof import BrickProfiler
from brickprof.core.errors import TileNestingError
from brickprof.core.levels import TileLevel
from brickprof.profiler.brick_profiler import slow_path_calls


async def turn() -> None:
    """Let the other tasks go on."""
    await asyncio.sleep(0)


def in_turns(*tasks: object) -> list[object]:
    """Run coroutines as tasks that take turns; return what each returned or raised."""

    async def main() -> list[object]:
        return await asyncio.gather(*tasks, return_exceptions=True)  # type: ignore[call-overload]

    return asyncio.run(main())


def test_tiles_of_tasks_do_not_lie_inside_each_other() -> None:
    prof = manual()

    async def job(level: TileLevel, ticks: int) -> None:
        timer = prof.start_tile(level, 0, 0)
        prof.advance(ticks)
        await turn()
        with prof.tile(MICRO, 0, 0, flops=2):
            prof.advance(1)
            await turn()
        prof.stop_tile(timer, 1, 1)

    # The second task's tile is coarser than the first one's, which is open by then.
    assert in_turns(job(MIDI, 5), job(MACRO, 7)) == [None, None]
    macro, midi, finest = prof.all_tile_stats()
    assert (midi.count, midi.total_ns, midi.self_ns) == (1, 5 + 7 + 2, 5 + 7)
    assert (macro.count, macro.total_ns, macro.self_ns) == (1, 7 + 2, 8)
    assert (finest.count, finest.flops) == (2, 4)
    assert prof.recording().abandoned_tiles == 0


def test_bricks_of_tasks_are_their_own_and_count_as_one_thread() -> None:
    prof = manual()

    async def job(name: str) -> None:
        with prof.brick(name):
            await turn()
            micro(prof, 3)
            await turn()
        micro(prof, 1)

    assert in_turns(job("a"), job("b"), job("a")) == [None] * 3
    rec = prof.recording()
    assert [prof.tile_stats(MICRO, name).count for name in ("a", "b", "default")] == [2, 1, 3]
    assert [(info.threads, info.calls) for info in rec.brick_infos] == [(1, 2), (1, 1), (1, 0)]


def test_tasks_that_leave_no_tile_open_share_a_recorder() -> None:
    prof = BrickProfiler(clock="manual", events=100)
    prof.enable_tile_profiling()

    async def job() -> None:
        for _ in range(3):
            micro(prof)
            await turn()

    in_turns(*(job() for _ in range(5)))
    assert {event.thread for event in prof.recording().events} == {0}

    async def holds() -> None:
        with prof.tile(MICRO, 0, 0):
            await turn()

    for _ in range(3):
        in_turns(*(holds() for _ in range(4)))
    assert {event.thread for event in prof.recording().events} == {0, 1, 2, 3}


def test_a_thousand_tasks() -> None:
    prof = manual()

    async def job() -> None:
        with prof.tile(MIDI, 0, 0):
            await turn()
            micro(prof)
            await turn()

    assert set(in_turns(*(job() for _ in range(1000)))) == {None}
    assert [prof.tile_stats(level).count for level in (MIDI, MICRO)] == [1000, 1000]
    prof.reset_tile_stats()


def test_a_tile_may_be_stopped_in_another_context() -> None:
    prof = manual()
    timer = contextvars.copy_context().run(prof.start_tile, MACRO, 0, 0)
    prof.advance(4)
    contextvars.copy_context().run(prof.stop_tile, timer, 1, 1)
    assert prof.tile_stats(MACRO).total_ns == 4


def test_the_fast_path_is_taken_within_a_context() -> None:
    prof = manual()

    async def job() -> tuple[int, int]:
        micro(prof)
        before = slow_path_calls()
        for _ in range(10):
            micro(prof)
        after = slow_path_calls()
        return after[0] - before[0], after[1] - before[1]

    assert in_turns(job()) == [(0, 0)]


def test_a_task_that_fails_with_tiles_open() -> None:
    prof = manual()

    async def fails() -> None:
        with prof.tile(MACRO, 0, 0):
            await turn()
            raise KeyError

    async def works() -> None:
        with prof.tile(MACRO, 0, 0):
            await turn()
            await turn()

    failed, worked = in_turns(fails(), works())
    assert (type(failed), worked) == (KeyError, None)
    rec = prof.recording()
    assert (prof.tile_stats(MACRO).count, rec.abandoned_tiles) == (1, 1)
    assert rec.abandoned_by == (("left by KeyError", 1),)


def steps(prof: BrickProfiler, level: TileLevel) -> Iterator[None]:
    """Yield inside a tile."""
    with prof.tile(level, 0, 0):
        yield


def test_generators_that_take_turns_are_refused_with_the_reason() -> None:
    prof = manual()
    first, second = steps(prof, MICRO), steps(prof, MICRO)
    next(first)
    next(second)
    with pytest.raises(TileNestingError, match="Generators that take turns have to leave"):
        next(first)
    with pytest.raises(TileNestingError, match="abandoned"):
        next(second)
    assert prof.recording().abandoned_by == (("left open inside another tile", 2),)
    micro(prof)


def test_a_generator_that_is_closed_loses_its_tile_alone() -> None:
    prof = manual()
    generator = steps(prof, MIDI)
    next(generator)
    timer = prof.start_tile(MICRO, 0, 0)
    prof.advance(3)
    generator.close()  # type: ignore[attr-defined]
    prof.stop_tile(timer, 1, 1)
    micro(prof)
    rec = prof.recording()
    assert (rec.tile_stats(MIDI).count, rec.tile_stats(MICRO).count) == (0, 2)
    assert rec.abandoned_by == (("left by GeneratorExit", 1),)
    with prof.tile(MACRO, 0, 0):
        pass


def test_a_generator_that_is_closed_or_collected_on_another_thread() -> None:
    prof = manual()
    closed, collected = steps(prof, MIDI), [steps(prof, MICRO)]
    next(closed)
    next(collected[0])

    def end() -> None:
        closed.close()  # type: ignore[attr-defined]
        collected.clear()
        gc.collect()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(end).result()
    rec = prof.recording()
    assert (rec.open_tiles, rec.abandoned_by) == (0, (("left on another thread", 2),))
    with prof.tile(MACRO, 0, 0):
        pass
    assert prof.tile_stats(MACRO).count == 1


def test_why_tiles_were_never_stopped() -> None:
    prof = manual()
    prof.start_tile(MICRO, 0, 0)
    with pytest.raises(ZeroDivisionError), prof.tile(MACRO, 0, 0):
        prof.start_tile(MICRO, 0, 0)
        kept = prof.start_tile(MICRO, 0, 1)
        raise ZeroDivisionError
    with pytest.raises(TileNestingError), prof.brick("k"):
        kept = prof.start_tile(MICRO, 0, 0)
    del kept
    rec = prof.recording()
    assert rec.abandoned_by == (
        ("left by ZeroDivisionError", 2),
        ("left open in a brick", 1),
        ("timer dropped", 2),
    )
    assert rec.abandoned_tiles == 5
    prof.reset_tile_stats()
    assert prof.recording().abandoned_by == ()


def test_workers_that_are_handed_the_context_are_in_its_brick() -> None:
    prof = manual()

    async def main() -> None:
        with prof.brick("conv"):
            await asyncio.gather(*(asyncio.to_thread(micro, prof, 2) for _ in range(3)))
        await asyncio.to_thread(micro, prof, 2)

    asyncio.run(main())
    rec = prof.recording()
    assert prof.tile_stats(MICRO, "conv").count == 3
    assert prof.tile_stats(MICRO, "default").count == 1
    assert rec.brickless_threads == 0
    assert rec.brick_info("conv").calls == 1


def test_a_brick_is_inherited_until_that_visit_ends() -> None:
    prof = manual()
    with ThreadPoolExecutor(1) as pool:
        with prof.brick("conv"):
            context = contextvars.copy_context()
            pool.submit(context.run, micro, prof).result()
            pool.submit(context.run, micro, prof).result()
        pool.submit(context.run, micro, prof).result()
        with prof.brick("conv"):
            pool.submit(context.run, micro, prof).result()
        with prof.brick("other"):
            pool.submit(contextvars.copy_context().run, micro, prof).result()
    counts = [prof.tile_stats(MICRO, name).count for name in ("conv", "default", "other")]
    assert counts == [2, 2, 1]
    assert prof.recording().brick_info("conv").threads == 1


def test_workers_without_the_context_are_told() -> None:
    prof = manual()
    with prof.brick("conv"), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: micro(prof), range(4)))
    rec = prof.recording()
    assert prof.tile_stats(MICRO, "default").count == 4
    assert rec.brickless_threads >= 1
    assert prof.tile_summary().count("outside any brick while another thread was in one") == 1


def test_a_worker_may_outlive_the_brick_that_it_was_started_in() -> None:
    prof = manual()
    other = manual()
    with ThreadPoolExecutor(1) as pool:
        with prof.brick("a"), other.brick("x"), prof.brick("b"):
            context = contextvars.copy_context()
            pool.submit(context.run, micro, prof).result()
            pool.submit(context.run, micro, other).result()
        pool.submit(context.run, micro, other).result()
    assert (prof.tile_stats(MICRO, "a").count, prof.tile_stats(MICRO, "b").count) == (0, 1)
    assert (other.tile_stats(MICRO, "x").count, other.tile_stats(MICRO, "default").count) == (1, 1)


def test_a_profiler_in_a_context_is_collected() -> None:
    profiler_of: contextvars.ContextVar[BrickProfiler] = contextvars.ContextVar("profiler")

    def work() -> weakref.ref[BrickProfiler]:
        prof = manual()
        profiler_of.set(prof)
        micro(prof)
        return weakref.ref(prof)

    seen = contextvars.copy_context().run(work)
    gc.collect()
    assert seen() is None
