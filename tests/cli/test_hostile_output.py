"""What is printed can neither move a cursor nor reorder text, and streams may be odd."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_recordings import ROOFS, healthy_tiles, made

from brickprof.cli import main
from brickprof.core.levels import TileLevel
from brickprof.core.plain_text import NARROW, neutral, printable
from brickprof.recording import BrickInfo, Recording, TileEvent
from brickprof.reports import RENDERERS, render
from brickprof.reports.pictures.sweep import sweep
from brickprof.reports.pictures.vega import described, to_svg
from brickprof.tuning.sweep import Sweep, SweepPoint

NAMES = (
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\u202eb\u2066c",
    "line\nand\r\u2028more\x85",
    "\x00\x7f\ufeff\u200b",
    "\ud800lone",
    "long" * 2500,
    "<script>alert('1')</script>&amp;\"]]>",
    "a|b`c\\|d,e;f\tg",
    "\N{SNOWMAN}\U0001f600 \u05e2\u05d1\u05e8\u05d9\u05ea",
)


def is_clean(text: str) -> bool:
    """Tell whether text has nothing but lines of characters that are seen as themselves."""
    return all(char == "\n" or char.isprintable() for char in text)


def hostile(name: str) -> Recording:
    """Return a recording whose every text is a hostile name."""
    recording = made(healthy_tiles(30.0, brick=name))
    info = replace(recording.brick_infos[0], name=name, isas=())
    assert recording.machine is not None
    return replace(
        recording,
        brick_infos=(info, BrickInfo(name + "2", 1, 5, 1)),
        machine=replace(recording.machine, cpu=name),
        roofs=replace(ROOFS, verdict=name, cpu=name),
        clock=replace(recording.clock, reason=name),
        events=(TileEvent(5, 5, 0, TileLevel.MACRO, 1, 2, name),),
        version=name,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("output", list(RENDERERS))
def test_renderers(name: str, output: str) -> None:
    shown = render(output, hostile(name))
    if not isinstance(shown, str):
        return  # a picture of dots
    assert is_clean(shown)
    shown.encode()
    if output == "json":
        assert json.loads(shown)["bricks"][0]["name"] == name
    elif output == "hatchet":
        assert json.loads(shown)[0]["frame"]["name"] == printable(name)
    elif output == "trace":
        named = [one["name"] for one in json.loads(shown)["traceEvents"]]
        assert named[-1] == f"{printable(name)} Macro"
    elif output == "speedscope":
        assert json.loads(shown)["shared"]["frames"] == [{"name": f"{printable(name)} Macro"}]
    elif output == "csv":
        assert next(csv.DictReader(io.StringIO(shown)))["brick"] == printable(name)
    elif output == "tree_json":
        assert name in [one["name"] for one in json.loads(shown)["bricks"]]
    elif output == "svg":
        ElementTree.fromstring(shown)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_well_formed(name: str) -> None:
    points = (SweepPoint(1, (100, 101, 102)), SweepPoint(2, (60, 61, 62)))
    described_sweep = described(sweep(Sweep(points, 6.0, name, 3, 4, None), name), "light")
    picture = to_svg(described_sweep)
    assert is_clean(picture)
    ElementTree.fromstring(picture)


@pytest.mark.parametrize("name", [name for name in NAMES if "\0" not in name and len(name) < 99])
def test_commands(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / os.fsencode(name.replace("/", "_").replace("\ud800", "\udc80")).decode(
        errors="surrogateescape"
    )
    folder.mkdir()
    path = str(hostile(name).save(folder / "a.json"))
    (folder / "bad.json").write_text("[")
    for argv in (
        ["report", path],
        ["report", path, path],
        ["report", path, "--explain", "neither-roof"],
        ["report", path, "--json"],
        ["report", path, "-o", str(folder / "out.txt")],
        ["report", path, "-o", str(folder / "out.wrong")],
        ["report", str(folder / "bad.json")],
        ["report", str(folder / "none.json")],
        ["report", "--format", name],
        ["compare", path, path],
        ["compare", path, path, "--json"],
        ["sweep", "python", f"{folder}/none.py:f"],
        ["sweep", "python", name],
        ["machine", name],
        [name],
    ):
        main(argv)
        captured = capsys.readouterr()
        assert is_clean(captured.out), argv
        assert is_clean(captured.err), argv
    assert is_clean((folder / "out.txt").read_text())


@given(st.text())
def test_printable_text_is_left_alone_and_all_other_is_escaped(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text
    assert is_clean(neutral(text))


@given(st.text(), st.sampled_from(["\x1b[1m", "\x1b[0;31m", "\x1b[m"]))
def test_styles_alone_are_let_through(text: str, style: str) -> None:
    assert neutral(style + printable(text), styles=True) == style + printable(text)
    assert "\x1b" not in neutral(style)
    for other in ("\x1b[2J", "\x1b]0;x\x07", "\x1b[1", "\x9b1m"):
        assert "\x1b" not in neutral(other, styles=True) and "\x9b" not in neutral(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_narrow_encodings_take_all_text(text: str) -> None:
    written = text.encode("ascii", NARROW).decode("ascii")
    if text.isascii():
        assert written == text


def test_what_reads_alike() -> None:
    assert "1 × 2 · µs … ≥ ─".encode("ascii", NARROW) == b"1 x 2 - us . >= -"
    assert "µ ─".encode("latin-1", NARROW) == b"\xb5 -"
    assert "\N{SNOWMAN}".encode("ascii", NARROW) == b"\\u2603"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", NARROW)
    assert unicodedata.name("·") == "MIDDLE DOT"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a shell with ``$PYTHON``."""
    return subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHON": sys.executable, **environment},
    )


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        (">&-", 1, "brickprof: standard output is closed\n"),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
        (">&- 2>&-", 1, ""),
        (">&- 2>&- <&-", 1, ""),
    ],
)
def test_closed_streams(how: str, code: int, said: str) -> None:
    done = shell(f'"$PYTHON" -m brickprof machine {how}')
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("verb", ["machine", "machine --json", "--help", "--version"])
def test_a_full_stream(verb: str) -> None:
    done = shell(f'"$PYTHON" -m brickprof {verb} > /dev/full')
    assert done.returncode == 1
    assert done.stderr == "brickprof: standard output: No space left on device\n"


