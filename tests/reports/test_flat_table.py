"""The flat table has every figure of the JSON output; CSV and data frames show the same one."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from support.made_recordings import healthy_tiles, made, tiles
from support.report_cases import RECORDINGS
from support.strategies import recordings

from brickprof.core.errors import MissingPackageError
from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import encodable, printable
from brickprof.recording import BrickInfo, Recording
from brickprof.reports import Report, data_frames, render
from brickprof.reports.flat_table import COLUMNS, LEVEL_COLUMNS, columns, rows
from brickprof.reports.level_figures import level_figures


def of_row(recording: Recording) -> list[dict[str, Any]]:
    """Return the rows of the CSV output, each cell with the type of its column."""
    text = render("csv", recording)
    assert isinstance(text, str)
    read = {
        str: str,
        int: int,
        float: float,
        bool: {"true": True, "false": False}.__getitem__,
    }
    found = csv.DictReader(io.StringIO(text), strict=True)
    assert tuple(found.fieldnames or ()) == tuple(COLUMNS)
    return [
        {name: read[COLUMNS[name]](cell) if cell else None for name, cell in row.items()}
        for row in found
    ]


@given(recordings())
def test_a_row_for_each_level_with_the_figures_of_the_summary(recording: Recording) -> None:
    summary = Report.of(recording).summary
    levels = [(brick, row) for brick in summary.bricks for row in brick.levels]
    for found, (brick, row) in zip(rows(summary), levels, strict=True):
        assert tuple(found) == tuple(COLUMNS)
        assert found["brick"] == encodable(brick.info.name)
        assert (found["wall_ns"], found["run_gflops"]) == (brick.info.wall_ns, brick.run_gflops)
        figures = level_figures(row)
        shared = figures.keys() & found.keys()
        assert {name: found[name] for name in shared} == {name: figures[name] for name in shared}
        for name, (low, high) in {
            "avg_interval_ns": ("avg_low_ns", "avg_high_ns"),
            "gflops_interval": ("gflops_low", "gflops_high"),
            "efficiency_interval": ("efficiency_low", "efficiency_high"),
        }.items():
            assert [found[low], found[high]] == (figures[name] or [None, None])
        assert shared == figures.keys() - {
            "avg_interval_ns", "gflops_interval", "efficiency_interval"
        }  # fmt: skip
        for name, cell in found.items():
            kind = COLUMNS[name]
            assert cell is None or type(cell) is kind or (kind is float and type(cell) is int)


@given(recordings())
def test_csv_holds_the_table_unrounded(recording: Recording) -> None:
    table = rows(Report.of(recording).summary)
    for shown, row in zip(of_row(recording), table, strict=True):
        for name, cell in row.items():
            if isinstance(cell, str):
                text = printable(cell)
                guarded = text.lstrip().startswith(("=", "+", "-", "@"))
                assert (shown[name] or "") == (f"'{text}" if guarded else text)
            else:
                assert shown[name] == cell


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    info = BrickInfo(name, 1, 1_100_000, 1)
    shown = of_row(made(healthy_tiles(brick=name), brick_infos=(info,)))
    assert not shown[0]["brick"].lstrip().startswith(("=", "+", "-", "@"))
    assert shown[0]["brick"].lstrip("'") == printable(name)


@pytest.mark.parametrize("name", ['"', 'a,b"c', "two\nlines", "'", "\ud800", "", "x" * 10_000])
def test_csv_quotes_names(name: str) -> None:
    name += "!"
    info = BrickInfo(name, 1, 1_100_000, 1)
    shown = of_row(made(healthy_tiles(brick=name), brick_infos=(info,)))
    assert [row["brick"] for row in shown] == [printable(name)] * 3


def test_a_recording_of_nothing_has_all_columns() -> None:
    summary = Report.of(RECORDINGS["empty"]).summary
    assert columns(summary) == {name: [] for name in COLUMNS}
    assert of_row(RECORDINGS["empty"]) == []


def test_columns_of_levels_are_those_of_a_summary() -> None:
    (row, *_) = rows(Report.of(made()).summary)
    assert set(LEVEL_COLUMNS) < set(row)
    assert not set(LEVEL_COLUMNS) & {"brick", "wall_ns"}


WIDE = made([*healthy_tiles()[:2], tiles(TileLevel.MICRO, [10**6], flops=2**63)])
HOSTILE = made(
    healthy_tiles(brick="\ud800\n<script>😀"),
    brick_infos=(BrickInfo("\ud800\n<script>😀", 1, 1_100_000, 1),),
)
CASES = {**RECORDINGS, "wide": WIDE, "hostile": HOSTILE}


def same(found: Any, cell: Any) -> bool:
    """Tell whether a cell of a library's table is that of ours."""
    return bool(found == (float(cell) if isinstance(found, float) else cell))


