"""``brickprof compare``: sides, limits with their exit codes, outputs by extension."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from support.made_runs import run_of

import brickprof as bp
from brickprof.cli import main
from brickprof.core.levels import TileLevel
from brickprof.recording import merge_recordings
from brickprof.reports.comparisons import EXTENSIONS

GONE = {
    "before": merge_recordings([run_of(0), run_of(0, brick="other")]),
    "after": run_of(1, brick="other"),
}
SLOWER = dict.fromkeys(TileLevel, 0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three runs of a build and three of one that is 20 % slower."""
    path = tmp_path_factory.mktemp("runs")
    for number in range(3):
        run_of(number).save(path / f"before{number}.json")
        run_of(10 + number, SLOWER).save(path / f"after{number}.json")
    return path


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (("before0", "after0"), 3),
        (("after0", "before0"), 0),
        (("before0", "before1"), 0),
        (("before0", "before1", "--against", "after0", "after1"), 3),
        (("before0", "--against", "before1", "before2"), 0),
    ],
)
def test_exit_codes_of_limits(
    folder: Path, files: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [file if file.startswith("-") else str(folder / f"{file}.json") for file in files]
    assert main(["compare", "--fail-above", "5%", *argv]) == code
    text = capsys.readouterr().out
    assert ("Over the limit: slower by more than 5 %" in text) == (code == 3)
    assert ("Within the limit" in text) == (code == 0)
    assert main(["compare", *argv]) == 0
    assert "limit" not in capsys.readouterr().out


def test_a_limit_above_the_slowdown_passes(folder: Path) -> None:
    argv = [str(folder / "before0.json"), str(folder / "after0.json")]
    assert main(["compare", *argv, "--fail-above", "40%"]) == 0
    assert main(["compare", *argv, "--fail-above", "0%"]) == 3


@pytest.mark.parametrize("limit", ["5", "0.05", "-1%", "%", "x%", "nan%", "inf%", "5%%", ""])
def test_limits_that_could_mean_two_things_are_refused(
    folder: Path, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(folder / "before0.json")
    assert main(["compare", path, path, f"--fail-above={limit}"]) == 2
    assert "must be a percentage >= 0 with its sign, such as 5%" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["a"], ["a", "b", "c"], ["a", "--against"], ["--against", "b"]])
def test_sides_that_are_unclear_are_refused(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *argv]) == 2
    assert "usage: brickprof compare" in capsys.readouterr().err


def test_unreadable_files_exit_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder / "before0.json")
    assert main(["compare", path, str(folder / "none.json"), "--fail-above", "5%"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("output", "extension"), EXTENSIONS.items())
def test_the_output_follows_from_the_name(
    folder: Path,
    output: str,
    extension: str,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    argv = ["compare", str(folder / "before0.json"), str(folder / "after0.json")]
    file = tmp_path / f"out{extension.upper()}"
    assert main([*argv, "-o", str(file)]) == 0
    assert main([*argv, "--format", output]) == 0
    content = file.read_bytes()
    assert content == capfdbinary.readouterr().out
    if output == "png":
        assert content.startswith(b"\x89PNG")
        return
    written = content.decode()
    assert "slower" in written
    if output == "json":
        read = json.loads(written)
        assert (read["verdict"], read["fail_above"], read["failed"]) == ("slower", None, None)
        assert read["rows"][0]["change"]["verdict"] == "slower"
        assert read["rows"][0]["change"]["low"] > 1.05


def test_outputs_that_would_be_lost_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(folder / "before0.json")
    assert main(["compare", path, path, "-o", path]) == 2
    assert "is one of the recordings" in capsys.readouterr().err
    assert main(["compare", path, path, "-o", str(tmp_path / "out.pdf")]) == 2
    assert "path must end in one of .txt, .json, .md, .html, .svg, .png" in capsys.readouterr().err


def test_bytes_are_not_shown_on_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(folder / "before0.json")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert main(["compare", path, path, "--format", "png"]) == 2
    assert "png is binary and cannot be shown on a terminal" in capsys.readouterr().err


def test_json_lists_the_files_of_several(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = (str(folder / f"before{number}.json") for number in range(3))
    assert main(["compare", a, b, "--against", c, "--json", "--fail-above", "5%"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert (read["a"], read["b"]) == ([a, b], c)
    assert (read["fail_above"], read["failed"]) == (0.05, False)
    assert read["rows"][0]["change"]["runs"] == [2, 1]


def test_a_brick_that_is_gone_does_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(made_run.save(tmp_path / f"{name}.json")) for name, made_run in GONE.items()]
    assert main(["compare", *paths, "--fail-above", "5%"]) == 3
    assert "cannot be told: B has no k" in capsys.readouterr().out
    assert main(["compare", *paths[::-1], "--fail-above", "5%"]) == 0


def checksummed(path: Path, *values: float) -> str:
    """Save a recording of a checksum of each value, and return its path."""
    prof = bp.BrickProfiler(clock="manual")
    prof.enable_tile_profiling()
    for value in values:
        with prof.brick("rope"):
            prof.checksum([value, 1.0])
    return str(prof.recording().save(path))


def test_the_first_divergence_decides_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = checksummed(tmp_path / "a.json", 1.0, 2.0, 3.0)
    b = checksummed(tmp_path / "b.json", 1.0, 2.0 + 1e-9, 4.0)
    assert main(["compare", a, a, "--divergence"]) == 0
    assert capsys.readouterr().out == "No divergence: 3 checksums in A, 3 in B.\n"
    assert main(["compare", a, b, "--divergence"]) == 3
    assert capsys.readouterr().out.startswith("brick rope, call 2, array out: values differ, about")
    assert main(["compare", a, b, "--divergence", "--rtol", "1e-6", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)["divergence"]
    assert (found["brick"], found["call"], found["level"], found["kind"]) == (
        *("rope", 3, None, "values"),
    )
    assert main(["compare", a, b, "--divergence", "--rtol", "1"]) == 0


def test_runs_that_did_not_keep_all_checksums_are_not_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("brickprof.profiler.checksums.MAX_CHECKSUMS", 2)
    a = checksummed(tmp_path / "a.json", 1.0, 2.0, 3.0)
    b = checksummed(tmp_path / "b.json", 1.0, 2.0, 4.0)
    c = checksummed(tmp_path / "c.json", 1.0, 5.0, 4.0)
    assert main(["compare", a, b, "--divergence"]) == 1
    shown = capsys.readouterr()
    assert "cannot tell whether the runs part beyond the checksums that were kept" in shown.out
    assert "1 of a and 1 of b were not" in shown.out
    assert shown.err == ""
    assert main(["compare", a, b, "--divergence", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["dropped"] == [1, 1]
    assert main(["compare", a, c, "--divergence"]) == 3


def test_divergence_is_of_two_recordings_with_checksums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, empty = checksummed(tmp_path / "a.json", 1.0), checksummed(tmp_path / "empty.json")
    for wrong in (
        ["compare", a, "--against", a, a, "--divergence"],
        ["compare", a, a, "--rtol", "1"],
        ["compare", a, a, "--divergence", "--rtol", "-1"],
        ["compare", empty, empty, "--divergence"],
        ["compare", a, a, "--divergence", "--fail-above", "5%"],
        ["compare", a, a, "--divergence", "--format", "html"],
    ):
        assert main(wrong) == 2, wrong
        assert "usage: brickprof compare" in capsys.readouterr().err
