"""Two recordings side by side: figures of one call, ratios, and what they do not share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from support.made_recordings import MACHINE, changed, healthy_tiles, made
from support.strategies import recordings

from brickprof.core.levels import TileLevel
from brickprof.diagnose.comparison import compare_recordings
from brickprof.diagnose.comparison_rows import ComparisonRow
from brickprof.recording import BrickInfo, Recording


def test_figures_are_those_of_one_call() -> None:
    twice = made(healthy_tiles(2.0), brick_infos=(BrickInfo("gemm", 6, 2_200_000, 1),))
    comparison = compare_recordings(made(), twice)
    assert [row.level for row in comparison.rows] == [None, "MACRO", "MIDI", "MICRO"]
    for row in comparison.rows:
        assert row.time_ratio == pytest.approx(1)
        assert row.gflops_ratio == pytest.approx(0.5)
        assert row.a is not None and row.b is not None
        assert row.a.flops == 2 * row.b.flops
    assert comparison.rows[0].a is not None
    assert comparison.rows[0].a.time_ns == 1_100_000 / 3


def test_a_recording_is_like_itself() -> None:
    comparison = compare_recordings(made(), made())
    assert (comparison.same_machine, comparison.notes) == (True, ())
    assert {(row.time_ratio, row.gflops_ratio) for row in comparison.rows} == {(1.0, 1.0)}


@pytest.mark.parametrize(
    ("b", "same_machine", "note"),
    [
        (made(machine=None), None, "At least one machine is unknown: they may differ."),
        (
            made(machine=replace(MACHINE, cpu="Other CPU")),
            False,
            "The machines differ: A ran on Test CPU 3000, B on Other CPU.",
        ),
        (made(roofs=None), True, "Efficiencies are held against different roofs."),
        (
            made([replace(one, flops=3 * one.flops) for one in healthy_tiles()]),
            True,
            "The problems differ: gemm does 26,666,667 flops a call in A, 80,000,000 in B.",
        ),
    ],
)
def test_what_differs_is_a_note(b: Recording, same_machine: bool | None, note: str) -> None:
    comparison = compare_recordings(made(), b)
    assert (comparison.same_machine, comparison.notes) == (same_machine, (note,))


def test_ratios_of_what_is_missing_or_zero_are_unknown() -> None:
    row = ComparisonRow("gemm", None, None, None)
    assert (row.time_ratio, row.gflops_ratio) == (None, None)
    rows = {
        row.level: row for row in compare_recordings(made(), changed(TileLevel.MIDI, flops=0)).rows
    }
    assert rows["MIDI"].gflops_ratio is None
    assert rows["MIDI"].time_ratio == 1.0


@given(recordings(), recordings())
def test_any_recordings_compare(a: Recording, b: Recording) -> None:
    rows = compare_recordings(a, b).rows
    assert {row.brick for row in rows} == {*a.bricks, *b.bricks}
    assert all(row.a or row.b for row in rows)


def test_what_is_no_recording_is_refused() -> None:
    with pytest.raises(TypeError, match="after must be an iterable"):
        compare_recordings(made(), "run.json")  # type: ignore[arg-type]
