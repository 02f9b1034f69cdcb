"""start_tile and stop_tile: called by position they take a fast path, which no caller may see."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
import sysconfig
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import MACRO, MICRO, MIDI, figures, manual, tile

from brickprof import BrickProfiler
from brickprof.core.errors import TileNestingError
from brickprof.core.levels import TileLevel
from brickprof.profiler import brick_profiler
from brickprof.profiler.brick_profiler import slow_path_calls
from brickprof.profiler.fast_calls import with_own_methods
from brickprof.profiler.tiles import TileTimer

ODD = (None, -1, True, 2**30, 2**64 - 1, 2**64, 3.0, 2.5, "x", np.int64(7), np.bool_(True), [])
levels = st.sampled_from([MACRO, MIDI, MICRO]) | st.sampled_from([0, "MICRO", None, TileLevel])
counts = st.integers(0, 5) | st.sampled_from(ODD)
steps = st.one_of(
    st.tuples(st.just("start"), levels, counts, counts),
    st.tuples(st.just("start"), st.sampled_from([MIDI, MICRO]), st.just(0), st.just(0)),
    st.tuples(st.just("stop"), st.integers(-4, 4), counts, counts, counts),
    st.tuples(st.just("stop"), st.just(-1), st.just(1), st.just(2), st.just(None)),
    st.tuples(st.just("stop"), st.just(-1), st.just(1), st.just(2), st.just(3)),
    st.tuples(st.sampled_from(["drop", "forget", "on", "off", "enter", "leave", "fail"])),
)


class Player:
    """Plays steps on a profiler of its own, naming all arguments or none of them."""

    def __init__(self, named: bool, sample_every: int) -> None:
        self.prof, self.other = manual(events=50, sample_every=sample_every), manual()
        self.named = named
        self.timers: list[Any] = [None, self.other.start_tile(MICRO, 0, 0)]
        self.prof.stop_tile(self.prof.start_tile(MICRO, 0, 0), 0, 0)
        self.bricks: list[Any] = []

    def start(self, level: Any, row: Any, col: Any) -> None:
        """Start a tile."""
        if self.named:
            self.timers.append(self.prof.start_tile(level=level, row=row, col=col))
        else:
            self.timers.append(self.prof.start_tile(level, row, col))

    def stop(self, which: int, elements: Any, flops: Any, nbytes: Any) -> None:
        """Stop a tile."""
        timer: Any = self.timers[which]
        if self.named:
            self.prof.stop_tile(timer=timer, elements=elements, flops=flops, nbytes=nbytes)
        elif nbytes is None:
            self.prof.stop_tile(timer, elements, flops)
        else:
            self.prof.stop_tile(timer, elements, flops, nbytes)

    def do(self, what: str) -> None:
        """Do something else."""
        if what == "drop":
            self.timers.pop()
        elif what == "forget":
            del self.timers[1:]
        elif what in {"on", "off"}:
            (self.prof.enable_tile_profiling, self.prof.disable_tile_profiling)[what == "off"]()
        elif what == "enter":
            self.bricks.append(self.prof.brick("k"))
            self.bricks[-1].__enter__()
        elif what == "leave":
            self.bricks.pop().__exit__(None, None, None)
        else:
            with self.prof.tile(MACRO, 0, 0):
                self.timers.append(self.prof.start_tile(MICRO, 0, 0))
                raise KeyError

    def play(self, step: tuple[Any, ...]) -> tuple[Any, ...]:
        """Play a step; return what it raised and what is then known."""
        self.prof.advance(3)
        raised = None
        try:
            if step[0] == "start":
                self.start(*step[1:])
            elif step[0] == "stop":
                self.stop(*step[1:])
            else:
                self.do(step[0])
        except (TileNestingError, TypeError, ValueError, KeyError, IndexError) as error:
            raised = type(error), str(error)
        return raised, [repr(timer) for timer in self.timers], self.prof.all_tile_stats()


@given(st.lists(steps, max_size=12), st.integers(1, 2))
def test_both_paths_do_the_same(played: list[tuple[Any, ...]], sample_every: int) -> None:
    fast, slow = Player(False, sample_every), Player(True, sample_every)
    # One after the other: the fast path is for the profiler that the thread used last.
    outcomes = [fast.play(step) for step in played]
    assert outcomes == [slow.play(step) for step in played]
    assert figures(fast.prof) == figures(slow.prof)


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5])
def test_too_few_and_too_many_arguments(number: int) -> None:
    prof: Any = manual()
    if number != 3:
        with pytest.raises(TypeError, match=r"start_tile\(\) takes exactly 3"):
            prof.start_tile(*(MICRO, 0, 0, 0, 0)[:number])
    timer = prof.start_tile(MICRO, 0, 0)
    if number < 3 or number > 4:
        with pytest.raises(TypeError, match=r"stop_tile\(\) takes"):
            prof.stop_tile(*(timer, 0, 0, 0, 0)[:number])
        assert prof.recording().open_tiles == 1
    with pytest.raises(TypeError):
        prof.stop_tile(timer, 0, 0, bytes=3)
    with pytest.raises(TypeError):
        prof.start_tile(MICRO, 0, 0, col=1)
    prof.stop_tile(timer, 0, flops=0)
    assert prof.tile_stats(MICRO).count == 1


def test_timers_of_the_same_number_are_told_apart() -> None:
    prof, other, made = manual(), manual(), []
    made.append(other.start_tile(MICRO, 0, 0))

    def elsewhere() -> None:
        thread = threading.Thread(target=lambda: made.append(prof.start_tile(MICRO, 0, 0)))
        thread.start()
        thread.join()

    with pytest.warns(RuntimeWarning, match="ended with tiles open"):
        elsewhere()
    mine = prof.start_tile(MICRO, 0, 0)
    for timer in (*made, TileTimer.__new__(TileTimer)):
        with pytest.raises(TileNestingError, match="another|stopped already|abandoned"):
            prof.stop_tile(timer, 0, 0)
    with (
        prof.recorders("k") as (handle,),
        tile(prof, "c", MICRO, handle=handle),
        pytest.raises(TileNestingError, match="stopped already"),
    ):
        prof.stop_tile(TileTimer.__new__(TileTimer), 0, 0)
    prof.stop_tile(mine, 0, 0)
    other.stop_tile(made[0], 0, 0)
    assert (prof.tile_stats(MICRO).count, other.tile_stats(MICRO).count) == (2, 1)


def test_only_a_profiler_starts_and_stops() -> None:
    prof, start, stop = manual(), BrickProfiler.start_tile, BrickProfiler.stop_tile
    wrong: Any
    for wrong in (None, 3, object(), TileTimer):
        with pytest.raises(TypeError):
            start(wrong, MICRO, 0, 0)
        with pytest.raises(TypeError):
            stop(wrong, prof.start_tile(MICRO, 0, 0), 0, 0)


def test_a_subclass_may_stand_in_between() -> None:
    class Doubled(BrickProfiler):
        def stop_tile(self, timer: Any, elements: Any, flops: Any, nbytes: Any = None) -> None:
            super().stop_tile(timer, 2 * elements, flops, nbytes)

    prof = Doubled(clock="manual")
    prof.enable_tile_profiling()
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 3, 0)
    assert prof.tile_stats(MICRO).elements == 6


def test_pairs_leave_nothing_behind() -> None:
    def pairs(number: int) -> None:
        for _ in range(number):
            prof = manual()
            for _ in range(5):
                prof.stop_tile(prof.start_tile(MICRO, 0, 0), 1, 2, None)
            prof.start_tile(MICRO, 0, 0)

    pairs(50)
    gc.collect()
    blocks, nones, micros = sys.getallocatedblocks(), sys.getrefcount(None), sys.getrefcount(MICRO)
    pairs(1000)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 500
    assert sys.getrefcount(None) - nones < 500
    assert sys.getrefcount(MICRO) - micros < 500


def test_memory_of_ended_timers_is_used_again_and_never_of_others() -> None:
    prof = manual()
    kept = [prof.start_tile(MICRO, 0, 0) for _ in range(32)]
    seen = {id(timer) for timer in kept}
    assert len(seen) == 32
    for timer in reversed(kept):
        prof.stop_tile(timer, 1, 0)
    stopped = prof.start_tile(MICRO, 0, 0)
    assert id(stopped) not in seen
    prof.stop_tile(stopped, 1, 0)
    kept.clear()
    for _ in range(100):
        timer = prof.start_tile(MICRO, 0, 0)
        assert timer is not stopped
        assert repr(timer) == "<TileTimer open>"
        prof.stop_tile(timer, 1, 0)
        with pytest.raises(TileNestingError, match="stopped already"):
            prof.stop_tile(timer, 1, 0)
    assert prof.tile_stats(MICRO).elements == 133


def test_threads_take_timers_of_one_another() -> None:
    profs = [manual() for _ in range(4)]

    def work(prof: BrickProfiler) -> None:
        for _ in range(2000):
            outer = prof.start_tile(MIDI, 0, 0)
            prof.stop_tile(prof.start_tile(MICRO, 0, 0), 1, 2)
            prof.stop_tile(outer, 3, 4)

    threads = [threading.Thread(target=work, args=(prof,)) for prof in profs for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for prof in profs:
        micro, midi = prof.tile_stats(MICRO), prof.tile_stats(MIDI)
        assert (micro.count, micro.flops, midi.count, midi.flops) == (4000, 8000, 4000, 16000)


class Derived(BrickProfiler):
    """A user's own subclass."""


