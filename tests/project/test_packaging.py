"""The sdist and the wheel: what is in them, and a user's kernels built against the wheel."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCE_FOLDERS = {"brickprof", "tests", "examples", "benchmarks", "docs", ".ci"}
SOURCE_FILES = {"setup.py", "pyproject.toml", "MANIFEST.in", "Makefile", "LICENSE"}
JUNK = [".git", ".venv", "build", "dist", ".*_cache", ".hypothesis", "__pycache__"]
JUNK += ["*.egg-info", "*.so", "*.html"]

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
COMPILED = ["brickprof/kernels/probes", "brickprof/profiler/clocks"]
"""What is compiled from the sdist, with headers and C files of two folders; that takes 3 s."""

pytestmark = pytest.mark.slow


def environment() -> dict[str, str]:
    """Return the environment of a user, who sees the same compiler and Python headers."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    headers = Path(sys.prefix, "include")
    return kept | {"CPATH": str(headers)} if (headers / "Python.h").exists() else kept


def run(folder: Path, *command: object) -> str:
    """Run a command in a folder and return what it prints."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Built:
    """A copy of the checkout's sources, by name, and what was built from it."""

    sources: set[str]
    sdist: Path
    wheel: Path


def lend_extensions(tree: Path) -> None:
    """Put what was compiled for the checkout where setup.py keeps what is newer than its sources.

    The sources in the tree are the same; to compile all of them again would take a minute.
    """
    library = tree / f"build/lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for source in sorted((tree / "brickprof").rglob("*.pyx")):
        name = source.relative_to(tree).with_suffix("")
        translated, built = f"build/cython/{name}.c", f"{name}{SUFFIX}"
        if name.as_posix() not in COMPILED and (ROOT / translated).exists():
            for file, target in (translated, tree / translated), (built, library / built):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, target)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build an sdist from a copy of the checkout, and a wheel from that sdist."""
    folder = tmp_path_factory.mktemp("built")
    copy = folder / "brickprof"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*JUNK))
    files = [path.relative_to(copy) for path in copy.rglob("*") if path.is_file()]
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist")
    run(folder, *build, "--sdist", copy)
    (sdist,) = folder.glob("dist/*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "tree", filter="data")
    (tree,) = folder.glob("tree/*")
    lend_extensions(tree)
    run(folder, *build, "--wheel", tree)
    (wheel,) = folder.glob("dist/*.whl")
    return Built({path.as_posix() for path in files}, sdist, wheel)


def needed(requirements: list[str]) -> set[str]:
    """Return the distributions that some requirements come down to, as they are installed here."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            found.add(name)
            waiting += [Requirement(text) for text in distribution(name).requires or []]
    return found


@dataclass(frozen=True)
class UserEnvironment:
    """A virtual environment that holds the wheel, what it requires, and nothing else."""

    folder: Path
    python: Path

    def ask(self, code: str) -> Any:
        """Run code, isolated from the checkout, and return its variable `answer`."""
        start = "import json, numpy, c_kernel, your_kernel, brickprof as bp\n"
        print_answer = "\nprint(json.dumps(answer))"
        return json.loads(run(self.folder, self.python, "-I", "-c", start + code + print_answer))


