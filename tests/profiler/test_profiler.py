"""BrickProfiler: what it records, on the manual clock, to the tick."""

from __future__ import annotations

import mmap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.entry_points import (
    ENTRY_POINTS,
    MACRO,
    MICRO,
    MIDI,
    UNDECLARED,
    manual,
    micro,
    overhead,
    pointer_of,
    tile,
    tile_library,
)
from support.made_recordings import ROOFS

from brickprof import BrickProfiler
from brickprof.core.errors import TileNestingError
from brickprof.core.histograms import bucket_of
from brickprof.profiler.brick_profiler import slow_path_calls
from brickprof.recording import Overhead, load_recording
from brickprof.recording.tile_stats import TileStats


def test_a_tile_has_its_time_and_its_work() -> None:
    prof = manual()
    timer = prof.start_tile(MIDI, 3, 4)
    prof.advance(250)
    prof.stop_tile(timer, 100, 2000, nbytes=800)
    assert prof.tile_stats(MIDI) == TileStats(
        level=MIDI,
        count=1,
        timed=1,
        total_ns=250,
        self_ns=250,
        raw_total_ns=250,
        raw_self_ns=250,
        min_ns=250,
        max_ns=250,
        elements=100,
        flops=2000,
        nbytes=800,
        min_work=2100,
        max_work=2100,
        histogram=((bucket_of(250), 1),),
    )


def test_self_time_is_without_the_tiles_inside() -> None:
    prof = manual()
    with prof.tile(MACRO, 0, 0):
        prof.advance(10)
        for _ in range(2):
            with prof.tile(MIDI, 0, 0):
                prof.advance(5)
                micro(prof, 100)
        prof.advance(1)
    macro, midi, finest = prof.all_tile_stats()
    assert (macro.total_ns, macro.self_ns) == (221, 11)
    assert (midi.total_ns, midi.self_ns) == (210, 10)
    assert (finest.total_ns, finest.self_ns) == (200, 200)


def test_a_tile_inside_one_of_its_own_level_is_counted_in_both_but_once_in_self_time() -> None:
    prof = manual()
    with prof.tile(MICRO, 0, 0):
        prof.advance(3)
        micro(prof, 4)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.total_ns, stats.self_ns) == (2, 11, 7)


def test_extremes_histogram_and_percentiles() -> None:
    prof = manual()
    for ticks in (500, 20, 20, 90_000):
        micro(prof, ticks)
    stats = prof.tile_stats(MICRO)
    assert (stats.min_ns, stats.max_ns) == (20, 90_000)
    assert stats.histogram == ((bucket_of(20), 2), (bucket_of(500), 1), (bucket_of(90_000), 1))
    assert stats.percentile_ns(0) == stats.percentile_ns(50) == 20
    assert abs(stats.percentile_ns(75) - 500) <= 500 / 64
    assert stats.percentile_ns(100) == 90_000


@pytest.mark.parametrize("outer", ENTRY_POINTS)
@pytest.mark.parametrize("inner", ENTRY_POINTS)
def test_the_cost_of_pairs_is_taken_out_of_a_tile_and_of_its_parents(
    outer: str, inner: str
) -> None:
    cost = overhead()
    inside = {
        entry_point: int(getattr(cost, f"{entry_point}_inside")) for entry_point in ENTRY_POINTS
    }
    pair = int(getattr(cost, f"{inner}_pair"))
    prof = manual(overhead=cost)
    with prof.recorders("b") as (handle,), tile(prof, outer, MACRO, handle=handle):
        prof.advance(1000)
        for _ in range(3):
            with tile(prof, inner, MICRO, handle=handle):
                prof.advance(100)
    macro, _, finest = prof.all_tile_stats()
    assert finest.raw_total_ns == finest.raw_self_ns == 300
    assert finest.total_ns == finest.self_ns == 3 * (100 - inside[inner])
    assert finest.min_ns == finest.max_ns == 100 - inside[inner]
    assert (macro.raw_total_ns, macro.raw_self_ns) == (1300, 1000)
    assert macro.total_ns == 1300 - inside[outer] - 3 * pair
    assert macro.self_ns == macro.total_ns - finest.total_ns


