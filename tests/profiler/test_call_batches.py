"""What a recording keeps of each run's calls, by part, on the manual clock."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brickprof import BrickProfiler, TileLevel, gemm, merge_recordings
from brickprof.recording import CallTimes, Overhead
from brickprof.recording.call_times import SEGMENTS, log_ns


def profiler(**options: object) -> BrickProfiler:
    """Return a profiler that is on, with a clock that moves by hand and pairs that cost nothing."""
    prof = BrickProfiler(clock="manual", overhead=Overhead(), **options)  # type: ignore[arg-type]
    prof.enable_tile_profiling()
    return prof


def call(prof: BrickProfiler, ns: int = 1000, flops: int = 5) -> None:
    """Enter a brick whose Macro tile takes so long, half of it in a Micro tile; wait as long."""
    with prof.brick("k"):
        outer = prof.start_tile(TileLevel.MACRO, 0, 0)
        prof.advance(ns // 2)
        inner = prof.start_tile(TileLevel.MICRO, 0, 0)
        prof.advance(ns // 2)
        prof.stop_tile(inner, 1, 0)
        prof.stop_tile(outer, 1, flops)
        prof.advance(ns)


def parts(prof: BrickProfiler) -> dict[str, CallTimes]:
    """Return what is known of the brick's calls, by part."""
    return {one.part: one for one in prof.recording().brick_info("k").parts_of_calls}


def ns_of(times: CallTimes) -> float:
    """Return the time, or the share, of a single run."""
    ((bucket, runs),) = times.times
    assert runs == 1
    return math.exp(log_ns(bucket))


def test_each_part_of_a_call_has_its_time() -> None:
    prof = profiler()
    for _ in range(20):
        call(prof)
    found = parts(prof)
    expected = {"wall": 2000, "MACRO": 1000, "MICRO": 500, "tiles": 1000}
    expected |= {"MACRO share": 0.5, "MICRO share": 0.5}
    assert {part: ns_of(times) for part, times in found.items()} == pytest.approx(
        expected, rel=2e-4
    )
    assert all(one.spread == 0 for one in found.values())
    assert math.exp(log_ns(found["wall"].paces[0][0])) == pytest.approx(400, rel=1e-4)
    info = prof.recording().brick_info("k")
    assert (info.min_call_flops, info.max_call_flops) == (5, 5)


def test_batches_hold_more_calls_the_longer_a_run_is() -> None:
    few, many = profiler(), profiler()
    for number in range(1000):
        call(few, 1000 + 1000 * (number % 2))
    for number in range(5000):
        call(many, 1000 + 1000 * (number % 2))
    assert ns_of(parts(few)["MACRO"]) == pytest.approx(1000, rel=1e-4)
    assert ns_of(parts(many)["MACRO"]) == pytest.approx(1500, rel=1e-4)


@pytest.mark.parametrize(("calls", "known"), [(SEGMENTS - 1, False), (SEGMENTS, True)])
def test_a_run_has_some_calls(calls: int, known: bool) -> None:
    prof = profiler()
    for _ in range(calls):
        call(prof)
    assert bool(parts(prof)) is known
    assert (prof.recording().brick_info("k").max_call_flops > 0) is known


def test_a_reset_begins_another_run() -> None:
    prof = profiler()
    for _ in range(20):
        call(prof, 3000)
    prof.reset_tile_stats()
    for _ in range(10):
        call(prof)
    assert ns_of(parts(prof)["MACRO"]) == pytest.approx(1000, rel=1e-4)


def test_a_call_during_which_it_was_reset_counts_for_nothing() -> None:
    prof = profiler()
    for _ in range(10):
        call(prof)
    with prof.brick("k"):
        prof.reset_tile_stats()
        prof.advance(7)
    assert prof.recording().brick_infos == () or not parts(prof)


def test_sampling_keeps_wall_time_alone() -> None:
    prof = profiler(sample_every=3)
    for _ in range(20):
        call(prof)
    assert list(parts(prof)) == ["wall"]


def test_a_brick_inside_itself_is_one_call() -> None:
    prof = profiler()
    for _ in range(10):
        with prof.brick("k"):
            call(prof)
            prof.advance(100)
    assert ns_of(parts(prof)["wall"]) == pytest.approx(2100, rel=1e-4)


def test_threads_of_a_call_add_up() -> None:
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    ones = np.ones((300, 300), np.float32)
    for _ in range(200):
        gemm(ones, ones, threads=2, profiler=prof)
    info = prof.recording().brick_info("gemm")
    assert {"wall", "MACRO", "reference"} <= {one.part for one in info.parts_of_calls}
    assert (info.min_call_flops, info.max_call_flops) == (2 * 300**3,) * 2


def test_runs_add_up() -> None:
    recordings = []
    for ns in (1000, 1000, 4000):
        prof = profiler()
        for _ in range(10):
            call(prof, ns)
        recordings.append(prof.recording())
    few = profiler()
    call(few, flops=1)
    info = merge_recordings([*recordings, few.recording()]).brick_info("k")
    assert (info.calls, info.min_call_flops, info.max_call_flops) == (31, 5, 5)
    assert [runs for _, runs in info.parts_of_calls[0].times] == [2, 1]
