"""The rows that reports and findings read, against recordings whose figures are known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_recordings import (
    FLOPS,
    MACHINE,
    ROOFS,
    changed,
    healthy_tiles,
    made,
    tiles,
)
from support.strategies import recordings, roofs

from brickprof.core import metrics
from brickprof.core.levels import TileLevel
from brickprof.diagnose import diagnose
from brickprof.diagnose.level_summary import LevelSummary, too_short
from brickprof.diagnose.summary import BrickSummary, summarize
from brickprof.recording import BrickInfo, ClockInfo, Recording, merge_recordings
from brickprof.roofline import Roofs

MACRO, MIDI, MICRO = TileLevel


def row_of(recording: Recording, level: TileLevel) -> LevelSummary:
    """Return one level of the only brick."""
    (brick,) = summarize(recording).bricks
    (row,) = (row for row in brick.levels if row.level is level)
    return row


def notes_of(recording: Recording) -> list[str]:
    """Return all notes."""
    summary = summarize(recording)
    return [note for brick in summary.bricks for note in brick.notes] + list(summary.notes)


def ran_with(*isas: str) -> Recording:
    """Return the healthy recording of a kernel that ran with these instruction sets."""
    recording = made()
    return replace(
        recording, brick_infos=tuple(replace(info, isas=isas) for info in recording.brick_infos)
    )


def test_the_healthy_run_has_its_figures_and_nothing_to_note() -> None:
    (brick,) = summarize(made()).bricks
    assert brick.info.name == "gemm" and brick.dtype == "float32" and brick.flops_agree
    assert brick.run_gflops == FLOPS / 1_100_000
    assert brick.peak_share == FLOPS / 1_100_000 / 80.0
    assert [row.level for row in brick.levels] == [MACRO, MIDI, MICRO]
    assert notes_of(made()) == []
    row = brick.levels[1]
    assert row.stats == made().tile_stats(MIDI, "gemm")
    assert row.gflops == FLOPS / 1_060_000
    assert row.intensity == 10.0
    assert row.attainable_gflops == 80.0
    assert row.efficiency == row.gflops / 80.0
    assert row.bandwidth_gbs == 8_000_000 / 1_060_000
    assert row.bandwidth_share == row.bandwidth_gbs / 80.0
    assert row.self_share == 20_000 / 1_080_000
    assert row.avg_ns == pytest.approx(4240)
    assert (row.p50_ns, row.p99_ns) == (4240, 4240)
    assert (row.bound, row.bound_basis, row.bytes_basis) == ("compute", "ridge", "declared")
    assert (row.overhead_share, row.batch, row.batch_level) == (0.0, None, None)


def test_attainable_is_the_slope_of_the_levels_own_cache() -> None:
    row = row_of(changed(MIDI, nbytes=2 * FLOPS), MIDI)
    assert row.intensity == 0.5
    assert row.attainable_gflops == 40.0
    assert row.bound == "memory"


def test_given_roofs_go_before_the_recordings_own() -> None:
    other = replace(ROOFS, peak_by_dtype={"float32": 160.0})
    summary = summarize(made(), other)
    assert summary.roofs == other
    assert summary.bricks[0].levels[2].attainable_gflops == 160.0
    assert summarize(made()).roofs == ROOFS


def test_a_bricks_own_element_type_picks_the_peak() -> None:
    doubles = made(brick_infos=(BrickInfo("gemm", 1, 2_200_000, 1, ("float64",)),))
    assert summarize(doubles).bricks[0].levels[2].attainable_gflops == 40.0
    assert summarize(doubles).bricks[0].peak_share == FLOPS / 2_200_000 / 40.0


@pytest.mark.parametrize(
    ("dtypes", "shown"),
    [(("float32", "float64"), "mixed"), ((), "unknown"), (("int8",), "int8")],
)
def test_without_a_peak_of_its_own_a_brick_goes_by_the_rule_of_thumb(
    dtypes: tuple[str, ...], shown: str
) -> None:
    recording = made(brick_infos=(BrickInfo("gemm", 1, 10**6, 1, dtypes),))
    (brick,) = summarize(recording).bricks
    assert brick.dtype == shown and brick.peak_share is None
    assert [row.attainable_gflops for row in brick.levels] == [None, None, None]
    assert [row.efficiency for row in brick.levels] == [None, None, None]
    assert [row.bound for row in brick.levels] == ["compute", "compute", "memory"]
    assert {row.bound_basis for row in brick.levels} == {"rule of thumb"}
    assert f"No peak was measured for {shown} elements" in brick.notes[0]


def test_several_threads_are_held_against_one_threads_roof() -> None:
    two = replace(ROOFS, threads=2)
    recording = made(brick_infos=(BrickInfo("gemm", 1, 550_000, 2),), roofs=two)
    (brick,) = summarize(recording).bricks
    assert brick.levels[2].attainable_gflops == 40.0
    assert brick.levels[2].bandwidth_share == pytest.approx(16_000_000 / 1_040_000 / 80.0)
    assert brick.peak_share == FLOPS / 550_000 / 80.0
    assert any("that of one thread" in note for note in notes_of(recording))


def test_roofs_of_another_thread_count_give_no_share_of_peak() -> None:
    recording = made(brick_infos=(BrickInfo("gemm", 1, 10**6, 4),))
    (brick,) = summarize(recording).bricks
    assert brick.peak_share is None
    assert brick.levels[2].attainable_gflops == 80.0
    assert brick.notes[0].startswith("It ran on 4 threads, the roofs are those of 1 thread")


def test_run_rate_is_by_the_coarsest_level_that_declares_flops() -> None:
    levels = [
        replace(one, flops={MACRO: 0, MIDI: FLOPS, MICRO: FLOPS // 2}[one.level])
        for one in healthy_tiles()
    ]
    (brick,) = summarize(made(levels)).bricks
    assert brick.run_gflops == FLOPS / 1_100_000
    assert not brick.flops_agree
    assert "Levels declare different flops (Midi 80,000,000, Micro 40,000,000)" in " ".join(
        brick.notes
    )
    assert "Macro declared no flops" in " ".join(brick.notes)


def test_bricks_come_longest_first_and_ties_by_name() -> None:
    infos = tuple(
        BrickInfo(name, 1, wall, 1) for name, wall in (("a", 5), ("b", 9), ("c", 5), ("d", 7))
    )
    names = [brick.info.name for brick in summarize(made((), brick_infos=infos)).bricks]
    assert names == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("fields", "basis"),
    [
        ({"undeclared": 1}, "assumed"),
        ({"undeclared": 1000}, "assumed"),
        ({"undeclared": 0}, "declared"),
        ({"undeclared": 1000, "nbytes": 0}, "none"),
    ],
)
def test_bytes_are_told_apart_by_where_they_come_from(fields: dict[str, int], basis: str) -> None:
    recording = changed(MICRO, **fields)
    assert row_of(recording, MICRO).bytes_basis == basis
    notes = " ".join(notes_of(recording))
    assert ("Bytes of Micro are assumed" in notes) == (basis == "assumed")
    assert ("Micro declared neither bytes nor elements" in notes) == (basis == "none")


@pytest.mark.parametrize("fields", [{"flops": 0}, {"nbytes": 0}])
def test_without_flops_or_bytes_there_is_no_bound_and_no_roof(fields: dict[str, int]) -> None:
    row = row_of(changed(MICRO, **fields), MICRO)
    assert (row.bound, row.attainable_gflops, row.efficiency) == ("unknown", None, None)


@pytest.mark.parametrize(("over", "hurt"), [(100, False), (101, True)])
def test_tiles_are_too_short_above_ten_percent_only(over: int, hurt: bool) -> None:
    stats = tiles(MICRO, [9] * 100, total_ns=900, raw_total_ns=900 + over, flops=1, nbytes=1)
    row = row_of(made([stats]), MICRO)
    assert (row.batch is not None) == hurt
    assert ([one.code for one in diagnose(made([stats]))] == ["tiles-too-short"]) == hurt


def test_the_level_with_most_tiles_pays_for_the_timer_of_coarser_ones() -> None:
    levels = [
        replace(one, raw_total_ns=one.total_ns * 3 // 2) if one.level is not MICRO else one
        for one in healthy_tiles()
    ]
    (brick,) = summarize(made(levels)).bricks
    assert [row.batch_level for row in brick.levels] == [MICRO, MICRO, None]
    assert [row.batch for row in brick.levels] == [5, 5, None]
    assert [row.level for row in too_short(brick.levels)] == [MACRO]
    (finding,) = diagnose(made(levels))
    assert (finding.code, finding.level) == ("tiles-too-short", MICRO)
    assert "the timer was 33.3 % of Macro's time" in finding.evidence
    assert finding.action.startswith("Batch 5 Micro tiles")


def test_a_finer_level_is_not_to_blame_on_a_coarser_one_with_more_tiles() -> None:
    macro = tiles(MACRO, [1000] * 50, flops=1, nbytes=1)
    micro = tiles(MICRO, [100] * 10, raw_total_ns=2000, flops=1, nbytes=1)
    assert row_of(made([macro, micro]), MICRO).batch_level is MICRO


def test_of_the_levels_that_one_hurts_the_worst_hit_is_named() -> None:
    raw = {MACRO: 1_400_000, MIDI: 2_120_000, MICRO: 1_500_000}
    levels = [replace(one, raw_total_ns=raw[one.level]) for one in healthy_tiles()]
    (brick,) = summarize(made(levels)).bricks
    assert [row.level for row in too_short(brick.levels)] == [MIDI]


def test_nothing_but_timer_says_many_instead_of_a_number() -> None:
    stats = tiles(MICRO, [0] * 10, total_ns=0, raw_total_ns=90, flops=10, nbytes=10)
    assert row_of(made([stats]), MICRO).batch == 0
    assert diagnose(made([stats]))[0].action.startswith("Batch many Micro tiles")


@given(st.integers(0, 2**63), st.integers(1, 2**63), st.sampled_from([1, 5, 10, 50, 99]))
def test_batch_is_the_least_that_brings_the_share_below_the_limit(
    overhead: int, time: int, percent: int
) -> None:
    batch = metrics.tiles_to_batch(overhead, time, percent)
    limit = Fraction(percent, 100)
    assert batch >= 1
    assert Fraction(overhead, overhead + batch * time) < limit
    if batch > 1:
        assert Fraction(overhead, overhead + (batch - 1) * time) >= limit


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((-1, 1), "overhead_ns"), ((1, -1), "time_ns"), ((1, 1, 0), "limit"), ((1, 1, 100), "limit")],
)
def test_batch_refuses_what_is_out_of_range(arguments: tuple[int, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        metrics.tiles_to_batch(*arguments)


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (
            replace(made(), roofs=None, more_roofs=(ROOFS, replace(ROOFS, threads=2))),
            "There are roofs of several kinds, of Test CPU 3000. Each brick",
        ),
        (
            replace(made(), roofs=None, more_roofs=(ROOFS,)),
            "Only some of the runs have roofs, of Test CPU 3000. Each brick",
        ),
        (
            merge_recordings([made(), replace(made(), roofs=None)]),
            "Only some of the runs have roofs, of Test CPU 3000. Each brick",
        ),
        (made(brick_infos=(BrickInfo("gemm", 1, 500_000, 1),)), "The run is at 200 % of the peak"),
        (made(()), "No tile was recorded in it."),
        (made(sample_every=8), "One tile in 8 was timed"),
        (made(open_tiles=1), "1 tile was still open, and in no figure."),
        (made(abandoned_tiles=1200), "1,200 tiles were never stopped, and in no figure."),
        (
            made(abandoned_tiles=3, abandoned_by=(("left by KeyError", 2), ("timer dropped", 1))),
            "in no figure. Why: 2 left by KeyError; 1 timer dropped.",
        ),
        (
            replace(made(brickless_threads=1), brick_infos=(BrickInfo("default", 0, 5, 1),)),
            "1 thread began outside any brick while another thread was in one",
        ),
        (made(events_dropped=7), "7 tiles did not fit into the time line"),
        (made(clock=ClockInfo("mixed", 0.0, "")), "timed by different clocks"),
        (made(roofs=None), "above 10.0 flop/byte counts as compute-bound"),
        (made(roofs=None), "Run `brickprof calibrate --threads 1`."),
        (made(machine=None), "The run's machine is unknown"),
        (
            made(machine=replace(MACHINE, cpu="Other")),
            "The roofs are those of another machine (Test CPU 3000)",
        ),
        (
            made(roofs=replace(ROOFS, isa="base")),
            "The roofs were measured with base, the machine of the run has avx2.",
        ),
        (ran_with("base"), "It ran with base, the roofs are those of avx2: efficiency is left"),
        (
            ran_with("avx2", "base"),
            "It ran with avx2 and base, the roofs are those of avx2: efficiency is left out",
        ),
    ],
)
def test_a_reader_is_told(recording: Recording, said: str) -> None:
    assert said in " ".join(notes_of(recording))


def test_roofs_of_what_ran_need_no_note() -> None:
    assert notes_of(ran_with("avx2")) == []
    assert notes_of(ran_with("base").with_roofs(replace(ROOFS, isa="base"))) == []


@pytest.mark.parametrize("isas", [("base",), ("avx2", "base")])
def test_a_brick_is_not_held_against_roofs_of_another_isa(isas: tuple[str, ...]) -> None:
    (brick,) = summarize(ran_with(*isas)).bricks
    assert brick.peak_share is None
    assert {row.efficiency for row in brick.levels} == {None}
    assert {row.bound_basis for row in brick.levels} == {"rule of thumb"}
    (brick,) = summarize(ran_with("avx2")).bricks
    assert brick.peak_share is not None
    assert None not in {row.efficiency for row in brick.levels}


def test_another_quota_is_still_the_same_machine() -> None:
    assert notes_of(made(machine=replace(MACHINE, usable_cores=1, quota_cores=1.5))) == []


def test_an_empty_recording_has_neither_bricks_nor_notes() -> None:
    summary = summarize(made((), brick_infos=(), roofs=None))
    assert (summary.bricks, summary.notes) == ((), ())


def test_arguments_of_another_type_are_named() -> None:
    with pytest.raises(TypeError, match="recording must be a Recording, got str"):
        summarize("run.json")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="roofs must be Roofs or None, got float"):
        summarize(made(), 80.0)  # type: ignore[arg-type]


@given(recordings(), st.none() | roofs())
def test_rows_hold_for_any_recording(recording: Recording, given_roofs: Roofs | None) -> None:
    summary = summarize(recording, given_roofs)
    assert sorted(brick.info.name for brick in summary.bricks) == sorted(recording.bricks)
    for brick in summary.bricks:
        levels = [row.level for row in brick.levels]
        assert levels == [
            level for level in TileLevel if recording.tile_stats(level, brick.info.name).count
        ]
        if any(row.stats.self_ns for row in brick.levels):
            assert sum(row.self_share for row in brick.levels) == pytest.approx(1.0)
        for row in brick.levels:
            check_row(row, brick)
        for note in brick.notes + summary.notes:
            assert note.endswith(".") and note[0] == note[0].upper()


def check_row(row: LevelSummary, brick: BrickSummary) -> None:
    """Check what must hold between the figures of a row."""
    declared = bool(row.stats.flops and row.stats.nbytes)
    has_peak = brick.roofs is not None
    assert (row.efficiency is not None) == (declared and has_peak)
    assert (row.bound == "unknown") == (not declared)
    assert row.bound_basis == ("ridge" if has_peak else "rule of thumb")
    assert row.gflops == row.stats.gflops and row.intensity == row.stats.arithmetic_intensity
    assert (row.batch is None) == (row.batch_level is None)
    if row.attainable_gflops is not None and brick.roofs is not None:
        assert brick.roofs.roofs.dtype == brick.dtype
        assert brick.info.isas in ((), (brick.roofs.roofs.isa,))
        assert row.attainable_gflops <= brick.roofs.peak_gflops
        assert row.efficiency == row.gflops / row.attainable_gflops