def test_the_cost_of_pairs_reaches_every_parent() -> None:
    prof = manual(overhead=Overhead(python_pair=10.0, python_inside=1.0))
    timers = []
    for level in (MACRO, MIDI, MICRO):
        timers.append(prof.start_tile(level, 0, 0))
        prof.advance(1000)
    for timer in reversed(timers):
        prof.stop_tile(timer, 0, 0)
    assert [stats.total_ns for stats in prof.all_tile_stats()] == [2979, 1989, 999]
    assert [stats.self_ns for stats in prof.all_tile_stats()] == [990, 990, 999]


def test_a_correction_that_is_too_large_leaves_what_is_inside() -> None:
    prof = manual(overhead=Overhead(python_pair=10.0, python_inside=1.0))
    outer = prof.start_tile(MACRO, 0, 0)
    for _ in range(3):
        timer = prof.start_tile(MICRO, 0, 0)
        prof.advance(5)
        prof.stop_tile(timer, 0, 0)
    prof.stop_tile(outer, 0, 0)
    macro, _, micro_stats = prof.all_tile_stats()
    assert (macro.total_ns, macro.self_ns) == (12, 0)
    assert micro_stats.total_ns == 12
    # 15 ticks less 3 pairs and the cost inside: 28 were added, and are its error.
    assert (macro.total_error_ns, micro_stats.total_error_ns) == (28, 0)


def test_tiles_shorter_than_the_step_add_up_unbiased() -> None:
    # A clock that stands still for 25 tiles in 26, and then moves by 26: a tick for each.
    prof = manual(overhead=Overhead(python_inside=0.0))
    for number in range(26 * 10):
        timer = prof.start_tile(MICRO, 0, 0)
        prof.advance(26 if number % 26 == 25 else 0)
        prof.stop_tile(timer, 0, 0)
    assert prof.tile_stats(MICRO).total_ns == 260
    prof = manual(overhead=Overhead(python_inside=1.0))
    for number in range(26 * 10):
        timer = prof.start_tile(MICRO, 0, 0)
        prof.advance(52 if number % 26 == 25 else 0)
        prof.stop_tile(timer, 0, 0)
    stats = prof.tile_stats(MICRO)
    assert (stats.total_ns, stats.min_ns, stats.max_ns) == (260, 0, 51)


def test_loaded_and_stored_bytes_are_summed_apart() -> None:
    prof = manual()
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 1, 2, loaded_bytes=30, stored_bytes=10)
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 1, 2, 7, stored_bytes=7)
    with prof.tile(MICRO, 0, 0, loaded_bytes=np.int64(3)):
        pass
    with prof.recorders("c") as (handle,):
        tile_library().start(pointer_of(handle), MICRO, 0, 0)
        tile_library().stop_split(pointer_of(handle), 5, 6, 40, 2)
        in_c = prof.tile_stats(MICRO, "c")
        assert (in_c.loaded_bytes, in_c.stored_bytes, in_c.nbytes, in_c.split) == (40, 2, 42, 1)
    tile_library().stop_split(None, 5, 6, 40, 2)
    stats = prof.tile_stats(MICRO, "default")
    assert (stats.loaded_bytes, stats.stored_bytes, stats.nbytes) == (33, 17, 50)
    assert (stats.split, stats.split_declared, stats.nbytes_declared) == (3, True, True)
    assert (stats.same_work, stats.min_work, stats.max_work) == (False, 0, 3)
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 1, 2, 7)
    assert not prof.tile_stats(MICRO).split_declared


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"loaded_bytes": -1}, ValueError, "loaded_bytes must be in"),
        ({"stored_bytes": "1"}, TypeError, "stored_bytes must be a whole number"),
        ({"loaded_bytes": 2**63, "stored_bytes": 2**63}, ValueError, "add up to less than"),
        ({"nbytes": 5, "loaded_bytes": 2}, ValueError, "nbytes must be loaded_bytes"),
    ],
)
def test_bad_split_bytes_leave_the_tile_open(
    given: dict[str, Any], kind: type[Exception], message: str
) -> None:
    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    with pytest.raises(kind, match=message):
        prof.stop_tile(timer, 1, 1, **given)
    assert prof.tile_stats(MICRO).split == 0
    prof.stop_tile(timer, 1, 1)
    assert prof.tile_stats(MICRO).count == 1


