"""Pictures hold what the report says, parse, and say what is missing where they cannot be drawn."""

from __future__ import annotations

import math
import struct
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.made_recordings import ROOFS, healthy_tiles, made
from support.made_runs import run_of
from support.report_cases import RECORDINGS
from support.strategies import recordings

import brickprof as bp
from brickprof.cli import main
from brickprof.core import metrics
from brickprof.core.errors import MissingPackageError
from brickprof.core.histograms import BUCKETS, bucket_bounds
from brickprof.core.levels import TileLevel
from brickprof.diagnose.comparison import compare_recordings
from brickprof.recording import Recording
from brickprof.reports import Report, render
from brickprof.reports.pictures import PICTURES
from brickprof.reports.pictures.changes import MOST_PERCENT, changes
from brickprof.reports.pictures.grids import CELLS_A_CIRCLE, MAX_CELLS, MAX_LEVELS, grids, ticks
from brickprof.reports.pictures.histograms import bars, histograms
from brickprof.reports.pictures.names import distinct_names
from brickprof.reports.pictures.roofline import HEIGHT, WIDTH, label_places, roofline
from brickprof.reports.pictures.threads import threads
from brickprof.reports.pictures.times import times
from brickprof.reports.pictures.vega import described, to_svg
from brickprof.roofline import MEMORY


