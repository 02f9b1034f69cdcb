"""Time lines: every tile is on them once, to the nanosecond, and tiles of a track nest."""

from __future__ import annotations

import json
import struct
from collections import Counter as Counted
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_recordings import healthy_tiles, made, tiles
from support.strategies import events, recordings

from brickprof.core import metrics
from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import printable
from brickprof.recording import Recording, TileEvent
from brickprof.reports import render
from brickprof.reports.tracks import tracks

MACRO, MIDI, MICRO = TileLevel
time_lines = st.lists(events(["gemm"]), max_size=12).map(lambda found: tuple(sorted(found)))

Tile = tuple[str, int, int]
"""Name, start and stop, in nanoseconds."""


def event(start: int, stop: int, level: TileLevel = MACRO, thread: int = 0) -> TileEvent:
    """Return a tile of the made GEMM."""
    return TileEvent(start, stop, thread, level, 1, 2, "gemm")


def named(found: Iterable[TileEvent]) -> Counted[Tile]:
    """Return the tiles as outputs show them, with how often each is there."""
    return Counted(
        (f"{printable(one.brick)} {one.level.label}", one.start_ns, one.stop_ns) for one in found
    )


def of_thread(recording: Recording, thread: int) -> Counted[Tile]:
    """Return the tiles of one thread."""
    return named(one for one in recording.events if one.thread == thread)


def trace(recording: Recording) -> list[dict[str, Any]]:
    """Return the events of a Chrome trace, with exact numbers."""
    parsed = json.loads(render("trace", recording), parse_float=Decimal)
    assert parsed["displayTimeUnit"] == "ns"
    found: list[dict[str, Any]] = parsed["traceEvents"]
    return found


def nanoseconds(microseconds: Decimal) -> int:
    """Return exact microseconds as nanoseconds."""
    scaled = microseconds.scaleb(3)
    assert scaled == int(scaled)
    return int(scaled)


def traced(recording: Recording) -> dict[str, list[Tile]]:
    """Return the tiles of a Chrome trace by the name of their track, in order."""
    found = trace(recording)
    names = {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}
    by_track: dict[str, list[Tile]] = {name: [] for name in names.values()}
    for one in found:
        if one["ph"] == "X":
            start = nanoseconds(one["ts"])
            stop = start + nanoseconds(one["dur"])
            by_track[names[one["tid"]]].append((one["name"], start, stop))
    return by_track


def speedscoped(recording: Recording) -> dict[str, list[Tile]]:
    """Return the tiles of a speedscope file by profile, or fail where a viewer would refuse it."""
    parsed = json.loads(render("speedscope", recording))
    frames = [frame["name"] for frame in parsed["shared"]["frames"]]
    assert len(set(frames)) == len(frames)
    by_profile = {}
    for profile in parsed["profiles"]:
        assert (profile["type"], profile["unit"]) == ("evented", "nanoseconds")
        at, stack, found = profile["startValue"], [], []
        for one in profile["events"]:
            assert at <= one["at"] <= profile["endValue"]
            at = one["at"]
            if one["type"] == "O":
                stack.append((one["frame"], at))
            else:
                frame, start = stack.pop()
                assert frame == one["frame"]
                found.append((frames[frame], start, at))
        assert stack == []
        by_profile[profile["name"]] = found
    assert parsed["profiles"][parsed["activeProfileIndex"]]
    return by_profile


def fields(message: bytes) -> list[tuple[int, Any]]:
    """Return the fields of a Protocol Buffers message: numbers and integers, doubles or bytes."""
    found, place = [], 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte, place = message[place], place + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        value: Any
        if key & 7 == 0:
            value = varint()
        else:
            assert key & 7 in (1, 2)
            length = 8 if key & 7 == 1 else varint()
            value, place = message[place : place + length], place + length
            assert len(value) == length
            if key & 7 == 1:
                (value,) = struct.unpack("<d", value)
        found.append((key >> 3, value))
    return found


