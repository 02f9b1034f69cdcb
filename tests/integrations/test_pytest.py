"""The pytest plugin in real runs of pytest, in this process and in others (pytest-xdist)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import brickprof as bp
from brickprof.core.errors import RecordingError
from brickprof.integrations import recorded_tests, whole_tests
from brickprof.integrations.stored_recordings import folder_of, load_runs

# Runs of pytest in this process import anew what they imported first, which NumPy does not bear.
assert recorded_tests, whole_tests

pytest_plugins = ["pytester"]

# Times are given: neither the clock nor what the system sees of a thread plays a part.
KERNEL = """
import pytest
from brickprof import TileLevel

TICKS = {ticks}

def run(prof, ticks, brick="gemm", calls=100):
    for _ in range(calls):
        prof.record_elapsed(brick, ticks, flops=1000, nbytes=10, level=TileLevel.MICRO)

@pytest.fixture
def tile_profiler_options():
    return dict(clock="manual")
"""

ONE_TEST = """
def test_gemm(tile_profiler):
    run(tile_profiler, TICKS)
"""


@pytest.fixture(autouse=True)
def _nothing_measured(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Let no roofs of this machine play a part."""
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def write(pytester: pytest.Pytester, tests: str = ONE_TEST, ticks: int = 5_000_000) -> None:
    """Write a file of tests, in which a call of the kernel takes so many nanoseconds."""
    pytester.makepyfile(test_kernels=KERNEL.format(ticks=ticks) + tests)


def run(pytester: pytest.Pytester, *options: str, code: int = 0) -> str:
    """Run pytest in this process, and return what it prints."""
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
    assert result.ret == code, result.stdout.str() + result.stderr.str()
    return result.stdout.str() + result.stderr.str()


def stored(pytester: pytest.Pytester, test: str = "test_kernels.py::test_gemm") -> list[Path]:
    """Return the files that are stored of a test."""
    return sorted((pytester.path / ".brickprof" / folder_of(test)).glob("*"))


def test_every_test_has_a_profiler_of_its_own_that_is_on(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        """
seen = []

def test_first(tile_profiler):
    assert tile_profiler.is_tile_profiling_enabled
    run(tile_profiler, 7)
    assert tile_profiler.tile_stats(TileLevel.MICRO).count == 100
    seen.append(tile_profiler)

def test_second(tile_profiler):
    assert tile_profiler.tile_stats(TileLevel.MICRO).count == 0
    assert "gemm" in seen[0].tile_summary()
    assert not seen[0].is_tile_profiling_enabled

def test_by_name(request):
    assert request.getfixturevalue("tile_profiler").is_tile_profiling_enabled
""",
    )
    assert "brickprof:" not in run(pytester, "-W", "error", "--strict-markers")
    assert not (pytester.path / ".brickprof").exists()


def test_a_test_is_held_against_its_stored_recording(pytester: pytest.Pytester) -> None:
    write(pytester)
    out = run(pytester, "--brickprof-save")
    assert "stored        test_kernels.py::test_gemm  1 recording" in out
    out = run(pytester, "--brickprof-fail-above=5%")
    assert re.search(r"no difference test_kernels.py::test_gemm  gemm 0.0 % \(-[\d.]+ to \+", out)
    assert "fails above 5 %" in out

    write(pytester, ticks=8_000_000)
    slower = r"slower +test_kernels.py::test_gemm  gemm is 60.0 % slower \("
    assert re.search(slower, run(pytester, "--brickprof"))
    out = run(pytester, "--brickprof-fail-above=5%", code=1)
    assert re.search(slower, out)
    assert "brickprof: Over the limit: slower by more than 5 % for certain: gemm and gemm M" in out
    assert "FAILED test_kernels.py::test_gemm - Failed: brickprof: Over the limit" in out
    assert "Would see" in out  # the comparison's own table
    assert run(pytester, "--brickprof-fail-above=90%")

    write(pytester, ticks=2_000_000)
    assert "is 60.0 % faster" in run(pytester, "--brickprof-fail-above=5%")


