"""A recording says of which bricks flops and bytes were not declared by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.entry_points import MACRO, MICRO, MIDI

import brickprof as bp
from brickprof.diagnose.summary import summarize
from brickprof.recording import Recording, load_recording
from brickprof.reports import RENDERERS, Report

A = np.random.default_rng(0).random((30, 30), np.float32)


def on() -> bp.BrickProfiler:
    """Return a profiler that is on, whose clock stands still."""
    prof = bp.BrickProfiler(clock="manual")
    prof.enable_tile_profiling()
    return prof


def sources(recording: Recording) -> dict[str, tuple[str, ...]]:
    """Return where each brick's work comes from."""
    return {info.name: info.work_sources for info in recording.brick_infos}


def test_what_was_counted_is_the_work_of_a_tile_and_says_so() -> None:
    found = bp.count(lambda a: a @ a + 1, A)
    prof = on()
    with prof.brick("product"), prof.tile(MIDI, 0, 0, work=found):
        prof.advance(5)
    with prof.brick("by hand"), prof.tile(MIDI, 0, 0, flops=7, nbytes=8):
        pass
    with prof.tile(MICRO, 0, 0, work=found):
        pass
    recording = prof.recording()
    assert sources(recording) == {"by hand": (), "default": ("counted",), "product": ("counted",)}
    stats = recording.tile_stats(MIDI, "product")
    assert (stats.elements, stats.flops) == (found.elements, found.flops)
    assert (stats.loaded_bytes, stats.stored_bytes) == (found.loaded_bytes, found.stored_bytes)
    assert stats.split_declared and stats.total_ns == 5


def test_a_tile_that_fails_or_is_not_recorded_marks_nothing() -> None:
    found = bp.count(np.exp, A)
    prof = on()
    with pytest.raises(KeyError), prof.brick("failed"), prof.tile(MIDI, 0, 0, work=found):
        raise KeyError
    prof.disable_tile_profiling()
    with prof.brick("off"), prof.tile(MIDI, 0, 0, work=found):
        pass
    assert sources(prof.recording()) == {"failed": ()}


def test_work_of_a_decorator_may_depend_on_the_arguments_of_a_call() -> None:
    prof = on()

    @prof.brick("square")
    @prof.tile(MIDI, 0, 0, work=lambda x: bp.count(np.square, x))
    def square(x: Any) -> Any:
        return np.square(x)

    @prof.tile(MACRO, 0, 0, work=bp.count(np.square, A))
    def fixed() -> None: ...

    square(A)
    square(A[:10])
    fixed()
    recording = prof.recording()
    assert recording.tile_stats(MIDI, "square").flops == A.size + 10 * 30
    assert sources(recording) == {"default": ("counted",), "square": ("counted",)}
    assert recording.tile_stats(MACRO).flops == A.size


def test_bricks_say_where_their_work_comes_from() -> None:
    prof = on()
    with prof.brick("native", work_source="simulated"):
        prof.stop_tile(prof.start_tile(MIDI, 0, 0), 1, 2, 3)
    with prof.recorders("several", 2, work_source="counted"), prof.tile(MIDI, 0, 0, flops=1):
        pass
    decorated = prof.brick("decorated", work_source="counted")(lambda: None)
    decorated()
    prof.record_elapsed("device", 1e3, flops=9, work_source="simulated")
    expected = {
        "decorated": ("counted",),
        "device": ("simulated",),
        "native": ("simulated",),
        "several": ("counted",),
    }
    assert sources(prof.recording()) == expected
    prof.reset_tile_stats()
    with prof.brick("native"), prof.tile(MIDI, 0, 0, flops=1):
        pass
    assert sources(prof.recording()) == {"native": ()}


def test_calls_of_libraries_are_counted() -> None:
    with bp.auto_instrument(on(), min_elements=1) as prof, prof.brick("mine", "float32"):
        A @ A
        prof.reset_tile_stats()
        with prof.tile(MACRO, 0, 0, flops=3):
            A @ A
    recording = prof.recording()
    (call,) = (name for name in recording.bricks if name.endswith("matmul"))
    assert sources(recording) == {"mine": (), call: ("counted",)}


@pytest.mark.parametrize("source", ["guessed", "", 3, b"counted", ["counted"]])
def test_other_sources_are_refused(source: Any) -> None:
    prof = on()
    for call in (
        lambda: prof.brick("x", work_source=source),
        lambda: prof.recorders("x", work_source=source),
        lambda: prof.record_elapsed("x", 1, work_source=source),
    ):
        with pytest.raises((TypeError, ValueError), match="work_source must be one of"):
            call()
    assert not prof.recording().tiles


class Sourceless:
    """Work that says not where it comes from."""

    elements = flops = loaded_bytes = stored_bytes = 1
    work_source: Any = None


class Negative(Sourceless):
    """Work that nothing can do."""

    flops = -1
    work_source = "counted"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"work": 3}, "work must be what brickprof.count returned"),
        ({"work": Sourceless()}, "work_source"),
        ({"work": Negative()}, "work.flops"),
        ({"work": bp.count(np.exp, A), "flops": 3}, "give it alone"),
        ({"work": bp.count(np.exp, A), "elements": 3}, "give it alone"),
        ({"work": bp.count(np.exp, A), "nbytes": 0}, "give it alone"),
        ({"work": bp.count(np.exp, A), "stored_bytes": 1}, "give it alone"),
    ],
)
def test_what_is_no_work_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message), on().tile(MIDI, 0, 0, **given):
        raise AssertionError("not entered")


def test_reports_say_that_work_was_counted(tmp_path: Any) -> None:
    prof = on()
    with prof.brick("product"), prof.tile(MIDI, 0, 0, work=bp.count(lambda a: a @ a, A)):
        prof.advance(1000)
    recording = load_recording(prof.recording().save(tmp_path / "run.json"))
    report = Report.of(recording)
    text, page = (str(RENDERERS[name].render(report)) for name in ("text", "html"))
    assert "work counted" in text.replace("\n", " ")
    assert "Counted flops over the wall time" in page
    assert "were counted from the calls" in page
    assert "work counted" in str(RENDERERS["markdown"].render(report))
    (brick,) = json.loads(str(RENDERERS["json"].render(report)))["bricks"]
    assert brick["work_sources"] == ["counted"]
    assert brick["levels"][0]["bytes_basis"] == "counted"
    assert summarize(recording).bricks[0].levels[0].bytes_basis == "counted"