def test_numpy_integers_take_the_fast_path() -> None:
    prof = manual()
    prof.stop_tile(prof.start_tile(MICRO, 0, 0), 1, 1)
    before = slow_path_calls()
    for kind in (np.int64, np.int32):
        timer = prof.start_tile(MICRO, kind(1), kind(2))
        prof.stop_tile(timer, kind(3), kind(4), kind(5))
    assert slow_path_calls() == before
    stats = prof.tile_stats(MICRO)
    assert (stats.elements, stats.flops, stats.nbytes) == (7, 9, 14)
    with pytest.raises(ValueError, match="row must be in"):
        prof.start_tile(MICRO, np.int64(-1), 0)


def test_a_recorder_left_without_a_tile_takes_no_split_bytes() -> None:
    prof = manual()
    with pytest.raises(TileNestingError, match="none was open"), prof.recorders("c") as (handle,):
        tile_library().stop_split(pointer_of(handle), 5, 6, 40, 2)
    assert prof.tile_stats(MICRO, "c").split == 0


def test_a_worker_that_sleeps_between_its_tiles_is_seen() -> None:
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    library = tile_library()

    def work(handle: object) -> None:
        for _ in range(3):
            library.start(pointer_of(handle), MICRO, 0, 0)
            library.stop(pointer_of(handle), 1, 1, 1)
            time.sleep(0.005)

    with prof.recorders("k", 2) as (_, handle):
        thread = threading.Thread(target=work, args=(handle,))
        thread.start()
        thread.join()
    usage = prof.recording().brick_info("k").usage
    assert len(usage) == 2
    assert all(one.cpu_ns < one.wall_ns and one.voluntary_switches for one in usage)


def test_what_a_thread_uses_is_not_held_against_another_that_records_for_it() -> None:
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    library = tile_library()

    def work(handle: object) -> None:
        for _ in range(2):
            library.start(pointer_of(handle), MICRO, 0, 0)
            time.sleep(0.001)  # so long that the system is asked
            library.stop(pointer_of(handle), 1, 1, 1)

    with prof.recorders("k") as (handle,):
        thread = threading.Thread(target=work, args=(handle,))
        thread.start()
        thread.join()
        time.sleep(0.05)
    (one,) = prof.recording().brick_info("k").usage
    # The caller's thread has used far more since it began; of the sleep it used nothing.
    assert one.cpu_ns < 40_000_000


def test_errors_of_pairs_add_up_to_the_outermost_tile() -> None:
    cost = replace(
        overhead(),
        python_pair=8.0,
        python_inside=2.0,
        python_pair_error=3.0,
        python_inside_error=1.0,
    )
    prof = manual(overhead=cost)
    outer = prof.start_tile(MACRO, 0, 0)
    for _ in range(5):
        timer = prof.start_tile(MICRO, 0, 0)
        prof.advance(100)
        prof.stop_tile(timer, 0, 0)
        prof.advance(50)
    prof.stop_tile(outer, 0, 0)
    macro, _, inner = prof.all_tile_stats()
    assert (inner.total_ns, inner.total_error_ns, inner.self_error_ns) == (5 * 98, 5, 5)
    assert (macro.total_ns, macro.total_error_ns) == (750 - 2 - 40, 16)
    assert macro.self_error_ns == 32


def test_calls_are_kept_apart() -> None:
    prof = manual()
    for ns in (100, 100, 300):
        with prof.brick("k"):
            timer = prof.start_tile(MACRO, 0, 0)
            micro(prof, ns)
            prof.stop_tile(timer, 1, 50)
    info = prof.recording().brick_info("k")
    assert info.call_times == ((bucket_of(100), 2), (bucket_of(300), 1))
    assert info.call_paces == ((bucket_of(2 * 10**9), 2), (bucket_of(6 * 10**9), 1))
    prof.reset_tile_stats()
    assert prof.recording().brick_infos == ()


def test_the_operating_system_is_asked_on_the_thread_itself() -> None:
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    with prof.brick("sleeps"):
        prof.stop_tile(prof.start_tile(MACRO, 0, 0), 1, 1)
        time.sleep(0.02)
    with prof.brick("touches"), mmap.mmap(-1, 2**22) as pages:
        pages.write(bytes(2**22))
    prof.stop_tile(prof.start_tile(MACRO, 0, 0), 1, 1)
    (slept,) = prof.recording().brick_info("sleeps").usage
    assert slept.cpu_ns < slept.wall_ns
    assert slept.voluntary_switches >= 1
    (touched,) = prof.recording().brick_info("touches").usage
    assert touched.minor_faults >= 1
    manual_usage = manual()
    with manual_usage.brick("k"):
        micro(manual_usage, 5)
    assert manual_usage.recording().brick_info("k").usage == ()


