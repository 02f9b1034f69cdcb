"""Every report names the slowest tiles with their place, thread and time where a grid was kept."""

from __future__ import annotations

import json

import pytest
from support.made_recordings import made

import brickprof as bp
from brickprof.recording import Overhead, Recording
from brickprof.reports import Report, render
from brickprof.reports.slowest_tiles import slowest_tiles


def recorded() -> Recording:
    """Return a recording with a slow tile at (7, 11), 40 ns after profiling began."""
    prof = bp.BrickProfiler(clock="manual", grid=16)
    prof.enable_tile_profiling()
    with prof.brick("ste|ncil"):
        for col in range(16):
            with prof.tile(bp.TileLevel.MICRO, 7, col):
                prof.advance(900 if col == 11 else 100)
    return prof.recording()


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_the_slowest_tile_is_named(name: str) -> None:
    report = render(name, recorded())
    assert isinstance(report, str)
    assert "Slowest tile" in report
    (line, *_) = [line for line in report.splitlines() if "7, 11" in line]
    for figure in ("900 ns", "9.00x", "1.10 µs"):
        assert figure in line


def test_json_has_all_slowest_tiles() -> None:
    report = json.loads(render("json", recorded()))
    slowest = report["bricks"][0]["levels"][0]["slowest_tiles"]
    assert slowest[0] == {"ns": 900, "start_ns": 1100, "thread": 0, "row": 7, "col": 11}
    assert len(slowest) == 8


def test_without_a_grid_no_tile_is_named() -> None:
    for name in ("text", "markdown", "html"):
        assert "Slowest tile" not in str(render(name, made()))


def test_a_time_that_is_not_known_is_a_dash() -> None:
    prof = bp.BrickProfiler(
        clock="manual", grid=2, overhead=Overhead(0, 0, 0, 0, 0, 1, *[900.0] * 6)
    )
    prof.enable_tile_profiling()
    with prof.tile(bp.TileLevel.MICRO, 0, 0):
        prof.advance(1000)
    (brick,) = Report.of(prof.recording()).summary.bricks
    (one,) = slowest_tiles([brick], 1)
    assert one.cells()[3:5] == ("-", "-")