@pytest.mark.parametrize("name", CASES)
def test_pandas(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    report = Report.of(CASES[name])
    frame = report.to_dataframe()
    assert list(frame.columns) == list(COLUMNS)
    for column, cells in columns(report.summary).items():
        kind = COLUMNS[column]
        wide = any(isinstance(cell, int) and cell >= 2**63 for cell in cells)
        expected = {str: "object", bool: "boolean", int: "Int64", float: "float64"}
        assert frame[column].dtype == ("float64" if wide else expected[kind])
        for found, cell in zip(frame[column], cells, strict=True):
            assert pandas.isna(found) if cell is None else same(found, cell)
    text = io.StringIO(str(render("csv", CASES[name])))
    read = pandas.read_csv(text, float_precision="round_trip")
    assert list(read.columns) == list(COLUMNS) and len(read) == len(frame)
    assert list(read["gflops"]) == list(frame["gflops"])


@pytest.mark.parametrize("name", CASES)
def test_polars(name: str) -> None:
    polars = pytest.importorskip("polars")
    report = Report.of(CASES[name])
    frame = report.to_dataframe("polars")
    assert frame.columns == list(COLUMNS)
    assert name == "wide" or [str(kind) for kind in frame.dtypes] == [
        {str: "String", bool: "Boolean", int: "Int64", float: "Float64"}[kind]
        for kind in COLUMNS.values()
    ]
    for column, cells in columns(report.summary).items():
        assert all(map(same, frame[column].to_list(), cells))
    read = polars.read_csv(io.StringIO(str(render("csv", CASES[name]))), infer_schema=False)
    assert read.shape == frame.shape


@pytest.mark.parametrize("name", CASES)
def test_arrow(name: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    report = Report.of(CASES[name])
    table = report.to_arrow()
    table.validate(full=True)
    assert table.column_names == list(COLUMNS)
    assert name == "wide" or [str(kind) for kind in table.schema.types] == [
        {str: "string", bool: "bool", int: "int64", float: "double"}[kind]
        for kind in COLUMNS.values()
    ]
    assert table.schema.field("flops").type == (
        arrow.float64() if name == "wide" else arrow.int64()
    )
    for column, cells in columns(report.summary).items():
        assert all(map(same, table[column].to_pylist(), cells))


def test_text_can_be_encoded_and_is_otherwise_as_it_is() -> None:
    (found, *_) = rows(Report.of(HOSTILE).summary)
    assert found["brick"] == "\\ud800\n<script>😀"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    report = Report.of(made())
    with pytest.raises(MissingPackageError, match="pip install pandas"):
        report.to_dataframe()
    with pytest.raises(MissingPackageError, match="pip install polars"):
        report.to_dataframe("polars")
    with pytest.raises(MissingPackageError, match="pip install pyarrow"):
        report.to_arrow()
    with pytest.raises(ValueError, match="library must be pandas or polars, got 'dask'"):
        report.to_dataframe("dask")  # type: ignore[arg-type]


def test_integers_beyond_64_bits_are_floats() -> None:
    typed = {
        name: (kind, cells) for name, kind, cells in data_frames.typed(Report.of(WIDE).summary)
    }
    assert typed["flops"] == (float, [8e7, 8e7, 2.0**63])
    assert typed["tiles"] == (int, [1, 250, 1])
    narrow = replace(WIDE, tiles=healthy_tiles())
    kinds = {name: kind for name, kind, _ in data_frames.typed(Report.of(narrow).summary)}
    assert kinds == COLUMNS


def test_no_library_is_imported_before_its_use() -> None:
    code = (
        "import sys, brickprof.reports as r; "
        "[__import__('brickprof.reports.' + n) for n in r.RENDERERS]; "
        "print({'pandas', 'polars', 'pyarrow', 'hatchet'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