def test_only_verbose_runs_show_whole_comparisons(pytester: pytest.Pytester) -> None:
    write(pytester)
    run(pytester, "--brickprof-save")
    assert "Would see" not in run(pytester, "--brickprof")
    assert "Would see" in run(pytester, "--brickprof", "-v")


def test_a_test_without_a_stored_recording_says_so(pytester: pytest.Pytester) -> None:
    write(pytester)
    out = run(pytester, "--brickprof-fail-above=5%")
    assert "new           test_kernels.py::test_gemm  nothing is stored to compare with" in out
    assert not (pytester.path / ".brickprof").exists()


def test_recordings_are_appended_or_replaced(pytester: pytest.Pytester) -> None:
    write(pytester)
    run(pytester, "--brickprof-append")
    assert "test_gemm  2 recordings" in run(pytester, "--brickprof-append")
    assert len(stored(pytester)) == 2
    # What is stored is not compared: a limit in addopts is none then.
    write(pytester, ticks=50_000_000)
    run(pytester, "--brickprof-save", "--brickprof-fail-above=5%")
    (file,) = stored(pytester)
    assert bp.load_recording(file).brick_infos[0].wall_ns == 5_000_000_000


def test_each_stored_recording_is_one_run(pytester: pytest.Pytester) -> None:
    for ticks in (5_000_000, 5_010_000, 5_020_000):
        write(pytester, ticks=ticks)
        run(pytester, "--brickprof-append", "--brickprof-dir=before")
    for ticks in (5_030_000, 5_040_000, 5_050_000, 5_060_000):
        write(pytester, ticks=ticks)
        run(pytester, "--brickprof-append", "--brickprof-dir=after")
    write(pytester, ticks=5_070_000)
    one = run(pytester, "--brickprof", "--brickprof-dir=before")
    several = run(pytester, "--brickprof-dir=before", "--brickprof-more=after", "-v")
    for name in ("before", "after"):
        folder = pytester.path / name / folder_of("test_kernels.py::test_gemm")
        assert all(str(file) in several for file in folder.iterdir())

    def width(text: str) -> float:
        low, high = re.findall(r"gemm \+[\d.]+ % \(-([\d.]+) to \+([\d.]+) %\)", text)[0]
        return float(low) + float(high)

    assert width(several) < 0.8 * width(one)


DAMAGES = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "newer": lambda text: text.replace('"version": 1', '"version": 99', 1),
    "other": lambda text: '{"schema": "something else"}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_recording_is_told(pytester: pytest.Pytester, damage: str) -> None:
    write(pytester)
    run(pytester, "--brickprof-save")
    (file,) = stored(pytester)
    whole = file.read_text()
    file.write_text(DAMAGES[damage](whole))
    assert file.read_text() != whole
    with pytest.raises(RecordingError):
        bp.load_recording(file)
    out = run(pytester, "--brickprof")
    assert (
        f"not compared  test_kernels.py::test_gemm  no stored recording can be read: {file}" in out
    )
    assert "Traceback" not in out and "INTERNAL" not in out
    out = run(pytester, "--brickprof-fail-above=5%", code=1)
    assert "\nbrickprof: no stored recording can be read: " in out
    # Beside one that can be read it is left out.
    run(pytester, "--brickprof-append")
    out = run(pytester, "--brickprof-fail-above=5%")
    assert "no difference test_kernels.py::test_gemm" in out
    assert f"left out: {file}" in out


def test_what_is_no_file_is_told(pytester: pytest.Pytester) -> None:
    write(pytester)
    folder = pytester.path / ".brickprof" / folder_of("test_kernels.py::test_gemm")
    (folder / "a.json").mkdir(parents=True)
    os.mkfifo(folder / "b.json")
    out = run(pytester, "--brickprof")
    assert "a.json: Is a directory" in out
    assert "b.json: no regular file" in out


