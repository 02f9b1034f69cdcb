"""``brickprof report --output``: formats by extension, files, and binary outputs."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest
from support.made_recordings import made

import brickprof as bp
from brickprof.cli import main
from brickprof.reports import RENDERERS, Renderer, Report, render

PIXELS = b"\x89\x00\xff\n"


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """Return the path of a saved recording."""
    return str(made().save(tmp_path / "run.json"))


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a binary output, by one module and one line."""
    module = ModuleType("brickprof.reports.picture")
    module.render_report = (  # type: ignore[attr-defined]
        lambda report: PIXELS + report.recording.version.encode()
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(RENDERERS, "picture", Renderer("picture", ".picture.json", binary=True))


class Stream(io.TextIOWrapper):
    """A standard output that may be a terminal."""

    def __init__(self, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def printed(*argv: str, terminal: bool = False, code: int = 0) -> bytes:
    """Run ``brickprof report`` and return what it prints, as bytes."""
    stream = Stream(terminal)
    with redirect_stdout(stream):
        assert main(["report", *argv]) == code
    kept = stream.buffer
    assert isinstance(kept, io.BytesIO)
    return kept.getvalue()


@pytest.mark.parametrize(
    ("file", "options", "name"),
    [
        ("out.txt", [], "text"),
        ("out.TXT", [], "text"),
        ("out.json", [], "json"),
        ("out.txt", ["--format", "json"], "json"),
        ("out.txt", ["--json"], "json"),
        ("out", ["--format", "text"], "text"),
    ],
)
@pytest.mark.parametrize("option", ["-o", "--output"])
def test_the_format_follows_from_the_extension(
    file: str,
    options: list[str],
    name: str,
    option: str,
    recorded: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / file
    assert main(["report", recorded, option, str(path), *options]) == 0
    assert path.read_text(encoding="utf-8") == render(name, made())
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"saved {path}\n")


def test_an_unknown_extension_is_a_usage_error(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.pdf"
    assert main(["report", recorded, "-o", str(path)]) == 2
    error = capsys.readouterr().err
    assert "argument -o/--output: path must end in one of .txt, .json, " in error
    assert error.endswith(f"got {str(path)!r}, and --format is not given\n")
    assert not path.exists()


def test_the_recording_itself_is_not_overwritten(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(recorded).read_bytes()
    path = tmp_path / "folder" / ".." / "run.json"
    path.parent.parent.mkdir()
    hard_link = tmp_path / "run.txt"
    hard_link.hardlink_to(recorded)
    for same in (path, hard_link):
        assert main(["report", recorded, "-o", str(same)]) == 2
        assert "is one of the recordings" in capsys.readouterr().err
        assert same.read_bytes() == Path(recorded).read_bytes() == before


def test_a_file_that_cannot_be_written_is_one_line(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "missing" / "out.txt"
    assert main(["report", recorded, "-o", str(path)]) == 1
    assert capsys.readouterr().err == f"brickprof: {path}: No such file or directory\n"


def test_binary_outputs_go_to_files_and_pipes(picture: None, recorded: str, tmp_path: Path) -> None:
    path = tmp_path / "out.picture.json"
    assert printed(recorded, "-o", str(path), terminal=True) == b""
    assert path.read_bytes() == PIXELS + b"0.1.0"
    assert printed(recorded, "--format", "picture") == PIXELS + b"0.1.0"


def test_binary_outputs_are_kept_from_a_terminal(
    picture: None,
    recorded: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed(recorded, "--format", "picture", terminal=True, code=2) == b""
    assert "picture is binary and cannot be shown on a terminal" in capsys.readouterr().err
    assert printed(recorded, terminal=True).decode() == render("text", made())


def test_a_renderer_gets_the_report(picture: None) -> None:
    assert RENDERERS["picture"].render(Report.of(made())) == PIXELS + b"0.1.0"


def test_explain_needs_no_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--explain", "neither-roof"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("neither-roof\n\nThe rate is near neither the peak nor the bandwidth")


def test_explain_shows_what_was_found(recorded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", recorded, "--explain", "near-roof"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("near-roof\n")
    assert "gemm Micro: compute-bound at 96.2 % of the peak" in text
    assert main(["report", recorded, "--explain", "waiting"]) == 0
    assert "gemm" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--explain", "typo"], "invalid choice: 'typo'"), ([], "required: FILE")],
)
def test_explain_refuses_unknown_codes_and_a_report_no_file(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limits", "code", "said"),
    [
        ({"ns": 1e9}, 0, ""),
        ({"ns": 1.0}, 3, "brickprof: brick gemm: exceeded: mean call "),
        ({"efficiency": 0.1}, 0, "brickprof: brick gemm: cannot tell: efficiency >= 10.0 %"),
    ],
)
def test_budgets_decide_the_exit_code(
    limits: dict[str, float],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prof = bp.BrickProfiler(clock="manual")
    prof.budget("gemm", **limits)  # type: ignore[arg-type]
    prof.enable_tile_profiling()
    with prof.brick("gemm"), prof.tile(bp.TileLevel.MACRO, 0, 0, flops=8):
        prof.advance(9)
    path = str(prof.recording().save(tmp_path / "run.json"))
    assert main(["report", path]) == 0
    assert capsys.readouterr().err == ""
    assert main(["report", path, "--check-budgets", "--json"]) == code
    shown = capsys.readouterr()
    assert shown.err.startswith(said) and bool(shown.err) == bool(said)
    kept = json.loads(shown.out)["budgets"][0]["kept"]
    assert kept is {0: None if said else True, 3: False}[code]


def test_budgets_are_of_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--check-budgets", "--explain", "compute-bound"]) == 2
    path = str(bp.BrickProfiler(clock="manual").recording().save(tmp_path / "run.json"))
    capsys.readouterr()
    # A gate without budgets checks nothing: it is not open.
    for by_host in ([], ["--by-host"]):
        assert main(["report", path, "--check-budgets", *by_host]) == 1
        assert "brickprof: no budget is in the recordings" in capsys.readouterr().err


def test_budgets_are_checked_by_host_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for host, ns in (("fast", 10), ("slow", 50)):
        prof = bp.BrickProfiler(clock="manual")
        prof.budget("gemm", ns=20)
        prof.enable_tile_profiling()
        with prof.brick("gemm"):
            prof.advance(ns)
        (tmp_path / host).mkdir()
        prof.recording().save(tmp_path / host / "run.json")
    fast, slow = (str(tmp_path / host) for host in ("fast", "slow"))
    assert main(["report", "--by-host", "--check-budgets", fast]) == 0
    assert capsys.readouterr().err == ""
    assert main(["report", "--by-host", "--check-budgets", fast, slow]) == 3
    assert "gemm: exceeded: mean call 30 ns, <= 20 ns allowed" in capsys.readouterr().err
