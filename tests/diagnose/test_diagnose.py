"""One thing wrong in a made-up recording gives exactly the finding that names it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    NEAR_ROOF,
    TAIL_SAMPLES,
    Finding,
    diagnose,
)
from brickprof.diagnose.summary import summarize
from brickprof.recording import BrickInfo, Overhead, Recording
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
    assert finding.symptom == "compute-bound at 96.2 % of the roof"
    assert finding.evidence == "76.9 GF/s of 80.0 GF/s attainable at 5.00 flop/byte"
    assert dict(finding.figures)["efficiency"] == FLOPS / 1_040_000 / 80.0
    assert finding.weight == pytest.approx(40_000)


@pytest.mark.parametrize("slower", [1.3, 3.0, 50.0])
def test_far_from_the_compute_roof_with_little_bandwidth_asks_for_simd(slower: float) -> None:
    finding = only(made(healthy_tiles(slower)))
    assert (finding.code, finding.level) == ("compute-bound", MICRO)
    assert finding.action.startswith("SIMD")
    assert "of L1's bandwidth used" in finding.evidence
    assert finding.weight == pytest.approx(1_040_000 * slower - 1_000_000, rel=1e-3)


def test_far_from_the_compute_roof_with_much_bandwidth_asks_for_fewer_loads() -> None:
    finding = only(changed(MICRO, slower=2.0, nbytes=FLOPS * 5 // 3))
    assert (finding.code, finding.level) == ("compute-bound", MICRO)
    assert finding.action.startswith("Enlarge the register tile")
    assert dict(finding.figures)["bandwidth_share"] > 0.2


@pytest.mark.parametrize("level", list(TileLevel))
@pytest.mark.parametrize("share_of_roof", [0.95, 0.5])
def test_memory_bound_names_the_level_and_the_cache_that_feeds_it(
    level: TileLevel, share_of_roof: float
) -> None:
    finding = only(memory_starved(level, share_of_roof))
    assert (finding.code, finding.level) == ("memory-bound", level)
    assert f"memory-bound on {level.cache}" in finding.symptom
    assert ("as fast as it can" in finding.cause) == (share_of_roof > NEAR_ROOF)
    assert finding.action.startswith("Better tiling" if share_of_roof > NEAR_ROOF else "Tile to")
    assert dict(finding.figures)["peak_gflops"] == 80.0


def test_assumed_bytes_are_said_to_be_assumed() -> None:
    assert only(changed(MICRO, undeclared=1000)).evidence.endswith(", bytes assumed")


@pytest.mark.parametrize("level", [MIDI, MICRO])
def test_a_long_tail_is_cache_thrashing(level: TileLevel) -> None:
    finding = only(with_tail(level, COUNTS[level] // 20, 8.0))
    assert (finding.code, finding.level) == ("variable-latency", level)
    assert "Cache thrashing" in finding.cause and level.cache in finding.cause
    figures = dict(finding.figures)
    assert figures["p99_ns"] / figures["p50_ns"] == pytest.approx(8.0, rel=1 / 16)
    assert finding.weight > 0


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
        ("compute-bound", "slow"),
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
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    for one in found:
        assert math.isfinite(one.weight) and one.weight >= 0
        assert one.figures and all(math.isfinite(value) for _, value in one.figures)
        text = " ".join((one.symptom, one.evidence, one.cause, one.action)).lower()
        assert one.evidence and not re.search(r"\b(nan|inf)\b", text)
        assert one.brick is None or one.brick in recording.bricks
        assert one.cause.endswith(".") and one.action.endswith(".")
        assert not one.symptom.endswith(".")
