"""Tiles that functions compiled by Numba start and stop, on one thread and on all."""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError
from support.entry_points import MACRO, MICRO, MIDI, manual

from brickprof import BrickProfiler, TileLevel, TileNestingError
from brickprof.integrations.numba import bp_start, bp_stop, bp_stop_split, recorders

ROOT = Path(__file__).parents[2]
FINEST = MICRO


@numba.njit(nogil=True)
def play(recs: Any, moves: Any, level: Any, fails: Any) -> int:
    """Start a tile for each 1, stop one for each 0 or 2, and fail in the end if asked to."""
    recorder = recs[0]
    for place, move in enumerate(moves):
        if move == 1:
            bp_start(recorder, level, place, 0)
        elif move == 0:
            bp_stop(recorder, 2, 3)
        else:
            bp_stop_split(recorder, 2, 3, 40, 8)
    if fails:
        raise ValueError("asked to")
    return len(recs)


@numba.njit
def advance_between(recs: Any, advance: Any) -> None:
    """Record a Macro tile of 100 ticks around a Micro tile of 7."""
    bp_start(recs[0], TileLevel.MACRO, 0, 0)
    bp_start(recs[0], FINEST, 0, 0)
    advance(7)
    bp_stop(recs[0], 4, 8, 32)
    advance(93)
    bp_stop(recs[0], 4, 8, nbytes=None)


WAYS: list[Callable[..., int]] = [play, play.py_func]
both = pytest.mark.parametrize("run", WAYS, ids=["compiled", "python"])


def switched_on() -> BrickProfiler:
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    return prof


@both
def test_work_is_added_up_exactly(run: Callable[..., int]) -> None:
    prof = switched_on()
    with prof.recorders("k", threads=2, dtype="float64") as handles:
        assert run(recorders(handles), np.array([1, 1, 0, 2, 1, 0]), MIDI, False) == 2
    stats = prof.tile_stats(MIDI, "k")
    assert (stats.count, stats.elements, stats.flops) == (3, 6, 9)
    assert (stats.nbytes, stats.undeclared) == (48 + 2 * 2 * 8, 2)
    assert (stats.loaded_bytes, stats.stored_bytes) == (40, 8)
    assert prof.tile_stats(MICRO, "k").count == 0


@pytest.mark.parametrize("compiled", [True, False])
def test_times_are_exact_on_the_manual_clock(compiled: bool) -> None:
    prof = manual()
    advance = ctypes.CFUNCTYPE(None, ctypes.c_int64)(prof.advance) if compiled else prof.advance
    with prof.recorders("k") as handles:
        (advance_between if compiled else advance_between.py_func)(recorders(handles), advance)
    macro, micro = prof.tile_stats(MACRO, "k"), prof.tile_stats(MICRO, "k")
    assert (macro.count, macro.total_ns, macro.self_ns) == (1, 100, 93)
    assert (micro.count, micro.total_ns, micro.nbytes) == (1, 7, 32)


@both
def test_a_profiler_that_is_off_records_nothing(run: Callable[..., int]) -> None:
    prof = BrickProfiler()
    with prof.recorders("k", threads=3) as handles:
        assert run(recorders(handles), np.array([1, 0, 0, 2]), MICRO, False) == 3
    assert not any(stats.count for stats in prof.all_tile_stats())


def test_recorders_of_all_kinds_are_of_one_type() -> None:
    on, off = switched_on().recorders("k", threads=3), BrickProfiler().recorders("k")
    with on as three, off as one:
        assert numba.typeof(recorders(three)) == numba.typeof(recorders(one))


@both
@pytest.mark.parametrize(
    ("moves", "level", "complaint"),
    [
        ([1], MICRO, "1 left open"),
        ([0], MICRO, "stopped where none was open"),
        ([2], MICRO, "stopped where none was open"),
        ([1] * 33 + [0] * 33, MICRO, "more than 32 tiles were open"),
        ([1, 0], 3, "level that does not exist"),
        ([1, 0], -1, "level that does not exist"),
    ],
)
def test_misuse_is_raised_and_harms_nothing(
    run: Callable[..., int], moves: list[int], level: int, complaint: str
) -> None:
    prof = switched_on()
    with pytest.raises(TileNestingError, match=complaint), prof.recorders("k") as handles:
        run(recorders(handles), np.array(moves), level, False)
    before = prof.tile_stats(MIDI, "k").count
    with prof.recorders("k") as handles:
        run(recorders(handles), np.array([1, 0]), MIDI, False)
    assert prof.tile_stats(MIDI, "k").count == before + 1