CLASSES = (BrickProfiler, brick_profiler.BrickProfiler, Derived)


@pytest.mark.parametrize("kind", CLASSES)
def test_calls_by_position_take_the_fast_path(kind: type[BrickProfiler]) -> None:
    prof = kind(clock="manual")
    prof.enable_tile_profiling()
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 0, 0)  # the first call asks for a recorder
    starts, stops = slow_path_calls()
    for number in range(100):
        outer = prof.start_tile(MACRO, number, 0)
        inner = prof.start_tile(MIDI, 0, 2**15 - 1)
        prof.stop_tile(inner, 1, 2)
        prof.stop_tile(outer, 1, 2, None)
        prof.stop_tile(prof.start_tile(MICRO, 0, number), number, 0, 3)
    assert slow_path_calls() == (starts, stops)
    kind.stop_tile(prof, kind.start_tile(prof, MICRO, 0, 0), 0, 0)
    assert slow_path_calls() == (starts, stops)
    prof.stop_tile(prof.start_tile(level=MICRO, row=0, col=0), elements=0, flops=0)
    assert slow_path_calls() == (starts + 1, stops + 1)
    prof.disable_tile_profiling()
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 0, 0)
    assert slow_path_calls() == (starts + 1, stops + 1)


@pytest.mark.parametrize("name", ["start_tile", "stop_tile", "tile"])
def test_methods_called_for_each_tile_are_the_class_s_own(name: str) -> None:
    # CPython's specialized call compares the object's type with the descriptor's for identity.
    method = getattr(BrickProfiler, name)
    assert inspect.ismethoddescriptor(method)
    assert (method.__objclass__, method.__name__) == (BrickProfiler, name)
    base = getattr(brick_profiler.BrickProfiler, name)
    assert method.__doc__ == base.__doc__
    assert inspect.signature(method) == inspect.signature(base)