def test_a_recording_that_cannot_be_stored_fails_its_test(pytester: pytest.Pytester) -> None:
    write(pytester)
    pytester.path.joinpath(".brickprof").write_text("a file")
    out = run(pytester, "--brickprof-save", code=1)
    assert "\nbrickprof: the recording cannot be stored: " in out
    assert "not compared  test_kernels.py::test_gemm" in run(pytester, "--brickprof")
    assert pytester.path.joinpath(".brickprof").read_text() == "a file"


def test_recordings_of_other_machines_are_told_apart(pytester: pytest.Pytester) -> None:
    write(pytester)
    run(pytester, "--brickprof-save")
    (file,) = stored(pytester)
    ours = bp.load_recording(file)
    assert ours.machine is not None
    theirs = replace(ours, machine=replace(ours.machine, cpu="Another CPU"))
    theirs.save(file)
    out = run(pytester, "--brickprof-fail-above=5%", "-v")
    assert "cannot tell   test_kernels.py::test_gemm  Cannot tell: Other machines" in out
    assert "A ran on Another CPU" in out
    # Those of this machine are the ones to compare with, where there are any.
    run(pytester, "--brickprof-append")
    assert "no difference test_kernels.py::test_gemm" in run(pytester, "--brickprof")


def test_a_copy_of_a_recording_is_no_further_run(pytester: pytest.Pytester) -> None:
    write(pytester)
    run(pytester, "--brickprof-save")
    (file,) = stored(pytester)
    file.with_name("copy.json").write_bytes(file.read_bytes())
    assert len(load_runs(pytester.path / ".brickprof", "test_kernels.py::test_gemm").runs) == 1
    assert "no difference test_kernels.py::test_gemm" in run(pytester, "--brickprof")


def test_a_brick_that_is_gone_does_not_pass(pytester: pytest.Pytester) -> None:
    write(pytester, "def test_gemm(tile_profiler):\n    run(tile_profiler, TICKS, 'old')")
    run(pytester, "--brickprof-save")
    write(pytester)
    out = run(pytester, "--brickprof-fail-above=5%", code=1)
    assert "Whether it is within 5 % cannot be told: B has no old." in out


def test_names_cannot_move_the_cursor(pytester: pytest.Pytester) -> None:
    test = "def test_gemm(tile_profiler):\n    run(tile_profiler, TICKS, 'a\\x1b[31m\\u202e')"
    write(pytester, test)
    run(pytester, "--brickprof-save")
    write(pytester, test, ticks=9_000_000)
    out = run(pytester, "--brickprof-fail-above=5%", code=1)
    assert "certain: a\\x1b[31m\\u202e" in out
    assert "\x1b[31m\u202e" not in out


OUTCOMES = """
def test_fails(tile_profiler):
    run(tile_profiler, TICKS)
    assert TICKS < 0

def test_skips(tile_profiler):
    run(tile_profiler, TICKS)
    pytest.skip("not here")

@pytest.mark.xfail(strict=True)
def test_known(tile_profiler):
    run(tile_profiler, TICKS)
    raise ValueError

def test_leaves_a_tile_open(tile_profiler):
    run(tile_profiler, TICKS)
    tile_profiler.start_tile(TileLevel.MACRO, 0, 0)

def test_without_tiles(tile_profiler):
    pass

def test_other():
    pass
"""


def test_only_tests_that_pass_are_stored(pytester: pytest.Pytester) -> None:
    write(pytester, OUTCOMES)
    out = run(pytester, "--brickprof-save", code=1)
    assert "1 failed, 3 passed, 1 skipped, 1 xfailed" in out
    names = {path.name.rpartition("-")[0] for path in (pytester.path / ".brickprof").iterdir()}
    assert names == {"test_kernels.py.test_leaves_a_tile_open"}
    summary = out[out.index("= brickprof =") :]
    assert re.findall(r"^(\w+ ?\w*) +test_kernels", summary, re.M)[:2] == [
        "stored ",
        "nothing seen",
    ]
    assert "test_fails  " not in summary


