"""Saved recordings load back equal, and damaged ones are refused by the field's name."""

from __future__ import annotations

import json
import os
import tracemalloc
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_recording import (
    ABSENT,
    DATA,
    MAY_BE_EMPTY,
    MAY_BE_NULL,
    OPTIONAL,
    SAMPLE,
    SIGNED,
    Path_,
    at,
    damaged,
    paths,
    spell,
)
from support.strategies import recordings, stats_of

from brickprof.core.errors import RecordingError
from brickprof.core.histograms import BUCKETS
from brickprof.core.levels import TileLevel
from brickprof.recording import (
    BrickInfo,
    ClockInfo,
    Overhead,
    Recording,
    load_recording,
    merge_recordings,
)


def wrong_values(path: Path_) -> list[Any]:
    """Return values that must not be at a place of the sample: other types, out of range."""
    value = at(DATA, path)
    others: list[Any] = [{}, [], True, 7, "7", 0.5, None]
    wrong = [other for other in others if type(other) is not type(value)]
    if isinstance(value, float):
        wrong.remove(7)
        wrong += [10**400] if path in SIGNED else [-0.5, 10**400]
    elif isinstance(value, int):
        wrong.append(-1)
    elif isinstance(value, str) and path not in MAY_BE_EMPTY:
        wrong.append("")
    if path in MAY_BE_NULL:
        wrong.remove(None)
    needed = isinstance(path[-1], str) and path[-1] not in OPTIONAL
    return [*wrong, float("nan"), float("inf"), *([ABSENT] if needed else [])]


ALL = list(paths(DATA))
FOREIGN_PARTS = ("machine", "roofs", "more_roofs")
OWN = [path for path in ALL if path[0] not in FOREIGN_PARTS or len(path) == 1]
FOREIGN = [path for path in ALL if path not in OWN]


@given(recordings())
def test_round_trip(recording: Recording) -> None:
    assert (
        Recording.from_json(json.loads(json.dumps(recording.to_json(), allow_nan=False)))
        == recording
    )


@given(recording=recordings())
def test_round_trip_through_a_file(tmp_path_factory: Any, recording: Recording) -> None:
    path = tmp_path_factory.mktemp("saved") / "run.json"
    assert recording.save(path) == path
    assert load_recording(path) == recording


def test_the_sample_round_trips_and_fills_every_place() -> None:
    assert Recording.from_json(DATA) == SAMPLE
    assert all(DATA[name] not in (None, [], "") for name in DATA)


def test_big_integers_and_any_brick_name_survive(tmp_path: Path) -> None:
    name = 'a "b"\n\x00 \ud800 \U0001f9f1 [bold]'
    large = dict.fromkeys(("untimed", "total_ns", "raw_total_ns", "flops"), 3**300)
    recording = replace(
        SAMPLE,
        tiles=(stats_of([2**64 - 1], TileLevel.MIDI, name, **large),),
        brick_infos=(BrickInfo(name, 1, 2**80 + 1, 1),),
        events=(),
        brick_paths=(),
    )
    loaded = load_recording(recording.save(os.fspath(tmp_path / "run.json")))
    assert loaded == recording
    assert loaded.tiles[0].flops == 3**300
    assert loaded.tiles[0].level is TileLevel.MIDI


@pytest.mark.parametrize("path", [("tiles", 0, "flops"), ("events", 0, "row"), ("events_dropped",)])
def test_integers_that_no_float_holds_are_refused(path: Path_) -> None:
    with pytest.raises(RecordingError) as caught:
        Recording.from_json(damaged(path, 10**320))
    assert str(caught.value) == f"{spell(path)}: expected an integer of at most 2**512"


def test_machine_and_roofs_may_be_missing_facts() -> None:
    bare = replace(SAMPLE, machine=None, roofs=None)
    assert Recording.from_json(bare.to_json()) == bare


def test_files_from_before_the_optional_fields_still_load() -> None:
    older: Any = deepcopy(DATA)
    for path in sorted(ALL, key=len, reverse=True):  # what is inside of an optional field first
        if path[-1] in OPTIONAL and path in OWN:
            del at(older, path[:-1])[path[-1]]
    loaded = Recording.from_json(older)
    assert loaded.brick_infos[0] == BrickInfo("gemm", 20, 450, 2, ("float32", "float64"))
    assert loaded.clock == ClockInfo("tsc", 0.408, "invariant TSC")
    assert loaded.overhead == Overhead(*(1.5 + number for number in range(6)))
    own = {"self_ns": 7, "raw_self_ns": 7}
    assert loaded.tiles[1] == stats_of([7], TileLevel.MICRO, "gemm", nbytes=7, elements=7, **own)
    assert (loaded.more_roofs, loaded.steal_ns, loaded.throttled_ns) == ((), 0, 0)