def rows(picture: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """Return the rows of all layers that have a field, each once."""
    found: list[dict[str, Any]] = []
    for layer in picture["layer"]:
        found += [row for row in layer["data"]["values"] if field in row and row not in found]
    return found


@given(recordings())
def test_there_is_a_mark_for_each_level_with_flops_and_bytes(recording: Recording) -> None:
    report = Report.of(recording)
    picture = roofline(report)
    drawn = [
        (level.level.label, level.intensity, level.gflops, level.stats.self_ns)
        for brick in report.summary.bricks
        for level in brick.levels
        if level.intensity > 0 and level.gflops > 0
    ]
    marks = rows(picture, "self_ns")
    assert sorted({*drawn}) == sorted(
        {(row["level"], row["intensity"], row["gflops"], row["self_ns"]) for row in marks}
    )
    for axis in ("x", "y"):
        low, high = picture["encoding"][axis]["scale"]["domain"]
        field = picture["encoding"][axis]["field"]
        assert 0 < low < high < math.inf
        assert all(low <= row[field] <= high for row in marks)


def test_roofs_are_those_of_the_roofline() -> None:
    picture = roofline(Report.of(made(healthy_tiles(30.0))))
    slopes = rows(picture, "memory")
    for memory in MEMORY:
        ends = [row for row in slopes if row["memory"] == memory]
        assert len(ends) == 2
        for end in ends:
            attainable = ROOFS.attainable_per_thread(memory, end["intensity"])
            assert end["gflops"] == pytest.approx(attainable)
        assert max(end["gflops"] for end in ends) == pytest.approx(ROOFS.peak_per_thread())


def test_intervals_are_drawn_where_a_rate_is_uncertain() -> None:
    sure = made(healthy_tiles(30.0))
    unsure = replace(
        sure,
        tiles=tuple(replace(tile, total_error_ns=tile.total_ns // 4) for tile in sure.tiles),
    )
    for recording, uncertain in ((sure, False), (unsure, True)):
        for row in rows(roofline(Report.of(recording)), "self_ns"):
            assert (row["low"] < row["gflops"] < row["high"]) == uncertain


@pytest.mark.parametrize("case", sorted(RECORDINGS))
def test_every_report_has_pictures(case: str) -> None:
    root = ElementTree.fromstring(render("svg", RECORDINGS[case]))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_picture_does_not_depend_on_those_before_it() -> None:
    first = render("svg", made(healthy_tiles(30.0)))
    render("svg", made())
    assert render("svg", made(healthy_tiles(30.0))) == first


def test_a_png_has_two_pixels_a_point() -> None:
    png = render("png", made(healthy_tiles(30.0)))
    assert isinstance(png, bytes) and png.startswith(b"\x89PNG\r\n\x1a\n")
    svg = ElementTree.fromstring(render("svg", made(healthy_tiles(30.0))))
    size = struct.unpack(">II", png[16:24])
    assert size == pytest.approx(
        [2 * float(svg.attrib[name]) for name in ("width", "height")], abs=2
    )


def test_themes_differ_in_ink_and_paper() -> None:
    body = roofline(Report.of(made(healthy_tiles(30.0))))
    light, dark = (to_svg(described(body, theme)) for theme in ("light", "dark"))
    assert "#ffffff" in light and "#ffffff" not in dark
    assert "#0d1117" in dark and "#0d1117" not in light


def test_what_is_missing_is_named_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    path = made(healthy_tiles(30.0)).save(tmp_path / "run.json")
    with pytest.raises(MissingPackageError, match="pip install 'brickprof"):
        render("png", made())
    assert main(["report", str(path), "-o", str(tmp_path / "run.svg")]) == 1
    said = "brickprof: pictures are drawn by vl-convert-python: pip install 'brickprof[report]'\n"
    assert capsys.readouterr().err == said
    assert not (tmp_path / "run.svg").exists()


@given(recordings())
def test_bars_of_times_add_up_to_the_self_time(recording: Recording) -> None:
    report = Report.of(recording)
    values = times(report)["data"]["values"]
    own = sum(level.stats.self_ns for brick in report.summary.bricks for level in brick.levels)
    assert sum(row["self_ns"] for row in values) == pytest.approx(own)
    assert sum(row["share"] for row in values) == pytest.approx(1 if own else 0)


@given(recordings())
def test_histograms_hold_every_timed_tile(recording: Recording) -> None:
    report = Report.of(recording)
    charts = histograms(report)["vconcat"]
    timed = sorted(
        level.stats.timed
        for brick in report.summary.bricks
        for level in brick.levels
        if level.stats.timed
    )
    drawn = [sum(row["tiles"] for row in chart["data"]["values"]) for chart in charts]
    assert sorted(filter(None, drawn)) == timed
    for chart in charts:
        ends = [(row["ns"], row["end"]) for row in chart["data"]["values"]]
        assert ends == sorted(ends) and all(low < high for low, high in ends)


@given(st.integers(0, BUCKETS - 1))
def test_a_bar_holds_the_middle_of_its_buckets(bucket: int) -> None:
    ((low, high, count),) = bars(((bucket, 3),))
    first, last = bucket_bounds(bucket)
    assert count == 3 and low <= max((first + last) / 2, 0.5) * 1.001 and first <= high


def test_names_that_look_alike_are_numbered() -> None:
    names = ["gemm", "x" * 99 + "1", "x" * 99 + "2", "a\nb"]
    shown = distinct_names(names)
    assert len(set(shown)) == len(names)
    assert all(one.isprintable() and len(one) <= 44 for one in shown)
    assert shown[0] == "gemm" and shown[3] == "a\\nb"


@pytest.mark.parametrize("picture", list(PICTURES))
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_command_line(picture: str, theme: str, tmp_path: Path) -> None:
    path, out = made(healthy_tiles(30.0)).save(tmp_path / "run.json"), tmp_path / "run.svg"
    assert main(["report", str(path), "-o", str(out), "--picture", picture, "--theme", theme]) == 0
    assert out.read_text() == render("svg", made(healthy_tiles(30.0)), picture=picture, theme=theme)
    ElementTree.fromstring(out.read_text())


def test_options_that_an_output_lacks_are_usage_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made().save(tmp_path / "run.json")
    assert main(["report", str(path), "--picture", "times"]) == 2
    assert "argument --picture: the output text has no picture" in capsys.readouterr().err
    with pytest.raises(TypeError, match="the output json has no option theme"):
        render("json", made(), theme="dark")
    for options in ({"picture": "pie"}, {"theme": "pink"}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be one of"):
            render("svg", made(), **options)


@given(recordings())
def test_heat_maps_hold_every_tile_of_the_grids(recording: Recording) -> None:
    report = Report.of(recording)
    levels = [level.stats for brick in report.summary.bricks for level in brick.levels]
    kept = [stats for stats in levels if stats.grid and stats.grid.cells]
    kept = sorted(kept, key=lambda stats: -stats.self_ns)[:MAX_LEVELS]
    maps = grids(report)["concat"]
    assert len(maps) == max(len(kept), 1)
    for stats, drawn in zip(kept, maps, strict=False):
        assert stats.grid is not None
        cells, circles, _ = (layer["data"]["values"] for layer in drawn["layer"])
        assert len(cells) <= MAX_CELLS**2
        assert sum(cell["tiles"] for cell in cells) == stats.timed
        total = sum(cell["ns"] * cell["tiles"] for cell in cells)
        assert total == pytest.approx(sum(cell.total_ns for cell in stats.grid.cells))
        assert [(one["row"], one["col"]) for one in circles] == [
            (tile.row, tile.col)
            for tile in stats.grid.slowest[: max(len(cells) // CELLS_A_CIRCLE, 1)]
        ]
        for one in circles:
            assert any(
                cell["row"] <= one["row"] <= cell["row_end"]
                and cell["col"] <= one["col"] <= cell["col_end"]
                for cell in cells
            )


def test_a_large_grid_is_drawn_with_coarser_cells() -> None:
    prof = bp.BrickProfiler(clock="manual", grid=100)
    prof.enable_tile_profiling()
    for i in range(100):
        with prof.tile(bp.TileLevel.MICRO, i, 99):
            prof.advance(10 + i)
    (drawn,) = grids(Report.of(prof.recording()))["concat"]
    cells = drawn["layer"][0]["data"]["values"]
    assert [cell["tiles"] for cell in cells] == [2] * 50
    assert (cells[0]["row"], cells[0]["row_end"], cells[0]["ns"]) == (-0.5, 1.5, 10.5)
    assert drawn["title"]["text"] == "default Micro: 100 tiles, 2 x 2 in a cell"


def test_without_a_grid_the_picture_says_how_to_keep_one() -> None:
    assert "BrickProfiler(grid=64)" in grids(Report.of(made()))["title"]["subtitle"]


@given(st.integers(1, 2**65))
@example(9)
@example(10)
def test_ticks_are_few_and_round(places: int) -> None:
    marks = ticks(places)
    assert marks[0] == 0
    assert 1 <= len(marks) <= 9
    assert places <= marks[-1] + (marks[1] if len(marks) > 1 else 1)


@given(recordings())
def test_bars_of_threads_are_those_of_the_teams(recording: Recording) -> None:
    rows = threads(Report.of(recording))["data"]["values"]
    teams = [team for info in recording.brick_infos for team in info.teams]
    assert len(rows) == sum(team.threads for team in teams)
    for team in teams:
        shares = [metrics.share(busy_ns, team.wall_ns) for busy_ns in team.busy_ns]
        assert all(any(row["busy"] == share for row in rows) for share in shares)


def test_changes_have_a_mark_and_an_interval_each() -> None:
    comparison = compare_recordings(run_of(1), run_of(2, {TileLevel.MIDI: 0.4}))
    rows = changes(comparison)["data"]["values"]
    expected = [change for row in comparison.rows for change in row.changes if change.ratio]
    assert [row["verdict"] for row in rows] == [change.verdict.value for change in expected]
    for row, change in zip(rows, expected, strict=True):
        for name, ratio in (("change", change.ratio), ("low", change.low), ("high", change.high)):
            assert ratio is not None
            assert row[name] == pytest.approx(100 * (ratio - 1))
    assert len({row["name"] for row in rows}) == len(rows) == 7
    assert rows[4]["description"].startswith("k Midi self: +40")


def test_a_comparison_of_nothing_is_an_empty_picture() -> None:
    empty = RECORDINGS["empty"]
    picture = changes(compare_recordings(empty, empty))
    assert picture["title"]["subtitle"] == "nothing could be compared"
    assert to_svg(described(picture, "dark")).startswith("<svg")


def test_wide_intervals_hide_no_others() -> None:
    one = run_of(1)
    info = one.brick_infos[0]
    noisy = tuple(replace(part, spread=10**12) for part in info.parts_of_calls)
    other = replace(one, brick_infos=(replace(info, parts_of_calls=noisy),))
    rows = changes(compare_recordings(one, other))["data"]["values"]
    assert max(row["high"] for row in rows) == MOST_PERCENT


@given(st.lists(st.floats(1.0, 900.0), min_size=1, max_size=12))
def test_texts_of_peaks_and_ceilings_do_not_overlap(rates: list[float]) -> None:
    x, y = (0.01, 100.0), (0.5, 1000.0)
    rows = [{"gflops": rate, "text": f"ceiling {number}"} for number, rate in enumerate(rates)]
    places = []
    for row in label_places(rows, x, y):
        right = WIDTH * math.log(row["label_at"] / x[0]) / math.log(x[1] / x[0])
        height = HEIGHT * math.log(row["gflops"] / y[0]) / math.log(y[1] / y[0])
        height -= 16 * row["below"]
        places.append((right - 6.2 * len(row["text"]), right, height))
    assert places[0][1] == pytest.approx(WIDTH)
    for (left, right, height), (other_left, other_right, other_height) in combinations(places, 2):
        apart = right <= other_left + 0.01 or other_right <= left + 0.01
        assert apart or abs(height - other_height) > 12


def test_roofs_of_other_thread_counts_are_dotted_and_named() -> None:
    both = replace(ROOFS, threads=2, bandwidth_gbs={m: 3 * ROOFS.bandwidth_gbs[m] for m in MEMORY})
    infos = [
        replace(made().brick_infos[0], name=name, threads=threads)
        for name, threads in (("one", 1), ("two", 2))
    ]
    tiles = [one for info in infos for one in healthy_tiles(2.0, brick=info.name)]
    recording = made(tiles, brick_infos=tuple(infos), roofs=ROOFS, more_roofs=(both,))
    picture = roofline(Report.of(recording))
    lines = [layer for layer in picture["layer"] if layer["mark"]["type"] == "line"]
    assert ["strokeDash" in line["mark"] for line in lines] == [False, True]
    assert len(picture["title"]["subtitle"]) == 2
    assert picture["title"]["subtitle"][1].startswith("dotted: those of other bricks, ")


@pytest.mark.parametrize("name", ["constructor", "toString", "__proto__", "hasOwnProperty"])
def test_names_of_javascript_are_names(name: str) -> None:
    recording = made(healthy_tiles(2.0, brick=name), brick_infos=())
    info = replace(made().brick_infos[0], name=name, thread_self_ns=((0, 0, 5), (0, 0, 4)))
    report = Report.of(replace(recording, brick_infos=(info,)))
    for draw_picture in PICTURES.values():
        svg = to_svg(described(draw_picture(report), "light"))
        ElementTree.fromstring(svg)
    assert name in to_svg(described(times(report), "light"))
