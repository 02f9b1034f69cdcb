"""BrickProfiler's clocks: histogram buckets agree with Python's, real clocks are calibrated."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import ENTRY_POINTS, MICRO, MIDI, manual, micro, tile, tile_library

from brickprof import BrickProfiler
from brickprof.core.histograms import BUCKETS, bucket_of
from brickprof.recording import CLOCK_SOURCES, Overhead, Recording, load_recording

CLOCKS = ("tsc", "cntvct", "clock_gettime")
EDGES = sorted({0, 2**64 - 1} | {2**p + d for p in range(64) for d in (-1, 0, 1)})


def test_there_are_as_many_buckets_in_c() -> None:
    assert tile_library().buckets() == BUCKETS


@pytest.mark.parametrize("ns", EDGES)
def test_buckets_in_c_at_powers_of_two(ns: int) -> None:
    assert tile_library().bucket(ns) == bucket_of(ns)


@given(st.integers(0, 2**64 - 1))
def test_buckets_in_c(ns: int) -> None:
    assert tile_library().bucket(ns) == bucket_of(ns)


def test_tiles_fall_into_their_buckets() -> None:
    durations = [ns for ns in EDGES if ns < 2**58]
    prof = manual()
    for ns in durations:
        micro(prof, ns)
    expected = sorted({bucket_of(ns) for ns in durations})
    assert [bucket for bucket, _ in prof.tile_stats(MICRO).histogram] == expected
    assert prof.tile_stats(MICRO).total_ns == sum(durations)


@pytest.mark.parametrize("ns", [2**62, 2**63 - 1])
def test_a_tile_of_centuries(ns: int) -> None:
    prof = manual()
    micro(prof, ns)
    stats = prof.tile_stats(MICRO)
    assert stats.histogram == ((bucket_of(ns), 1),)
    assert stats.total_ns == stats.min_ns == stats.max_ns == ns


@given(st.integers(0, 2**62), st.floats(0.001, 3))
def test_ticks_to_nanoseconds(ticks: int, ns_per_tick: float) -> None:
    q32 = round(ns_per_tick * 2**32)
    assert tile_library().nanoseconds(ticks, q32) == (2 * ticks * q32 + 2**32) // 2**33


@pytest.fixture(scope="module")
def real() -> Recording:
    """A recording of one tile on the machine's clock, beside the seconds it took."""
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    before = time.perf_counter_ns()
    with prof.tile(MICRO, 0, 0):
        inner = time.perf_counter_ns()
        while time.perf_counter_ns() - inner < 50_000_000:
            pass
        taken = time.perf_counter_ns() - inner
    outside = time.perf_counter_ns() - before
    stats = prof.tile_stats(MICRO)
    assert 0.99 * taken <= stats.raw_total_ns <= 1.01 * outside
    return prof.recording()


def test_the_clock_is_known_and_calibrated(real: Recording) -> None:
    assert real.clock.source in CLOCKS
    assert real.clock.reason
    assert 0.05 < real.clock.ns_per_tick <= 1000


def test_the_cost_of_a_pair_is_measured(real: Recording) -> None:
    cost = real.overhead
    for inside, pair in (
        (cost.c_inside, cost.c_pair),
        (cost.python_inside, cost.python_pair),
        (cost.block_inside, cost.block_pair),
    ):
        assert 0 <= inside < 100_000
        assert 0 < pair < 100_000
    assert cost.python_inside > 0


def test_a_clock_may_be_asked_for() -> None:
    prof = BrickProfiler(clock="clock_gettime", overhead=Overhead())
    prof.enable_tile_profiling()
    micro_stats = prof.recording().clock
    assert (micro_stats.source, micro_stats.ns_per_tick) == ("clock_gettime", 1.0)
    assert micro_stats.reason == "asked for"


def test_calibration_leaves_no_tiles(real: Recording) -> None:
    assert real.tile_stats(MICRO).count == 1
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    assert prof.recording().tiles == ()


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
@pytest.mark.parametrize("events", [0, 9])
def test_a_clock_that_steps_back_gives_no_time_and_a_note(entry_point: str, events: int) -> None:
    prof = manual(events=events)
    with prof.recorders("kernel") as (handle,):
        for ticks in (5, 2**64 - 3, 7):  # the second is 3 back
            with tile(prof, entry_point, MICRO, handle=handle):
                prof.advance(ticks)
    stats, recording = prof.tile_stats(MICRO), prof.recording()
    assert (stats.count, stats.total_ns, stats.raw_total_ns) == (3, 12, 12)
    assert (stats.min_ns, stats.max_ns) == (0, 7)
    assert recording.clock_steps_back == 1
    assert all(event.stop_ns >= event.start_ns for event in recording.events)
    assert "stepped back during 1 of the tiles" in prof.tile_summary()
    prof.reset_tile_stats()
    assert prof.recording().clock_steps_back == 0


@pytest.mark.parametrize(("cost", "total_ns"), [(0, 40), (4, 96)])
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_a_tile_shorter_than_those_inside_is_a_step_back(
    entry_point: str, cost: int, total_ns: int, tmp_path: Path
) -> None:
    prof = manual(overhead=Overhead(*[cost] * 6))
    with prof.recorders("kernel") as (handle,), tile(prof, entry_point, MIDI, handle=handle):
        with tile(prof, entry_point, MICRO, handle=handle):
            prof.advance(100)
        prof.advance(2**64 - 60)
    stats, recording = prof.tile_stats(MIDI), prof.recording()
    assert (stats.total_ns, stats.raw_total_ns, stats.self_ns) == (total_ns, 40, 0)
    assert recording.clock_steps_back == 1
    assert load_recording(recording.save(tmp_path / "run.json")) == recording


def test_the_last_tick_of_all_is_one_as_any_other() -> None:
    prof = manual()
    prof.advance(2**64 - 1)
    with prof.tile(MICRO, 0, 0):
        pass
    assert (prof.tile_stats(MICRO).count, prof.tile_stats(MICRO).total_ns) == (1, 0)


def test_recordings_know_every_clock_that_there_is() -> None:
    with pytest.raises(ValueError, match="clock must be 'auto' or") as caught:
        BrickProfiler(clock="sundial")
    offered = str(caught.value).partition(" of ")[2].partition(", got")[0]
    assert {name.strip("'") for name in offered.split(", ")} == {*CLOCK_SOURCES} - {"mixed"}