def test_a_tile_shorter_than_its_own_timing_takes_no_time() -> None:
    prof = manual(overhead=Overhead(block_inside=50.0, block_pair=60.0))
    micro(prof, 20)
    stats = prof.tile_stats(MICRO)
    assert (stats.total_ns, stats.self_ns, stats.min_ns, stats.raw_total_ns) == (0, 0, 0, 20)


def test_tiles_belong_to_the_innermost_brick() -> None:
    prof = manual()
    micro(prof, 1)
    with prof.brick("outer"):
        micro(prof, 10)
        with prof.brick("inner"):
            micro(prof, 100)
        micro(prof, 1000)
    with prof.brick("inner"):
        micro(prof, 10_000)
    times = {name: prof.tile_stats(MICRO, name).total_ns for name in prof.recording().bricks}
    assert times == {"default": 1, "inner": 10_100, "outer": 1010}
    assert prof.tile_stats(MICRO).total_ns == 11_111
    with pytest.raises(KeyError, match="unheard of"):
        prof.tile_stats(MICRO, "unheard of")


def test_a_brick_has_calls_and_wall_time() -> None:
    prof = manual()
    for ticks in (100, 23):
        with prof.brick("k"):
            prof.advance(ticks)
            micro(prof, 1)
    info = prof.recording().brick_info("k")
    assert (info.calls, info.wall_ns, info.threads, info.dtypes) == (2, 125, 1, ("float32",))


def test_a_brick_inside_itself_is_one_call() -> None:
    prof = manual()
    with prof.brick("k"):
        prof.advance(1)
        with prof.brick("k"):
            micro(prof, 10)
        prof.advance(100)
    info = prof.recording().brick_info("k")
    assert (info.calls, info.wall_ns) == (1, 111)


def test_a_brick_without_tiles_is_known_once_it_was_entered() -> None:
    prof = manual()
    never = prof.brick("never")
    with prof.brick("empty"):
        prof.advance(5)
    assert prof.recording().bricks == ("empty",)
    with never:
        pass
    assert prof.recording().bricks == ("empty", "never")


def test_the_default_brick_takes_as_long_as_its_outermost_tiles() -> None:
    prof = manual()
    for ticks in (7, 30):
        with prof.tile(MACRO, 0, 0):
            micro(prof, ticks)
        prof.advance(1000)
    info = prof.recording().brick_info("default")
    assert (info.calls, info.wall_ns, info.threads) == (0, 37, 1)


@pytest.mark.parametrize("sample_every", [1, 2])
def test_wall_time_is_not_corrected(sample_every: int) -> None:
    prof = manual(overhead=overhead(), sample_every=sample_every)
    micro(prof, 37)
    assert prof.recording().brick_info("default").wall_ns == 37


def test_assumed_bytes_follow_the_element_type() -> None:
    prof = manual()
    with prof.brick("k"):
        micro(prof, elements=3)
    with prof.brick("k", "float64"):
        micro(prof, elements=10)
    stats = prof.tile_stats(MICRO, "k")
    assert (stats.nbytes, stats.undeclared, stats.nbytes_declared) == (3 * 4 + 10 * 8, 2, False)
    info = prof.recording().brick_info("k")
    assert (info.dtypes, info.calls, info.wall_ns) == (("float32", "float64"), 2, 2)


@pytest.mark.parametrize(
    ("dtype", "name", "itemsize"),
    [
        ("float64", "float64", 8),
        ("float32", "float32", 4),
        ("float16", "float16", 2),
        ("bfloat16", "bfloat16", 2),
        ("int8", "int8", 1),
        (np.float32, "float32", 4),
        (np.dtype("float16"), "float16", 2),
        (np.dtype(">f8"), "float64", 8),
        (np.int8, "int8", 1),
        (np.str_("bfloat16"), "bfloat16", 2),
    ],
)
def test_a_brick_may_be_of_any_element_type(dtype: Any, name: str, itemsize: int) -> None:
    prof = manual()
    with prof.brick("b", dtype):
        micro(prof, elements=10)
    with prof.recorders("r", 2, dtype) as handles:
        tile_library().start(pointer_of(handles[1]), MICRO, 0, 0)
        tile_library().stop(pointer_of(handles[1]), 5, 0, UNDECLARED)
    assert prof.tile_stats(MICRO, "b").nbytes == 10 * itemsize
    assert prof.tile_stats(MICRO, "r").nbytes == 5 * itemsize
    infos = prof.recording().brick_infos
    assert [info.dtypes for info in infos] == [(name,), (name,)]
    assert all(type(info.dtypes[0]) is str for info in infos)