def test_collection_alone_records_nothing(pytester: pytest.Pytester) -> None:
    write(pytester)
    assert "= brickprof =" not in run(pytester, "--collect-only", "--brickprof-save")
    assert not (pytester.path / ".brickprof").exists()


ODD = "def test_odd(tile_profiler, p):\n    run(tile_profiler, TICKS)\n"
ODD_PARAMETERS = ["a/b", "../../up", "ü" * 300, "x y", "\\x00\\n\\x1b[31m", "A", "a", "::", "."]


def test_odd_parameters_have_files_of_their_own(pytester: pytest.Pytester) -> None:
    write(pytester, f"@pytest.mark.parametrize('p', {ODD_PARAMETERS!r}, ids=str)\n{ODD}")
    run(pytester, "--brickprof-save")
    folders = list((pytester.path / ".brickprof").iterdir())
    assert len(folders) == len(ODD_PARAMETERS)
    assert not (pytester.path.parent / "up").exists()
    out = run(pytester, "--brickprof")
    assert out.count("no difference test_kernels.py") == len(ODD_PARAMETERS)
    assert "\x1b[31m" not in out


@given(st.text(), st.text())
def test_folders_are_safe_and_distinct(first: str, second: str) -> None:
    name = folder_of(first)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.\-]*", name)
    assert len(name) <= 120
    assert (name.lower() == folder_of(second).lower()) == (first == second)


def test_key_figures_are_in_junit_xml(pytester: pytest.Pytester) -> None:
    write(pytester)
    run(pytester, "--brickprof-save", "--junitxml=stored.xml")
    run(pytester, "--brickprof", "--junitxml=compared.xml")

    def properties(file: str) -> dict[str, str]:
        tree = ElementTree.parse(pytester.path / file)
        return {one.attrib["name"]: one.attrib["value"] for one in tree.iter("property")}

    found = properties("stored.xml")
    # A rate is that of the median call, which a histogram tells.
    assert float(found.pop("brickprof_gflops")) == pytest.approx(1000 / 5e6, rel=0.02)
    assert found == {
        "brickprof_brick": "gemm",
        "brickprof_ns": "5000000.0",
        "brickprof_verdict": "stored",
    }
    found = properties("compared.xml")
    assert found["brickprof_verdict"] == "no difference"
    assert float(found["brickprof_low"]) < float(found["brickprof_ratio"]) == 1.0
    assert float(found["brickprof_high"]) > 1.0


WHOLE = """
import asyncio, unittest
import numpy as np

A = np.ones((100, 100))
count = []

def product(a):
    return a @ a

@pytest.mark.brickprof(repeat=30)
def test_marked():
    count.append(1)
    assert product(A)[0, 0] == 100

def test_how_often():
    assert len(count) == REPEATED

class TestCase(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(product(A)[0, 0], 100)

class TestMethods:
    @pytest.mark.brickprof(repeat=2)
    def test_method(self, tile_profiler):
        product(A)
        run(tile_profiler, TICKS, "own", 3)

def test_nothing():
    assert np.ones(3).sum() == 3
"""