def test_the_schema_is_named() -> None:
    assert (DATA["schema"], DATA["version"]) == ("brickprof-recording", 1)


@pytest.mark.parametrize("path", OWN, ids=spell)
def test_damage_is_refused_by_name(path: Path_) -> None:
    for value in wrong_values(path):
        with pytest.raises(RecordingError) as caught:
            Recording.from_json(damaged(path, value))
        start, *_ = str(caught.value).split(" ")
        # An object without fields is refused by the first field that it lacks.
        inner = f"{spell(path)}." if value == {} else f"{spell(path)}:"
        assert start == f"{spell(path)}:" or start.startswith(inner)
        assert value is not ABSENT or str(caught.value) == f"{spell(path)}: missing"


@pytest.mark.parametrize("path", FOREIGN, ids=spell)
def test_damage_to_machine_and_roofs_is_refused_by_name(path: Path_) -> None:
    optional = path[-1] in OPTIONAL
    for value in [7] if optional else [{}, ABSENT] if isinstance(path[-1], str) else [{}]:
        with pytest.raises(RecordingError) as caught:
            Recording.from_json(damaged(path, value))
        assert str(caught.value).startswith(spell(path[: 3 if path[0] == "more_roofs" else 2]))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("tiles", 2, "count"), -1, "tiles[2].count: expected an integer >= 0, got -1"),
        (("tiles", 0, "timed"), 6, "tiles[0].timed: expected an integer <= count (5), got 6"),
        (("tiles", 0, "min_ns"), 301, "tiles[0].min_ns: expected an integer <= max_ns (300)"),
        (("tiles", 0, "undeclared"), 6, "tiles[0].undeclared: expected an integer <= count (5)"),
        (("tiles", 0, "level"), "macro", "tiles[0].level: expected one of MACRO, MIDI, MICRO"),
        (("tiles", 0, "brick"), "x", "tiles[0].brick: expected the name of a brick in brick_infos"),
        (("tiles", 1, "level"), "MACRO", "tiles: expected one entry only for each, sorted"),
        (("events", 0, "brick"), "x", "events[0].brick: expected the name of a brick"),
        (("events", 1, "stop_ns"), 4, "events[1].stop_ns: expected an integer >= start_ns (5)"),
        (
            ("brick_infos", 0, "teams", 0, "busy_ns"),
            [200, 300],
            "brick_infos[0].teams[0].busy_ns: expected two times or more, longest first",
        ),
        (
            ("brick_infos", 0, "teams", 1, "busy_ns"),
            [40, 40],
            "brick_infos[0].teams[1].busy_ns: expected more than 2 times",
        ),
        (
            ("brick_infos", 0, "teams", 0, "calls"),
            0,
            "brick_infos[0].teams[0].calls: expected an integer >= 1",
        ),
        (
            ("brick_infos", 0, "footprint_bytes"),
            [1, 2],
            "brick_infos[0].footprint_bytes: expected a number for each of 3 levels",
        ),
        (("sample_every",), 0, "sample_every: expected an integer >= 1, got 0"),
        (("clock", "ns_per_tick"), -0.1, "clock.ns_per_tick: expected a finite number >= 0"),
        (("version",), 0, "version: expected an integer >= 1"),
        (("version",), 2, "version: schema version 2 was written by a newer brickprof"),
        (("schema",), "trace", "schema: expected 'brickprof-recording', got 'trace'"),
    ],
)
def test_messages(path: Path_, value: object, message: str) -> None:
    with pytest.raises(RecordingError) as caught:
        Recording.from_json(damaged(path, value))
    assert str(caught.value).startswith(message)


@given(st.lists(recordings(), min_size=1, max_size=4))
def test_merged_recordings_load(parts: list[Recording]) -> None:
    merged = merge_recordings(parts)
    assert Recording.from_json(json.loads(json.dumps(merged.to_json()))) == merged


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[1, 1], [2, 1]], "tiles[0].histogram: expected counts that sum to timed (3)"),
        ([], "tiles[0].histogram: expected counts that sum to timed (3)"),
        ([[2, 1], [1, 2]], "tiles[0].histogram[1][0]: expected a bucket above 2"),
        ([[1, 1], [1, 2]], "tiles[0].histogram[1][0]: expected a bucket above 1"),
        ([[BUCKETS, 3]], f"tiles[0].histogram[0][0]: expected a bucket below {BUCKETS}"),
        ([[-1, 3]], "tiles[0].histogram[0][0]: expected an integer >= 0"),
        ([[1, 0], [2, 3]], "tiles[0].histogram[0][1]: expected an integer >= 1"),
        ([[1, 3, 0]], "tiles[0].histogram[0]: expected a pair of bucket and count"),
        ([[3]], "tiles[0].histogram[0]: expected a pair of bucket and count"),
    ],
)
def test_damaged_histograms(pairs: list[Any], message: str) -> None:
    with pytest.raises(RecordingError) as caught:
        Recording.from_json(damaged(("tiles", 0, "histogram"), pairs))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("data", [None, [], 1, "recording", [DATA]])
