"""Decorated functions are tiles or calls of a brick, and stay what they were."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.entry_points import MACRO, MICRO, manual

import brickprof as bp
from brickprof.core.errors import TileNestingError


def test_each_call_of_a_decorated_function_is_a_tile() -> None:
    prof = manual()

    @prof.tile(MICRO, 1, 2, elements=3, flops=7, nbytes=8)
    def work(ticks: int, *, more: int = 0) -> int:
        """Do some work."""
        prof.advance(ticks + more)
        return ticks

    assert [work(5), work(6, more=1)] == [5, 6]
    tile = prof.tile_stats(MICRO)
    assert (tile.count, tile.total_ns, tile.flops, tile.nbytes) == (2, 12, 14, 16)
    assert (work.__name__, work.__doc__) == ("work", "Do some work.")
    assert str(inspect.signature(work)).startswith("(ticks: ")


def test_work_and_place_may_be_functions_of_the_arguments() -> None:
    prof = bp.BrickProfiler(clock="manual", events=9)
    prof.enable_tile_profiling()

    @prof.tile(
        MICRO,
        lambda a, row=0: row,
        0,
        elements=lambda a, row=0: a.size,
        flops=lambda a, row=0: 2 * a.size,
        loaded_bytes=lambda a, row=0: a.nbytes,
    )
    def double(a: np.ndarray[Any, Any], row: int = 0) -> np.ndarray[Any, Any]:
        prof.advance(1)
        return 2 * a

    double(np.ones(4, np.float32))
    assert double(np.ones(6, np.float32), row=3).sum() == 12
    tile = prof.tile_stats(MICRO)
    assert (tile.elements, tile.flops, tile.loaded_bytes, tile.stored_bytes) == (10, 20, 40, 0)
    assert [event.row for event in prof.recording().events] == [0, 3]


def test_functions_of_the_arguments_are_for_decorators_alone() -> None:
    prof = manual()
    with (
        pytest.raises(TypeError, match="flops must be numbers in a with statement"),
        prof.tile(MICRO, 0, 0, flops=lambda: 1),  # type: ignore[attr-defined]
    ):
        raise AssertionError("not entered")
    assert prof.tile_stats(MICRO).count == 0


@pytest.mark.parametrize("given", [{"flops": "7"}, {"elements": None}, {"nbytes": "x"}])
def test_other_things_are_refused_at_once(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(given))):
        manual().tile(MICRO, 0, 0, **given)


def test_what_a_work_function_returns_is_checked_before_anything_starts() -> None:
    prof = manual()

    @prof.tile(MICRO, 0, 0, flops=lambda: -1)
    def work() -> None:
        raise AssertionError("not called")

    with pytest.raises(ValueError, match="flops"):
        work()
    assert prof.recording().open_tiles == 0


def test_a_decorated_brick_names_the_tiles_of_every_call() -> None:
    prof = manual()

    @prof.brick("kernel", dtype="float64")
    def kernel() -> None:
        with prof.tile(MACRO, 0, 0):
            prof.advance(4)

    kernel()
    kernel()
    info = prof.recording().brick_info("kernel")
    assert (info.calls, info.wall_ns, info.dtypes) == (2, 8, ("float64",))


def test_recursion_and_threads_have_blocks_of_their_own() -> None:
    prof = manual()

    @prof.brick("fib")
    @prof.tile(MICRO, 0, 0, flops=1)
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    threads = [threading.Thread(target=fib, args=(7,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fib(7) == 13
    assert prof.tile_stats(MICRO, "fib").count == 4 * 41


def test_methods_and_coroutines_can_be_decorated() -> None:
    prof = manual()

    class Layer:
        @prof.tile(MICRO, 0, 0, flops=lambda self, n: self.size * n)
        def forward(self, n: int) -> int:
            return n

        size = 5

    @prof.brick("async")
    async def step() -> int:
        with prof.tile(MICRO, 1, 0):
            await asyncio.sleep(0)
            prof.advance(3)
        return 9

    async def steps() -> list[int]:
        return await asyncio.gather(step(), step())

    assert Layer().forward(2) == 2
    assert prof.tile_stats(MICRO).flops == 10
    assert asyncio.iscoroutinefunction(step)
    assert asyncio.run(steps()) == [9, 9]
    assert prof.tile_stats(MICRO, "async").count == 2
    assert prof.recording().brick_info("async").calls == 2


def test_an_exception_leaves_the_function_and_its_tile() -> None:
    prof = manual()

    @prof.tile(MICRO, 0, 0)
    def fail() -> None:
        raise KeyError("x")

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
    assert prof.recording().abandoned_by == (("left by KeyError", 2),)


def _generator() -> Any:
    yield 1


async def _async_generator() -> Any:
    yield 1


@pytest.mark.parametrize("decorator", ["tile", "brick", "computed"])
@pytest.mark.parametrize("function", [_generator, _async_generator, 3])
def test_what_has_no_calls_to_time_is_refused(decorator: str, function: Any) -> None:
    prof = manual()
    made: dict[str, Callable[[Any], Any]] = {
        "tile": prof.tile(MICRO, 0, 0),
        "brick": prof.brick("k"),
        "computed": prof.tile(MICRO, 0, 0, flops=lambda: 1),
    }
    with pytest.raises(TypeError, match="generator|expected a function"):
        made[decorator](function)


def test_recorders_of_several_threads_are_no_decorator() -> None:
    with pytest.raises(TypeError, match="for a with statement"):
        manual().recorders("k", 2)(lambda: None)


def test_a_profiler_is_on_inside_its_block_alone() -> None:
    prof = bp.BrickProfiler(clock="manual")
    with prof as entered:
        assert entered is prof and prof.is_tile_profiling_enabled
        with prof:
            pass
        assert prof.is_tile_profiling_enabled
    assert not prof.is_tile_profiling_enabled
    prof.enable_tile_profiling()
    with pytest.raises(KeyError), prof:
        raise KeyError
    assert prof.is_tile_profiling_enabled


def test_off_no_work_is_computed() -> None:
    prof = bp.BrickProfiler()

    @prof.tile(MICRO, 0, 0, flops=lambda: 1 / 0)
    def work() -> int:
        return 4

    assert work() == 4
    with prof, pytest.raises(ZeroDivisionError):
        work()


def test_off_a_decorated_function_records_nothing() -> None:
    prof = bp.BrickProfiler(clock="manual")
    assert prof.brick("k")(prof.tile(MICRO, 0, 0)(lambda: 4))() == 4
    assert prof.recording().tiles == ()


def test_the_profiler_as_json_is_its_recording() -> None:
    prof = manual()
    with prof.tile(MICRO, 0, 0):
        prof.advance(2)
    assert bp.Recording.from_json(prof.to_json()).tiles == prof.recording().tiles


def test_a_block_is_entered_once_at_a_time() -> None:
    tile = manual().tile(MICRO, 0, 0)
    with tile, pytest.raises(TileNestingError), tile:
        raise AssertionError("not entered")
