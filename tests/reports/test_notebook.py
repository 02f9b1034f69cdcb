"""What notebooks and the interpreter show of reports, profilers and recordings."""

from __future__ import annotations

import pytest
from hypothesis import given
from reports.test_html import Page
from support.entry_points import MICRO, manual
from support.made_recordings import healthy_tiles, made
from support.strategies import recordings, sweeps

from brickprof.core import units
from brickprof.recording import Recording
from brickprof.reports import Report
from brickprof.reports.notebook import html_of
from brickprof.tuning.sweep import Sweep


def shown(fragment: str) -> str:
    """Return the text of a fragment whose tags are all closed."""
    page = Page(fragment)
    assert page.ids() == []
    assert not page.all("script") and not page.all("style")
    return "".join(data for _, data in page.texts)


@given(recordings())
def test_every_report_is_a_fragment_of_a_page(recording: Recording) -> None:
    report = Report.of(recording)
    text = shown(report._repr_html_())
    assert all(char == "\n" or char.isprintable() for char in text)
    for finding in report.findings:
        assert finding.code in text


def test_a_profiler_shows_what_it_has_so_far() -> None:
    prof = manual()
    assert "Nothing was recorded" in shown(prof._repr_html_())
    with prof.brick("blur"), prof.tile(MICRO, 0, 0, elements=1, flops=2):
        prof.advance(1000)
    text = shown(prof._repr_html_())
    assert "blur took 1.00 µs" in text and "Micro L1" in text


@given(recordings())
def test_a_recording_is_three_lines(recording: Recording) -> None:
    lines = repr(recording).split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() and len(line) < 400 for line in lines)


def test_a_recording_names_its_bricks_and_tiles() -> None:
    text = repr(made(healthy_tiles(30.0)))
    assert text.startswith("<Recording of 'gemm', 2024-05-02T12:00:00+00:00\n")
    assert "1,251 tiles" in text and "roofs of 2024-05-01" in text


@given(recordings())
def test_recordings_show_their_report(recording: Recording) -> None:
    assert recording._repr_html_() == Report.of(recording)._repr_html_()


@given(recordings())
def test_statistics_roofs_and_machines_are_tables(recording: Recording) -> None:
    for value in (*recording.tiles, recording.roofs, recording.machine):
        if value is not None:
            text = shown(value._repr_html_())
            assert all(char == "\n" or char.isprintable() for char in text)


@given(sweeps())
def test_a_sweep_shows_a_row_for_each_thread_count(sweep: Sweep) -> None:
    page = Page(sweep._repr_html_())
    rows = page.all("tr")
    assert len(rows) == 1 + len(sweep.points)


def test_figures_are_those_of_the_value() -> None:
    recording = made(healthy_tiles(30.0))
    stats = recording.tile_stats(MICRO, "gemm")
    assert recording.roofs is not None and recording.machine is not None
    assert units.format_gflops(stats.gflops) in shown(stats._repr_html_())
    peak = recording.roofs.peak_by_dtype["float32"]
    assert f"{units.format_number(peak)}" in shown(recording.roofs._repr_html_())
    assert recording.machine.cpu in shown(recording.machine._repr_html_())


def test_nothing_else_is_shown() -> None:
    with pytest.raises(TypeError, match="notebooks have no view of int"):
        html_of(3)