@pytest.fixture(scope="module")
def user(built: Built, tmp_path_factory: pytest.TempPathFactory) -> UserEnvironment:
    """Install the wheel into a fresh environment and build a user's kernels there.

    What the wheel requires is linked from the environment that runs the tests, so that nothing
    is fetched and nothing undeclared is found.
    """
    folder = tmp_path_factory.mktemp("user")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    pip = [python, "-m", "pip", "install", "--no-index", "--no-deps"]
    site = run(folder, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    with zipfile.ZipFile(built.wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    runtime = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist:")]
    for name in needed([*runtime, "Cython", "pip", "pytest", "setuptools"]):
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            Path(site.strip(), top).symlink_to(str(distribution(name).locate_file(top)))
    run(folder, *pip, built.wheel)
    for project in ("tests/project/user_project", "examples/your_kernel_cython"):
        copy = folder / Path(project).name
        shutil.copytree(ROOT / project, copy, ignore=shutil.ignore_patterns(*JUNK))
        run(folder, *pip, "--no-build-isolation", copy)
    return UserEnvironment(folder, python)


def test_sdist_holds_the_sources_and_nothing_generated(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        members = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made = {name for name in members if name.startswith("brickprof.egg-info/")}
    made |= {"PKG-INFO", "setup.cfg"}
    sources = {
        name
        for name in built.sources
        if name.partition("/")[0] in SOURCE_FOLDERS or name in SOURCE_FILES or name.endswith(".md")
    }
    assert sources <= members
    assert members - made <= built.sources
    assert {
        "brickprof/kernels/micro/gemm.tmpl.h",
        "brickprof/kernels/runtime/thread_pool.c",
        "brickprof/profiler/clock.h",
        "tests/project/user_project/setup.py",
    } < members


def test_wheel_holds_the_library_and_what_kernels_are_built_against(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        members = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {name for name in built.sources if name.startswith("brickprof/")}
    expected = {name for name in package if name.endswith((".py", ".pyi", ".pxd"))}
    expected |= {name[:-4] + SUFFIX for name in package if name.endswith(".pyx")}
    headers = {name for name in package if name.startswith("brickprof/include/")}
    found_by = {name for name in package if name.startswith("brickprof/share/")}
    expected |= {"brickprof/py.typed", "brickprof/lib/libbrickprof.so", *headers, *found_by}
    assets = ("page.css", "page.js", "time_line.js")
    expected |= {f"brickprof/reports/assets/{name}" for name in assets}
    assert members == expected
    assert {
        "brickprof/tile.pxd",
        "brickprof/include/brickprof/tile.h",
        "brickprof/include/brickprof/tile.hpp",
        "brickprof/share/cmake/brickprof/brickprofConfig.cmake",
        "brickprof/share/cmake/brickprof/brickprofConfigVersion.cmake",
        "brickprof/share/pkgconfig/brickprof.pc",
        f"brickprof/_kernels{SUFFIX}",
    } < members


def test_wheel_describes_itself(user: UserEnvironment) -> None:
    answer = user.ask("""
import importlib.metadata
metadata = importlib.metadata.metadata("brickprof")
answer = [metadata["Version"] == bp.__version__, metadata["License-Expression"],
          metadata["Requires-Python"], metadata["Summary"]]
""")
    assert answer[:3] == [True, "MIT", ">=3.10"]
    assert answer[3]


def test_every_module_imports(user: UserEnvironment) -> None:
    answer = user.ask("""
import importlib, pkgutil
names = [module.name for module in pkgutil.walk_packages(bp.__path__, "brickprof.")]
# Integrations import what they integrate with, which is not installed here.
ours = [name for name in names if ".integrations." not in name]
answer = [name for name in ours if not name.endswith("__main__")]
for name in answer:
    importlib.import_module(name)
""")
    assert {"brickprof.profiler.brick_profiler", "brickprof._kernels", "brickprof.machine"} < set(
        answer
    )


def test_everything_imported_is_declared(user: UserEnvironment) -> None:
    imported, missing = user.ask("""
import ast, importlib.util, pathlib
roots = set()
for file in pathlib.Path(bp.__file__).parent.rglob("*.py"):
    if file.parent.name == "integrations":
        continue  # what they integrate with brings them
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add(node.module.partition(".")[0])
answer = [sorted(roots), [root for root in roots if importlib.util.find_spec(root) is None]]
""")
    assert {"brickprof", "numpy", "psutil", "rich"} <= set(imported)
    assert missing == []


def test_every_public_name_is_there(user: UserEnvironment) -> None:
    assert user.ask("answer = [name for name in bp.__all__ if not hasattr(bp, name)]") == []


def test_command_is_installed(user: UserEnvironment) -> None:
    command = run(user.folder, user.python.with_name("brickprof"), "--help")
    module = run(user.folder, user.python, "-I", "-m", "brickprof", "--help")
    assert "calibrate" in command
    assert command.splitlines()[1:] == module.splitlines()[1:]


def test_a_users_kernels_use_the_installed_library(user: UserEnvironment) -> None:
    answer = user.ask("answer = [m.__file__ for m in (bp, your_kernel, c_kernel)]")
    assert all(Path(file).is_relative_to(user.folder / "venv") for file in answer)


def test_the_cython_example_passes_its_tests_and_profiles_itself(user: UserEnvironment) -> None:
    project = user.folder / "your_kernel_cython"
    # What is tested is what was installed; its source stays behind.
    assert not list(project.glob("*.so"))
    command = (user.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_your_kernel.py")
    done = run(project, *command)
    assert " passed" in done and "skipped" not in done
    report = run(project, user.python, "profile_kernel.py")
    assert {"plain", "vectors"} <= set(report.split())
    assert report.splitlines()[-1].startswith("32 sums at once take ")


TILES = """
answer = [[s.count, s.timed, s.elements, s.flops, s.nbytes, s.nbytes_declared]
          for s in prof.all_tile_stats()]
"""
"""What was recorded on each level, coarsest first."""


def test_c_kernel_records_its_tiles(user: UserEnvironment) -> None:
    answer = user.ask(
        """
prof = bp.BrickProfiler()
x = numpy.arange(256, dtype=float)
sums = [c_kernel.sum_squares(None, x)]
prof.enable_tile_profiling()
with prof.recorders("sum", dtype="float64") as (handle,):
    sums.append(c_kernel.sum_squares(handle, x))
assert sums == [float(x @ x)] * 2
"""
        + TILES
    )
    assert answer == [[n, n, 256, 512, 2048, True] for n in (4, 16, 64)]


def test_undeclared_bytes_are_assumed(user: UserEnvironment) -> None:
    answer = user.ask(
        """
prof = bp.BrickProfiler()
prof.enable_tile_profiling()
with prof.recorders("wide", dtype="float64") as (handle,):
    c_kernel.play(handle, b"01.2..")
with prof.recorders("narrow") as (handle,):
    c_kernel.play(handle, b"2.2.")
"""
        + TILES
    )
    assert answer == [[1, 1, 1, 2, 8, False], [1, 1, 1, 2, 8, False], [3, 3, 3, 6, 16, False]]


@pytest.mark.parametrize(
    ("moves", "complaint"),
    [
        ("01.", "1 left open"),
        ("2..", "stopped where none was open"),
        ("21..", "coarser tile was started inside a finer one"),
        ("0" * 33 + "." * 33, "more than 32 tiles were open"),
        ("3.", "level that does not exist"),
    ],
    ids=["left open", "none open", "coarser inside", "too deep", "no such level"],
)
def test_misuse_is_raised(user: UserEnvironment, moves: str, complaint: str) -> None:
    answer = user.ask(f"""
prof = bp.BrickProfiler()
prof.enable_tile_profiling()
answer = []
try:
    with prof.recorders("wrong") as (handle,):
        c_kernel.play(handle, b"{moves}")
except bp.TileNestingError as error:
    answer.append(str(error))
before = prof.tile_stats(bp.TileLevel.MIDI).count
with prof.recorders("right") as (handle,):
    c_kernel.play(handle, b"01..")
answer.append(prof.tile_stats(bp.TileLevel.MIDI).count - before)
""")
    assert complaint in answer[0]
    assert answer[1:] == [1]


def test_something_else_is_no_handle(user: UserEnvironment) -> None:
    answer = user.ask("""
answer = []
for kernel, data in (c_kernel.play, b"0."), (c_kernel.sum_squares, numpy.zeros(64)):
    try:
        kernel("a handle", data)
    except ValueError as error:
        answer.append("BrickProfiler.recorders gave" in str(error))
""")
    assert answer == [True, True]


def test_manual_clock_times_a_kernel_exactly(user: UserEnvironment) -> None:
    answer = user.ask("""
prof = bp.BrickProfiler(clock="manual")
prof.enable_tile_profiling()
with prof.recorders("timed") as (handle,):
    for moves, ticks in (b"0", 100), (b"1", 40), (b".1", 60), (b"2", 7), (b"..", 1), (b".", 1000):
        c_kernel.play(handle, moves)
        prof.advance(ticks)
answer = [[s.count, s.total_ns, s.self_ns, s.min_ns, s.max_ns] for s in prof.all_tile_stats()]
""")
    assert answer == [[1, 208, 101, 208, 208], [2, 107, 100, 40, 67], [1, 7, 7, 7, 7]]


def test_other_languages_record_their_tiles(user: UserEnvironment) -> None:
    answer = user.ask(
        """
import ctypes
library = ctypes.CDLL(bp.get_shared_library())
prof = bp.BrickProfiler()
prof.enable_tile_profiling()
with prof.recorders("k", dtype="float64") as (handle,):
    recorder = ctypes.c_void_p(bp.recorder_address(handle))
    library.bp_start_tile(recorder, 2, ctypes.c_uint64(0), ctypes.c_uint64(0))
    library.bp_stop_tile(recorder, *map(ctypes.c_uint64, (1, 2, 3)))
"""
        + TILES
    )
    assert answer == [[0, 0, 0, 0, 0, False]] * 2 + [[1, 1, 1, 2, 3, True]]


def test_a_users_first_minutes_without_a_compiler(user: UserEnvironment) -> None:
    # What cibuildwheel runs for each wheel, and `make wheels`.
    script = shutil.copy(ROOT / "tests/project/smoke.py", user.folder)
    done = subprocess.run(
        [user.python, "-I", script],
        cwd=user.folder,
        env={"PATH": str(user.python.parent), "HOME": str(user.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "compiler: None" in done.stdout


def test_a_users_type_checker_sees_types(user: UserEnvironment) -> None:
    # Outside of the checkout, so that mypy finds the installed package and its stubs.
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", user.folder / "cache"]
    done = run(user.folder, *mypy, "--python-executable", user.python, "user_project/typed.py")
    assert "no issues found in 1 source file" in done


def compilers() -> list[list[str]]:
    """Return the commands that compile the header here: as C, and as C++ where there is one."""
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "header"]
    c = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))[0]
    found = [[c, *strict, "-x", "c", f"-std={std}"] for std in ("c99", "c11", "gnu11")]
    cxx = next(filter(shutil.which, ["c++", "g++", "clang++"]), None)
    return [*found, [cxx, *strict, "-x", "c++", "-std=c++17"]] if cxx else found


@pytest.mark.parametrize("compiler", compilers(), ids=lambda command: command[-1])
def test_header_compiles_without_a_warning(user: UserEnvironment, compiler: list[str]) -> None:
    include = user.ask("answer = bp.get_include()")
    run(user.folder, *compiler, "-I", include, "user_project/header.c")
    run(user.folder, "./header")
