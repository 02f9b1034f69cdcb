"""Everything that is printed, character by character, as it was when it was last looked at.

After a change that is meant, ``UPDATE_SNAPSHOTS=1 pytest tests/reports/test_snapshots.py`` writes
the files anew; the difference is then read and committed.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from support.made_recordings import MACHINE, ROOFS, healthy_tiles, made
from support.made_runs import run_of
from support.report_cases import RECORDINGS, SWEEPS, TUNINGS

from brickprof.cli import main
from brickprof.core.levels import TileLevel
from brickprof.machine import CpuBudget
from brickprof.recording import BrickInfo, Recording, TileEvent
from brickprof.reports import render, tuning_json, tuning_text
from brickprof.tuning.sweep import Sweep

FOLDER = Path(__file__).parent / "snapshots"

FLOAT32_ROOFS = replace(
    ROOFS,
    threads=2,
    peak_by_dtype={"float32": 160.0},
    spread={name: share for name, share in ROOFS.spread.items() if name != "float64"},
)


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


TIME_LINES: dict[str, Recording] = {
    "healthy": made(
        events=(
            TileEvent(0, 1_080_000, 0, TileLevel.MACRO, 0, 0, "gemm"),
            TileEvent(0, 4_240, 0, TileLevel.MIDI, 0, 0, "gemm"),
            TileEvent(0, 1_041, 0, TileLevel.MICRO, 0, 0, "gemm"),
            TileEvent(1_041, 2_080, 0, TileLevel.MICRO, 0, 1, "gemm"),
            TileEvent(2_000, 9_007, 1, TileLevel.MIDI, 1, 0, "gemm"),
            TileEvent(8_000, 9_999, 1, TileLevel.MIDI, 1, 1, "gemm"),
        ),
        events_dropped=7,
    ),
    "empty": RECORDINGS["empty"],
}


def check(name: str, text: str) -> None:
    """Compare text with a file, or write the file where that was asked for."""
    path = FOLDER / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


class Output:
    """Where a verb prints: into a pipe, or on a terminal of 140 columns with colours."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.stream = Terminal() if where == "terminal" else io.StringIO()

    def run(self, *argv: str) -> None:
        """Run a verb that must succeed."""
        with redirect_stdout(self.stream):
            assert main([*argv]) == 0

    def check(self, name: str, json: bool) -> None:
        """Compare all that was printed with a file."""
        file = f"{name}.json" if json else f"{name}-{self.where}.txt"
        check(file, self.stream.getvalue())


