"""What the reports show: the same figures in each, readable, and without compiled code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.made_recordings import NOISY_ROOFS, ROOFS, changed, healthy_tiles, made
from support.strategies import recordings, roofs

from brickprof import reports
from brickprof.core.histograms import bucket_of
from brickprof.core.levels import TileLevel
from brickprof.diagnose import diagnose
from brickprof.diagnose.summary import summarize
from brickprof.recording import BrickInfo, Recording, load_recording
from brickprof.reports import RENDERERS, layout, render
from brickprof.reports.findings_text import explain
from brickprof.roofline import Roofs

MACRO, MIDI, MICRO = TileLevel

CELL = r"\s+~?([\d.,]+|-)"
TIME = CELL + r" (ns|µs|ms|s)"
ROW = re.compile(
    rf"(Macro|Midi|Micro) +(L\d){CELL}{TIME}{TIME}{TIME}{CELL} %{CELL}{CELL}{CELL}{CELL}(?: %)?"
    r"(?: +(compute|memory|-)(\?)?)?$",
    re.MULTILINE,
)
NANOSECONDS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}

TWO_BRICKS = made(
    [*healthy_tiles(brick="attention"), *healthy_tiles(slower=3.7)],
    brick_infos=(BrickInfo("attention", 1, 2 * 10**6, 1), BrickInfo("gemm", 2, 10**7, 1)),
)


def report_of(recording: Recording, own: Roofs | None = None) -> dict[str, Any]:
    """Return the JSON report, refusing what is no JSON."""

    def refuse(literal: str) -> None:
        raise AssertionError(f"{literal} is no JSON")

    parsed: dict[str, Any] = json.loads(render("json", recording, own), parse_constant=refuse)
    return parsed


def number(cell: str) -> float | None:
    """Return the figure that a cell shows."""
    return None if cell == "-" else float(cell.replace(",", ""))


def agree(cell: str, value: float | None, scale: float = 1.0) -> bool:
    """Whether a cell shows a value to three digits."""
    shown = number(cell)
    if shown is None or value is None:
        return shown is value
    return shown * scale == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    "recording",
    [
        made(),
        TWO_BRICKS,
        made(roofs=None),
        changed(
            MICRO,
            min_ns=600,
            max_ns=5000,
            histogram=((bucket_of(700), 900), (bucket_of(4000), 100)),
        ),
        changed(MIDI, undeclared=2),
        changed(MICRO, nbytes=10**9),
        changed(MACRO, flops=10**9),
        made(brick_infos=(BrickInfo("gemm", 1, 10**6, 1, ("float64",)),)),
    ],
)
def test_every_figure_of_the_text_is_that_of_the_json(recording: Recording) -> None:
    shown = ROW.findall(render("text", recording))
    rows = [level for brick in report_of(recording)["bricks"] for level in brick["levels"]]
    assert len(shown) == len(rows) > 0
    for cells, row in zip(shown, rows, strict=True):
        assert (cells[0].upper(), cells[1]) == (row["level"], row["cache"])
        assert number(cells[2]) == row["tiles"]
        for place, key in ((3, "avg_ns"), (5, "p50_ns"), (7, "p99_ns")):
            assert agree(cells[place], row[key], NANOSECONDS[cells[place + 1]]), key
        assert agree(cells[9], row["self_share"], 0.01)
        assert agree(cells[10], row["gflops"])
        assert agree(cells[11], row["intensity_flop_per_byte"])
        assert agree(cells[12], row["attainable_gflops"])
        assert agree(cells[13], row["efficiency"], 0.01)
        near = row["near_roof"] or row["bound_basis"] == "rule of thumb"
        assert cells[14] == (row["bound"] if near else "")
        assert bool(cells[15]) == (row["bound_basis"] == "rule of thumb")


def test_unknown_rates_are_dashes() -> None:
    (cells,) = (
        row for row in ROW.findall(render("text", changed(MIDI, flops=0))) if row[1] == "L2"
    )
    assert cells[10:15] == ("-", "-", "-", "-", "-")


def test_assumed_bytes_are_marked_and_explained() -> None:
    text = render("text", changed(MIDI, undeclared=2))
    assert "~10.0" in text and text.count("~") == 2
    assert "gemm: Bytes of Midi are assumed (elements x item size, marked ~)" in text
    assert "~" not in render("text", made())


@pytest.mark.parametrize(
    ("isas", "shown"),
    [
        ([("base",)], "base"),
        ([(), ("base",), ("base",)], "base"),
        ([("base",), ("avx2",)], "avx2 and base"),
        ([("avx512", "base")], "avx512 and base"),
        ([()], "avx2"),
    ],
)
def test_the_header_tells_the_instruction_set_that_ran(
    isas: list[tuple[str, ...]], shown: str
) -> None:
    infos = (BrickInfo(f"k{number}", 1, 9, 1, isas=ran) for number, ran in enumerate(isas))
    header = render("text", made((), brick_infos=tuple(infos))).splitlines()[0]
    assert f"Test CPU 3000, 2 cores, {shown} · clock" in header


def test_the_header_tells_machine_clock_cost_and_roofs() -> None:
    head = render("text", made()).split("\n\n")[0].replace("\n  ", " · ")
    assert head == (
        "brickprof 0.1.0 · Test CPU 3000, 2 cores, avx2 · clock tsc 0.408 ns/tick · "
        "pair 19 ns nogil, 71 ns Python (taken out)\n"
        "Roofs (float32, 1 thread, measured 2024-05-01): peak 80.0 GFLOP/s · "
        "L1 160 · L2 80.0 · L3 40.0 · DRAM 20.0 GB/s"
    ).replace("\n  ", " · ")


def test_the_heading_of_a_brick_is_its_whole_run() -> None:
    text = render("text", made())
    heading = "gemm · float32 · 1 thread · 3 calls · 1.10 ms wall · 72.7 GFLOP/s (90.9 % of peak)"
    assert heading in text.splitlines()
    assert "GFLOP/s (" not in render("text", made(roofs=None))


def test_peaks_are_those_of_the_element_types_in_use() -> None:
    infos = (
        BrickInfo("attention", 1, 2 * 10**6, 1, ("float64",)),
        BrickInfo("gemm", 2, 10**7, 1, ("float32",)),
    )
    assert "peak 80.0 float32, 40.0 float64 GFLOP/s" in render(
        "text", replace(TWO_BRICKS, brick_infos=infos)
    )


def test_notes_and_findings_are_in_both_reports() -> None:
    recording = made(healthy_tiles(3.0), open_tiles=2)
    report, flat = report_of(recording), " ".join(render("text", recording).split())
    assert [found["code"] for found in report["findings"]] == ["neither-roof"]
    assert report["notes"] == ["2 tiles were still open, and in no figure."]
    for found in report["findings"]:
        assert f"1. gemm Micro: {found['symptom']}"[:60] in flat
        assert found["action"][:40] in flat
        at_length = " ".join(explain(found["code"], diagnose(recording)).split())
        for key in ("symptom", "evidence", "cause", "action"):
            assert found[key] in at_length
    for note in report["notes"]:
        assert note in flat
    assert "What to look at next" in flat and "Notes" in flat


def test_a_finding_about_everything_names_no_brick() -> None:
    assert " 1. The roofs are not steady (noisy: L3 spread 31 %)\n" in render(
        "text", made(roofs=NOISY_ROOFS)
    )


def test_without_notes_and_findings_there_are_no_empty_headings() -> None:
    text = render("text", made((), brick_infos=()))
    assert "Notes" not in text and "What to look at next" not in text
    assert "Notes" not in render("text", made())


def test_an_empty_recording_says_how_to_start() -> None:
    text = " ".join(render("text", made((), brick_infos=(), machine=None, roofs=None)).split())
    assert "Nothing was recorded yet" in text and "enable_tile_profiling()" in text
    assert report_of(made((), brick_infos=()))["bricks"] == []


def test_a_saved_recording_renders_as_the_live_one(tmp_path: Path) -> None:
    path = TWO_BRICKS.save(tmp_path / "run.json")
    for name in RENDERERS:
        assert render(name, load_recording(path)) == render(name, TWO_BRICKS)


def test_given_roofs_are_the_ones_shown() -> None:
    faster = replace(ROOFS, peak_by_dtype={"float32": 160.0, "float64": 80.0})
    assert "peak 160 GFLOP/s" in render("text", made(), faster)
    assert report_of(made(), faster)["roofs"]["peak_by_dtype"]["float32"] == 160.0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[bold]x[/bold]", "[bold]x[/bold] ·"),
        (":smile: {0} %s", ":smile: {0} %s ·"),
        ("a\x1b[31mb", "a\\x1b[31mb ·"),
        ("two\nlines\ttab", "two\\nlines\\ttab ·"),
        ("\ud800", "\\ud800 ·"),
        ("漢字", "漢字 ·"),
        ("x" * 500, "x" * 47 + "… ·"),
    ],
)
def test_any_brick_name_is_shown_literally(name: str, shown: str) -> None:
    recording = made(
        [replace(one, brick=name) for one in healthy_tiles(3.0)],
        brick_infos=(BrickInfo(name, 1, 10**7, 1),),
    )
    text = render("text", recording)
    assert any(line.startswith(shown) for line in text.splitlines())
    assert f" 1. {shown[:-2]} Micro: near neither" in text
    assert report_of(recording)["bricks"][0]["name"] == name
    check_layout(text)


def test_huge_and_tiny_figures_keep_the_table_in_shape() -> None:
    big = 2**63
    levels = [
        replace(one, count=big, total_ns=big * 10**9, self_ns=big, flops=big**2, undeclared=1)
        for one in healthy_tiles()
    ]
    levels[2] = replace(levels[2], total_ns=3, raw_total_ns=big, self_ns=10**10, nbytes=1)
    text = render("text", made(levels))
    check_layout(text)
    table = [line for line in text.splitlines() if line.startswith(("Macro", "Midi", "Micro"))]
    assert [line.split()[2] for line in table] == ["9.22e18"] * 3
    assert "…" not in text.partition("What to look at next")[0] and " <1 ns " in text


@given(recordings(), st.none() | roofs())
def test_any_recording_renders(recording: Recording, own: Roofs | None) -> None:
    check_layout(render("text", recording, own))
    report = report_of(recording, own)
    summary = summarize(recording, own)
    assert [brick["name"] for brick in report["bricks"]] == [
        brick.info.name for brick in summary.bricks
    ]
    assert [found["code"] for found in report["findings"]] == [
        found.code for found in diagnose(summary)
    ]


def check_layout(text: str) -> None:
    """Check that text is plain, at most 100 columns wide, and has its columns in line."""
    assert text.endswith("\n") and not text.endswith("\n\n")
    lines = text.removesuffix("\n").split("\n")
    for line in lines:
        assert line.isprintable() and line == line.rstrip()
        assert cell_len(line) <= 100
    for place, line in enumerate(lines):
        if set(line) == {"─"}:
            heading = lines[place - 1]
            if heading.startswith(("Budget of ", "Category ")):
                continue
            if heading.startswith("Brick  "):
                # Where there is no room for all columns, the others go on below.
                assert lines[place - 2] in ("Slowest tile of each level", "")
                assert heading.split()[1] == "Level"
                continue
            assert heading.startswith("Level ")
            # Figures of many digits leave no room for all columns side by side.
            last = heading.endswith("Bound by")
            start = heading.index("Bound by") if last else None
            row = place + 1
            while lines[row : row + 1] and lines[row].startswith(("Macro", "Midi", "Micro")):
                assert not last or re.fullmatch(r"((compute|memory)\??|-)?", lines[row][start:])
                row += 1
            assert row > place + 1


def test_text_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = render("text", made())
    for name, value in (("COLUMNS", "40"), ("FORCE_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    assert render("text", made()) == plain


def test_an_unknown_output_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="name must be one of text, json, .*, got 'pdf'"):
        render("pdf", made())
    for name in RENDERERS:
        with pytest.raises(TypeError, match="recording must be a Recording"):
            render(name, "run.json")  # type: ignore[arg-type]


SCRIPT = """
import sys
for name in ("profiler.brick_profiler", "profiler.recorder", "_kernels", "kernels.arrays"):
    sys.modules["brickprof." + name] = None
import brickprof.reports
assert "rich" not in sys.modules, "rich is imported before it is needed"
from brickprof.recording import load_recording
recording = load_recording(sys.argv[1])
for name in brickprof.reports.RENDERERS:
    shown = brickprof.reports.render(name, recording)
    sys.stdout.buffer.write(shown if isinstance(shown, bytes) else shown.encode())
"""


def test_reports_need_no_compiled_module(tmp_path: Path) -> None:
    path = made().save(tmp_path / "run.json")
    root = Path(reports.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], cwd=root, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    shown = (render(name, made()) for name in RENDERERS)
    assert done.stdout == b"".join(one if isinstance(one, bytes) else one.encode() for one in shown)


@given(st.text("ab ;,(漢", max_size=60), st.integers(2, 40))
def test_text_is_cut_between_words_where_it_can_be(text: str, width: int) -> None:
    cut = layout.clipped_words(text, width)
    assert cell_len(cut) <= width
    if cell_len(text) <= width:
        assert cut == text
    else:
        assert cut.endswith("…")
        assert text.startswith(cut[:-1].rstrip())
