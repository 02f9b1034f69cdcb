"""Changes: false alarms and power on made-up runs, and what intervals are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.made_recordings import MACHINE, ROOFS, healthy_tiles, made, tiles
from support.made_runs import recording_of, run_of

from brickprof.core.levels import TileLevel
from brickprof.core.quantiles import t_quantile
from brickprof.diagnose.change import (
    PRIOR_DEGREES,
    Change,
    Verdict,
    change_of_difference,
    difference_of,
)
from brickprof.diagnose.comparison import Comparison, compare_recordings
from brickprof.diagnose.samples import (
    MIN_TILES,
    RUN_STD,
    SHARE_STD,
    TILES_STD,
    Sample,
    sample_of_calls,
    sample_of_histogram,
    sample_of_shares,
    sample_of_tiles,
)
from brickprof.recording import BrickInfo, CallTimes, Recording, call_times_of, merge_recordings
from brickprof.recording.call_times import log_bucket, log_ns

SLOW_MICRO = {TileLevel.MICRO: 0.1}


def change_of(a: Sample, b: Sample, tests: int = 1, systematic: float = 0.0) -> Change:
    """Return the change from one sample to the other."""
    return change_of_difference(difference_of(a, b, systematic), "time", tests)


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
    comparison = compare_recordings(run_of(1), run_of(2, dict.fromkeys(TileLevel, 0.2)))
    assert comparison.headline.startswith("k is ")
    assert comparison.headline.endswith(", in all its levels alike.")
    comparison = compare_recordings(run_of(1), run_of(2, dict.fromkeys(TileLevel, 0.6)))
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
    narrow, wide = (change_of(one, one) for one in (alike, apart))
    assert narrow.high is not None and wide.high is not None
    assert wide.high > 1.1 > 1.03 > narrow.high


def test_intervals_are_those_of_students_t() -> None:
    a, b = Sample(((-0.01, 1), (0.01, 1)), 0.01), Sample(((0.0, 1),), 0.03)
    of_a = (PRIOR_DEGREES * 0.01**2 + 2 * 0.01**2) / (PRIOR_DEGREES + 1) / 2
    of_b = 0.03**2
    degrees = (of_a + of_b) ** 2 / (of_a**2 / (PRIOR_DEGREES + 1) + of_b**2 / PRIOR_DEGREES)
    difference = difference_of(a, b)
    assert difference.error == pytest.approx(math.sqrt(of_a + of_b))
    assert difference.degrees == pytest.approx(degrees)
    change = change_of(a, b)
    assert change.high == pytest.approx(
        math.exp(t_quantile(0.975, int(degrees)) * math.sqrt(of_a + of_b))
    )


def test_what_is_off_for_all_runs_alike_stays_however_many_there_are() -> None:
    few, many = (Sample(((0.0, runs),), 0.01) for runs in (1, 1000))
    assert difference_of(few, few, 0.05).error > difference_of(many, many, 0.05).error > 0.05


def test_many_runs_of_one_side_make_the_only_one_of_the_other_no_surer() -> None:
    disturbed, quiet = Sample(((0.15, 1),), 0.1), Sample(((0.0, 50),), 0.01)
    assert difference_of(disturbed, quiet).error > 0.1
    assert change_of(disturbed, quiet).verdict is Verdict.NO_DIFFERENCE


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [
        (0.0293, Verdict.SLOWER),
        (0.0291, Verdict.NO_DIFFERENCE),
        (-0.0291, Verdict.NO_DIFFERENCE),
        (-0.0293, Verdict.FASTER),
    ],
)
def test_an_interval_on_one_side_of_zero_is_a_change(shift: float, verdict: Verdict) -> None:
    a, b = Sample(((0.0, 1),), 0.01), Sample(((shift, 1),), 0.01)
    assert change_of(a, b).verdict is verdict


def test_more_rows_widen_each_interval() -> None:
    sample = Sample(((0.0, 1),), 0.01)
    few, many = (change_of(sample, sample, rows) for rows in (1, 100))
    for change, tests in ((few, 1), (many, 100)):
        factor = t_quantile(1 - 0.05 / 2 / tests, 2 * PRIOR_DEGREES)
        assert change.high == pytest.approx(math.exp(factor * math.hypot(0.01, 0.01)))


def test_runs_that_tell_nothing_say_so() -> None:
    change = change_of(Sample(((0.0, 1),), 0.5), Sample(((0.0, 1),), 0.5))
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
    middle = math.log(1399.5 / 1003.5) - 0.3
    assert math.sqrt(wall.spread) / 1e6 == pytest.approx(max(middle / 2, 0.1))
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
    assert list(parts) == ["tiles", "MACRO share", "MICRO share"]
    assert math.exp(log_ns(parts["MACRO share"].times[0][0])) == pytest.approx(0.3, rel=2e-4)
    assert parts["MACRO share"].spread == 0
    everywhere = shares_of([quiet] * 120, [1 + i / 100 for i in range(120)])
    assert everywhere["MICRO share"].times == parts["MICRO share"].times
    changing = shares_of([(30_000 + 100 * i, 70_000) for i in range(120)], [1.0] * 120)
    assert changing["MACRO share"].spread > 10**8  # 1 %


def test_a_level_without_others_has_no_share() -> None:
    assert list(shares_of([(100, 0)] * 20, [1.0] * 20)) == ["tiles"]


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


# What differs that is no level's doing.


def test_time_outside_tiles_is_blamed_on_no_level() -> None:
    comparison = compare_recordings(run_of(1, outside=1e6), run_of(2, outside=2e6))
    assert comparison.headline.startswith("k is ")
    assert comparison.headline.endswith(", outside its tiles.")
    assert {row.verdict for row in comparison.rows[1:]} == {Verdict.NO_DIFFERENCE}


def test_a_level_of_little_time_before_is_looked_at() -> None:
    comparison = compare_recordings(run_of(1, {TileLevel.MACRO: -0.75}), run_of(2))
    assert comparison.headline.endswith(", in Macro.")


def test_a_level_that_does_not_explain_the_change_is_not_named() -> None:
    comparison = compare_recordings(
        run_of(1, outside=1e5), run_of(2, {TileLevel.MICRO: 0.1}, outside=8e5)
    )
    assert comparison.headline.startswith("k is ")
    assert "outside" not in comparison.headline
    own = [row.level for row in comparison.rows if row.verdict is Verdict.SLOWER]
    assert "MICRO" in own


def test_a_tenth_is_that_of_the_brick() -> None:
    comparison = compare_recordings(
        run_of(1, outside=99e6), run_of(2, {TileLevel.MACRO: 0.3}, outside=99e6)
    )
    assert all(row.self_change is None for row in comparison.rows)


def test_levels_that_one_side_lacks_leave_the_others_alone() -> None:
    before, after = run_of(1), run_of(2)
    info = after.brick_infos[0]
    parts = tuple(one for one in info.parts_of_calls if not one.part.startswith("MICRO"))
    tiles = tuple(one for one in after.tiles if one.level is not TileLevel.MICRO)
    without = replace(after, tiles=tiles, brick_infos=(replace(info, parts_of_calls=parts),))
    comparison = compare_recordings(before, without)
    assert all(row.self_change is None for row in comparison.rows)
    assert comparison.verdict is Verdict.NO_DIFFERENCE


def times_of(times: Sequence[int]) -> Recording:
    """Return a run of calls that took so long, in one tile each."""
    batches = [(1, 0, (ns, ns, 0, 0, ns, 0, 0)) for ns in times]
    parts = call_times_of(batches, 1.0, mixed=False, flops=False)
    return recording_of("k", batches, parts, 0)


@pytest.mark.parametrize(
    "times",
    [
        [1_000_000] * 30 + [10_000_000] * 870,  # cache hits, or calls that return early
        [1_000_000, 3_000_000] * 450,
        [1_000_000] * 450 + [2_500_000] * 450,  # phases
    ],
)
def test_calls_that_do_different_things_make_no_confident_verdict(times: list[int]) -> None:
    alike = times_of([10_000_000 if max(times) > 5_000_000 else 1_000_000] * 900)
    for sides in ((alike, times_of(times)), (times_of(times), alike)):
        comparison = compare_recordings(*sides)
        assert comparison.verdict in (Verdict.CANNOT_TELL, Verdict.NO_DIFFERENCE)
        assert (comparison.rows[0].change.visible or 1.0) > 0.3
        assert any("differ from run to run" in note for note in comparison.notes)


def test_sums_of_flops_that_wrapped_are_no_rate() -> None:
    batches = [(1, 0, (1000 + i % 3, *[0] * 6)) for i in range(40)]
    (wall,) = call_times_of(batches, 1.0, mixed=False, flops=True)
    assert wall.paces == ()


def test_runs_of_milliseconds_tell_little() -> None:
    before, after = run_of(1, calls=8), run_of(2, dict.fromkeys(TileLevel, 0.3), calls=8)
    sides = []
    for run in (before, after):
        (info,) = run.brick_infos
        sides.append(replace(run, brick_infos=(replace(info, wall_ns=6_000_000),)))
    comparison = compare_recordings(*sides)
    assert comparison.verdict in (Verdict.NO_DIFFERENCE, Verdict.CANNOT_TELL)
    assert any("All calls of k took 6.00 ms a run" in note for note in comparison.notes)
    long = compare_recordings(run_of(1), run_of(2, dict.fromkeys(TileLevel, 0.3)))
    assert long.verdict is Verdict.SLOWER


def test_far_fetched_recordings_overflow_nothing() -> None:
    sides = []
    for bucket in (0, 2**19 - 1):
        run = run_of(1)
        info = run.brick_infos[0]
        parts = (*info.parts_of_calls, CallTimes("reference", ((bucket, 1),), 0))
        sides.append(replace(run, brick_infos=(replace(info, parts_of_calls=parts),)))
    comparison = compare_recordings(*sides)
    assert comparison.verdict is Verdict.CANNOT_TELL
    assert comparison.headline.startswith("Cannot tell: The runs were disturbed")


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
    assert TILES_STD <= one.std < TILES_STD + 0.001
    differing = sample_of_tiles(tiles(TileLevel.MIDI, times, min_work=1, max_work=2))
    assert differing is not None and differing.mean > math.log(102_000)
    short = sample_of_tiles(tiles(TileLevel.MIDI, [900 + i for i in range(200)]))
    assert short is not None and short.mean > math.log(901)
    assert sample_of_tiles(tiles(TileLevel.MIDI, times[:60])) is None


def test_a_brick_that_was_entered_once_is_compared_by_its_tiles() -> None:
    def once(slower: float) -> Recording:
        level = tiles(TileLevel.MACRO, [round(slower * (10**6 + i)) for i in range(500)])
        return made([level], brick_infos=(BrickInfo("gemm", 1, level.total_ns, 1),))

    comparison = compare_recordings(once(1.0), once(1.25))
    assert comparison.verdict is Verdict.SLOWER
    assert comparison.headline.startswith("Macro of gemm is 25.0 % slower")
    one = compare_recordings(once(1.0), once(1.05))
    assert one.verdict is Verdict.NO_DIFFERENCE
    several = compare_recordings(
        [once(1.0 + i / 1e4) for i in range(10)], [once(1.08 + i / 1e4) for i in range(10)]
    )
    assert several.verdict is Verdict.SLOWER
    assert several.rows[1].change.runs == (10, 10)


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
    assert "needs measured roofs" in unknown.headline


def test_several_machines_on_a_side_are_not_compared() -> None:
    other = replace(MACHINE, cpu="Another one")
    comparison = compare_recordings(run_of(0), [run_of(1), replace(run_of(2), machine=other)])
    assert comparison.verdict is Verdict.CANNOT_TELL
    assert "several machines" in comparison.headline


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


@pytest.mark.parametrize(("slower", "limit", "fails"), [(0.3, 0.05, True), (0.0, 0.05, False)])
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
    run = run_of(1)
    with pytest.raises(ValueError, match="after must hold each recording once"):
        compare_recordings(run, [run_of(2), run_of(2)])
    assert compare_recordings(run, run).verdict is Verdict.NO_DIFFERENCE
    with pytest.raises(ValueError, match="before must hold at least one recording"):
        compare_recordings([], made())
    with pytest.raises(TypeError, match="after must be a Recording or several"):
        compare_recordings(made(), ["run.json"])  # type: ignore[list-item]
