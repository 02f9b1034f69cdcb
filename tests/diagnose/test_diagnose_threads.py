"""Threads, footprints and noise: one thing wrong in a recording gives exactly its finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.made_recordings import COUNTS, MACHINE, changed, healthy_tiles, made, tiles

from brickprof.core.levels import TileLevel
from brickprof.diagnose import Finding, diagnose
from brickprof.diagnose.rules.noise import OUTLIER_RATIO
from brickprof.diagnose.rules.tiles import LARGE_FOOTPRINT
from brickprof.machine import Machine
from brickprof.recording import DEFAULT_BRICK, BrickInfo, Recording, TeamTimes, merge_recordings

MACRO, MIDI, MICRO = TileLevel
WALL = 1_100_000


def only(recording: Recording) -> Finding:
    """Return the one finding that a recording must give."""
    findings = diagnose(recording)
    assert len(findings) == 1, [(one.code, one.level) for one in findings]
    return findings[0]


def ran(threads: int, machine: Machine | None = MACHINE, **fields: Any) -> Recording:
    """Return the healthy recording as one of several threads, with more known of its brick."""
    return made(brick_infos=(BrickInfo("gemm", 3, WALL, threads, **fields),), machine=machine)


def team(busy: tuple[int, ...], wall: int = 1000) -> tuple[TeamTimes, ...]:
    """Return the times of a team in microseconds."""
    return (TeamTimes(3, wall * 1000, tuple(one * 1000 for one in busy)),)


@pytest.mark.parametrize(
    "teams", [(), team((990, 980)), team((810, 800)), team((1000, 610)), team((0, 0), 0)]
)
def test_threads_that_are_busy_alike_are_no_finding(teams: tuple[TeamTimes, ...]) -> None:
    assert only(ran(2, teams=teams)).code == "near-roof"


def test_calls_that_are_mostly_outside_tiles_have_too_many_threads() -> None:
    finding = only(ran(2, teams=team((380, 370))))
    assert (finding.code, finding.brick, finding.level) == ("thread-overhead", "gemm", None)
    assert finding.symptom == "2 threads in no tile for 62.0 % of the time"
    assert finding.evidence == "the busiest had tiles open for 380 µs of 1.00 ms in 3 calls"
    assert dict(finding.figures)["outside_share"] == 0.62
    assert finding.action.startswith("Reduce threads")
    assert finding.weight == 2 * 620_000


def test_threads_that_wait_for_the_busiest_have_uneven_shares() -> None:
    finding = only(ran(2, teams=team((990, 0))))
    assert (finding.code, finding.level) == ("thread-imbalance", None)
    assert finding.symptom == "uneven shares for 2 threads"
    assert "busiest had tiles open for 990 µs, the mean thread for 495 µs" in finding.evidence
    assert dict(finding.figures)["idle_share"] == 0.5
    assert finding.weight == 990_000


def test_the_team_that_lost_most_is_named() -> None:
    large = replace(MACHINE, logical_cores=8, physical_cores=8, usable_cores=8)
    teams = team((990, 0)) + team((9000, 0, 0), 9001) + team((100, 0, 0, 0), 101)
    finding = only(ran(4, large, teams=teams))
    assert (finding.code, dict(finding.figures)["threads"]) == ("thread-imbalance", 3)


def test_runs_that_were_even_stay_so_when_merged() -> None:
    alone = ran(1)
    both = ran(2, teams=team((990, 980)))
    assert only(merge_recordings([alone, both])).code == "near-roof"


def test_more_threads_than_processors() -> None:
    finding = only(ran(8))
    assert (finding.code, finding.brick, finding.level) == ("oversubscription", "gemm", None)
    assert finding.evidence == "8 threads, where 2 of 2 processors may be used"
    assert dict(finding.figures) == {"threads": 8, "usable_cores": 2, "logical_cores": 2}
    assert finding.action.startswith("Use 2 threads")
    assert finding.weight == pytest.approx(1_080_000 * 0.75)


def test_waiting_for_a_processor_is_not_blamed_on_the_work() -> None:
    assert only(ran(4, teams=team((300, 0, 0, 0)))).code == "oversubscription"


@pytest.mark.parametrize(
    ("threads", "usable", "quota", "code"),
    [
        (4, 4, None, "near-roof"),
        (5, 4, None, "oversubscription"),
        (4, 2, 2.5, "quota-ignored"),
        (2, 1, 0.5, "quota-ignored"),
        (2, 2, 2.5, "near-roof"),
        (16, 2, 2.5, "oversubscription"),
        (6, 4, 6.0, "oversubscription"),
    ],
)
def test_affinity_and_quota(threads: int, usable: int, quota: float | None, code: str) -> None:
    machine = replace(
        MACHINE, logical_cores=8, physical_cores=8, usable_cores=usable, quota_cores=quota
    )
    finding = only(ran(threads, machine))
    assert finding.code == code
    if code == "quota-ignored":
        assert dict(finding.figures)["quota_cores"] == quota
        assert "stopped until its period ends" in finding.cause


def test_without_a_machine_and_outside_bricks_nothing_is_said_of_too_many_threads() -> None:
    assert only(ran(8, None)).code == "near-roof"
    info = BrickInfo(DEFAULT_BRICK, 0, WALL, 8)
    assert only(made(healthy_tiles(brick=DEFAULT_BRICK), brick_infos=(info,))).code == "near-roof"


def test_a_merge_takes_no_affinity_from_one_run_and_threads_from_another() -> None:
    pinned = ran(1, replace(MACHINE, usable_cores=1))
    assert only(merge_recordings([pinned, ran(2)])).code == "near-roof"


def slow(footprint: tuple[int, int, int], threads: int = 1, efficiency: float = 0.7) -> Recording:
    """Return a GEMM away from its roof whose tiles hold so many bytes."""
    info = BrickInfo("gemm", 3, WALL, threads, footprint_bytes=footprint)
    return made(healthy_tiles(0.92 / efficiency), brick_infos=(info,))


@pytest.mark.parametrize("level", list(TileLevel))
def test_tiles_larger_than_their_cache(level: TileLevel) -> None:
    size = MACHINE.cache(level).size_bytes
    sizes = [0, 0, 0]
    sizes[level] = 4 * size
    found = {one.code: one for one in diagnose(slow((sizes[0], sizes[1], sizes[2])))}
    assert set(found) == {"footprint"}
    finding = found["footprint"]
    assert (finding.level, finding.symptom) == (level, f"tiles are larger than {level.cache}")
    assert dict(finding.figures)["ratio"] == 4
    (row,) = (one for one in healthy_tiles(0.92 / 0.7) if one.level is level)
    assert finding.weight == 0.75 * row.total_ns


def test_tiles_that_fit_or_do_not_suffer_are_no_finding() -> None:
    sizes = tuple(MACHINE.cache(level).size_bytes for level in TileLevel)
    limit = tuple(round(LARGE_FOOTPRINT * size) for size in sizes)
    assert only(slow((limit[0], limit[1], limit[2]))).code == "compute-bound"
    beyond = tuple(4 * size for size in sizes)
    assert only(slow((beyond[0], beyond[1], beyond[2]), efficiency=0.92)).code == "near-roof"
    unknown = replace(slow((beyond[0], beyond[1], beyond[2])), machine=None)
    assert only(unknown).code == "compute-bound"


def test_threads_share_a_cache_that_is_common_and_keep_one_that_is_not() -> None:
    l3, l2 = (MACHINE.cache(level).size_bytes for level in (MACRO, MIDI))
    assert only(slow((l3, l2, 0), threads=1)).code == "compute-bound"
    found = {one.code: one for one in diagnose(slow((l3, l2, 0), threads=2))}
    assert found["footprint"].level is MACRO
    assert dict(found["footprint"].figures)["cache_share_bytes"] == l3 // 2


def held_up(level: TileLevel, count: int, ratio: float, slower: float = 1.0) -> Recording:
    """Return the healthy recording, or a slower one, with a few tiles that took much longer."""
    (healthy,) = (one for one in healthy_tiles(slower) if one.level is level)
    usual = healthy.total_ns / (COUNTS[level] + count * (ratio - 1))
    times = [round(usual)] * (COUNTS[level] - count) + [round(usual * ratio)] * count
    spread = tiles(level, times)
    return changed(
        level, slower, histogram=spread.histogram, min_ns=spread.min_ns, max_ns=spread.max_ns
    )


@pytest.mark.parametrize(("level", "count"), [(MIDI, 1), (MICRO, 3)])
def test_a_few_tiles_that_take_far_longer_are_noise(level: TileLevel, count: int) -> None:
    finding = only(held_up(level, count, 40.0))
    assert (finding.code, finding.level) == ("noisy-machine", level)
    figures = dict(finding.figures)
    assert (figures["held_up_tiles"], figures["timed_tiles"]) == (count, COUNTS[level])
    lost = 39 * count / (COUNTS[level] + 39 * count)
    assert figures["lost_share"] == pytest.approx(lost, rel=0.05)
    assert finding.weight == pytest.approx(lost * 1_050_000, rel=0.1)


def test_what_others_took_is_no_fault_of_the_kernel() -> None:
    lost = 39 * 9 / (COUNTS[MICRO] + 39 * 9)
    slower = 1 / (1 - lost)
    assert {one.code for one in diagnose(slow((0, 0, 0), efficiency=0.92 / slower))} == {
        "compute-bound"
    }
    assert only(held_up(MICRO, 9, 40.0, slower)).code == "noisy-machine"
    codes = {one.code for one in diagnose(held_up(MICRO, 9, 40.0, 1.5 * slower))}
    assert codes == {"noisy-machine", "compute-bound"}


def test_noise_that_costs_little_or_is_no_accident_is_not_called_so() -> None:
    assert only(held_up(MICRO, 1, 40.0)).code == "near-roof"
    assert only(held_up(MICRO, 9, OUTLIER_RATIO * 0.9)).code == "near-roof"
    assert only(held_up(MICRO, 20, 40.0)).code == "variable-latency"