def test_whole_tests_are_recorded_where_they_are_asked_for(pytester: pytest.Pytester) -> None:
    write(pytester, f"REPEATED = 1\n{WHOLE}")
    run(pytester)
    write(pytester, f"REPEATED = 30\n{WHOLE}")
    out = run(pytester, "--brickprof-save")
    assert out.count("\nstored ") == 2
    (file,) = stored(pytester, "test_kernels.py::test_marked")
    recording = bp.load_recording(file)
    assert [(info.name, info.calls) for info in recording.brick_infos] == [
        ("matmul in product (test_kernels.py)", 30),
        ("test", 30),
    ]
    (file,) = stored(pytester, "test_kernels.py::TestMethods::test_method")
    calls = {info.name: info.calls for info in bp.load_recording(file).brick_infos}
    assert calls == {"matmul in product (test_kernels.py)": 2, "own": 6, "test": 2}
    # Code that moved within its file has the same names.
    write(pytester, f"REPEATED = 30\n\n\n\n{WHOLE}")
    run(pytester, "--brickprof", "--brickprof-all", "--brickprof-append")
    first, second = map(bp.load_recording, stored(pytester, "test_kernels.py::test_marked"))
    assert first.bricks == second.bricks
    (file,) = stored(pytester, "test_kernels.py::TestCase::test_unit")
    calls = {info.name: info.calls for info in bp.load_recording(file).brick_infos}
    assert calls == {"matmul in product (test_kernels.py)": 1, "test": 1}


def test_a_test_with_a_profiler_of_its_own_is_recorded_by_that(pytester: pytest.Pytester) -> None:
    write(pytester)
    run(pytester, "--brickprof-save", "--brickprof-all")
    (file,) = stored(pytester)
    assert bp.load_recording(file).bricks == ("gemm",)


def test_all_tests_leave_those_without_calls_out(pytester: pytest.Pytester) -> None:
    write(pytester, f"REPEATED = 30\n{WHOLE}")
    out = run(pytester, "--brickprof-all")
    assert "In 2 tests no call of NumPy, SciPy or PyTorch had operands large enough" in out
    assert "test_nothing" not in out[out.index("= brickprof =") :]


def test_the_brick_of_a_whole_test_tells_where_its_calls_are_others(
    pytester: pytest.Pytester,
) -> None:
    test = """
import numpy as np

@pytest.mark.brickprof(repeat=100)
def test_whole(tile_profiler):
    np.{call}(np.ones(5000))
    tile_profiler.advance(TICKS)
"""
    write(pytester, test.format(call="exp"))
    run(pytester, "--brickprof-save")
    write(pytester, test.format(call="sqrt"))
    assert "no difference test_kernels.py::test_whole" in run(pytester, "--brickprof-fail-above=5%")
    write(pytester, test.format(call="sqrt"), ticks=50_000_000)
    out = run(pytester, "--brickprof-fail-above=5%", code=1)
    assert "Over the limit: slower by more than 5 % for certain: test." in out


def test_a_test_is_run_although_its_calls_are_recorded_already(pytester: pytest.Pytester) -> None:
    write(pytester, f"REPEATED = 1\n{WHOLE}")
    with bp.auto_instrument():
        out = run(pytester, "--brickprof-all")
    assert "not recorded  test_kernels.py::test_marked  calls are recorded already" in out


def test_wrong_arguments_are_usage_errors(pytester: pytest.Pytester) -> None:
    write(pytester)
    assert "exclude each other" in run(pytester, "--brickprof-save", "--brickprof-append", code=4)
    for limit in ("1.1", "5", "-1%", "x%"):
        out = run(pytester, f"--brickprof-fail-above={limit}", code=4)
        assert "must be a percentage >= 0 with its sign, such as 5%" in out
    assert "no folder" in run(pytester, "--brickprof-more=nowhere", code=4)


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        *((f"@pytest.mark.brickprof({arguments})\ndef test_marked(): pass", "test_marked: marker")
          for arguments in ("0", "repeat=0", "repeat='x'", "times=3")),
        ("@pytest.mark.brickprof(repeat=2)\nasync def test_marked(): pass", "plain test functions"),
        (
            "class Test(unittest.TestCase):\n    @pytest.mark.brickprof(repeat=2)\n"
            "    def test_marked(self): pass",
            "plain test functions alone can be repeated",
        ),
    ],
)  # fmt: skip
def test_a_wrong_marker_is_an_error_of_its_test_alone(
    pytester: pytest.Pytester, test: str, complaint: str
) -> None:
    write(pytester, f"import unittest\n{test}\n{ONE_TEST}")
    out = run(pytester, "--brickprof", code=1)
    assert complaint in out
    assert "1 passed, 1 error" in out
    assert "1 passed, 1 deselected" in run(pytester, "--brickprof", "-k", "test_gemm")


