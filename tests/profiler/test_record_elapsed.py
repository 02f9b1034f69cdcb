"""Work that was timed elsewhere is in the recording as it was told."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import MACRO, MICRO, MIDI, manual

import brickprof as bp
from brickprof.recording import Recording


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.integers(0, 10**15),
            st.integers(0, 10**9),
            st.sampled_from([MACRO, MIDI, MICRO]),
        ),
        max_size=9,
    )
)
def test_it_is_a_tile_and_a_call_of_as_long(works: list[tuple[str, int, int, Any]]) -> None:
    prof = bp.BrickProfiler(clock="manual", grid=4, events=99)
    prof.enable_tile_profiling()
    for name, ns, flops, level in works:
        prof.record_elapsed(name, ns, 3, flops, 8, level=level)
    recording = prof.recording()
    for name in {name for name, *_ in works}:
        own = [work for work in works if work[0] == name]
        info = recording.brick_info(name)
        assert (info.calls, info.threads) == (len(own), 1)
        assert info.wall_ns == sum(ns for _, ns, *_ in own)
        for level in (MACRO, MIDI, MICRO):
            tiles = recording.tile_stats(level, name)
            alike = [work for work in own if work[3] is level]
            assert tiles.count == tiles.timed == len(alike)
            assert tiles.total_ns == tiles.self_ns == sum(ns for _, ns, *_ in alike)
            assert tiles.flops == sum(flops for _, _, flops, _ in alike)
            assert tiles.nbytes == 8 * len(alike)
    assert len(recording.events) == len(works)
    assert Recording.from_json(recording.to_json()) == recording


def test_what_is_open_meanwhile_is_not_changed() -> None:
    prof = manual()
    with prof.brick("outer"), prof.tile(MICRO, 0, 0):
        prof.advance(10)
        prof.record_elapsed("device", 1000, level=MACRO, flops=5)
        prof.advance(10)
    tile = prof.tile_stats(MICRO, "outer")
    assert (tile.total_ns, tile.self_ns) == (20, 20)
    assert prof.tile_stats(MACRO, "device").total_ns == 1000
    assert prof.recording().brick_info("outer").wall_ns == 20


def test_times_of_a_real_clock_are_kept_to_a_tick() -> None:
    prof = bp.BrickProfiler()
    prof.record_elapsed("off", 5.0)
    with prof:
        prof.record_elapsed("on", 12345.678)
    tile = prof.tile_stats(MACRO, "on")
    assert tile.total_ns == pytest.approx(12345.678, abs=prof.recording().clock.ns_per_tick + 1)
    assert tile.raw_total_ns == tile.total_ns
    assert prof.recording().bricks == ("on",)


def test_threads_record_at_once() -> None:
    prof = manual()

    def record() -> None:
        for _ in range(500):
            prof.record_elapsed("k", 3, flops=2)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tile = prof.tile_stats(MACRO, "k")
    assert (tile.count, tile.total_ns, tile.flops) == (2000, 6000, 4000)
    assert prof.recording().brick_info("k").calls == 2000


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({"name": ""}, TypeError),
        ({"name": 3}, TypeError),
        ({"ns": -1}, ValueError),
        ({"ns": float("nan")}, ValueError),
        ({"ns": 1e19}, ValueError),
        ({"ns": "5"}, TypeError),
        ({"ns": True}, TypeError),
        ({"flops": -1}, ValueError),
        ({"elements": 0.5}, ValueError),
        ({"nbytes": 3, "loaded_bytes": 4}, ValueError),
        ({"level": 2}, TypeError),
        ({"dtype": "banana"}, ValueError),
        ({"isa": ""}, (TypeError, ValueError)),
    ],
)
def test_wrong_arguments_record_nothing(given_: dict[str, Any], error: Any) -> None:
    prof = manual()
    with pytest.raises(error):
        prof.record_elapsed(**{"name": "k", "ns": 5.0, **given_})
    assert prof.recording().tiles == ()
    assert "k" not in prof.recording().bricks


def test_a_comparison_finds_what_took_longer() -> None:
    sides = []
    for ns in (1000, 1300):
        prof = manual()
        for call in range(400):
            prof.record_elapsed("k", 1000 * (ns + call % 7), flops=100)
        sides.append(prof.recording())
    assert bp.compare_recordings(*sides).verdict.value == "slower"


@pytest.mark.parametrize("clock", ["manual", None])
def test_times_whose_sum_would_overflow_are_refused(clock: Any) -> None:
    prof = bp.BrickProfiler(**({"clock": clock} if clock else {}))
    prof.enable_tile_profiling()
    recorded = 0
    complaint = "ns is too long: the calls of 'e' took .* would not fit into 63 bits"
    with pytest.raises(ValueError, match=complaint):
        for level in [MACRO, MIDI, MICRO] * 8:
            prof.record_elapsed("e", 1e18, level=level)
            recorded += 1
    prof.record_elapsed("another", 1e18)
    prof.record_elapsed("e", 5)
    recording = prof.recording()
    tiles = [recording.tile_stats(level, "e") for level in (MACRO, MIDI, MICRO)]
    assert sum(one.count for one in tiles) == recorded + 1 > 1
    assert sum(one.total_ns for one in tiles) == pytest.approx(recorded * 1e18, rel=1e-6)
    assert recording.brick_info("e").wall_ns == pytest.approx(recorded * 1e18, rel=1e-6)
    assert Recording.from_json(recording.to_json()) == recording