def perfettoed(recording: Recording) -> dict[str, list[Tile]]:
    """Return the tiles of Perfetto's trace by the name of their track."""
    output = render("perfetto", recording)
    assert isinstance(output, bytes)
    names: dict[int, str] = {}
    tracks: dict[int, str] = {}
    open_tiles: dict[int, list[tuple[str, int]]] = {}
    by_track: dict[str, list[Tile]] = {}
    at_of: dict[int, int] = {}
    for number, packet in fields(output):
        assert number == 1
        content = dict(fields(packet))
        for kind, entry in fields(content.get(12, b"")):
            if kind == 2:
                one = dict(fields(entry))
                names[one[1]] = one[2].decode()
        descriptor = dict(fields(content.get(60, b"")))
        if 4 in descriptor:
            tracks[descriptor[1]] = dict(fields(descriptor[4]))[5].decode()
            by_track[tracks[descriptor[1]]] = []
        event = dict(fields(content.get(11, b"")))
        if event.get(9) in (1, 2):
            uuid, at = event[11], content[8]
            assert at_of.get(uuid, 0) <= at
            at_of[uuid] = at
            if event[9] == 1:
                open_tiles.setdefault(uuid, []).append((names[event[10]], at))
            else:
                name, start = open_tiles[uuid].pop()
                by_track[tracks[uuid]].append((name, start, at))
    assert not any(open_tiles.values())
    return by_track


def nest(found: list[Tile]) -> bool:
    """Tell whether of any two tiles one is inside the other, or they are apart."""
    return all(
        a[2] <= b[1] or b[2] <= a[1] or (a[1] <= b[1] and b[2] <= a[2])
        or (b[1] <= a[1] and a[2] <= b[2])
        for number, a in enumerate(found) for b in found[:number]
    )  # fmt: skip


@pytest.mark.parametrize("shown", [traced, speedscoped, perfettoed])
@given(recordings())
def test_every_tile_is_there_once_and_tracks_nest(shown: Any, recording: Recording) -> None:
    by_track = shown(recording)
    for thread in {one.thread for one in recording.events}:
        mine = [name for name in by_track if name.split(",")[0] == f"thread {thread}"]
        assert Counted(one for name in mine for one in by_track[name]) == of_thread(
            recording, thread
        )
    assert sum(map(len, by_track.values())) == len(recording.events)
    assert all(map(nest, by_track.values()))


@given(time_lines)
def test_crowded_time_lines(found: tuple[TileEvent, ...]) -> None:
    recording = made(events=found)
    for shown in (traced, speedscoped, perfettoed):
        by_track = shown(recording)
        assert sum(map(Counted, by_track.values()), Counted()) == named(found)
        assert all(map(nest, by_track.values()))