def test_a_brick_of_a_type_without_a_peak_is_reported() -> None:
    prof = manual()
    with prof.brick("k", "bfloat16"):
        micro(prof, elements=10, flops=100)
    text = " ".join(prof.tile_summary(ROOFS).split())
    assert "No peak was measured for bfloat16 elements" in text


def test_one_tile_without_bytes_makes_the_level_assumed() -> None:
    prof = manual()
    micro(prof, elements=10, nbytes=0)
    assert prof.tile_stats(MICRO).nbytes_declared
    micro(prof, elements=10, nbytes=123)
    assert prof.tile_stats(MICRO).nbytes_declared
    micro(prof, elements=10)
    stats = prof.tile_stats(MICRO)
    assert (stats.nbytes, stats.undeclared, stats.nbytes_declared) == (163, 1, False)


@pytest.mark.parametrize("count", [2**63, 2**64 - 2])
def test_sums_are_exact_beyond_64_bits(count: int) -> None:
    prof = manual()
    for _ in range(5):
        timer = prof.start_tile(MICRO, count, count)
        prof.stop_tile(timer, count, count, count)
        micro(prof, elements=count)
    stats = prof.tile_stats(MICRO)
    assert (stats.elements, stats.flops) == (10 * count, 5 * count)
    assert stats.nbytes == 5 * count + 5 * count * 4


@pytest.mark.parametrize(
    "number",
    [np.int8(7), np.uint64(7), np.float32(7), np.float64(7), np.longdouble(7), 7.0, np.array(7)],
    ids=lambda number: type(number).__name__,
)
def test_whole_numbers_of_any_type_are_taken(number: float) -> None:
    prof = manual(events=1)
    timer = prof.start_tile(MICRO, number, number)
    prof.advance(number)
    prof.stop_tile(timer, number, number, number)
    stats = prof.tile_stats(MICRO)
    assert (stats.elements, stats.flops, stats.nbytes, stats.total_ns) == (7, 7, 7, 7)
    (event,) = prof.recording().events
    assert (event.row, event.col) == (7, 7)


def test_off_records_nothing_and_shares_one_timer() -> None:
    prof = BrickProfiler(clock="manual")
    assert not prof.is_tile_profiling_enabled
    timer = prof.start_tile(MACRO, 0, 0)
    assert prof.start_tile(MICRO, 1, 1) is timer
    prof.advance(5)
    prof.stop_tile(timer, 1, 1)
    prof.stop_tile(timer, 1, 1)
    with prof.recorders("k", 3) as handles, prof.tile(MICRO, 0, 0):
        prof.advance(5)
    assert handles == (None, None, None)
    assert [stats.count for stats in prof.all_tile_stats()] == [0, 0, 0]
    rec = prof.recording()
    assert (rec.tiles, rec.brick_infos, rec.open_tiles, rec.abandoned_tiles) == ((), (), 0, 0)


def test_switching_counts_from_the_start_of_a_tile() -> None:
    prof = manual()
    running = prof.start_tile(MACRO, 0, 0)
    block = prof.tile(MIDI, 0, 0)
    with block:
        prof.disable_tile_profiling()
        assert not prof.is_tile_profiling_enabled
        unseen = prof.start_tile(MICRO, 0, 0)
        prof.advance(10)
    prof.enable_tile_profiling()
    assert prof.is_tile_profiling_enabled
    prof.stop_tile(unseen, 1, 1)
    prof.stop_tile(running, 1, 1)
    assert [stats.count for stats in prof.all_tile_stats()] == [1, 1, 0]
    assert prof.tile_stats(MIDI).total_ns == 10


