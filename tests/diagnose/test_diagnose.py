"""One thing wrong in a made-up recording gives exactly the finding that names it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.known_causes import OF_THE_MACHINE
from support.made_recordings import (
    COUNTS,
    FLOPS,
    NOISY_ROOFS,
    ROOFS,
    changed,
    healthy_tiles,
    made,
    tiles,
)
from support.strategies import recordings, roofs

from brickprof.core.levels import TileLevel
from brickprof.diagnose import (
    ABOVE_ROOF,
    LARGE_OUTER_SELF,
    TAIL_SAMPLES,
    Finding,
    diagnose,
)
from brickprof.diagnose.summary import summarize
from brickprof.recording import BrickInfo, Overhead, Recording, ThreadUsage
from brickprof.roofline import Roofs

MACRO, MIDI, MICRO = TileLevel


def only(recording: Recording) -> Finding:
    """Return the one finding that a recording must give."""
    findings = diagnose(recording)
    assert len(findings) == 1, [(one.code, one.level) for one in findings]
    return findings[0]


def memory_starved(level: TileLevel, share_of_roof: float) -> Recording:
    """Return a GEMM at a quarter of one level's ridge, at a share of that slope."""
    bandwidth = ROOFS.bandwidth_gbs[level.cache]
    roof = 80.0 / 4
    slower = FLOPS / (roof * share_of_roof) / 1_080_000
    return changed(level, slower=slower, nbytes=round(FLOPS / (roof / bandwidth)))


def with_tail(level: TileLevel, slow: int, ratio: float) -> Recording:
    """Return the healthy recording with some tiles of a level slower than the rest."""
    (healthy,) = (one for one in healthy_tiles() if one.level is level)
    count = COUNTS[level]
    usual = healthy.total_ns / (count + slow * (ratio - 1))
    times = [round(usual)] * (count - slow) + [round(usual * ratio)] * slow
    spread = tiles(level, times)
    return changed(level, histogram=spread.histogram, min_ns=spread.min_ns, max_ns=spread.max_ns)


def test_a_healthy_run_is_near_its_roof_and_no_more() -> None:
    finding = only(made())
    assert (finding.code, finding.brick, finding.level) == ("near-roof", "gemm", MICRO)
    assert finding.symptom == "compute-bound at 96.2 % of the peak"
    assert finding.evidence == "76.9 GFLOP/s of 80.0 GFLOP/s"
    assert dict(finding.figures)["efficiency"] == FLOPS / 1_040_000 / 80.0
    assert finding.weight == pytest.approx(40_000)
    assert finding.gain is None


def test_over_half_of_the_peak_it_says_what_the_rate_shows_to_be_in_use() -> None:
    finding = only(made(healthy_tiles(1.3)))
    assert (finding.code, finding.level) == ("compute-bound", MICRO)
    assert finding.cause.startswith("What is left: loads and stores")
    assert finding.weight == pytest.approx(1_040_000 * 1.3 - 1_000_000, rel=1e-3)
    assert finding.gain == pytest.approx(1_430_000 / (1_430_000 - finding.weight), rel=1e-2)
    for ceilings, said in (
        ({"half-width": 40.0}, "Full vectors are in use. What is left"),
        ({"half-width": 40.0, "no-fma": 50.0}, "Full vectors and multiply-adds are in use. "),
        ({"half-width": 79.0, "no-fma": 50.0}, "Multiply-adds are in use. "),
        ({"half-width": 79.0}, "What is left"),
    ):
        named = {f"float32 {name}": rate for name, rate in ceilings.items()}
        (finding,) = diagnose(made(healthy_tiles(1.3)), replace(ROOFS, ceilings_gflops=named))
        assert finding.cause.startswith(said)


@pytest.mark.parametrize("slower", [3.0, 50.0])
def test_far_from_both_roofs_it_says_what_is_left(slower: float) -> None:
    finding = only(made(healthy_tiles(slower)))
    assert finding.code == "neither-roof"
    assert "of the peak" in finding.symptom
    assert "'s bandwidth" in finding.evidence
    assert "strided or scattered access" in finding.action