def test_only_compiled_methods_are_taken_over() -> None:
    class Slowed(BrickProfiler):
        def start_tile(self, level: TileLevel, row: Any, col: Any) -> TileTimer:
            return super().start_tile(level, row, col)

    with pytest.raises(TypeError, match="Slowed.* has no compiled method start_tile"):
        with_own_methods(Slowed)


def test_only_profilers_take_over_the_methods_of_one() -> None:
    class Borrower:
        start_tile = BrickProfiler.start_tile
        stop_tile = BrickProfiler.stop_tile
        tile = BrickProfiler.tile

    wrong: Any
    for wrong in (Borrower, Borrower(), manual(), None):
        with pytest.raises(TypeError, match="profiler_class must be a BrickProfiler"):
            with_own_methods(wrong)
    with pytest.raises(TypeError, match="doesn't apply to a 'Borrower' object"):
        BrickProfiler.start_tile(Borrower(), MICRO, 0, 0)  # type: ignore[arg-type]


def test_stopped_timers_wait_in_a_freelist() -> None:
    kept = 0 if sysconfig.get_config_var("Py_GIL_DISABLED") else 32
    prof = manual()
    timers = [prof.start_tile(MICRO, 0, 0) for _ in range(32)]
    for timer in reversed(timers):
        prof.stop_tile(timer, 0, 0)
    del timer
    before = sys.getallocatedblocks()
    timers.clear()
    assert 32 - (before - sys.getallocatedblocks()) == pytest.approx(kept, abs=8)


SUBINTERPRETER = """
import sys
import brickprof.profiler.fast_calls
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = f"import sys; sys.path[:] = {sys.path!r}; import brickprof.profiler.fast_calls"
try:
    failed = interpreters.run_string(interpreters.create(), code)
except Exception as error:
    failed = error
print(failed)
"""


def test_a_second_interpreter_is_refused() -> None:
    command = [sys.executable, "-W", "ignore", "-c", SUBINTERPRETER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # Cython says the first; Pythons from 3.12 on refuse before it, in their own words.
    assert "can only be loaded into one interpreter per process" in done.stdout or (
        "does not support loading in subinterpreters" in done.stdout
    )