def test_root_must_be_an_object(data: object) -> None:
    with pytest.raises(RecordingError, match=r"^recording: expected an object"):
        Recording.from_json(data)


def test_unknown_fields_are_ignored() -> None:
    data = deepcopy(DATA)
    for path in [(), *ALL]:
        part = at(data, path)
        if isinstance(part, dict):
            part["future"] = [1]
    assert Recording.from_json(data) == SAMPLE


def test_whole_numbers_do_for_floats() -> None:
    assert Recording.from_json(damaged(("clock", "ns_per_tick"), 1)).clock.ns_per_tick == 1.0


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the file of the saved sample."""
    return SAMPLE.save(tmp_path / "run.json")


def test_truncated_files(saved: Path) -> None:
    content = saved.read_bytes()
    for length in range(0, len(content.rstrip()), 7):
        saved.write_bytes(content[:length])
        with pytest.raises(RecordingError, match=r"run\.json: not a JSON text"):
            load_recording(saved)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\x1f\x8b\x08\x00\x00", b"\xff\xfe{\x00}\x00", bytes(range(256)), b"[" * 100_000],
)
def test_files_that_are_no_json(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    with pytest.raises(RecordingError, match=r"run\.json: not a JSON text"):
        load_recording(saved)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_literals_that_json_lacks(saved: Path, literal: str) -> None:
    text = saved.read_text().replace('"version"', f'"future": {literal}, "version"', 1)
    saved.write_text(text)
    with pytest.raises(RecordingError, match=f"{literal} is no JSON number"):
        load_recording(saved)


def test_errors_name_the_file_and_the_field(saved: Path) -> None:
    saved.write_text(json.dumps(damaged(("tiles", 2, "count"), -1)))
    with pytest.raises(RecordingError) as caught:
        load_recording(saved)
    assert str(caught.value) == f"{saved}: tiles[2].count: expected an integer >= 0, got -1"


def test_what_cannot_be_read_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_recording(tmp_path / "missing.json")
    with pytest.raises(IsADirectoryError):
        load_recording(tmp_path)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failed_save_leaves_the_old_file(
    saved: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        replace(SAMPLE, version="0.2.0").save(saved)
    assert load_recording(saved) == SAMPLE
    assert list(saved.parent.iterdir()) == [saved]


def test_save_replaces_the_old_file_in_one_step(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: list[str | Path] = []
    real = os.replace

    def spy(source: str | Path, target: str | Path) -> None:
        assert load_recording(target) == SAMPLE
        assert load_recording(source) == newer
        assert Path(source).parent == saved.parent
        replaced.append(target)
        real(source, target)

    monkeypatch.setattr(os, "replace", spy)
    newer = replace(SAMPLE, version="0.2.0")
    newer.save(saved)
    assert replaced == [saved]
    assert load_recording(saved) == newer
    assert list(saved.parent.iterdir()) == [saved]


def test_save_into_a_folder_that_is_missing_or_onto_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        SAMPLE.save(tmp_path / "missing" / "run.json")
    assert caught.value.filename == str(tmp_path / "missing" / "run.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        SAMPLE.save(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sample_every": 0}, "sample_every"),
        ({"clock": ClockInfo("tsc", float("nan"), "")}, "clock.ns_per_tick"),
        ({"tiles": (stats_of([1], TileLevel.MACRO, None),)}, r"tiles\[0\].brick"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    saved: Path, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(RecordingError, match=f"^{field}: "):
        replace(SAMPLE, **changes).save(saved)
    assert load_recording(saved) == SAMPLE


def test_many_empty_events_take_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({**DATA, "events": [[0, 0]] * 500_000}))
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match=r"events\[0\]: expected an object"):
            load_recording(file)
        assert tracemalloc.get_traced_memory()[1] < 30 * file.stat().st_size
    finally:
        tracemalloc.stop()
