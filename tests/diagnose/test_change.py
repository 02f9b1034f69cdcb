"""Changes: false alarms and power on made-up runs, and what intervals are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.made_recordings import MACHINE, ROOFS, healthy_tiles, made, tiles
from support.made_runs import run_of

from brickprof.core.levels import TileLevel
from brickprof.diagnose.change import Verdict, change_of
from brickprof.diagnose.comparison import Comparison, compare_recordings
from brickprof.diagnose.samples import (
    MIN_TILES,
    RUN_STD,
    SHARE_STD,
    Sample,
    sample_of_calls,
    sample_of_histogram,
    sample_of_shares,
    sample_of_tiles,
)
from brickprof.recording import BrickInfo, CallTimes, Recording, call_times_of, merge_recordings
from brickprof.recording.call_times import log_bucket, log_ns

SLOW_MICRO = {TileLevel.MICRO: 0.1}


def row_of(comparison: Comparison, level: str | None) -> Verdict:
    """Return the verdict of a row."""
    return next(row.verdict for row in comparison.rows if row.level == level)


def test_runs_of_one_build_are_no_different() -> None:
    verdicts = [
        compare_recordings(run_of(2 * seed), run_of(2 * seed + 1)).verdict for seed in range(60)
    ]
    assert verdicts.count(Verdict.NO_DIFFERENCE) >= 58


@pytest.mark.parametrize("level", list(TileLevel))
def test_a_level_that_is_slower_by_a_twentieth_is_found(level: TileLevel) -> None:
    inclusive = {TileLevel.MACRO: 1_000_000, TileLevel.MIDI: 800_000, TileLevel.MICRO: 500_000}
    own = {TileLevel.MACRO: 200_000, TileLevel.MIDI: 300_000, TileLevel.MICRO: 500_000}
    slower = {level: 0.05 * inclusive[level] / own[level]}
    found = [
        compare_recordings(run_of(2 * seed), run_of(2 * seed + 1, slower)) for seed in range(40)
    ]
    assert sum(one.verdict is Verdict.SLOWER for one in found) >= 36
    assert sum(row_of(one, level.name) is Verdict.SLOWER for one in found) >= 36
    assert not any(one.verdict is Verdict.FASTER for one in found)
    of_brick = [one.headline for one in found if one.headline.startswith("k is")]
    assert all(line.endswith(f"in {level.label}.") for line in of_brick)


def test_the_other_way_around_it_is_faster() -> None:
    comparison = compare_recordings(run_of(1, SLOW_MICRO), run_of(2))
    assert comparison.verdict is Verdict.FASTER
    assert "faster" in comparison.headline
    assert comparison.slower_than(0) == ()


def test_all_levels_alike_are_named_together() -> None:
    comparison = compare_recordings(run_of(1), run_of(2, dict.fromkeys(TileLevel, 0.05)))
    assert comparison.headline.startswith("k is ")
    assert comparison.headline.endswith(", in all its levels alike.")
    comparison = compare_recordings(run_of(1), run_of(2, dict.fromkeys(TileLevel, 0.2)))
    assert comparison.headline.endswith(", in Macro, Midi and Micro.")


def test_several_recordings_show_smaller_changes() -> None:
    one = compare_recordings(run_of(0), run_of(1))
    many = compare_recordings(
        [run_of(seed) for seed in range(10)], [run_of(seed) for seed in range(10, 20)]
    )
    assert many.recordings == (10, 10)
    assert many.rows[0].change.runs == (10, 10)
    assert (many.rows[0].change.visible or 1) < (one.rows[0].change.visible or 0) / 2
    slower = [run_of(seed, {TileLevel.MACRO: 0.15}) for seed in range(10, 20)]
    comparison = compare_recordings([run_of(seed) for seed in range(10)], slower)
    assert row_of(comparison, "MACRO") is Verdict.SLOWER


def test_a_merged_recording_is_its_runs() -> None:
    before, after = [run_of(seed) for seed in range(3)], [run_of(seed) for seed in range(3, 6)]
    apart = compare_recordings(before, after)
    merged = compare_recordings(merge_recordings(before), merge_recordings(after[::-1]))
    assert merged.rows == apart.rows
    assert merged.headline == apart.headline


def test_runs_that_differ_widen_the_interval() -> None:
    alike = Sample(((0.0, 3),), 0.01)
    apart = Sample(((-0.1, 1), (0.0, 1), (0.1, 1)), 0.01)
    narrow, wide = (change_of(one, one, "time", 1) for one in (alike, apart))
    assert narrow.high is not None and wide.high is not None
    assert wide.high > 1.1 > 1.03 > narrow.high


def test_the_interval_of_few_runs_is_that_of_students_t() -> None:
    a, b = Sample(((-0.01, 1), (0.01, 1)), 0.01), Sample(((0.0, 1),), 0.01)
    variance = (4 * 0.01**2 + 2 * 0.01**2) / (4 + 1)
    change = change_of(a, b, "time", 1)
    assert change.high == pytest.approx(
        math.exp(2.5706 * math.sqrt(variance * (1 / 2 + 1))), rel=1e-5
    )


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [
        (0.0278, Verdict.SLOWER),
        (0.0276, Verdict.NO_DIFFERENCE),
        (-0.0276, Verdict.NO_DIFFERENCE),
        (-0.0278, Verdict.FASTER),
    ],
)
def test_an_interval_on_one_side_of_zero_is_a_change(shift: float, verdict: Verdict) -> None:
    a, b = Sample(((0.0, 1),), 0.01), Sample(((shift, 1),), 0.01)
    assert change_of(a, b, "time", 1).verdict is verdict


def test_more_rows_widen_each_interval() -> None:
    sample = Sample(((0.0, 1),), 0.01)
    few, many = (change_of(sample, sample, "time", rows) for rows in (1, 100))
    assert few.high == pytest.approx(math.exp(1.96 * math.hypot(0.01, 0.01)), rel=1e-4)
    assert many.high == pytest.approx(math.exp(3.481 * math.hypot(0.01, 0.01)), rel=1e-4)


def test_runs_that_tell_nothing_say_so() -> None:
    change = change_of(Sample(((0.0, 1),), 0.5), Sample(((0.0, 1),), 0.5), "time", 1)
    assert change.verdict is Verdict.CANNOT_TELL
    assert "disturbed" in change.reason


def test_an_undisturbed_time_is_that_of_the_fastest_batches() -> None:
    times = [1000 + 7 * (i % 10) for i in range(800)]
    (wall,) = call_times_of([(1, 0, (ns, *[0] * 6)) for ns in times], 1.0, mixed=False, flops=False)
    assert wall.part == "wall"
    assert math.exp(log_ns(wall.times[0][0])) == pytest.approx(1000, rel=1e-3)
    assert wall.spread == 0
    drifting = [(1, 0, (1000 + i, *[0] * 6)) for i in range(800)]
    (wall,) = call_times_of(drifting, 1.0, mixed=False, flops=False)
    assert math.sqrt(wall.spread) / 1e6 == pytest.approx(0.1)  # the most
    drifting = [(1, 0, (100_000 + i, *[0] * 6)) for i in range(800)]
    (wall,) = call_times_of(drifting, 1.0, mixed=False, flops=False)
    assert math.sqrt(wall.spread) / 1e6 == pytest.approx(math.log(1.003), rel=0.01)


def test_calls_of_mixed_sizes_are_compared_by_batches_of_them() -> None:
    batches = [(1, size, (1000 * size + 3000, *[0] * 6)) for size in [1, 9] * 640]
    (wall,) = call_times_of(batches, 1.0, mixed=True, flops=True)
    assert math.exp(log_ns(wall.paces[0][0])) == pytest.approx(1600, rel=1e-3)


def test_few_calls_are_no_run() -> None:
    batches = [(1, 0, (1000, *[0] * 6))] * 8
    assert call_times_of(batches[:7], 1.0, mixed=False, flops=False) == ()
    assert call_times_of(batches, 0.0, mixed=False, flops=False) == ()
    assert len(call_times_of(batches, 1.0, mixed=False, flops=False)) == 1


@pytest.mark.parametrize("ns", [1e-3, 1.0, 17.0, 1e12])
def test_log_buckets_are_fine(ns: float) -> None:
    assert math.exp(log_ns(log_bucket(ns))) == pytest.approx(ns, rel=1e-4)


def test_a_small_part_and_a_preempted_run_are_less_certain() -> None:
    times = CallTimes("MIDI", ((log_bucket(1000), 1),), 0)
    whole, preempted = (
        sample_of_calls(times, per_flop=False, preempted=lost) for lost in (0.0, 0.5)
    )
    assert whole is not None and preempted is not None
    assert whole.std == RUN_STD < preempted.std
    assert sample_of_calls(times, per_flop=True, preempted=0.0) is None
    half, tenth = (
        sample_of_shares(CallTimes("MIDI share", ((log_bucket(share), 1),), 0))
        for share in (0.5, 0.1)
    )
    assert half is not None and tenth is not None
    assert half.std == pytest.approx(SHARE_STD * math.sqrt(2), rel=1e-4)
    assert tenth.std == pytest.approx(SHARE_STD * math.sqrt(10), rel=1e-4)
    assert sample_of_shares(None) is None


def shares_of(own: Sequence[tuple[int, int]], slow: Sequence[float]) -> dict[str, CallTimes]:
    """Return the shares of a run whose calls take so long in Macro and Micro."""
    batches = [
        (1, 0, (0, 0, 0, 0, round(macro * by), 0, round(micro * by)))
        for (macro, micro), by in zip(own, slow, strict=True)
    ]
    found = call_times_of(batches, 1.0, mixed=False, flops=False)
    return {one.part: one for one in found}


def test_shares_are_those_of_the_fastest_batches_whatever_slowed_the_others() -> None:
    quiet, disturbed = (30_000, 70_000), (60_000, 80_000)
    parts = shares_of([quiet, disturbed, disturbed] * 40, [1.0, 1.5, 2.0] * 40)
    assert list(parts) == ["MACRO share", "MICRO share"]
    assert math.exp(log_ns(parts["MACRO share"].times[0][0])) == pytest.approx(0.3, rel=2e-4)
    assert parts["MACRO share"].spread == 0
    everywhere = shares_of([quiet] * 120, [1 + i / 100 for i in range(120)])
    assert everywhere["MICRO share"].times == parts["MICRO share"].times
    changing = shares_of([(30_000 + 100 * i, 70_000) for i in range(120)], [1.0] * 120)
    assert changing["MACRO share"].spread > 10**8  # 1 %


def test_a_level_without_others_has_no_share() -> None:
    assert not shares_of([(100, 0)] * 20, [1.0] * 20)


@pytest.mark.parametrize(
    ("apart", "verdict"),
    [(0.0, Verdict.SLOWER), (0.01, Verdict.SLOWER), (0.2, Verdict.NO_DIFFERENCE)],
)
def test_a_machine_that_was_slower_is_no_slower_build(apart: float, verdict: Verdict) -> None:
    sides = []
    for seed, slower, ns in ((0, 0.0, 5000.0), (1, 0.4, 5000.0 * (1 + apart))):
        run = run_of(seed, dict.fromkeys(TileLevel, slower))
        info = run.brick_infos[0]
        reference = CallTimes("reference", ((log_bucket(ns), 1),), 0)
        info = replace(info, parts_of_calls=(*info.parts_of_calls, reference))
        sides.append(replace(run, brick_infos=(info,)))
    assert compare_recordings(*sides).verdict is verdict


# Recordings without times of calls.


def older(recording: Recording) -> Recording:
    """Return a recording as it was saved before calls were kept by level."""
    infos = [
        replace(one, parts_of_calls=(), min_call_flops=0, max_call_flops=0)
        for one in recording.brick_infos
    ]
    return replace(recording, brick_infos=tuple(infos))


def test_older_recordings_are_compared_by_their_histograms() -> None:
    comparison = compare_recordings(older(run_of(0)), older(run_of(1)))
    assert row_of(comparison, "MICRO") is Verdict.NO_DIFFERENCE
    assert row_of(comparison, None) is Verdict.CANNOT_TELL
    assert {row.change.basis for row in comparison.rows[1:]} == {"tile time"}
    slower = compare_recordings(older(run_of(0)), run_of(1, {TileLevel.MICRO: 0.3}))
    assert row_of(slower, "MICRO") is Verdict.SLOWER


def test_tiles_of_the_same_work_are_compared_by_the_shortest() -> None:
    times = [100_000 + 50 * i for i in range(200)]
    one = sample_of_tiles(tiles(TileLevel.MIDI, times))
    assert one is not None
    assert one.mean == pytest.approx(math.log(100_000))
    assert one.std < 0.02
    differing = sample_of_tiles(tiles(TileLevel.MIDI, times, min_work=1, max_work=2))
    assert differing is not None and differing.mean > math.log(102_000)
    short = sample_of_tiles(tiles(TileLevel.MIDI, [900 + i for i in range(200)]))
    assert short is not None and short.mean > math.log(901)
    assert sample_of_tiles(tiles(TileLevel.MIDI, times[:60])) is None


def test_a_brick_that_was_entered_once_is_compared_by_its_tiles() -> None:
    def once(slower: float) -> Recording:
        level = tiles(TileLevel.MACRO, [round(slower * (10**6 + i)) for i in range(500)])
        return made([level], brick_infos=(BrickInfo("gemm", 1, level.total_ns, 1),))

    comparison = compare_recordings(once(1.0), once(1.05))
    assert comparison.verdict is Verdict.SLOWER
    assert comparison.headline.startswith("Macro of gemm is 5.0 % slower")


def test_few_tiles_cannot_tell() -> None:
    assert sample_of_histogram(((40, MIN_TILES - 1),)) is None
    assert sample_of_histogram(((40, MIN_TILES),)) is not None
    few = made(healthy_tiles()[:1], brick_infos=(BrickInfo("gemm", 1, 1_100_000, 1),))
    comparison = compare_recordings(few, few)
    assert comparison.verdict is Verdict.CANNOT_TELL
    assert comparison.headline.startswith("Cannot tell: Too few calls")


# Other machines and thread counts.


def test_other_machines_are_compared_by_their_roofs() -> None:
    twice = {name: 2 * rate for name, rate in ROOFS.peak_by_dtype.items()}
    fast = {name: 2 * rate for name, rate in ROOFS.bandwidth_gbs.items()}
    machine = replace(MACHINE, cpu="Twice as fast")
    roofs = replace(
        ROOFS,
        peak_by_dtype=twice,
        bandwidth_gbs=fast,
        cpu=machine.cpu,
        fingerprint=machine.fingerprint(),
    )
    here = run_of(0, flops=40_000_000)
    there = replace(run_of(1, flops=40_000_000), machine=machine, roofs=roofs)
    comparison = compare_recordings(here, there)
    wall = comparison.rows[0].change
    assert (wall.basis, wall.verdict) == ("share of roof", Verdict.SLOWER)
    assert wall.ratio == pytest.approx(2, rel=0.03)
    assert "against its own roof" in comparison.headline
    assert any("own roof" in note for note in comparison.notes)
    unknown = compare_recordings(here, replace(there, roofs=None))
    assert unknown.verdict is Verdict.CANNOT_TELL
    assert "need measured roofs" in unknown.headline


def test_other_thread_counts_are_compared_by_their_roofs() -> None:
    one = run_of(0, flops=40_000_000)
    info = replace(one.brick_infos[0], threads=2)
    two = replace(one, brick_infos=(info,), roofs=None, more_roofs=(replace(ROOFS, threads=2),))
    comparison = compare_recordings(one, two)
    assert comparison.same_machine is True
    assert comparison.rows[0].change.basis in ("share of roof", "")
    assert comparison.rows[0].change.basis or "roofs" in comparison.rows[0].change.reason


def test_other_problems_are_compared_per_flop() -> None:
    comparison = compare_recordings(run_of(0, flops=1000), run_of(1, flops=2000))
    assert comparison.rows[0].change.basis == "time per flop"
    assert comparison.rows[0].change.ratio == pytest.approx(0.5, rel=0.03)
    without = compare_recordings(run_of(0, flops=0), run_of(1, flops=0))
    assert without.rows[0].change.basis == "time"


# Limits.


@pytest.mark.parametrize(("slower", "limit", "fails"), [(0.2, 0.05, True), (0.0, 0.05, False)])
def test_limits_hold_for_whole_intervals(slower: float, limit: float, fails: bool) -> None:
    levels = dict.fromkeys(TileLevel, slower)
    found = [
        bool(compare_recordings(run_of(2 * s), run_of(2 * s + 1, levels)).slower_than(limit))
        for s in range(20)
    ]
    assert found == [fails] * 20


def test_a_slowdown_at_the_limit_does_not_flap() -> None:
    levels = dict.fromkeys(TileLevel, 0.05)
    found = [
        bool(compare_recordings(run_of(2 * s), run_of(2 * s + 1, levels)).slower_than(0.05))
        for s in range(20)
    ]
    assert sum(found) <= 1


@pytest.mark.parametrize("limit", [-0.1, math.inf, math.nan])
def test_limits_are_checked(limit: float) -> None:
    with pytest.raises(ValueError, match="limit must be"):
        compare_recordings(run_of(0), run_of(1)).slower_than(limit)


def test_sides_are_checked() -> None:
    with pytest.raises(ValueError, match="before must hold at least one recording"):
        compare_recordings([], made())
    with pytest.raises(TypeError, match="after must be a Recording or several"):
        compare_recordings(made(), ["run.json"])  # type: ignore[list-item]