@given(time_lines, st.randoms(use_true_random=False))
def test_the_order_of_tiles_does_not_matter(found: tuple[TileEvent, ...], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    for one, other in zip(tracks(shuffled), tracks(found), strict=True):
        assert named(one.events) == named(other.events)


@given(st.data())
def test_tiles_that_nest_are_on_one_track(data: st.DataObject) -> None:
    found: list[TileEvent] = []
    waiting = [(0, data.draw(st.integers(1, 99)), 0)]
    while waiting:
        start, stop, depth = waiting.pop()
        found.append(event(start, stop, list(TileLevel)[depth]))
        if depth < 2:
            cuts = sorted(data.draw(st.lists(st.integers(start, stop), max_size=4)))
            waiting += [(a, b, depth + 1) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    (track,) = tracks(found)
    open_levels: list[TileLevel] = []
    for opens, _, one in track.steps():
        if not opens:
            assert open_levels.pop() is one.level
            continue
        # A tile without any length may be beside the tiles that it begins or ends with.
        if one.stop_ns > one.start_ns:
            assert open_levels == list(TileLevel)[: one.level]
        open_levels.append(one.level)


def test_outer_tiles_open_first_and_close_last_at_equal_times() -> None:
    found = (event(0, 10, MICRO), event(0, 10, MACRO), event(0, 10, MIDI), event(10, 20, MACRO))
    parsed = json.loads(render("speedscope", made(events=tuple(sorted(found)))))
    names = [frame["name"] for frame in parsed["shared"]["frames"]]
    steps = [
        (one["type"], names[one["frame"]], one["at"]) for one in parsed["profiles"][0]["events"]
    ]
    assert steps == [
        ("O", "gemm Macro", 0), ("O", "gemm Midi", 0), ("O", "gemm Micro", 0),
        ("C", "gemm Micro", 10), ("C", "gemm Midi", 10), ("C", "gemm Macro", 10),
        ("O", "gemm Macro", 10), ("C", "gemm Macro", 20),
    ]  # fmt: skip


def test_tiles_that_overlap_have_a_track_of_their_own() -> None:
    found = made(events=(event(0, 10), event(5, 15), event(6, 9, MIDI), event(20, 30)))
    assert {name: len(line) for name, line in traced(found).items()} == {
        "thread 0": 3, "thread 0, overlap 1": 1
    }  # fmt: skip
    assert speedscoped(found)["thread 0, overlap 1"] == [("gemm Macro", 5, 15)]


def test_many_overlaps_take_no_quadratic_time() -> None:
    found = [event(start, start + 30_000) for start in range(20_000)]
    assert len(tracks(found)) == 20_000


def test_a_tile_whose_clock_stepped_back_has_no_length() -> None:
    recording = made(events=(event(9, 4),))
    for shown in (traced, speedscoped, perfettoed):
        assert shown(recording) == {"thread 0": [("gemm Macro", 9, 9)]}


def test_nanoseconds_are_exact_where_no_double_is() -> None:
    start = 2**61 + 1
    text = render("trace", made(events=(event(start, start + 1234567),)))
    assert isinstance(text, str)
    assert f'"ts": {start // 1000}.{start % 1000:03d}, "dur": 1234.567' in text


@pytest.mark.parametrize("output", ["trace", "speedscope"])
def test_without_tiles_a_time_line_is_empty_and_says_why(output: str) -> None:
    shown = render(output, made())
    assert isinstance(shown, str)
    parsed = json.loads(shown)
    note = parsed["otherData"]["note"] if output == "trace" else parsed["name"]
    assert "BrickProfiler(events=N)" in note
    assert traced(made()) == {}
    assert speedscoped(made()) == {"thread 0": []}


@pytest.mark.parametrize("output", ["trace", "speedscope"])
def test_tiles_that_were_dropped_are_said(output: str) -> None:
    whole = made(events=(event(0, 5),))
    assert "did not fit" not in str(render(output, whole))
    assert "17 more tiles did not fit" in str(render(output, replace(whole, events_dropped=17)))


def counted(recording: Recording) -> dict[str, list[tuple[int, float]]]:
    """Return the counters of a Chrome trace by name."""
    found: dict[str, list[tuple[int, float]]] = {}
    for one in trace(recording):
        if one["ph"] == "C":
            ((unit, rate),) = one["args"].items()
            assert unit in one["name"]
            found.setdefault(one["name"], []).append((nanoseconds(one["ts"]), float(rate)))
    return found


def test_counters_are_the_rates_of_tiles_that_do_the_same() -> None:
    levels = [tiles(MIDI, [100, 300], flops=8000, nbytes=400)]
    found = (event(0, 100, MIDI), event(100, 400, MIDI), event(500, 500, MIDI))
    assert counted(made(levels, events=found)) == {
        "Midi GFLOP/s, thread 0": [(0, metrics.gflops(4000, 100)), (100, metrics.gflops(4000, 300)),
                                   (400, 0.0), (500, 0.0)],
        "Midi GB/s, thread 0": [(0, 2.0), (100, metrics.bandwidth_gbs(200, 300)),
                                (400, 0.0), (500, 0.0)],
    }  # fmt: skip


def test_no_counter_where_the_work_of_a_tile_is_not_known() -> None:
    found = (event(0, 100, MIDI),)
    known = tiles(MIDI, [100, 300], flops=8000, nbytes=400)
    assert counted(made([replace(known, min_work=1, max_work=2)], events=found)) == {}
    assert set(counted(made([replace(known, undeclared=1)], events=found))) == {
        "Midi GFLOP/s, thread 0"
    }
    assert counted(made([replace(known, flops=0, nbytes=0)], events=found)) == {}
    assert counted(made(healthy_tiles(), events=(event(0, 0),))) == {}


def test_a_counter_falls_back_to_the_tile_around() -> None:
    levels = [tiles(MIDI, [100, 300], flops=8000)]
    found = made(levels, events=(event(0, 100, MIDI), event(20, 40, MIDI)))
    assert counted(found)["Midi GFLOP/s, thread 0"] == [
        (0, 40.0),
        (20, 200.0),
        (40, 40.0),
        (100, 0.0),
    ]


@given(recordings())
def test_counters_ascend_and_end_at_zero(recording: Recording) -> None:
    for line in counted(recording).values():
        assert line == sorted(line) and len({at for at, _ in line}) == len(line)
        assert line[-1][1] == 0.0


@pytest.mark.parametrize("name", ["gemm", "<script>\n\x1b[31m\ud800\u202e", "long" * 2500])
def test_perfettos_own_classes_read_the_same(name: str) -> None:
    pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    found = (
        TileEvent(0, 2**40, 0, MACRO, -5, 2**31, name),
        TileEvent(0, 100, 0, MIDI, 0, 1, name),
        TileEvent(50, 200, 0, MIDI, 0, 2, name),
    )
    levels = [tiles(MIDI, [100, 300], flops=8000, brick=name)]
    infos = made(brick_infos=(replace(made().brick_infos[0], name=name),)).brick_infos
    output = render("perfetto", made(levels, brick_infos=infos, events=found))
    trace = pb2.Trace.FromString(output)
    head, *packets = trace.packet
    interned = {one.iid: one.name for one in head.interned_data.event_names}
    arguments = {one.iid: one.name for one in head.interned_data.debug_annotation_names}
    threads = {
        p.track_descriptor.uuid: p.track_descriptor.thread.thread_name
        for p in packets
        if p.track_descriptor.HasField("thread")
    }
    assert list(threads.values()) == ["thread 0", "thread 0, overlap 1"]
    begun = [p for p in packets if p.track_event.type == pb2.TrackEvent.TYPE_SLICE_BEGIN]
    assert [
        (p.timestamp, threads[p.track_event.track_uuid], interned[p.track_event.name_iid])
        for p in begun
    ] == [
        (0, "thread 0", f"{printable(name)} Macro"),
        (0, "thread 0", f"{printable(name)} Midi"),
        (50, "thread 0, overlap 1", f"{printable(name)} Midi"),
    ]
    assert [
        {arguments[a.name_iid]: a.int_value for a in p.track_event.debug_annotations} for p in begun
    ] == [{"row": -5, "col": 2**31}, {"row": 0, "col": 1}, {"row": 0, "col": 2}]
    ended = [p for p in packets if p.track_event.type == pb2.TrackEvent.TYPE_SLICE_END]
    assert [p.timestamp for p in ended] == [100, 2**40, 200]
    counters = {
        p.track_descriptor.uuid: (p.track_descriptor.name, p.track_descriptor.counter.unit_name)
        for p in packets
        if p.track_descriptor.HasField("counter")
    }
    values = [
        (*counters[p.track_event.track_uuid], p.timestamp, p.track_event.double_counter_value)
        for p in packets
        if p.track_event.type == pb2.TrackEvent.TYPE_COUNTER
    ]
    assert values == [
        ("Midi GFLOP/s, thread 0", "GFLOP/s", 0, 40.0),
        ("Midi GFLOP/s, thread 0", "GFLOP/s", 100, 0.0),
        ("Midi GFLOP/s, thread 0, overlap 1", "GFLOP/s", 50, metrics.gflops(4000, 150)),
        ("Midi GFLOP/s, thread 0, overlap 1", "GFLOP/s", 200, 0.0),
    ]
    assert len(packets) == 2 + 3 + 3 + 2 + 4
    trace.DiscardUnknownFields()
    assert trace.ByteSize() == len(output)
