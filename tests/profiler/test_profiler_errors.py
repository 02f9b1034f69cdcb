"""BrickProfiler: what is refused, and that nothing is lost by it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.entry_points import MACRO, MICRO, MIDI, figures, manual, micro

from brickprof import BrickProfiler
from brickprof.core.errors import TileNestingError
from brickprof.recording import Overhead

WRONG_NUMBERS = [
    (0.5, ValueError),
    (math.nan, ValueError),
    (math.inf, ValueError),
    (-math.inf, ValueError),
    (np.float32(1.5), ValueError),
    (np.float64("nan"), ValueError),
    (-1, ValueError),
    (-2.0, ValueError),
    (np.int64(-1), ValueError),
    (2**64, ValueError),
    (2.0**64, ValueError),
    (True, TypeError),
    (np.True_, TypeError),
    ("1", TypeError),
    (b"1", TypeError),
    (None, TypeError),
    ([1], TypeError),
    (1j, TypeError),
    (Fraction(3), TypeError),
    (np.array([1, 2]), TypeError),
]


@pytest.mark.parametrize("name", ["elements", "flops", "nbytes"])
@pytest.mark.parametrize(
    ("wrong", "error"), WRONG_NUMBERS, ids=[repr(wrong) for wrong, _ in WRONG_NUMBERS]
)
def test_a_wrong_count_leaves_the_tile_open(name: str, wrong: Any, error: type[Exception]) -> None:
    work: dict[str, Any] = {"elements": 1, "flops": 2, "nbytes": 3}
    if name == "nbytes" and wrong is None:  # which declares none; its limit is one lower
        wrong = 2**64 - 1
        error = ValueError
    prof = manual(events=4)
    timer = prof.start_tile(MICRO, 0, 0)
    prof.advance(5)
    before = figures(prof)
    with pytest.raises(error, match=f"^{name} must be "):
        prof.stop_tile(timer, **{**work, name: wrong})
    with pytest.raises(error, match=f"^{name} must be "):
        prof.tile(MICRO, 0, 0, **{**work, name: wrong})
    assert figures(prof) == before
    prof.advance(2)
    prof.stop_tile(timer, **work)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.elements, stats.flops, stats.nbytes) == (1, 1, 2, 3)
    assert stats.total_ns == 7


@pytest.mark.parametrize(
    ("wrong", "error"), WRONG_NUMBERS, ids=[repr(wrong) for wrong, _ in WRONG_NUMBERS]
)
def test_a_wrong_place_opens_no_tile(wrong: Any, error: type[Exception]) -> None:
    prof = manual()
    for method in (prof.start_tile, prof.tile):
        with pytest.raises(error, match=r"^row must be "):
            method(MICRO, wrong, 0)
        with pytest.raises(error, match=r"^col must be "):
            method(MICRO, 0, wrong)
    with pytest.raises(error, match=r"^ticks must be "):
        prof.advance(wrong)
    assert prof.recording().open_tiles == 0


def test_numpys_truth_is_no_count_where_it_passes_for_an_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator, "index", int)  # as NumPy before 2.3, which only warned
    with pytest.raises(TypeError, match=r"^row must be "):
        manual().start_tile(MICRO, np.True_, 0)


@pytest.mark.parametrize("wrong", [5, "roofs", Overhead(), object()])
def test_roofs_are_roofs(wrong: Any) -> None:
    prof = manual()
    for method in (prof.recording, prof.tile_summary):
        with pytest.raises(TypeError, match=r"^roofs must be a Roofs or None"):
            method(wrong)


@pytest.mark.parametrize("wrong", [0, 2, "MICRO", None, 2.0, np.int64(1), BrickProfiler])
def test_a_level_is_a_tile_level(wrong: Any) -> None:
    prof = manual()
    calls: list[Callable[[], object]] = [
        lambda: prof.start_tile(wrong, 0, 0),
        lambda: prof.tile(wrong, 0, 0),
        lambda: prof.tile_stats(wrong),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"^level must be a TileLevel"):
            call()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sample_every": 0}, ValueError, "sample_every must be >= 1"),
        ({"sample_every": -1}, ValueError, "sample_every must be "),
        ({"sample_every": 1.5}, ValueError, "sample_every must be "),
        ({"sample_every": None}, TypeError, "sample_every must be "),
        ({"events": -1}, ValueError, "events must be "),
        ({"events": 2**32 + 1}, ValueError, "events must be at most"),
        ({"events": "many"}, TypeError, "events must be "),
        ({"clock": "sundial"}, ValueError, "clock must be "),
        ({"clock": None}, ValueError, "clock must be "),
        ({"clock": ["tsc"]}, ValueError, "clock must be "),
        ({"overhead": 5.0}, TypeError, "overhead must be an Overhead"),
        ({"overhead": Overhead(c_pair=-1.0)}, ValueError, "overhead.c_pair must be "),
        ({"overhead": Overhead(block_inside=math.nan)}, ValueError, "overhead.block_inside "),
        ({"overhead": Overhead(python_pair=1e30)}, ValueError, "overhead.python_pair must be "),
        ({"overhead": Overhead(c_inside="1")}, TypeError, "overhead.c_inside must be "),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_of_the_profiler(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        BrickProfiler(**arguments)


def test_the_profiler_takes_no_other_arguments() -> None:
    with pytest.raises(TypeError):
        BrickProfiler(5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        BrickProfiler(colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("",), TypeError, "brick must be a name"),
        ((None,), TypeError, "brick must be a name"),
        ((b"k",), TypeError, "brick must be a name"),
        (("k", 0), ValueError, "threads must be in "),
        (("k", 4097), ValueError, "threads must be in "),
        (("k", 1.5), TypeError, "threads must be an integer in "),
        (("k", "2"), TypeError, "threads must be an integer in "),
        (("k", 1, "float8"), ValueError, "dtype must be .*'bfloat16'.*, got 'float8'"),
        (("k", 1, ""), ValueError, "dtype must be "),
        (("k", 1, np.int64), ValueError, "dtype must be .*, got <class 'numpy.int64'>"),
        (("k", 1, float), TypeError, "dtype must be "),
        (("k", 1, None), TypeError, "dtype must be "),
        (("k", 1, ["float32"]), TypeError, "dtype must be "),
    ],
)
def test_wrong_arguments_of_a_brick(arguments: Any, error: type[Exception], message: str) -> None:
    prof = manual()
    with pytest.raises(error, match=f"^{message}"):
        prof.recorders(*arguments)
    assert prof.recording().bricks == ()


def test_a_name_may_be_numpys() -> None:
    prof = manual()
    with prof.brick(np.str_("k"), str(np.dtype("float64"))):
        micro(prof)
    assert type(prof.recording().bricks[0]) is str


def test_advance_is_for_the_manual_clock() -> None:
    with pytest.raises(ValueError, match="clock='manual'"):
        BrickProfiler(clock="clock_gettime").advance(1)


def test_stopped_twice() -> None:
    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    prof.stop_tile(timer, 1, 1)
    before = figures(prof)
    with pytest.raises(TileNestingError, match="stopped already"):
        prof.stop_tile(timer, 1, 1)
    assert figures(prof) == before


def test_stopped_out_of_order() -> None:
    prof = manual()
    outer, inner = prof.start_tile(MACRO, 1, 2), prof.start_tile(MICRO, 3, 4)
    before = figures(prof)
    with pytest.raises(TileNestingError, match=r"open.*Macro\(1, 2\), Micro\(3, 4\)"):
        prof.stop_tile(outer, 1, 1)
    assert figures(prof) == before
    prof.stop_tile(inner, 1, 1)
    prof.stop_tile(outer, 1, 1)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 1]


def test_another_profilers_timer() -> None:
    prof, other = manual(), manual()
    timer = other.start_tile(MICRO, 0, 0)
    with pytest.raises(TileNestingError, match="another BrickProfiler"):
        prof.stop_tile(timer, 1, 1)
    assert (prof.tile_stats(MICRO).count, other.tile_stats(MICRO).count) == (0, 0)
    other.stop_tile(timer, 1, 1)
    assert other.tile_stats(MICRO).count == 1


def test_a_coarser_tile_inside_a_finer_one() -> None:
    prof = manual()
    with prof.tile(MIDI, 5, 6):
        before = figures(prof)
        with pytest.raises(TileNestingError, match=r"MACRO is coarser .* Midi\(5, 6\)"):
            prof.start_tile(MACRO, 0, 0)
        block = prof.tile(MACRO, 0, 0)
        with pytest.raises(TileNestingError, match="MACRO is coarser"):
            block.__enter__()
        assert figures(prof) == before
    with block:
        pass
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 1, 0]


def test_32_tiles_may_be_open() -> None:
    prof = manual()
    timers = [prof.start_tile(MICRO, number, 0) for number in range(32)]
    before = figures(prof)
    with pytest.raises(TileNestingError, match="more than 32"):
        prof.start_tile(MICRO, 0, 0)
    with pytest.raises(TileNestingError, match="more than 32"), prof.tile(MICRO, 0, 0):
        raise AssertionError("the block was run")
    assert figures(prof) == before
    for timer in reversed(timers):
        prof.stop_tile(timer, 0, 0)
    assert prof.tile_stats(MICRO).count == 32


def test_a_block_entered_twice() -> None:
    prof = manual()
    block = prof.tile(MICRO, 0, 0)
    with block:
        with pytest.raises(TileNestingError, match="open already"):
            block.__enter__()
        prof.disable_tile_profiling()
        with pytest.raises(TileNestingError, match="open already"):
            block.__enter__()
    assert prof.tile_stats(MICRO).count == 1


def test_an_exception_abandons_its_tile_and_no_other() -> None:
    prof = manual()
    with prof.tile(MACRO, 0, 0):
        with pytest.raises(KeyError), prof.tile(MIDI, 0, 0):
            micro(prof, 10)
            prof.start_tile(MICRO, 0, 0)
            raise KeyError
        micro(prof, 5)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 0, 2]
    rec = prof.recording()
    assert (rec.abandoned_tiles, rec.open_tiles) == (2, 0)
    assert prof.tile_stats(MACRO).total_ns == 15


def test_a_block_left_with_tiles_open_abandons_them() -> None:
    prof = manual()
    block = prof.tile(MIDI, 1, 1)
    block.__enter__()
    inner = prof.start_tile(MICRO, 2, 3)
    with pytest.raises(TileNestingError, match=r"Midi\(1, 1\), Micro\(2, 3\)"):
        block.__exit__(None, None, None)
    with pytest.raises(TileNestingError, match="abandoned when an enclosing block was left"):
        prof.stop_tile(inner, 0, 0)
    with pytest.raises(TileNestingError, match="stopped already"):
        prof.stop_tile(inner, 0, 0)
    assert prof.recording().abandoned_tiles == 2
    micro(prof)
    assert [stats.count for stats in prof.all_tile_stats()] == [0, 0, 1]


def test_an_inner_block_left_after_its_outer_one() -> None:
    prof = manual()
    outer, inner = prof.tile(MIDI, 0, 0), prof.tile(MICRO, 0, 0)
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(KeyError, KeyError(), None)
    micro(prof)
    with pytest.raises(TileNestingError, match="abandoned when an enclosing block was left"):
        inner.__exit__(None, None, None)
    assert (prof.tile_stats(MICRO).count, prof.recording().abandoned_tiles) == (1, 2)


def test_a_dropped_timer_abandons_its_tile() -> None:
    prof = manual()
    prof.start_tile(MACRO, 0, 0)
    rec = prof.recording()
    assert (rec.open_tiles, rec.abandoned_tiles) == (0, 1)
    with prof.tile(MACRO, 0, 0):
        prof.start_tile(MICRO, 0, 0)
        prof.start_tile(MIDI, 0, 0)
        prof.advance(3)
    outer = prof.start_tile(MACRO, 0, 0)
    prof.start_tile(MICRO, 0, 0)
    prof.stop_tile(outer, 0, 0)
    assert [stats.count for stats in prof.all_tile_stats()] == [2, 0, 0]
    rec = prof.recording()
    assert (rec.open_tiles, rec.abandoned_tiles) == (0, 4)


def test_a_tile_started_after_a_dropped_timer_is_not_inside_its_tile() -> None:
    prof = manual()
    prof.start_tile(MICRO, 0, 0)
    timer = prof.start_tile(MICRO, 0, 0)
    prof.advance(5)
    prof.stop_tile(timer, 0, 0)
    assert prof.recording().brick_info("default").wall_ns == 5


def test_a_dropped_block_abandons_its_tile() -> None:
    prof = manual()
    prof.tile(MICRO, 0, 0).__enter__()
    rec = prof.recording()
    assert (rec.open_tiles, rec.abandoned_tiles) == (0, 1)
    with prof.tile(MACRO, 0, 0):
        pass
    assert prof.tile_stats(MACRO).count == 1


def test_reset_needs_all_tiles_stopped() -> None:
    prof = manual()
    micro(prof)
    timer = prof.start_tile(MICRO, 0, 0)
    before = figures(prof)
    with pytest.raises(TileNestingError, match="cannot reset with 1 open"):
        prof.reset_tile_stats()
    assert figures(prof) == before
    prof.stop_tile(timer, 0, 0)
    prof.reset_tile_stats()
    assert prof.tile_stats(MICRO).count == 0
