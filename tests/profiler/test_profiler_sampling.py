"""BrickProfiler: sampling, and the list of single tiles."""

from __future__ import annotations

import threading

import pytest
from support.entry_points import MACRO, MICRO, MIDI, figures, manual, micro

from brickprof import BrickProfiler
from brickprof.recording import TileEvent


def play(prof: BrickProfiler) -> None:
    """Record 6 Macro tiles of 110 ns, in each 5 Midi of 20, in each 2 Micro of 7."""
    for _ in range(6):
        with prof.tile(MACRO, 0, 0, flops=3):
            prof.advance(10)
            for _ in range(5):
                with prof.tile(MIDI, 0, 0, flops=2, nbytes=9):
                    prof.advance(6)
                    micro(prof, 7, elements=1)
                    micro(prof, 7, elements=1)


@pytest.mark.parametrize("sample_every", [2, 3, 7, 100, 2**64 - 1])
def test_even_tiles_have_the_same_figures_whatever_the_sampling(sample_every: int) -> None:
    every, sampled = manual(), manual(sample_every=sample_every)
    play(every)
    play(sampled)
    for full, part in zip(every.all_tile_stats(), sampled.all_tile_stats(), strict=True):
        for name in ("count", "elements", "flops", "nbytes", "undeclared", "total_ns", "self_ns"):
            assert getattr(part, name) == getattr(full, name), name
        # The last window may end before the tile that was drawn in it.
        assert max(full.count // sample_every, 1) <= part.timed <= -(-full.count // sample_every)
        assert (part.min_ns, part.max_ns) == (full.min_ns, full.max_ns)
        assert sum(count for _, count in part.histogram) == part.timed
    info = sampled.recording().brick_info("default")
    assert info.wall_ns == every.recording().brick_info("default").wall_ns == 6 * 110


def test_sampling_every_tile_is_no_sampling() -> None:
    every, sampled = manual(), manual(sample_every=1)
    play(every)
    play(sampled)
    assert figures(every) == figures(sampled)


def test_one_tile_of_each_n_is_timed_and_the_first_of_all() -> None:
    prof = manual(sample_every=5, events=1000)
    for _ in range(500):
        micro(prof)
    places = [event.start_ns for event in prof.recording().events]
    assert [place // 5 for place in places] == list(range(100))
    assert places[0] == 0
    # Each place of a window is drawn about 20 times.
    assert all(10 <= [place % 5 for place in places].count(k) <= 30 for k in range(5))
    again = manual(sample_every=5, events=1000)
    for _ in range(500):
        micro(again)
    assert again.recording().events == prof.recording().events


def test_the_first_tile_of_a_level_of_a_brick_is_timed() -> None:
    prof = manual(sample_every=2)
    for ticks in (5, 100):
        for name in "ab":
            with prof.brick(name):
                micro(prof, ticks)
            with prof.brick(name), prof.tile(MIDI, 0, 0):
                prof.advance(ticks + 1)
    for name in "ab":
        finest, midi = prof.tile_stats(MICRO, name), prof.tile_stats(MIDI, name)
        assert (finest.timed, finest.min_ns) == (1, 5) or finest.timed == 2
        assert (midi.timed, midi.min_ns) == (1, 6) or midi.timed == 2


def test_bricks_that_take_turns_are_all_timed() -> None:
    prof = manual(sample_every=2)
    for _ in range(10):
        for name, ticks in (("a", 7), ("b", 9)):
            with prof.brick(name):
                micro(prof, ticks)
    for name, ticks in (("a", 7), ("b", 9)):
        stats = prof.tile_stats(MICRO, name)
        assert (stats.count, stats.timed, stats.total_ns) == (10, 5, 10 * ticks)


@pytest.mark.parametrize("phase", range(4))
def test_a_loop_with_the_samplings_period_is_sampled_fairly(phase: int) -> None:
    prof = manual(sample_every=4)
    for number in range(4000):
        micro(prof, 100 if number % 4 == phase else 1)
    # Of 1000 draws a standard deviation is 5.4 % of the sum.
    assert prof.tile_stats(MICRO).total_ns == pytest.approx(103_000, rel=0.16)


def test_a_level_of_which_no_timed_tile_was_stopped_has_no_time() -> None:
    prof = manual(sample_every=2)
    prof.start_tile(MICRO, 0, 0)
    micro(prof, 5)
    stats = prof.tile_stats(MICRO)
    assert (stats.count, stats.timed, stats.total_ns, stats.min_ns) == (1, 0, 0, 0)
    assert stats.self_ns == stats.max_ns == stats.percentile_ns(50) == 0


def test_tiles_inside_an_abandoned_one_are_in_nobodys_self_time() -> None:
    for sample_every in (1, 2):
        prof = manual(sample_every=sample_every)
        with prof.tile(MACRO, 0, 0):
            prof.advance(1)
        with prof.tile(MACRO, 0, 0):
            prof.advance(1)
        with pytest.raises(KeyError), prof.tile(MACRO, 0, 0):
            micro(prof, 1000)
            raise KeyError
        stats = prof.tile_stats(MACRO)
        assert (stats.count, stats.total_ns, stats.self_ns) == (2, 2, 2)


def test_events_tell_when_where_and_whose() -> None:
    prof = manual(events=10)
    prof.advance(1_000_000)
    with prof.tile(MACRO, 1, 2):
        prof.advance(10)
        with prof.brick("k"), prof.tile(MICRO, 3, 2**64 - 1):
            prof.advance(5)
        prof.advance(1)
    assert prof.recording().events == (
        TileEvent(start_ns=0, stop_ns=16, thread=0, level=MACRO, row=1, col=2, brick="default"),
        TileEvent(10, 15, 0, MICRO, 3, 2**64 - 1, "k"),
    )


def test_events_are_bounded_for_each_thread_and_the_rest_counted() -> None:
    prof = manual(events=2)
    for _ in range(5):
        micro(prof)

    def other() -> None:
        for _ in range(3):
            micro(prof)

    # The main thread still holds its recorder, so the other one is given its own.
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    rec = prof.recording()
    assert [event.thread for event in rec.events] == [0, 0, 1, 1]
    assert [event.start_ns for event in rec.events] == [0, 1, 5, 6]
    assert rec.events_dropped == 4
    assert prof.tile_stats(MICRO).count == 8


def test_events_are_off_unless_asked_for() -> None:
    prof = manual()
    micro(prof)
    rec = prof.recording()
    assert (prof.events, rec.events, rec.events_dropped) == (0, (), 0)


def test_only_timed_tiles_are_events() -> None:
    prof = manual(events=10, sample_every=4)
    for _ in range(8):
        micro(prof, 2)
    first, second = [event.start_ns for event in prof.recording().events]
    assert first == 0
    assert second in {8, 10, 12, 14}