def test_a_reader_that_leaves() -> None:
    done = shell('"$PYTHON" -m brickprof machine --json | true')
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("environment", "colored"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        ({}, False),
    ],
)
def test_colors(
    environment: dict[str, str],
    colored: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = str(made().save(tmp_path / "a.json"))
    assert main(["compare", path, path]) == 0
    assert ("\x1b[" in capsys.readouterr().out) == colored


def test_what_user_code_exits_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for body, code, said in (
        ("raise SystemExit('no \\x1b data')", 1, "no \\x1b data\n"),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit", 0, ""),
        ("raise KeyboardInterrupt", 130, "brickprof: interrupted\n"),
    ):
        path = tmp_path / f"code{code}.py"
        path.write_text(body)
        assert main(["sweep", "python", f"{path}:f"]) == code
        assert capsys.readouterr().err == said


def test_a_users_file_may_use_what_looks_its_module_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The file's folder stays on the path, and other tests' processes would import its "json".
    monkeypatch.setattr(sys, "path", sys.path[:])
    path = tmp_path / "json.py"  # the name of a module that is loaded already
    path.write_text(
        "from __future__ import annotations\nimport pickle, sys\n"
        "from dataclasses import dataclass\nfrom typing import get_type_hints\n\n"
        "@dataclass\nclass Size:\n    rows: int\n\n"
        "def f(threads):\n"
        "    assert get_type_hints(Size) == {'rows': int}\n"
        "    assert pickle.loads(pickle.dumps(Size(3))) == Size(3)\n"
        "    assert sys.modules['json'] is not sys.modules[__name__]\n"
    )
    assert main(["sweep", "python", f"{path}:f", "--rounds", "3"]) == 0
    assert capsys.readouterr().err == ""


def test_an_error_of_a_users_file_names_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.py"
    for body, said in (
        ("x = 1\nx.no_such\n", "'int' object has no attribute 'no_such' (AttributeError, line 2)"),
        ("def f(:\n", "(SyntaxError, line 1)"),
    ):
        path.write_text(body)
        assert main(["sweep", "python", f"{path}:f"]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"brickprof: {path} cannot be imported: ") and said in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('a\\x1b[31mb\\nc')", "a\\x1b[31mb c (ValueError, line 3)"),
        ("return {}['x']", "'x' (KeyError, line 3)"),
        ("raise OSError(2, 'No such file', 'data.bin')", "'data.bin' (FileNotFoundError, line 3)"),
        ("raise ValueError('x' * 5000)", "xxx (ValueError, line 3)"),
    ],
)
def test_what_a_users_function_raises_is_one_line(
    body: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.py"
    path.write_text(f"def f(n):\n    if n:\n        {body}\n")
    for argv in (
        ["sweep", "python", f"{path}:f", "--counts", "1"],
        ["tune", "python", f"{path}:f", "--try", "n=1,2"],
    ):
        assert main(argv) == 1
        error = capsys.readouterr().err
        assert error.endswith(f"{said}\n")
        assert is_clean(error) and error.count("\n") == 1 and len(error) <= 301


def test_a_function_that_cannot_be_called_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.py"
    path.write_text("def f():\n    pass\n")
    assert main(["sweep", "python", f"{path}:f", "--counts", "1"]) == 1
    said = f"brickprof: {path}:f: f() takes 0 positional arguments but 1 was given (TypeError)\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_users_file_must_be_regular(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.py"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for argv in (["sweep", "python", f"{path}:f"], ["tune", "python", f"{path}:f", "--try", "n=1"]):
        assert main(argv) == 1
        assert capsys.readouterr().err == f"brickprof: {path}: no regular file\n"


@pytest.mark.parametrize("argv", [["gemm", "8", "8"], ["sweep", "--rounds"], ["report", "-o", "x"]])
def test_long_arguments_make_no_long_errors(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "9" * 5000]) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()[-1]) <= 400