CEILINGS = {
    "float32 scalar": 5.0,
    "float32 half-width": 40.0,
    "float32 no-fma": 79.0,
    "float32 chain": 10.0,
    "float32 scalar-chain": 0.625,
    "float32 divide": 2.0,
    "float32 exp": 4.0,
}


@pytest.mark.parametrize(
    ("gflops", "elements", "what"),
    [
        (40.0, 4_000_000, "vectors of half the width"),
        (4.9, 4_000_000, "scalar code"),
        (2.6, 4_000_000, "scalar code"),
        (9.9, 4_000_000, "one dependent chain of vectors"),
        (0.62, 4_000_000, "one dependent chain of scalars"),
        (2.0, FLOPS, "divisions"),
        (2.0, 2 * FLOPS, "exponentials"),
        (20.0, 4_000_000, None),
        (2.0, 4_000_000, None),
    ],
)
def test_a_rate_on_a_ceiling_names_it(gflops: float, elements: int, what: str | None) -> None:
    ceilings = replace(ROOFS, ceilings_gflops=CEILINGS)
    slower = FLOPS / gflops / 1_040_000
    stats = [replace(one, elements=elements) for one in healthy_tiles(slower)]
    (finding,) = diagnose(made(stats), ceilings)
    if what is None:
        assert finding.code == "neither-roof"
    else:
        assert (finding.code, finding.level) == ("core-ceiling", MICRO)
        assert f"ceiling of {what}" in finding.symptom


def test_vectors_that_wait_for_a_memory_are_not_called_scalar() -> None:
    # 5 GFLOP/s at 60 GB/s: the rate of scalar code, and three quarters of what L2 loads.
    ns = 8_000 / 60
    stats = [tiles(MIDI, [round(1000 * ns)] * 250, flops=250 * 667_000, nbytes=250 * 8_000_000)]
    ceilings = replace(ROOFS, ceilings_gflops=CEILINGS, traffic_gbs={"L2 update": 200.0})
    (finding,) = diagnose(made(stats), ceilings)
    assert finding.code == "neither-roof"
    assert "scalar code" in finding.action


