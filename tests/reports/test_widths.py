"""Text in the width of its terminal: nothing wider, nothing lost, no command broken, no "?"."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from support.made_recordings import MACHINE, ROOFS, made
from support.report_cases import RECORDINGS, SWEEPS, TUNINGS

import brickprof as bp
from brickprof.cli import VERBS, main
from brickprof.core.plain_text import NARROW
from brickprof.diagnose.explanations import EXPLANATIONS
from brickprof.machine import CpuBudget
from brickprof.reports import (
    Report,
    calibration_text,
    comparison_text,
    layout,
    machine_text,
    sweep_text,
    text,
    tuning_text,
)
from brickprof.reports.findings_text import explain

if TYPE_CHECKING:
    from rich.console import Console

WIDTHS = (60, 80, 100, 120, 200)
BUDGET = CpuBudget(8, 1.5, "cgroup v2")

Case = Callable[["Console"], str]


def _comparison(before: str, after: str) -> Case:
    """Return what renders a comparison of two cases."""
    compared = bp.compare_recordings(RECORDINGS[before], RECORDINGS[after])
    names = ["a folder/before.json"] * 9, ["after.json"]
    return lambda console: comparison_text.render(
        compared, *names, fail_above=0.05, console=console
    )


CASES: dict[str, Case] = {
    **{
        f"report {name}": lambda console, one=one: text.render(one, console=console)
        for name, one in RECORDINGS.items()
    },
    **{
        f"explain {code}": lambda console, code=code: explain(
            code, Report.of(RECORDINGS["two-bricks"]).findings, console=console
        )
        for code in EXPLANATIONS
    },
    **{
        f"sweep {name}": lambda console, one=one: sweep_text.render(
            one, "a folder/own.py:work", 9, console=console
        )
        for name, one in SWEEPS.items()
    },
    **{
        f"tuning {name}": lambda console, one=one: tuning_text.render(one, "blur", console=console)
        for name, one in TUNINGS.items()
    },
    "compare slower": _comparison("healthy", "strided"),
    "compare apart": _comparison("two-bricks", "other-machine"),
    "compare unlike": _comparison("no-roofs", "work-in-doubt"),
    "machine": lambda console: machine_text.render(MACHINE, BUDGET, (ROOFS,), console=console),
    "no roofs": lambda console: machine_text.render(MACHINE, BUDGET, (), console=console),
    "calibrate": lambda console: calibration_text.render(ROOFS, console=console),
    "stored": lambda console: calibration_text.render_stored(
        Path("/a/folder") / ("of_a_long_name" * 9), [ROOFS], console=console
    ),
    "forgotten": lambda console: calibration_text.render_forgotten(
        Path("/a/folder") / ("of_a_long_name" * 9), 2, console=console
    ),
}


def check_lines(shown: str, width: int) -> None:
    """Check that lines fit but for single words, and that no command is broken across lines."""
    for line in shown.splitlines():
        assert line.count("`") % 2 == 0, line
        if cell_len(line) > width:
            whole = re.sub("`[^`]*`", "command", line).split()
            assert len(whole) == 1, line


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CASES)
def test_lines_fit(name: str, width: int) -> None:
    shown = CASES[name](layout.plain_console(width))
    check_lines(shown, width)
    narrow = shown.encode("ascii", NARROW).decode("ascii")
    assert narrow.count("?") == shown.count("?") and r"\u" not in narrow
    assert narrow.count("\\x") == shown.count("\\x")


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost_where_it_is_narrow(name: str) -> None:
    def words(width: int) -> set[str]:
        return set(re.findall(r"[^\s─]+", CASES[name](layout.plain_console(width))))

    # The rule that a list's break leaves at the end of a line, and the end of a clipped cell.
    assert {word for word in words(100) - words(60) if word != "·"} == set()


@pytest.mark.parametrize(("width", "parts"), [(60, 2), (80, 2), (100, 1)])
def test_a_wide_table_goes_on_below_with_its_first_column(width: int, parts: int) -> None:
    shown = text.render(made(), console=layout.plain_console(width))
    assert sum(line.startswith("Level ") for line in shown.splitlines()) == parts
    assert sum(line.startswith("Macro L3 ") for line in shown.splitlines()) == parts


def test_words_that_no_line_holds() -> None:
    path = "/" + "p" * 70
    command = "`" + "brickprof calibrate --force " * 3 + "`"
    assert layout.wrapped(f"see {path} and {command} now", 60) == [
        "see", path, "and", command, "now",
    ]  # fmt: skip
    assert layout.wrapped("", 60) == [""]
    figures = "a rate of 1,234 GFLOP/s at 30.9 % in 4 µs, 2 steps"
    assert layout.wrapped(figures, 17) == [
        "a rate of",
        "1,234 GFLOP/s at",
        "30.9 % in 4 µs, 2",
        "steps",
    ]
    assert layout.wrapped("CPU      a  b", 60) == ["CPU      a  b"]
    assert layout.clipped_words("measure again (`brickprof calibrate`)", 30) == "measure again …"


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        ("60", 60), ("80", 80), ("120", 120), ("200", 200), ("20", 60), ("999", 200),
        ("0", 100), ("", 100), ("-5", 100), ("wide", 100), ("9" * 5000, 100), ("²", 100),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("no_color", ["", "1"])
def test_the_width_is_that_of_the_environment(
    columns: str,
    width: int,
    stream: type[io.StringIO],
    no_color: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stdout", stream())
    monkeypatch.setattr("shutil.get_terminal_size", lambda default: os.terminal_size(default))
    assert layout.stdout_console().width == width


def test_a_terminal_says_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda default: os.terminal_size((72, 24)))
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert layout.stdout_width() == 72
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert layout.stdout_width() == layout.WIDTH
    monkeypatch.setattr(sys, "stdout", None)
    assert layout.stdout_width() == layout.WIDTH


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("colored", [False, True])
def test_commands_print_in_that_width(
    width: int,
    colored: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1" if colored else "")
    RECORDINGS["two-bricks"].save("a.json")
    RECORDINGS["strided"].save("b.json")
    for argv in (
        ["report", "a.json"],
        ["report", "b.json", "--explain", "neither-roof"],
        ["compare", "a.json", "b.json"],
        ["machine"],
        ["watch", "a.json", "--count", "1"],
    ):
        assert main(argv) == 0
        shown = capsys.readouterr().out
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        check_lines(plain, width)
        styled = colored and argv[0] in ("compare", "machine", "report") and "--explain" not in argv
        assert ("\x1b[" in shown) >= styled
        assert colored or "\x1b" not in shown
    assert main(["report", "a.json", "-o", "out.txt"]) == 0
    assert Path("out.txt").read_text(encoding="utf-8") == text.render(RECORDINGS["two-bricks"])


@pytest.mark.parametrize("width", [60, 200])
def test_streams_of_ascii(width: int, tmp_path: Path) -> None:
    path = RECORDINGS["healthy"].save(tmp_path / "a.json")
    done = subprocess.run(
        [sys.executable, "-m", "brickprof", "report", str(path)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": str(width)},
        timeout=60,
        check=True,
    )
    shown = done.stdout.decode("ascii")
    assert "4.24 us" in shown and "?" not in shown and "\\" not in shown
    check_lines(shown, width)


@pytest.mark.parametrize("verb", [*(verb.NAME for verb in VERBS), ""])
@pytest.mark.parametrize("width", [60, 200])
def test_help(
    verb: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main([*([verb] if verb else []), "--help"]) == 0
    usage, _, rest = capsys.readouterr().out.partition("\n\n")
    assert usage.startswith("usage: brickprof")  # a command, which is broken between options
    check_lines(rest, width)