@pytest.fixture(params=["pipe", "terminal"])
def output(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Output:
    """Return an output that no setting of the real terminal changes."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLUMNS", raising=False)
    if request.param == "terminal":
        monkeypatch.setenv("COLUMNS", "140")
    return Output(request.param)


@pytest.mark.parametrize("name", RECORDINGS)
def test_reports(name: str) -> None:
    check(f"report-{name}.txt", render("text", RECORDINGS[name]))
    check(f"report-{name}.json", render("json", RECORDINGS[name]))
    check(f"report-{name}.md", render("markdown", RECORDINGS[name]))
    check(f"report-{name}.csv", render("csv", RECORDINGS[name]))


@pytest.mark.parametrize("name", TIME_LINES)
@pytest.mark.parametrize("output", ["trace", "speedscope", "hatchet"])
def test_time_lines(name: str, output: str) -> None:
    check(f"report-{name}.{output}.json", render(output, TIME_LINES[name]))


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("json", [False, True])
def test_sweeps(
    name: str,
    json: bool,
    output: Output,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sweep_threads(*args: object, **kwargs: object) -> Sweep:
        return SWEEPS[name]

    monkeypatch.setattr("brickprof.tuning.sweep.sweep_threads", sweep_threads)
    monkeypatch.chdir(tmp_path)
    folder = "a_folder_whose_name_is_so_long_that_a_line_has_to_be_broken " * 2
    Path(folder).mkdir()
    (Path(folder) / "own.py").write_text("def work(threads): pass\n")
    options = ["--rounds=9", *["--json"] * json]
    output.run("sweep", "gemm", "8", "8", "8", *options)
    output.run("sweep", "python", f"{folder}/own.py:work", *options)
    output.check(f"sweep-{name}", json)


@pytest.mark.parametrize("name", TUNINGS)
def test_tunings(name: str) -> None:
    check(f"tuning-{name}.txt", tuning_text.render(TUNINGS[name], "blur"))
    check(f"tuning-{name}.json", tuning_json.render(TUNINGS[name], "blur"))


COMPARED: dict[str, tuple[Recording, Recording]] = {
    "slower": (
        made(),
        made(healthy_tiles(2.0), brick_infos=(BrickInfo("gemm", 3, 2_200_000, 1),)),
    ),
    "apart": (RECORDINGS["two-bricks"], RECORDINGS["other-machine"]),
    "unlike": (RECORDINGS["no-roofs"], RECORDINGS["work-in-doubt"]),
    "empty": (RECORDINGS["empty"], RECORDINGS["no-tiles"]),
    "runs": (run_of(0), run_of(1, {TileLevel.MIDI: 0.4})),
    "alike": (run_of(0), run_of(1)),
}


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("json", [False, True])
def test_comparisons(
    name: str,
    json: bool,
    output: Output,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for file, recording in zip(("a.json", "b.json"), COMPARED[name], strict=True):
        recording.save(file)
    output.run("compare", "a.json", "b.json", *["--json"] * json)
    output.check(f"compare-{name}", json)
    code = main(["compare", "a.json", "b.json", "-o", "out.md", "--fail-above", "300%"])
    assert code == (3 if name == "apart" else 0)  # a brick of A is not in B
    check(f"compare-{name}.md", Path("out.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["detected", "assumed"])
@pytest.mark.parametrize("json", [False, True])
def test_machines(name: str, json: bool, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    detected = name == "detected"
    machine = MACHINE
    if not detected:
        caches = (*MACHINE.caches[:2], replace(MACHINE.caches[2], ways=0))
        assumed = ("physical_cores", "L3", "L2.size_bytes", "L2.shared_by")
        machine = replace(MACHINE, caches=caches, assumed=assumed)
    budget = CpuBudget(2, None, "affinity") if detected else CpuBudget(8, 1.5, "cgroup v2")
    roofs = (ROOFS, FLOAT32_ROOFS) if detected else ()
    monkeypatch.setattr("brickprof.cli.machine.detect_machine", lambda: machine)
    monkeypatch.setattr("brickprof.cli.machine.cpu_budget", lambda: budget)
    monkeypatch.setattr("brickprof.cli.machine.stored_roofs", lambda machine: roofs)
    output.run("machine", *["--json"] * json)
    output.check(f"machine-{name}", json)


@pytest.mark.parametrize("json", [False, True])
def test_calibrations(json: bool, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {1: replace(ROOFS, method="quick"), 2: FLOAT32_ROOFS}
    monkeypatch.setattr("brickprof.machine.detect_machine", lambda: MACHINE)
    monkeypatch.setattr("brickprof.planning.budget._chosen", 2)
    monkeypatch.setattr(
        "brickprof.calibration.calibrate", lambda threads, *args, **kwargs: measured[threads]
    )
    monkeypatch.setattr(
        "brickprof.cli.calibrate.store_roofs", lambda *args, **kwargs: Path("roofs.json")
    )
    monkeypatch.setattr(
        "brickprof.cli.calibrate.load_roofs",
        lambda machine, threads, *args: replace(ROOFS, threads=threads),
    )
    output.run("calibrate", *["--json"] * json)
    output.check("calibrate", json)


def test_every_snapshot_belongs_to_a_test() -> None:
    reports = {
        f"report-{name}.{end}" for name in RECORDINGS for end in ("txt", "json", "md", "csv")
    }
    reports |= {
        f"report-{name}.{output}.json"
        for name in TIME_LINES
        for output in ("trace", "speedscope", "hatchet")
    }
    compared = {f"compare-{name}.md" for name in COMPARED}
    tunings = {f"tuning-{name}.{end}" for name in TUNINGS for end in ("txt", "json")}
    printed = {
        f"{name}{end}"
        for end in (".json", "-pipe.txt", "-terminal.txt")
        for name in (
            "calibrate",
            "machine-detected",
            "machine-assumed",
            *(f"sweep-{name}" for name in SWEEPS),
            *(f"compare-{name}" for name in COMPARED),
        )
    }
    assert {path.name for path in FOLDER.iterdir()} == (reports | compared | tunings | printed)