def test_data_behind_the_caches_are_not_called_scalar_code() -> None:
    # 4.9 GFLOP/s at 9 GB/s: the rate of scalar code, and 0.45 of what DRAM loads, 90 MB a tile.
    def streamed(nbytes: int) -> Recording:
        flops = nbytes * 49 // 90
        return made([tiles(MACRO, [nbytes // 9] * 20, flops=20 * flops, nbytes=20 * nbytes)])

    ceilings = replace(ROOFS, ceilings_gflops=CEILINGS)
    (finding,) = diagnose(streamed(90_000_000), ceilings)
    assert finding.code == "neither-roof"
    assert "scalar code" in finding.action
    (finding,) = diagnose(streamed(90_000), ceilings)
    assert "ceiling of scalar code" in finding.symptom


@pytest.mark.parametrize(("gbs", "code"), [(9.0, "memory-bound"), (7.0, "neither-roof")])
def test_tiles_at_the_rate_of_a_kind_of_traffic_of_the_memory_behind(gbs: float, code: str) -> None:
    roofs = replace(ROOFS, traffic_gbs={"DRAM copy": 10.0, "DRAM update": 30.0, "L3 update": 90.0})
    ns = round(120_000_000 / gbs)
    triad = made([tiles(MACRO, [ns] * 20, flops=20 * 20_000_000, nbytes=20 * 120_000_000)])
    (finding,) = diagnose(triad, roofs)
    assert finding.code == code
    assert code == "neither-roof" or "memory-bound on DRAM" in finding.symptom


def test_ceilings_at_the_same_rate_are_all_named() -> None:
    # 2.0 G elements/s of divisions, which is 0.8 of 2.5 GFLOP/s of a chain.
    same = replace(ROOFS, ceilings_gflops=CEILINGS | {"float32 scalar-chain": 2.5})
    stats = [replace(one, elements=FLOPS) for one in healthy_tiles(FLOPS / 2.0 / 1_040_000)]
    (finding,) = diagnose(made(stats), same)
    assert "ceiling of divisions" in finding.symptom
    assert "as near: one dependent chain of scalars" in finding.evidence
    # Two flops for an element are no division.
    stats = [replace(one, elements=FLOPS // 2) for one in healthy_tiles(FLOPS / 2.0 / 1_040_000)]
    (finding,) = diagnose(made(stats), same)
    assert "ceiling of one dependent chain of scalars" in finding.symptom


@pytest.mark.parametrize(
    ("timed", "overhead_ns", "code"),
    [(29, 5, "neither-roof"), (30, 5, "core-ceiling"), (30, 40, "neither-roof")],
)
def test_a_rate_in_elements_tells_little_of_few_tiles_and_of_calls(
    timed: int, overhead_ns: int, code: str
) -> None:
    # 2 G elements/s, the rate of divisions; tiles of 5 µs, started by nogil code or by Python.
    of = tiles(
        MICRO,
        [5_000] * timed,
        elements=timed * 10_000,
        flops=timed * 10_000,
        nbytes=timed * 40_000,
        raw_total_ns=timed * (5_000 + overhead_ns),
        raw_self_ns=timed * (5_000 + overhead_ns),
    )
    costs = Overhead(
        c_inside=5.0, python_inside=40.0, block_inside=60.0, c_pair=9, python_pair=90, block_pair=99
    )
    (finding,) = diagnose(made([of], overhead=costs), replace(ROOFS, ceilings_gflops=CEILINGS))
    assert finding.code == code


def test_a_rate_above_a_ceiling_rules_it_out() -> None:
    ceilings = replace(ROOFS, ceilings_gflops=CEILINGS)
    (finding,) = diagnose(made(healthy_tiles(FLOPS / 20.0 / 1_040_000)), ceilings)
    assert "scalar code" in finding.evidence and "one dependent chain" in finding.evidence
    assert "half the width" not in finding.evidence
    assert "scalar code" not in finding.action


@pytest.mark.parametrize("level", list(TileLevel))
@pytest.mark.parametrize("share_of_roof", [0.95, 0.65])
def test_memory_bound_names_the_level_and_the_cache_that_feeds_it(
    level: TileLevel, share_of_roof: float
) -> None:
    finding = only(memory_starved(level, share_of_roof))
    assert (finding.code, finding.level) == ("memory-bound", level)
    assert f"memory-bound on {level.cache}" in finding.symptom
    assert "as fast as it can" in finding.cause
    assert dict(finding.figures)["peak_gflops"] == 80.0
    assert dict(finding.figures)["memory_share"] == pytest.approx(share_of_roof, rel=0.1)


@pytest.mark.parametrize(("level", "behind"), [(MACRO, "DRAM"), (MIDI, "L3"), (MICRO, "L2")])
def test_tiles_at_the_rate_of_the_memory_behind_do_not_stay_in_their_cache(
    level: TileLevel, behind: str
) -> None:
    finding = only(memory_starved(level, 0.5))
    assert (finding.code, finding.level) == ("memory-bound", level)
    assert f"memory-bound on {behind}" in finding.symptom
    assert "do not stay in" in finding.cause or level is MACRO


@pytest.mark.parametrize("level", list(TileLevel))
def test_at_the_rate_of_no_memory_nothing_is_memory_bound(level: TileLevel) -> None:
    # Macro tiles at a quarter of L3's bandwidth are at half of DRAM's.
    share = 0.2 if level is MACRO else 0.3
    assert only(memory_starved(level, share)).code == "neither-roof"


def test_a_macro_tile_from_memory_is_held_against_dram() -> None:
    recording = memory_starved(MACRO, 0.5)
    row = summarize(recording).bricks[0].levels[0]
    assert row.memory == "DRAM"
    assert row.attainable_gflops == pytest.approx(10.0)
    assert row.efficiency == pytest.approx(1.0, rel=0.1)
    assert row.near_roof


STORES = replace(ROOFS, traffic_gbs={"L2 store": 30.0, "L2 copy": 55.0, "L2 update": 100.0})


def moved(gbs: float, **fields: Any) -> Recording:
    """Return Midi tiles that moved so many GB/s and computed nothing."""
    nbytes = 250 * 32_000
    ns = round(32_000 / gbs)
    return made([tiles(MIDI, [ns] * 250, elements=250 * 8000, nbytes=nbytes, **fields)])


@pytest.mark.parametrize(
    ("gbs", "fields", "code"),
    [
        (29.0, {}, "store-bound"),
        (53.0, {}, "store-bound"),
        (29.0, {"flops": 250 * 8000}, "neither-roof"),
        (95.0, {}, "memory-bound"),
        (10.0, {}, "neither-roof"),
        (29.0, {"split": 250, "stored_bytes": 250 * 32_000}, "store-bound"),
        (29.0, {"split": 250, "loaded_bytes": 250 * 32_000}, "neither-roof"),
        (78.0, {"split": 250, "loaded_bytes": 250 * 32_000}, "memory-bound"),
        (
            95.0,
            {"split": 250, "loaded_bytes": 250 * 16_000, "stored_bytes": 250 * 16_000},
            "memory-bound",
        ),
        (120.0, {}, "above-roof"),
        (33.0, {"split": 250, "stored_bytes": 250 * 32_000}, "above-roof"),
    ],
)
def test_loads_and_stores_have_roofs_of_their_own(
    gbs: float, fields: dict[str, Any], code: str
) -> None:
    (finding,) = diagnose(moved(gbs, **fields), STORES)
    assert (finding.code, finding.level) == (code, MIDI)


def test_a_memory_and_a_ceiling_that_are_as_near_are_both_named() -> None:
    far = memory_starved(MIDI, 0.5)
    row = summarize(far).bricks[0].levels[1]
    ceilings = {"float32 chain": row.typical_gflops * 1.04, "float32 divide": 1e6}
    (finding,) = diagnose(far, replace(ROOFS, ceilings_gflops=ceilings))
    assert (finding.code, finding.level) == ("memory-bound", MIDI)
    assert finding.evidence.endswith("as near: one dependent chain of vectors (96.2 %)")
    assert "Or it is one dependent chain of vectors" in finding.cause
    without = {"float32 chain": row.typical_gflops * 1.3}
    (finding,) = diagnose(far, replace(ROOFS, ceilings_gflops=without))
    assert "as near" not in finding.evidence


def test_assumed_bytes_are_said_to_be_assumed() -> None:
    starved = memory_starved(MICRO, 0.95)
    assumed = [replace(one, undeclared=one.count) for one in starved.tiles]
    assert only(made(assumed)).evidence.endswith(", bytes assumed")


@pytest.mark.parametrize("level", [MIDI, MICRO])
def test_a_long_tail_of_tiles_with_the_same_work(level: TileLevel) -> None:
    finding = only(with_tail(level, COUNTS[level] // 20, 8.0))
    assert (finding.code, finding.level) == ("variable-latency", level)
    assert "declare the same work" in finding.cause and level.cache in finding.cause
    figures = dict(finding.figures)
    assert figures["p99_ns"] / figures["p50_ns"] == pytest.approx(8.0, rel=1 / 16)
    assert finding.weight > 0


def test_tiles_of_two_sizes_are_no_tail() -> None:
    spread = with_tail(MICRO, 50, 8.0)
    mixed = [replace(one, min_work=1, max_work=8) for one in spread.tiles]
    assert only(made(mixed)).code == "near-roof"
    # Nor is a few that were held up, in a brick whose tiles are of different sizes.
    held_up = [replace(one, min_work=1, max_work=8) for one in with_tail(MICRO, 9, 40.0).tiles]
    assert only(made(held_up)).code == "near-roof"


def test_a_figure_that_is_not_known_gives_no_finding() -> None:
    slow = healthy_tiles(50.0)
    unknown = [replace(one, total_error_ns=one.total_ns // 10) for one in slow]
    assert {one.code for one in diagnose(made(unknown))} == {"tiles-too-short"}
    sampled = [replace(one, count=2 * one.count) for one in unknown]
    assert diagnose(made(sampled)) == ()
    known = [replace(one, total_error_ns=one.total_ns // 50) for one in slow]
    assert only(made(known)).code == "neither-roof"


def used(wall_ms: float, cpu_ms: float, *more: int, threads: int = 1) -> Recording:
    """Return the healthy recording as one that the operating system saw on threads."""
    seen = ThreadUsage(round(wall_ms * 1e6), round(cpu_ms * 1e6), *more)
    wall = round(wall_ms * 1e6)
    info = BrickInfo("gemm", 3, wall, threads, usage=(seen,) * threads)
    return made(brick_infos=(info,))


@pytest.mark.parametrize(
    ("recording", "code"),
    [
        (used(10, 9.5), "near-roof"),
        (used(10, 5, 0, 0, 0, 3, 0), "waiting"),
        (used(10, 5, 0, 0, 0, 0, 3), "preempted"),
        (used(10, 5), "preempted"),
        (used(10, 10, 0, 5000), "page-faults"),
        (used(10, 10, 0, 0, 60), "page-faults"),
        (used(100, 100, 40_000_000, 50), "page-faults"),
        (used(100, 100, 40_000_000), "near-roof"),
        (used(0.1, 0.05, 0, 0, 0, 3), "near-roof"),
    ],
)
def test_what_the_operating_system_saw(recording: Recording, code: str) -> None:
    assert only(recording).code == code


def test_rates_of_threads_that_hardly_ran_tell_nothing_of_their_code() -> None:
    slow = healthy_tiles(4.0)[:1]
    assert slow[0].count < 64
    for cpu_ms, codes in ((7, {"neither-roof", "preempted"}), (5, {"preempted"})):
        seen = used(10, cpu_ms, 0, 0, 0, 0, 3).brick_infos
        assert {one.code for one in diagnose(made(slow, brick_infos=seen))} == codes


def test_many_short_tiles_between_interruptions_still_tell_of_their_code() -> None:
    seen = used(10, 5, 0, 0, 0, 0, 3).brick_infos
    found = diagnose(made(healthy_tiles(4.0), brick_infos=seen))
    assert [one.code for one in found] == ["neither-roof", "preempted"]


def test_threads_by_turns_wait_for_a_lock_or_the_gil() -> None:
    (finding,) = [one for one in diagnose(used(10, 5, 0, 0, 0, 9, threads=2))]
    assert (finding.code, finding.brick, finding.level) == ("waiting", "gemm", None)
    assert "GIL" in finding.cause
    assert "GIL" not in only(used(10, 5, 0, 0, 0, 9)).cause


def test_one_cause_gives_one_finding() -> None:
    slow = used(10, 5, 0, 0, 0, 3)
    tail = with_tail(MICRO, 50, 8.0).tiles
    assert {one.code for one in diagnose(replace(slow, tiles=tail))} == {"waiting"}


def test_a_short_or_rare_tail_and_a_few_samples_are_no_finding() -> None:
    assert only(with_tail(MICRO, 50, 2.5)).code == "near-roof"
    assert only(with_tail(MICRO, 5, 8.0)).code == "near-roof"
    few = [1000] * (TAIL_SAMPLES - 11) + [9000] * 10
    spread = tiles(MICRO, few)
    scarce = changed(MICRO, timed=len(few), histogram=spread.histogram, max_ns=9000, min_ns=1000)
    assert only(scarce).code == "near-roof"


def test_only_the_finest_level_with_a_tail_is_named() -> None:
    micro, midi = with_tail(MICRO, 50, 8.0).tiles, with_tail(MIDI, 12, 8.0).tiles
    finding = only(made([midi[0], midi[1], micro[2]]))
    assert (finding.code, finding.level) == ("variable-latency", MICRO)


def test_tiles_of_the_timers_own_length_vary_with_the_timer() -> None:
    tail = with_tail(MICRO, 50, 8.0)
    hurt = [
        replace(one, raw_total_ns=one.total_ns * 2) if one.level is MICRO else one
        for one in tail.tiles
    ]
    assert only(made(hurt)).code == "tiles-too-short"


def test_tiles_too_short_for_the_timer() -> None:
    finding = only(changed(MICRO, raw_total_ns=1_400_000))
    assert (finding.code, finding.level) == ("tiles-too-short", MICRO)
    assert finding.action == "Batch 4 Micro tiles into one, or sample (sample_every=)."
    assert dict(finding.figures)["tiles_to_batch"] == 4
    assert finding.weight == 360_000


def tiny(**fields: Any) -> Recording:
    """Return a recording of tiles of 15 ns, whose own time holds nothing of the timer."""
    return made([tiles(MICRO, [15] * TAIL_SAMPLES)], **fields)


def test_tiles_shorter_than_a_start_stop_pair() -> None:
    finding = only(tiny())
    assert (finding.code, finding.level) == ("tiles-too-short", MICRO)
    assert finding.evidence.startswith("half of 200 tiles took 15 ns or less, ")
    assert finding.evidence.endswith("pair at least 19 ns")
    assert dict(finding.figures)["tiles_to_batch"] == 12
    assert finding.action == "Batch 12 Micro tiles into one, or sample (sample_every=)."
    assert finding.weight == 200 * 19.0


def test_tiles_that_are_too_short_both_ways_are_named_once() -> None:
    both = made([tiles(MICRO, [15] * TAIL_SAMPLES, raw_total_ns=40 * TAIL_SAMPLES)])
    assert "overhead_share" in dict(only(both).figures)


def test_a_pair_that_is_not_known_or_was_not_paid_shortens_no_tile() -> None:
    assert diagnose(tiny(overhead=Overhead())) == ()
    assert diagnose(tiny(machine=None)) == ()
    assert diagnose(tiny(sample_every=8)) == ()
    assert diagnose(made([tiles(MICRO, [15] * (TAIL_SAMPLES - 1))])) == ()
    assert diagnose(made([tiles(MICRO, [20] * TAIL_SAMPLES)])) == ()


@pytest.mark.parametrize("level", [MACRO, MIDI])
def test_time_outside_the_micro_tiles_is_packing(level: TileLevel) -> None:
    finding = only(changed(level, self_ns=400_000))
    assert (finding.code, finding.level) == ("outer-self-time", level)
    assert dict(finding.figures)["self_share"] == 400_000 / 1_460_000
    assert finding.weight == 400_000


def test_self_time_at_the_limit_or_without_micro_tiles_is_no_finding() -> None:
    allowed = round(1_060_000 * LARGE_OUTER_SELF / (1 - LARGE_OUTER_SELF))
    assert only(changed(MACRO, self_ns=allowed)).code == "near-roof"
    assert only(made(healthy_tiles()[:2])).code == "near-roof"


@pytest.mark.parametrize(
    ("recording", "level", "blamed"),
    [
        (made([replace(one, flops=FLOPS * 2) for one in healthy_tiles()]), MICRO, "flops"),
        (changed(MIDI, nbytes=FLOPS * 10), MIDI, "bytes"),
    ],
)
def test_above_the_roof_the_inputs_are_wrong(
    recording: Recording, level: TileLevel, blamed: str
) -> None:
    finding = only(recording)
    assert (finding.code, finding.level) == ("above-roof", level)
    assert f"most likely the {blamed}" in finding.cause
    assert dict(finding.figures)["efficiency"] > ABOVE_ROOF


def test_noisy_roofs_are_about_the_whole_recording() -> None:
    finding = only(made(roofs=NOISY_ROOFS))
    assert (finding.code, finding.brick, finding.level) == ("noisy-roofs", None, None)
    assert finding.evidence == "noisy: L3 spread 31 %"
    assert finding.weight == pytest.approx(0.02 * 1_100_000)


def test_without_roofs_only_what_needs_none_is_found() -> None:
    assert diagnose(made(roofs=None)) == ()
    assert only(replace(changed(MICRO, raw_total_ns=1_400_000), roofs=None)).code == (
        "tiles-too-short"
    )
    assert diagnose(made(), ROOFS) == diagnose(made(roofs=None), ROOFS)


def test_nothing_recorded_gives_no_finding() -> None:
    assert diagnose(made((), brick_infos=(), roofs=NOISY_ROOFS)) == ()
    assert diagnose(made(())) == ()


def test_the_finding_about_most_time_comes_first() -> None:
    slow = healthy_tiles(3.0, brick="slow")
    packing = [
        replace(one, self_ns=500_000) if one.level is MACRO else one
        for one in healthy_tiles(brick="packing")
    ]
    infos = tuple(BrickInfo(name, 1, 10**7, 1) for name in ("packing", "slow"))
    found = diagnose(made([*packing, *slow], brick_infos=infos))
    assert [(one.code, one.brick) for one in found] == [
        ("neither-roof", "slow"),
        ("outer-self-time", "packing"),
    ]


def test_a_summary_serves_as_well_as_its_recording() -> None:
    recording = made(healthy_tiles(3.0))
    assert diagnose(summarize(recording)) == diagnose(recording)
    faster = replace(ROOFS, peak_by_dtype={"float32": 8000.0})
    assert diagnose(summarize(recording), faster) == diagnose(recording, faster)
    with pytest.raises(TypeError, match="recording_or_summary must be"):
        diagnose([recording])  # type: ignore[arg-type]


@given(recordings(), st.none() | roofs())
def test_any_recording_can_be_diagnosed(recording: Recording, own: Roofs | None) -> None:
    found = diagnose(recording, own)
    machines = [one for one in found if one.code in OF_THE_MACHINE]
    kernels = list(found[: len(found) - len(machines)])
    for part in (kernels, machines):
        assert [one.weight for one in part] == sorted((one.weight for one in part), reverse=True)
    assert [*kernels, *machines] == list(found)
    for one in found:
        assert one.gain is None or one.gain >= 1
        assert math.isfinite(one.weight) and one.weight >= 0
        assert one.figures and all(math.isfinite(value) for _, value in one.figures)
        text = " ".join((one.symptom, one.evidence, one.cause, one.action)).lower()
        assert one.evidence and not re.search(r"\b(nan|inf)\b", text)
        assert one.brick is None or one.brick in recording.bricks
        assert one.cause.endswith(".") and one.action.endswith(".")
        assert not one.symptom.endswith(".")


def test_no_finding_is_about_the_profilers_own_checksums() -> None:
    def named(recording: Recording, brick: str) -> Recording:
        return replace(
            recording,
            brick_infos=tuple(replace(one, name=brick) for one in recording.brick_infos),
            tiles=tuple(replace(one, brick=brick) for one in recording.tiles),
        )

    slow = memory_starved(MACRO, 0.5)
    calls = slow.brick_infos[0].calls
    assert diagnose(slow) and calls
    own = named(slow, "checksum")
    assert diagnose(replace(own, checksums_dropped=calls)) == ()
    # A program's own brick of that name is as good as any other.
    assert len(diagnose(own)) == len(diagnose(slow))
    assert len(diagnose(replace(own, checksums_dropped=calls - 1))) == len(diagnose(slow))