@pytest.mark.parametrize("option", ["--brickprof-save", "--brickprof-append"])
def test_a_limit_that_nothing_is_held_against_is_named(
    pytester: pytest.Pytester, option: str
) -> None:
    write(pytester)
    assert "not compared" not in run(pytester, option)
    out = run(pytester, option, "--brickprof-fail-above=5%")
    summary = out[out.index("= brickprof =") :].splitlines()
    assert summary[1].startswith("Warning: recordings are stored, not compared")
    assert re.match(r"stored +test_kernels.py::test_gemm  \d recordings? \(stored, not", summary[2])


def test_a_tile_that_is_never_stopped_is_named(pytester: pytest.Pytester) -> None:
    test = "def test_open(tile_profiler):\n    tile_profiler.start_tile(TileLevel.MACRO, 0, 0)\n"
    write(pytester, test)
    out = run(pytester, "--brickprof")
    assert "never stopped test_kernels.py::test_open  a tile was started and never stopped" in out


def real(pytester: pytest.Pytester, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in another process."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        command, cwd=pytester.path, capture_output=True, text=True, check=False, timeout=120
    )


def test_processes_of_xdist_store_and_compare(pytester: pytest.Pytester) -> None:
    tests = "".join(ONE_TEST.replace("test_gemm", f"test_{name}") for name in "abcd")
    write(pytester, tests)
    done = real(pytester, "-n2", "--brickprof-append", "--brickprof-dir=runs", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("= brickprof =") == 1
    assert len(list(pytester.path.glob("runs/*/*.json"))) == 4
    write(
        pytester, tests.replace("a(tile_profiler):\n", "a(tile_profiler):\n    TICKS = 9_000_000\n")
    )
    done = real(
        pytester, "-n2", "--brickprof-fail-above=5%", "--brickprof-dir=runs", "--junitxml=x.xml"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    summary = done.stdout[done.stdout.index("= brickprof =") :]
    assert re.findall(r"^(\w+) \w* *test_kernels.py::test_(\w)  ", summary, re.M) == [
        ("slower", "a"),
        ("no", "b"),
        ("no", "c"),
        ("no", "d"),
    ]
    assert "2 processes ran tests at once" in summary
    assert "FAILED test_kernels.py::test_a - Failed: brickprof: Over the limit" in summary
    assert (pytester.path / "x.xml").read_text().count("brickprof_ratio") == 4


def test_a_run_that_does_not_use_it_imports_next_to_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_empty="""
import sys

def test_empty():
    ours = {name for name in sys.modules if name.split(".")[0] == "brickprof"}
    assert not {"numpy", "rich", "psutil"} & set(sys.modules)
    assert ours == {
        "brickprof", "brickprof._version", "brickprof._pytest_plugin", "brickprof.core",
        "brickprof.core.importing", "brickprof.integrations", "brickprof.integrations.pytest",
    }
"""
    )
    done = real(pytester, "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    done = real(pytester, "-p", "no:brickprof", "--brickprof")
    assert done.returncode == 4
    assert "unrecognized arguments: --brickprof" in done.stderr


def test_it_may_be_imported_before_pytest(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a wheel is installed, pytest marks all of its modules, to rewrite their assertions.
    pytester.makepyfile("def test_empty(): pass")
    about = pytester.mkdir("site") / "brickprof-0.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text("Name: brickprof\nVersion: 0\n")
    about.joinpath("entry_points.txt").write_text("[pytest11]\nof_a_wheel = brickprof\n")
    about.joinpath("RECORD").write_text("brickprof/__init__.py,,\n")
    monkeypatch.setenv("PYTHONPATH", str(about.parent))
    code = "import brickprof, pytest, sys; sys.exit(pytest.main(['-W', 'error']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=pytester.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