@both
def test_an_error_of_the_function_abandons_its_open_tiles(run: Callable[..., int]) -> None:
    prof = switched_on()
    with pytest.raises(ValueError, match="asked to"), prof.recorders("k") as handles:
        run(recorders(handles), np.array([1, 0, 1]), MICRO, True)
    with (
        pytest.raises(TileNestingError, match="1 left open"),
        prof.recorders("k") as handles,
        pytest.raises(ValueError, match="asked to"),
    ):
        run(recorders(handles), np.array([1, 0, 1]), MICRO, True)
    assert prof.tile_stats(MICRO, "k").count == 2


@pytest.mark.parametrize("name", ["row", "elements", "nbytes"])
def test_negative_numbers_are_misuse(name: str) -> None:
    prof = switched_on()
    numbers = {"row": 0, "elements": 1, "nbytes": 8, name: -5}
    with (
        pytest.raises(TileNestingError, match="place or work was negative"),
        prof.recorders("k") as handles,
    ):
        recorder = recorders(handles)[0]
        bp_start(recorder, MICRO, numbers["row"], 0)
        bp_stop(recorder, numbers["elements"], 1, numbers["nbytes"])
    stats = prof.tile_stats(MICRO, "k")
    assert stats.count == 1
    assert stats.elements in (0, 1)


@both
def test_late_use_records_nothing_and_does_not_crash(run: Callable[..., int]) -> None:
    prof = switched_on()
    with prof.recorders("k") as handles:
        late = recorders(handles)
    one = late[0]
    assert run(late, np.array([1, 0, 1]), MICRO, False) == 0
    with pytest.raises(ValueError, match="of a with block that has not been left"):
        recorders(handles)
    with prof.recorders("k") as others:
        run(late, np.array([1, 0, 1]), MICRO, False)
        del others
    assert prof.tile_stats(MICRO, "k").count == 0
    del prof, handles
    gc.collect()
    bp_start(one, MICRO, 0, 0)
    assert run(late, np.array([1, 0, 1]), MICRO, False) == 0


def test_recorders_outlive_their_profiler_inside_the_block() -> None:
    with switched_on().recorders("k") as handles:
        recs = recorders(handles)
        del handles
        gc.collect()
        assert play(recs, np.array([1, 0]), MICRO, False) == 1


@pytest.mark.parametrize("handles", [None, "handles", 3, object(), ("a",), (1, 2), {1: 2}])
def test_something_else_has_no_recorders(handles: Any) -> None:
    with pytest.raises(TypeError, match="handles must be"):
        recorders(handles)


def test_some_of_the_handles_are_refused() -> None:
    with switched_on().recorders("k", threads=3) as handles:
        for wrong in (), handles[:2], handles[::-1], handles * 2:
            with pytest.raises(ValueError, match="handles must be"):
                recorders(wrong)
        with pytest.raises(TypeError, match="handles must be"):
            recorders((None, *handles[1:]))
        assert len(recorders(list(handles))) == 3


def test_recorders_are_neither_copied_nor_pickled() -> None:
    with switched_on().recorders("k") as handles, pytest.raises(TypeError, match="pickled"):
        pickle.dumps(recorders(handles))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((1, 2, 0, 0), "recorder must be of recorders"),
        (("recorder", 2.0, 0, 0), "level must be a TileLevel"),
        (("recorder", 2, 0.5, 0), "row must be an integer"),
        (("recorder", 2, 0, True), "col must be an integer"),
    ],
)
def test_arguments_of_other_types_are_not_compiled(
    arguments: tuple[Any, ...], complaint: str
) -> None:
    with switched_on().recorders("k") as handles:
        first, *rest = arguments
        given = (recorders(handles)[0] if first == "recorder" else first, *rest)

        @numba.njit
        def start(recorder: Any, level: Any, row: Any, col: Any) -> None:
            bp_start(recorder, level, row, col)

        with pytest.raises(TypingError, match=complaint):
            start(*given)
        with pytest.raises(TypeError, match=complaint.split()[0]):
            bp_start(*given)


