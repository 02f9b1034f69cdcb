"""What no profiler records is refused, and what one does is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from support.sample_recording import DATA, Path_, at, damaged

import brickprof as bp
from brickprof.core.errors import RecordingError
from brickprof.core.levels import TileLevel
from brickprof.recording import Recording, ThreadUsage, load_recording


def lied(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Return a recording of two tiles as JSON, with a change that contradicts the rest."""
    prof = bp.BrickProfiler(clock="manual", events=8)
    prof.enable_tile_profiling()
    with prof.brick("k"):
        for row in range(2):
            with prof.tile(TileLevel.MICRO, row, 0, elements=3, flops=7, nbytes=8):
                prof.advance(10)
    data: dict[str, Any] = json.loads(json.dumps(prof.recording().to_json()))
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["tiles"][0].update(flops=2**66),
            r"tiles\[0\].flops: expected at most 2\*\*64",
        ),
        (
            lambda d: d["tiles"][0].update(max_work=9, min_work=9),
            r"max_work: expected an integer >=",
        ),
        (lambda d: d["tiles"][0].update(loaded_bytes=8), "split: expected the tiles that declared"),
        (lambda d: d["events"].extend(d["events"][-1:] * 2), "events: expected at most the MICRO"),
        (lambda d: d["events"][0].update(level="MACRO"), "events: expected at most the MACRO"),
        (lambda d: d["events"][0].update(row=-5), r"events\[0\].row: expected an integer >= 0"),
        (
            lambda d: d["brick_infos"][0].update(usage=[plain_usage(1), plain_usage(2)]),
            "usage: expected threads sorted",
        ),
        (
            lambda d: d["brick_infos"][0].update(thread_self_ns=[[0, 0, 5], [0, 0, 15]]),
            "thread_self_ns: expected threads sorted, most self time first",
        ),
        (
            lambda d: d["brick_infos"][0].update(thread_self_ns=[[0, 0, 15], [0, 0, 6]]),
            r"thread_self_ns: expected at most self_ns \(20\) of MICRO",
        ),
        (
            lambda d: d["brick_infos"][0].update(thread_self_ns=[[1, 0, 20]]),
            r"thread_self_ns: expected at most self_ns \(0\) of MACRO",
        ),
        (
            lambda d: d["brick_infos"][0].update(thread_self_ns=[[0, 20]]),
            r"thread_self_ns\[0\]: expected a number for each of 3 levels",
        ),
    ],
)
def test_what_no_profiler_records_is_refused(
    change: Callable[[dict[str, Any]], None], message: str
) -> None:
    Recording.from_json(lied(lambda data: None))
    with pytest.raises(RecordingError, match=message):
        Recording.from_json(lied(change))


