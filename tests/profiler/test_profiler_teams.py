"""How busy threads were and what tiles were declared to hold, on the manual clock."""

from __future__ import annotations

import numpy as np
import pytest
from support.entry_points import MACRO, MICRO, MIDI, manual, micro, pointer_of, tile_library

from brickprof import BrickProfiler, merge_recordings, plan_gemm
from brickprof._kernels import gemm
from brickprof.core.errors import TileNestingError
from brickprof.core.levels import TileLevel
from brickprof.recording import TeamTimes


def share_out(prof: BrickProfiler, *busy: int, wait: int = 0, levels: int = 1) -> None:
    """Make a call in which each thread has tiles open for so long, one after the other."""
    with prof.recorders("k", len(busy)) as handles:
        for handle, ticks in zip(handles, busy, strict=True):
            address = pointer_of(handle)
            for level in range(levels if ticks else 0):
                tile_library().start(address, level, 0, 0)
            prof.advance(ticks)
            for _ in range(levels if ticks else 0):
                tile_library().stop(address, 0, 0, 0)
        prof.advance(wait)


def teams(prof: BrickProfiler, brick: str = "k") -> tuple[TeamTimes, ...]:
    """Return what a recording tells of the threads of a brick."""
    return prof.recording().brick_info(brick).teams


@pytest.mark.parametrize("levels", [1, 3])
def test_the_busiest_thread_of_each_call_comes_first(levels: int) -> None:
    prof = manual()
    share_out(prof, 10, 70, wait=5, levels=levels)
    share_out(prof, 40, 20, levels=levels)
    assert teams(prof) == (TeamTimes(2, 145, (110, 30)),)


def test_self_times_are_kept_by_thread_and_level() -> None:
    prof = manual()
    with prof.recorders("k", 3) as (first, second, _):
        for handle, own in ((first, (1, 20, 300)), (second, (4, 50, 600))):
            address = pointer_of(handle)
            for level in (MACRO, MIDI, MICRO):
                tile_library().start(address, level, 0, 0)
                prof.advance(own[level])
            for _ in (MACRO, MIDI, MICRO):
                tile_library().stop(address, 0, 0, 0)
    micro(prof, 7)
    recording = prof.recording()
    assert recording.brick_info("k").thread_self_ns == ((4, 50, 600), (1, 20, 300))
    assert recording.brick_info("default").thread_self_ns == ((0, 0, 7),)
    twice = merge_recordings([recording, recording])
    assert twice.brick_info("k").thread_self_ns == ((8, 100, 1200), (2, 40, 600))


def test_teams_of_each_size_are_kept_apart() -> None:
    prof = manual()
    share_out(prof, 1, 2, 0)
    share_out(prof, 7)
    share_out(prof, 4, 4)
    assert teams(prof) == (TeamTimes(1, 8, (4, 4)), TeamTimes(1, 3, (2, 1, 0)))


def test_only_tiles_of_the_call_count_even_inside_others() -> None:
    prof = manual()
    with prof.tile(MACRO, 0, 0):
        micro(prof, 100)
        share_out(prof, 3, 4)
        micro(prof, 100)
    assert teams(prof) == (TeamTimes(1, 7, (4, 3)),)


def test_bricks_inside_are_part_of_what_kept_a_thread_busy() -> None:
    prof = manual()
    with prof.recorders("outer", 2), prof.brick("inner"):
        micro(prof, 6)
    assert teams(prof, "outer") == (TeamTimes(1, 6, (6, 0)),)
    assert teams(prof, "inner") == ()


def test_a_call_that_failed_tells_nothing() -> None:
    prof = manual()
    with pytest.raises(TileNestingError), prof.recorders("k", 2) as (_, handle):
        tile_library().start(pointer_of(handle), MICRO, 0, 0)
    with pytest.raises(KeyError), prof.recorders("k", 2):
        micro(prof)
        raise KeyError
    assert teams(prof) == ()


def test_sampled_calls_tell_nothing() -> None:
    prof = manual(sample_every=2)
    share_out(prof, 3, 4)
    assert teams(prof) == ()


def test_what_is_reset_is_forgotten_in_a_call_too() -> None:
    prof = manual()
    share_out(prof, 3, 4)
    with prof.recorders("k", 2, footprint_bytes={MIDI: 9}):
        micro(prof, 5)
        prof.reset_tile_stats()
        micro(prof, 5)
    assert teams(prof) == ()
    share_out(prof, 2, 1)
    info = prof.recording().brick_info("k")
    assert (info.teams, info.footprint_bytes) == ((TeamTimes(1, 3, (2, 1)),), (0, 0, 0))


def test_the_largest_footprint_of_each_level_is_kept() -> None:
    prof = manual()
    for sizes in ({MICRO: 100, MIDI: np.int64(7)}, {MICRO: 50, MACRO: 2**64 - 1}, None):
        with prof.brick("k", "float64", footprint_bytes=sizes):
            micro(prof)
    assert prof.recording().brick_info("k").footprint_bytes == (2**64 - 1, 7, 100)


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        (4096, TypeError),
        ({"L1": 1}, TypeError),
        ({MICRO: -1}, ValueError),
        ({MIDI: 0.5}, ValueError),
    ],
)
def test_wrong_footprints(sizes: object, error: type[Exception]) -> None:
    prof = manual()
    with pytest.raises(error, match=r"footprint_bytes|level must be a TileLevel"):
        prof.brick("k", footprint_bytes=sizes)  # type: ignore[arg-type]
    assert prof.recording().bricks == ()


def test_a_plan_that_gemm_is_given_declares_what_its_tiles_hold() -> None:
    prof = manual()
    square = np.ones((96, 96), np.float32)
    gemm(square, square, profiler=prof)
    assert prof.recording().brick_info("gemm").footprint_bytes == (0, 0, 0)
    plan = plan_gemm(96, 96, 96, threads=1)
    gemm(square, square, profiler=prof, plan=plan)
    declared = prof.recording().brick_info("gemm").footprint_bytes
    assert declared == plan.footprint_bytes
    assert declared == tuple(plan.level(level).footprint_bytes for level in TileLevel)