def test_a_number_that_is_no_address_is_not_followed() -> None:
    for number in 0, 1, 8, 2**40:
        with pytest.raises(TypeError, match="recorder must be one of"):
            bp_stop(number, 0, 0)  # type: ignore[arg-type]


PARALLEL = """
import json, sys
import numba
import numpy as np
from brickprof import BrickProfiler, TileLevel
from brickprof.integrations.numba import bp_start, bp_stop, recorders

@numba.njit(nogil=True, parallel=True, cache=True)
def nested(x, recs, first_thread):
    for row in numba.prange(len(x)):
        recorder = recs[numba.get_thread_id() + first_thread]
        bp_start(recorder, TileLevel.MIDI, row, 0)
        for part in range(2):
            bp_start(recorder, TileLevel.MICRO, row, part)
            for col in range(part * x.shape[1] // 2, (part + 1) * x.shape[1] // 2):
                x[row, col] *= 2.0
            bp_stop(recorder, x.shape[1] // 2, np.int32(x.shape[1] // 2), 8 * x.shape[1])
        bp_stop(recorder, x.shape[1], x.shape[1], np.uint32(16 * x.shape[1]))

prof = BrickProfiler()
answers = []
x = np.ones((300, 64))
for on in False, True:
    (prof.enable_tile_profiling if on else prof.disable_tile_profiling)()
    with prof.recorders("k", threads=numba.get_num_threads(), dtype="float64") as handles:
        nested(x, recorders(handles), 0)
answers.append([[s.count, s.elements, s.flops, s.nbytes] for s in prof.all_tile_stats()])
answers.append(sum(stats.count for stats in prof.all_tile_stats()) and bool((x == 4).all()))
try:
    with prof.recorders("short", threads=1) as handles:
        nested(x, recorders(handles), 5)
except Exception as error:
    answers.append([type(error).__name__, str(error)])
answers.append(prof.tile_stats(TileLevel.MIDI, "short").count)
answers.append(numba.threading_layer())
answers.append(sum(nested.stats.cache_hits.values()))
print(json.dumps(answers))
"""


def layers() -> list[str]:
    """Return the threading layers of Numba that can be loaded here; workqueue always can."""
    found = ["workqueue"]
    for layer in "omp", "tbb":
        try:
            importlib.import_module(f"numba.np.ufunc.{layer}pool")
        except ImportError:
            continue
        found.append(layer)
    return found


@pytest.mark.parametrize("layer", layers())
def test_every_thread_of_a_parallel_loop_has_its_recorder(
    layer: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With a layer after the other, so that all but the first take the function from the cache."""
    folder = tmp_path_factory.getbasetemp() / "numba"
    folder.mkdir(exist_ok=True)
    (folder / "parallel.py").write_text(PARALLEL)
    own = {"NUMBA_CACHE_DIR": str(folder), "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    answers = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "parallel.py"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **own},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    work = [[0, 0, 0, 0]]
    for count, elements in (300, 64), (600, 32):
        work.append([count, *(count * elements * factor for factor in (1, 1, 16))])
    for answer in answers:
        assert answer[:2] == [work, True]
        name, text = answer[2]
        assert name == "TileNestingError"
        assert "has no recorder: these are of threads=1" in text
        assert answer[3:5] == [0, layer]
    assert answers[1][5] == 1


def test_without_numba_the_import_says_what_to_install() -> None:
    code = """
    import sys
    sys.modules["numba"] = None
    import brickprof
    try:
        import brickprof.integrations.numba
    except ImportError as error:
        print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "brickprof.integrations.numba needs Numba, as in pip install numba" in done.stdout