def plain_usage(wall_ns: int) -> dict[str, int]:
    """Return what was seen of a thread, as JSON."""
    return asdict(ThreadUsage(wall_ns, 0))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("tiles", 2, "raw_total_ns"), 4, "tiles[2].total_ns: expected an integer <= raw_total_ns"),
        (("tiles", 1, "min_work"), 8, "tiles[1].min_work: expected an integer <= max_work (7)"),
        (("tiles", 1, "max_work"), 8, "tiles[1].max_work: expected an integer <= elements + flops"),
        (("tiles", 2, "min_work"), 2**500, "tiles[2].min_work: expected an integer <= max_work"),
        (("sample_every",), 1, "tiles[0].timed: expected count (5) where sample_every is 1, got 3"),
        (("sample_every",), 2**64, "sample_every: expected an integer below 2**64"),
        (("brick_infos", 0, "threads"), 2**32, "brick_infos[0].threads: expected an integer below"),
        (("brick_infos", 0, "dtypes"), [], "brick_infos[0].dtypes: expected one element type or"),
        (
            ("brick_infos", 0, "dtypes"),
            ["float32", "float32"],
            "brick_infos[0].dtypes: expected distinct names, sorted",
        ),
        (
            ("brick_infos", 0, "dtypes"),
            ["float64", "float32"],
            "brick_infos[0].dtypes: expected distinct names, sorted",
        ),
        (
            ("brick_infos", 0, "isas"),
            ["base", "base"],
            "brick_infos[0].isas: expected distinct names, sorted",
        ),
        (
            ("brick_infos", 0, "work_sources"),
            ["simulated", "counted"],
            "brick_infos[0].work_sources: expected distinct names, sorted",
        ),
        (
            ("brick_infos", 0, "work_sources"),
            ["guessed"],
            "brick_infos[0].work_sources[0]: expected one of counted, simulated",
        ),
        (
            ("brick_infos", 0, "isas"),
            [f"{number:05}" for number in range(257)],
            "brick_infos[0].isas: expected at most 256 names",
        ),
        (
            ("brick_infos", 0, "usage", 1, "system_ns"),
            2,
            "brick_infos[0].usage[1].system_ns: expected an integer <= cpu_ns (1)",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 0, "times"),
            [[3, 3]],
            "brick_infos[0].parts_of_calls[0].times: expected a run or more, of 8 of the calls",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 0, "times"),
            [],
            "brick_infos[0].parts_of_calls[0].times: expected a run or more",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 0, "times"),
            [[2**20, 1]],
            "brick_infos[0].parts_of_calls[0].times[0][0]: expected a bucket below 524288",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 0, "paces"),
            [[3, 3]],
            "brick_infos[0].parts_of_calls[0].paces: expected counts that sum to at most the runs",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 1, "part"),
            "wall",
            "brick_infos[0].parts_of_calls: expected distinct parts, in their order",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 1, "part"),
            "DRAM",
            "brick_infos[0].parts_of_calls[1].part: expected one of wall, MACRO",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 1, "spread"),
            10**12 + 1,
            "brick_infos[0].parts_of_calls[1].spread: expected an integer <= 1000000000000",
        ),
        (
            ("brick_infos", 0, "parts_of_calls", 1, "pace_spread"),
            10**12 + 1,
            "brick_infos[0].parts_of_calls[1].pace_spread: expected an integer <= 1000000000000",
        ),
        (
            ("brick_infos", 0, "min_call_flops"),
            2**71,
            "brick_infos[0].min_call_flops: expected an integer <= max_call_flops",
        ),
        (
            ("brick_infos", 1, "max_call_flops"),
            1,
            "brick_infos[1].max_call_flops: expected 0 where parts_of_calls is empty",
        ),
        (("brick_infos",), DATA["brick_infos"][::-1], "brick_infos: expected distinct names, sort"),
        (
            ("brick_infos",),
            [*DATA["brick_infos"], DATA["brick_infos"][1]],
            "brick_infos: expected distinct names, sorted",
        ),
        (("tiles",), DATA["tiles"][::-1], "tiles: expected one entry only for each, sorted"),
        (("events",), DATA["events"][::-1], "events: expected tiles sorted by time"),
        (("events", 0, "thread"), 2**32, "events[0].thread: expected an integer below 2**32"),
        (("clock", "source"), "banana", "clock.source: expected one of tsc, cntvct"),
        (("clock", "source"), "mixed", "clock.ns_per_tick: expected 0 where source is mixed"),
        (("clock", "ns_per_tick"), 0, "clock.ns_per_tick: expected a number above 0, at most 1e9"),
        (("clock", "ns_per_tick"), 1e308, "clock.ns_per_tick: expected a number above 0, at most"),
        (("created",), "banana", "created: expected an ISO 8601 time in UTC"),
        (("created",), "2024-05-01T12:00:00", "created: expected an ISO 8601 time in UTC"),
        (("created",), "0001-01-01T00:00:00Z", "created: expected an ISO 8601 time in UTC"),
        (("created",), "9" * 100_000, "created: expected an ISO 8601 time in UTC"),
        (("library_version",), "9" * 101, "library_version: expected at most 100 characters"),
        (("roofs", "peak_by_dtype", "float32"), 1e300, "roofs.peak_by_dtype['float32'] must be in"),
        (("roofs", "peak_by_dtype", "float32"), 1e-300, "roofs.peak_by_dtype['float32'] must be"),
        (("roofs", "threads"), 2**64, "roofs.threads must be in [1, 4096]"),
        (("roofs", "fingerprint"), "zzz", "roofs.fingerprint must be of up to 64 hex digits"),
        (("more_roofs",), DATA["more_roofs"] * 2, "more_roofs: expected roofs of distinct kinds"),
    ],
)
def test_contradictions_are_refused(path: Path_, value: object, message: str) -> None:
    lying: Any = deepcopy(DATA)
    lying["clock_steps_back"] = 0
    at(lying, path[:-1])[path[-1]] = value
    with pytest.raises(RecordingError) as caught:
        Recording.from_json(lying)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    "name", ["elements", "flops", "total_ns", "raw_total_ns", "max_ns", "max_work"]
)
def test_what_no_tile_did_is_refused(name: str) -> None:
    lying: Any = deepcopy(DATA)
    empty = {key: 0 if isinstance(value, int) else value for key, value in DATA["tiles"][2].items()}
    lying["tiles"][2] = {**empty, "histogram": []}
    assert Recording.from_json(lying).tiles[2].count == 0
    lying["tiles"][2][name] = 1
    with pytest.raises(RecordingError, match=rf"^tiles\[2\]\.{name}: "):
        Recording.from_json(lying)


def test_where_the_clock_stepped_back_tiles_may_be_shorter_than_those_inside() -> None:
    lying: Any = deepcopy(DATA)
    lying["tiles"][2]["raw_total_ns"] = 4
    assert Recording.from_json(lying).tiles[2].raw_total_ns == 4


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tiles", 0, "self_ns"), 10**6),
        (("tiles", 0, "raw_self_ns"), 10**6),
        (("tiles", 0, "total_ns"), 3 * 99 - 1),
        (("tiles", 0, "total_ns"), 5 * 301 + 1),
        (("tiles", 0, "max_ns"), 5000),
        (("tiles", 0, "min_ns"), 1),
        (("tiles", 0, "histogram"), [[3, 3]]),
        (("tiles", 0, "histogram"), [[35, 1], [1000, 2]]),
        (("tiles", 0, "count"), 2),
        (("tiles", 0, "undeclared"), 6),
        (("tiles", 1, "split"), 2),
        (("tiles", 1, "loaded_bytes"), 10),
        (("tiles", 1, "min_work"), 8),
        (("tiles", 0, "brick"), "stranger"),
        (("brick_infos", 0, "threads"), 0),
        (("brick_infos", 0, "dtypes"), ["banana"]),
        (("brick_infos", 0, "call_times"), [[3, 21]]),
        (("brick_infos", 0, "call_paces"), [[3, 21]]),
        (("brick_infos", 1, "name"), "gemm"),
        (("abandoned_tiles",), 1),
        (("abandoned_by",), [["b", 1], ["a", 1]]),
        (("events", 0, "stop_ns"), -1),
        (("sample_every",), 0),
        (("clock", "ns_per_tick"), -1.0),
    ],
)
def test_contradictions_are_refused_in_one_short_line(
    path: Path_, value: Any, tmp_path: Path
) -> None:
    file = tmp_path / ("long" * 50) / "run.json"
    file.parent.mkdir()
    file.write_text(json.dumps(damaged(path, value)))
    with pytest.raises(RecordingError) as caught:
        load_recording(file)
    assert len(str(caught.value)) <= 300 and "\n" not in str(caught.value)