def test_a_folder_that_was_removed(tmp_path: Path) -> None:
    made(healthy_tiles(30.0)).save(tmp_path / "run.json")
    (tmp_path / "gone").mkdir()
    done = shell(
        f'cd "{tmp_path}/gone" && rmdir "{tmp_path}/gone" && '
        f'"$PYTHON" -m brickprof report "{tmp_path}/run.json" -o out.txt',
        PYTHONPATH=os.getcwd(),
    )
    assert done.returncode == 1
    assert done.stderr == "brickprof: the working folder was removed\n"


def test_file_names_cannot_add_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording, output = tmp_path / "a\nforged.json", tmp_path / "b\nforged.txt"
    made(healthy_tiles(30.0)).save(recording)
    assert main(["compare", str(recording), str(recording)]) == 0
    assert main(["report", str(recording), "-o", str(output), "--format", "text"]) == 0
    assert main(["report", str(recording) + "\nforged"]) == 1
    shown = "".join(capsys.readouterr())
    assert not any(line.startswith("forged") for line in shown.splitlines())


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_outputs_wait_for_no_reader_and_replace_no_fifo(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, fifo = tmp_path / "run.json", tmp_path / "fifo.svg"
    made().save(run)
    os.mkfifo(fifo)
    if option == "-o":
        code = main(["report", str(run), "-o", str(fifo), "--format", "json"])
    else:
        sweep = ["sweep", "--counts", "1", "--rounds", "1", "--plot", str(fifo)]
        code = main([*sweep, "gemm", "16", "16", "16"])
    assert code == 1
    assert capsys.readouterr().err == f"brickprof: {fifo}: no regular file\n"
    assert fifo.is_fifo()


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    run, old = tmp_path / "run.json", tmp_path / "old.json"
    made().save(run)
    old.write_text("old")
    done = shell(f'ulimit -f 1; "$PYTHON" -m brickprof report {run} -o {old}')
    assert (done.returncode, old.read_text()) == (1, "old")
    assert len(done.stderr.splitlines()) == 1
