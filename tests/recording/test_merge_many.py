"""Merging many recordings: by the batch, in memory that does not grow, with the same result."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_recording import SAMPLE
from support.strategies import recordings

import brickprof as bp
from brickprof import TileLevel
from brickprof.recording import Recording, TileEvent, merge, merge_recordings
from brickprof.recording.merge import RunningMerge


def in_pairs(parts: list[Recording]) -> Recording:
    """Merge from left to right, two at a time."""
    return reduce(lambda one, other: merge_recordings([one, other]), parts)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "_BATCH", 2)


@pytest.mark.usefixtures("small_batches")
@given(st.lists(recordings(), min_size=1, max_size=5))
def test_batches_give_what_pairs_give_bit_for_bit(parts: list[Recording]) -> None:
    whole = merge_recordings(iter(parts))
    assert whole == in_pairs(parts) == merge_recordings(parts[::-1])
    assert repr(whole.to_json()) == repr(in_pairs(parts).to_json())


@pytest.mark.parametrize("count", [1, 63, 64, 65, 4097])
def test_many_are_counted_once_each(count: int) -> None:
    parts = (replace(SAMPLE, open_tiles=number) for number in range(count))
    whole = merge_recordings(parts)
    assert whole.open_tiles == sum(range(count))
    assert whole.brick_info("gemm").calls == 20 * count
    assert len(whole.events) + whole.events_dropped == 6 * count
    assert whole.roofs == SAMPLE.roofs


class Kept(Recording):
    """A recording to which weak references can be made."""


def test_recordings_are_let_go_while_others_are_taken() -> None:
    alive: list[weakref.ref[Recording]] = []
    most = 0

    def parts() -> Iterator[Recording]:
        nonlocal most
        fields = {name: getattr(SAMPLE, name) for name in Recording.__dataclass_fields__}
        del fields["_tiles_of"]
        for _ in range(500):
            one = Kept(**fields)
            alive.append(weakref.ref(one))
            most = max(most, sum(ref() is not None for ref in alive[-200:]))
            yield one

    merge_recordings(parts())
    gc.collect()
    assert most <= 66
    assert not any(ref() for ref in alive)


@pytest.fixture
def short_time_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MAX_EVENTS", 3)


def with_events(*starts: int) -> Recording:
    events = tuple(TileEvent(at, at + 1, 0, TileLevel.MACRO, 0, 0, "gemm") for at in starts)
    return replace(SAMPLE, events=events, events_dropped=1)


@pytest.mark.usefixtures("short_time_line")
@given(st.lists(st.lists(st.integers(0, 99)), min_size=2, max_size=12))
def test_the_time_line_keeps_the_earliest_and_counts_the_others(starts: list[list[int]]) -> None:
    parts = [with_events(*sorted(one)) for one in starts]
    whole = merge_recordings(parts)
    everything = sorted(at for one in starts for at in one)
    assert [event.start_ns for event in whole.events] == everything[:3]
    assert whole.events_dropped == len(starts) + max(len(everything) - 3, 0)
    assert whole == in_pairs(parts) == in_pairs(parts[::-1])


@pytest.mark.usefixtures("short_time_line")
def test_the_time_line_of_one_recording_is_not_cut() -> None:
    assert merge_recordings([with_events(*range(9))]) == with_events(*range(9))


def test_a_running_merge_can_be_looked_at_and_go_on() -> None:
    running = RunningMerge()
    with pytest.raises(ValueError, match="nothing was added"):
        running.recording()
    for number in range(130):
        running.add(replace(SAMPLE, open_tiles=number))
        if number % 40 == 0:
            assert running.recording().open_tiles == sum(range(number + 1))
    assert running.recording() == merge_recordings(
        replace(SAMPLE, open_tiles=number) for number in range(130)
    )
    with pytest.raises(TypeError, match="recordings must hold Recordings, got int"):
        running.add(5)  # type: ignore[arg-type]
    assert running.count == 130


def test_files_are_merged_as_they_are_read(tmp_path: Path) -> None:
    paths = [SAMPLE.save(tmp_path / f"{number}.json") for number in range(70)]
    assert merge_recordings(map(bp.load_recording, paths)) == merge_recordings([SAMPLE] * 70)


def test_an_error_of_the_iterable_comes_through(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    paths = [SAMPLE.save(tmp_path / "good.json"), damaged]
    with pytest.raises(bp.RecordingError, match="damaged.json"):
        merge_recordings(map(bp.load_recording, paths))
