"""Recording: what it answers, and that merging neither guesses nor depends on order."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, astuple, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import machines, recordings, roofs, stats_of

from brickprof.core.levels import TileLevel
from brickprof.machine import Machine
from brickprof.recording import (
    DEFAULT_BRICK,
    BrickInfo,
    CallTimes,
    ClockInfo,
    Overhead,
    Recording,
    TeamTimes,
    ThreadUsage,
    TileEvent,
    load_recording,
    merge_recordings,
)
from brickprof.recording.tile_stats import TileStats, sum_tile_stats
from brickprof.roofline import Roofs

MACRO, MIDI = TileLevel.MACRO, TileLevel.MIDI


def make(**changes: Any) -> Recording:
    """Return a small recording of two bricks."""
    recording = Recording(
        tiles=(
            stats_of([50], MACRO, "attention", flops=7),
            stats_of([100, 300], MACRO, "gemm", flops=40, total_ns=400),
            stats_of([10], MIDI, "gemm", flops=30),
        ),
        brick_infos=(
            BrickInfo("attention", 1, 60, 1),
            BrickInfo("gemm", 2, 450, 2, ("float32", "float64")),
        ),
        clock=ClockInfo("tsc", 0.4, "invariant TSC"),
        overhead=Overhead(1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        created="2024-05-01T12:00:00+00:00",
        version="0.1.0",
    )
    return replace(recording, **changes)


def test_bricks_and_their_infos() -> None:
    recording = make()
    assert recording.bricks == ("attention", "gemm")
    assert recording.brick_info("gemm").wall_ns == 450
    with pytest.raises(KeyError, match="stencil"):
        recording.brick_info("stencil")


def test_tile_stats_of_one_brick() -> None:
    recording = make()
    assert recording.tile_stats(MACRO, "gemm") == recording.tiles[1]
    assert recording.tile_stats(MIDI, brick="gemm") == recording.tiles[2]


def test_tile_stats_over_all_bricks() -> None:
    total = make().tile_stats(MACRO)
    assert (total.brick, total.count, total.flops) == (None, 3, 47)
    assert (total.min_ns, total.max_ns) == (50, 300)


def test_tile_stats_of_what_was_never_recorded_are_empty() -> None:
    recording = make()
    assert recording.tile_stats(MIDI, "attention") == TileStats(level=MIDI, brick="attention")
    assert recording.tile_stats(MACRO, DEFAULT_BRICK) == TileStats(level=MACRO, brick=DEFAULT_BRICK)
    with pytest.raises(KeyError, match="stencil"):
        recording.tile_stats(MACRO, "stencil")
    assert recording.tile_stats(TileLevel.MICRO) == TileStats(level=TileLevel.MICRO)


@pytest.mark.parametrize("level", [0, "MACRO", None])
def test_tile_stats_wants_a_level(level: TileLevel) -> None:
    with pytest.raises(TypeError, match="level must be a TileLevel"):
        make().tile_stats(level)


@given(roofs())
def test_other_roofs_change_nothing_else(measured: Roofs) -> None:
    recording = make()
    assert recording.with_roofs(measured).roofs == measured
    assert recording.with_roofs(measured).with_roofs(None) == recording


@given(recordings())
def test_recordings_are_values(recording: Recording) -> None:
    again = pickle.loads(pickle.dumps(recording))
    assert again == recording
    assert hash(again) == hash(recording)


def test_recordings_cannot_change() -> None:
    with pytest.raises(FrozenInstanceError):
        make().sample_every = 2  # type: ignore[misc]


def test_save_and_load(tmp_path: Path) -> None:
    path = make().save(tmp_path / "run.json")
    assert path == tmp_path / "run.json"
    assert load_recording(str(path)) == make()


@given(recordings(), recordings(), recordings())
def test_merge_is_associative_and_commutative(a: Recording, b: Recording, c: Recording) -> None:
    assert merge_recordings([a, b]) == merge_recordings([b, a])
    left = merge_recordings([merge_recordings([a, b]), c])
    right = merge_recordings([a, merge_recordings([b, c])])
    assert left == right == merge_recordings([c, a, b])


@st.composite
def reruns(draw: st.DrawFn) -> list[Recording]:
    """Three runs that differ in little but what is measured or limited anew each time."""
    host, measured = draw(machines()), draw(roofs())
    runs = []
    for _ in range(3):
        machine = replace(host, usable_cores=draw(st.integers(1, host.logical_cores)))
        again = replace(
            measured,
            measured_at=draw(st.sampled_from(["2024-05-01T12:00:00Z", "2024-05-02T12:00:00Z"])),
            noisy=draw(st.booleans()),
            threads=draw(st.sampled_from([measured.threads] * 5 + [300])),
        )
        clock = ClockInfo(draw(st.sampled_from(["tsc"] * 5 + ["mixed"])), draw(ticks), "")
        runs.append(make(machine=machine, roofs=again, clock=clock))
    return runs


ticks = st.sampled_from([0.4, 0.4001, 0.4002])


@given(reruns())
def test_reruns_merge_in_any_order(runs: list[Recording]) -> None:
    a, b, c = runs
    whole = merge_recordings(runs)
    for one in (
        merge_recordings([merge_recordings([a, b]), c]),
        merge_recordings([a, merge_recordings([b, c])]),
        merge_recordings([c, b, a]),
    ):
        assert one == whole
        assert repr(one) == repr(whole)
    machines = [run.machine for run in runs if run.machine is not None]
    assert whole.machine in machines
    assert whole.machine.usable_cores == max(one.usable_cores for one in machines)
    if all(run.clock.source == "tsc" for run in runs):
        assert whole.clock == min((run.clock for run in runs), key=lambda one: one.ns_per_tick)
    kept = {run.roofs.threads for run in runs if run.roofs}
    assert (whole.roofs is None) == (len(kept) > 1)
    if whole.roofs:
        assert whole.roofs.measured == max(run.roofs.measured for run in runs if run.roofs)


@given(recordings())
def test_merge_of_one_is_itself(recording: Recording) -> None:
    assert merge_recordings([recording]) == recording


@given(recordings(), recordings())
def test_merge_adds_up_what_the_parts_answer(a: Recording, b: Recording) -> None:
    merged = merge_recordings([a, b])
    assert set(merged.bricks) == {*a.bricks, *b.bricks}
    for level in TileLevel:
        for brick in (None, *merged.bricks):
            parts = [one.tile_stats(level, brick) for one in (a, b) if brick in (None, *one.bricks)]
            assert merged.tile_stats(level, brick) == sum_tile_stats(parts, level, brick)
    for name in ("open_tiles", "abandoned_tiles", "events_dropped"):
        assert getattr(merged, name) == getattr(a, name) + getattr(b, name)
    assert merged.events == tuple(sorted(a.events + b.events))
    assert merged.sample_every == max(a.sample_every, b.sample_every)
    assert merged.created == min(a.created, b.created)


def doubled(times: CallTimes) -> CallTimes:
    """Return what twice as many runs took."""
    return CallTimes(
        times.part,
        tuple((bucket, 2 * runs) for bucket, runs in times.times),
        2 * times.spread,
        tuple((bucket, 2 * runs) for bucket, runs in times.paces),
        2 * times.pace_spread,
    )


@given(recordings())
def test_merge_with_itself_keeps_what_is_no_sum(recording: Recording) -> None:
    merged = merge_recordings([recording, recording])
    for name in (
        "clock",
        "overhead",
        "machine",
        "roofs",
        "more_roofs",
        "sample_every",
        "created",
        "version",
    ):
        assert getattr(merged, name) == getattr(recording, name)
    for info in recording.brick_infos:
        teams = tuple(
            TeamTimes(2 * team.calls, 2 * team.wall_ns, tuple(2 * ns for ns in team.busy_ns))
            for team in info.teams
        )
        usage = tuple(ThreadUsage(*(2 * n for n in astuple(one))) for one in info.usage)
        double = replace(
            info,
            calls=2 * info.calls,
            wall_ns=2 * info.wall_ns,
            teams=teams,
            usage=usage,
            thread_self_ns=tuple(tuple(2 * ns for ns in thread) for thread in info.thread_self_ns),
            call_times=tuple((bucket, 2 * calls) for bucket, calls in info.call_times),
            call_paces=tuple((bucket, 2 * calls) for bucket, calls in info.call_paces),
            parts_of_calls=tuple(map(doubled, info.parts_of_calls)),
        )
        assert merged.brick_info(info.name) == double


@given(machines(), machines())
def test_merge_across_machines_knows_no_machine(one: Machine, other: Machine) -> None:
    merged = merge_recordings([make(machine=one), make(machine=other)])
    if one.fingerprint() == other.fingerprint():
        assert merged.machine in (one, other)
    else:
        assert merged.machine is None
    assert merge_recordings([make(machine=one), make()]).machine is None


def test_merge_of_different_clocks_and_versions_is_mixed() -> None:
    other = make(clock=ClockInfo("clock_gettime", 1.0, "no TSC"), version="0.2.0")
    merged = merge_recordings([make(), other])
    assert merged.clock.source == merged.version == "mixed"
    assert merged.clock.ns_per_tick == 0.0
    assert merge_recordings([merged, make()]).clock == merged.clock


@given(roofs())
def test_merge_drops_roofs_that_differ(measured: Roofs) -> None:
    again = merge_recordings([make(roofs=measured), make(roofs=measured)])
    assert again.roofs == measured
    assert merge_recordings([make(roofs=measured), make()]).roofs is None
    other = replace(measured, threads=measured.threads + 1)
    assert merge_recordings([make(roofs=measured), make(roofs=other)]).roofs is None


def test_merge_takes_the_largest_of_each_cost_and_thread_count() -> None:
    other = make(
        overhead=Overhead(0.5, 2.5, 2.5, 4.5, 4.5, 6.5),
        brick_infos=(BrickInfo("gemm", 3, 50, 8, ("bfloat16", "float32")),),
    )
    merged = merge_recordings([make(), other])
    assert merged.overhead == Overhead(1.0, 2.5, 3.0, 4.5, 5.0, 6.5)
    wanted = BrickInfo("gemm", 5, 500, 8, ("bfloat16", "float32", "float64"))
    assert merged.brick_info("gemm") == wanted


def test_merged_teams_keep_what_the_busiest_took_whichever_thread_it_was() -> None:
    one = BrickInfo(
        "gemm", 1, 9, 2, teams=(TeamTimes(1, 9, (8, 2)),), footprint_bytes=(5, 0, 1), isas=("base",)
    )
    other = BrickInfo(
        "gemm",
        3,
        99,
        3,
        teams=(TeamTimes(2, 30, (20, 10)), TeamTimes(1, 60, (50, 50, 0))),
        footprint_bytes=(3, 7, 0),
        isas=("avx2", "base"),
    )
    merged = merge_recordings([make(brick_infos=(info,)) for info in (one, other)])
    info = merged.brick_info("gemm")
    assert info.teams == (TeamTimes(3, 39, (28, 12)), TeamTimes(1, 60, (50, 50, 0)))
    assert [team.threads for team in info.teams] == [2, 3]
    assert info.footprint_bytes == (5, 7, 1)
    assert info.isas == merged.isas == ("avx2", "base")


def test_rates_are_never_averaged() -> None:
    fast = make(tiles=(TileStats(level=MACRO, brick="gemm", count=1, total_ns=1, flops=100),))
    slow = make(tiles=(TileStats(level=MACRO, brick="gemm", count=3, total_ns=99, flops=100),))
    merged = merge_recordings([fast, slow]).tile_stats(MACRO, "gemm")
    assert fast.tile_stats(MACRO).gflops == 100.0
    assert merged.gflops == 2.0
    assert merged.avg_us == 0.025


def test_events_merge_in_the_order_of_time() -> None:
    early = TileEvent(1, 5, 0, MIDI, 0, 0, "gemm")
    late = TileEvent(2, 3, 0, MACRO, 0, 0, "gemm")
    merged = merge_recordings([make(events=(late,)), make(events=(early,))])
    assert merged.events == (early, late)


def test_tiles_of_no_brick_go_to_the_default_brick() -> None:
    merged = merge_recordings([make(tiles=(stats_of([5], MIDI, None),))])
    assert merged.tiles == (stats_of([5], MIDI, DEFAULT_BRICK),)


def test_merge_wants_recordings() -> None:
    with pytest.raises(ValueError, match="recordings must hold at least one Recording"):
        merge_recordings([])
    with pytest.raises(TypeError, match="recordings must hold Recordings, got str"):
        merge_recordings([make(), "run.json"])  # type: ignore[list-item]


def test_merge_takes_an_iterator() -> None:
    assert merge_recordings(iter([make(), make()])) == merge_recordings([make(), make()])
