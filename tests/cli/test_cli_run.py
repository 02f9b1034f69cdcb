"""``brickprof run``: programs run as they are, and what they call is in the recording."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brickprof.recording import Recording, load_recording


def ran(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def recorded(cwd: Path, program: str, *arguments: str, code: int = 0) -> tuple[Recording, str, str]:
    """Return the recording of a program, and what it wrote."""
    (cwd / "program.py").write_text(program)
    done = ran(
        *("-m", "brickprof", "run", "--quiet", "--save", "run.json"),
        *("program.py", *arguments),
        cwd=cwd,
        code=code,
    )
    return load_recording(cwd / "run.json"), done.stdout, done.stderr


PRODUCT = "import numpy as np\na = np.ones((100, 100))\n"


def test_a_script_runs_as_it_is(tmp_path: Path) -> None:
    program = f"""{PRODUCT}import sys
print(sys.argv, __name__, __file__, sys.path[0])
print((a @ a).sum())
"""
    recording, out, _ = recorded(tmp_path, program, "--save", "x")
    assert out == ran("program.py", "--save", "x", cwd=tmp_path).stdout
    assert any(name.startswith("program.py:5 matmul") for name in recording.bricks)
    assert sum(tile.flops for tile in recording.tiles) == 2 * 100**3 + 100**2


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('gone')", 1),
        ("raise SystemExit", 0),
        ("def f():\n    raise ValueError('no')\nf()", 1),
        ("1 +", 1),
        ("import nowhere", 1),
    ],
)
def test_exit_codes_and_tracebacks_are_pythons(end: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"{PRODUCT}a @ a\n{end}\n")
    plain = ran("program.py", cwd=tmp_path, code=code)
    seen = ran("-m", "brickprof", "run", "--quiet", "program.py", cwd=tmp_path, code=code)
    assert seen.stdout == plain.stdout
    assert seen.stderr.replace(f"{tmp_path}/", "") == plain.stderr.replace(f"{tmp_path}/", "")


def test_a_module_runs_with_its_arguments(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"{PRODUCT}import sys\na @ a\nprint(sys.argv[1:])\n")
    arguments = ("--save", "run.json", "-m", "package", "-x", "1")
    done = ran("-m", "brickprof", "run", *arguments, cwd=tmp_path)
    assert done.stdout == "['-x', '1']\n"
    assert "matmul" in done.stderr and "saved run.json" in done.stderr
    assert load_recording(tmp_path / "run.json").bricks


def test_a_program_without_kernels_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("print(sum(range(10)))\n")
    done = ran("-m", "brickprof", "run", "program.py", cwd=tmp_path)
    assert done.stdout == "45\n"
    assert "nothing to see here" in done.stderr


def test_a_script_that_is_not_there_is_told_as_python_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "brickprof", "run", "nowhere.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    python = subprocess.run(
        [sys.executable, "nowhere.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == python.returncode == 2
    assert done.stderr.splitlines()[0] == python.stderr.splitlines()[0]


def test_threads_and_forked_processes_are_in_the_recording(tmp_path: Path) -> None:
    program = f"""{PRODUCT}import multiprocessing, os, threading
def work(times):
    for _ in range(times):
        a @ a
if __name__ == "__main__":
    thread = threading.Thread(target=lambda: work(3))
    thread.start()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=work, args=(5,)) for _ in range(2)]
    for child in children: child.start()
    for child in children: child.join()
    if os.fork() == 0:
        work(7)
    else:
        os.wait()
        work(1)
"""
    recording, _, _ = recorded(tmp_path, program)
    assert sum(tile.count for tile in recording.tiles) == 3 + 2 * 5 + 7 + 1


def test_the_page_is_written(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"{PRODUCT}a @ a\n")
    ran("-m", "brickprof", "run", "--quiet", "--html", "run.html", "program.py", cwd=tmp_path)
    assert "program.py:3 matmul" in (tmp_path / "run.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [[], ["--save", "run.json"], ["-m"], ["--nothing", "x"]])
def test_wrong_arguments(arguments: list[str], tmp_path: Path) -> None:
    done = ran("-m", "brickprof", "run", *arguments, cwd=tmp_path, code=2)
    assert "usage: brickprof" in done.stderr


def test_what_cannot_be_saved_is_told_before_the_program_runs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("open('ran', 'w')\n")
    done = ran(
        *("-m", "brickprof", "run", "--save", "missing/run.json", "program.py"),
        cwd=tmp_path,
        code=1,
    )
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "ran").exists()
    assert os.listdir(tmp_path) == ["program.py"]