def test_a_tile_entered_while_off_stays_unseen() -> None:
    prof = BrickProfiler(clock="manual")
    with prof.brick("k"), prof.tile(MICRO, 0, 0):
        prof.enable_tile_profiling()
        prof.advance(10)
    assert prof.recording().brick_infos == ()


def test_a_block_may_be_entered_again() -> None:
    prof = manual()
    block, brick = prof.tile(MICRO, 0, 0, flops=3), prof.brick("k")
    for _ in range(4):
        with brick, block:
            prof.advance(2)
    stats = prof.tile_stats(MICRO, "k")
    assert (stats.count, stats.flops, stats.total_ns) == (4, 12, 8)
    assert prof.recording().brick_info("k").calls == 4


def test_reset_forgets_all() -> None:
    prof = manual(events=4, sample_every=2)
    with prof.brick("k"):
        micro(prof, 5)
    prof.start_tile(MICRO, 0, 0)
    prof.reset_tile_stats()
    rec = prof.recording()
    assert (rec.tiles, rec.brick_infos, rec.events) == ((), (), ())
    assert (rec.open_tiles, rec.abandoned_tiles, rec.events_dropped) == (0, 0, 0)
    micro(prof, 7)
    assert prof.tile_stats(MICRO).min_ns == prof.tile_stats(MICRO).max_ns == 7


def test_reset_inside_a_brick_restarts_its_wall_time() -> None:
    prof = manual()
    with prof.brick("k"):
        prof.advance(1000)
        prof.reset_tile_stats()
        micro(prof, 5)
    assert prof.recording().brick_info("k").wall_ns == 5


def test_a_recording_holds_what_the_profiler_shows(tmp_path: Path) -> None:
    prof = manual(events=3, sample_every=2, overhead=overhead())
    for name, dtype in (("a", "float32"), ("b", "float64"), ("a", "float64")):
        with prof.brick(name, dtype), prof.tile(MIDI, 1, 2, flops=2**64 - 1):
            for ticks in (200, 3000):
                micro(prof, ticks, elements=5)
    left = prof.start_tile(MACRO, 0, 0)
    rec = prof.recording()
    for brick in (None, "a", "b"):
        for level in (MACRO, MIDI, MICRO):
            assert rec.tile_stats(level, brick) == prof.tile_stats(level, brick)
            assert prof.all_tile_stats()[level] == prof.tile_stats(level)
    assert [(stats.brick, stats.level) for stats in rec.tiles] == [
        (brick, level) for brick in "ab" for level in (MIDI, MICRO)
    ]
    assert (rec.open_tiles, rec.sample_every, rec.overhead) == (1, 2, overhead())
    assert (rec.clock.source, rec.clock.ns_per_tick) == ("manual", 1.0)
    assert rec.machine is not None
    assert rec.events_dropped > 0
    assert load_recording(rec.save(tmp_path / "run.json")) == rec
    prof.stop_tile(left, 0, 0)


def test_a_recording_is_not_changed_by_later_tiles() -> None:
    prof = manual()
    micro(prof, 5)
    rec = prof.recording()
    micro(prof, 5)
    assert (rec.tile_stats(MICRO).count, prof.tile_stats(MICRO).count) == (1, 2)


def test_a_profiler_that_was_never_on_has_an_empty_recording(tmp_path: Path) -> None:
    rec = BrickProfiler().recording()
    assert (rec.tiles, rec.overhead) == ((), Overhead())
    assert load_recording(rec.save(tmp_path / "run.json")) == rec


def test_profilers_do_not_see_each_other() -> None:
    one, other = manual(), manual()
    with one.tile(MICRO, 0, 0), other.tile(MACRO, 0, 0):
        one.advance(3)
        other.advance(4)
        micro(one, 10)
    assert (one.tile_stats(MICRO).count, one.tile_stats(MICRO).total_ns) == (2, 23)
    assert (other.tile_stats(MACRO).total_ns, other.tile_stats(MICRO).count) == (4, 0)


def test_repr_tells_the_state() -> None:
    prof = manual()
    timer = prof.start_tile(MICRO, 0, 0)
    assert (repr(prof), repr(timer)) == ("<BrickProfiler on, clock manual>", "<TileTimer open>")
    prof.stop_tile(timer, 0, 0)
    prof.disable_tile_profiling()
    assert repr(prof) == "<BrickProfiler off, clock manual>"
    assert repr(timer) == "<TileTimer stopped>"
