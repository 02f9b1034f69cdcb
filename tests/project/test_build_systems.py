"""CMake and pkg-config find the headers: from here, from a moved copy, in C and in C++."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version
from support.entry_points import MACRO, MICRO, manual, pointer_of

import brickprof as bp
from brickprof.cli import main

PACKAGE = Path(bp.__file__).parent
EXAMPLE = PACKAGE.parent / "examples/your_kernel_cpp"
GUIDE = Path(__file__).parents[2] / "docs/guide/timing-your-kernel.md"

needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
needs_pkg_config = pytest.mark.skipif(shutil.which("pkg-config") is None, reason="needs pkg-config")

C = """
#include <brickprof/tile.h>

void run(bp_recorder *recorder) {
    bp_start(recorder, BP_MACRO, 1, 2);
    for (uint64_t i = 0; i < 3; i++) {
        bp_start(recorder, BP_MICRO, i, 0);
        bp_stop(recorder, 10, 20, 40);
    }
    bp_stop(recorder, 30, 60, BP_UNDECLARED);
}
"""
CXX = """
#include <brickprof/tile.hpp>

extern "C" void run(bp_recorder *recorder) {
    brickprof::tile macro(recorder, brickprof::level::macro, 1, 2);
    for (std::uint64_t i = 0; i < 3; i++) {
        brickprof::tile micro(recorder, brickprof::level::micro, i, 0);
        micro.work(10, 20, 40);
    }
    macro.work(30, 60);
}
"""
SOURCES = {"C": ("kernel.c", C), "CXX": ("kernel.cpp", CXX)}
CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES {language})
{find}
add_library(kernel SHARED {file})
target_compile_options(kernel PRIVATE -Wall -Wextra -Werror)
target_link_libraries(kernel PRIVATE {target})
"""


def run(folder: Path, *command: object, **environment: str) -> str:
    """Run a command in a folder and return what it prints."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def folder_of(option: str) -> str:
    """Return what the command prints for an option, as a build system would ask it."""
    out = run(PACKAGE.parent, sys.executable, "-m", "brickprof", option)
    assert out.endswith("\n") and out.count("\n") == 1
    return out[:-1]


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """Return a copy of what compilers see of the package, below a folder with blanks."""
    copy = tmp_path / "some other place/brickprof"
    for part in ("include", "share"):
        shutil.copytree(PACKAGE / part, copy / part)
    shutil.copy(PACKAGE / "_version.py", copy)
    return copy


def project(folder: Path, language: str, find: str, target: str) -> Path:
    """Write a project that finds the headers in one way, and return its folder."""
    folder /= "user's project"
    folder.mkdir()
    file, source = SOURCES[language]
    (folder / file).write_text(source)
    text = CMAKE.format(language=language, file=file, find=find, target=target)
    (folder / "CMakeLists.txt").write_text(text)
    return folder


def build(folder: Path, *options: str, library: str = "libkernel.so", **environment: str) -> Path:
    """Configure and build a project, and return its library."""
    run(
        folder,
        "cmake",
        "-S",
        ".",
        "-B",
        "build",
        "-DCMAKE_BUILD_TYPE=Release",
        *options,
        **environment,
    )
    run(folder, "cmake", "--build", "build")
    return folder / "build" / library


def check_records(library: Path) -> None:
    """Run a built kernel and check its tiles."""
    kernel = ctypes.CDLL(str(library)).run
    kernel.argtypes = [ctypes.c_void_p]
    prof = manual()
    with prof.recorders("k") as (handle,):
        kernel(pointer_of(handle))
    kernel(None)  # of a profiler that is off
    macro, micro = prof.tile_stats(MACRO, "k"), prof.tile_stats(MICRO, "k")
    assert (macro.count, macro.elements, macro.flops, macro.undeclared) == (1, 30, 60, 1)
    assert (micro.count, micro.elements, micro.flops, micro.nbytes) == (3, 30, 60, 120)


def test_the_command_tells_the_folders() -> None:
    assert folder_of("--cmake-dir") == bp.get_cmake_dir()
    assert folder_of("--pkg-config-dir") == bp.get_pkg_config_dir()
    assert folder_of("--include-dir") == bp.get_include()
    assert (Path(bp.get_cmake_dir()) / "brickprofConfig.cmake").is_file()
    assert (Path(bp.get_pkg_config_dir()) / "brickprof.pc").is_file()
    assert (Path(bp.get_include()) / "brickprof/tile.h").is_file()


def test_a_folder_is_printed_to_its_last_byte(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name of many words, wider than any terminal, that is no UTF-8.
    odd = Path(os.fsdecode(b"/" + b"a b " * 60 + b"\xff"))
    monkeypatch.setattr("brickprof.core.build_folders._PACKAGE", odd)
    assert main(["--include-dir"]) == 0
    assert capfdbinary.readouterr().out == bytes(odd) + b"/include\n"


@needs_cmake
@pytest.mark.slow
@pytest.mark.parametrize("language", SOURCES)
def test_cmake_builds_a_project_as_the_guide_says(language: str, tmp_path: Path) -> None:
    (find,) = re.findall(r"```cmake\n(.*)\ntarget_link", GUIDE.read_text(), re.S)
    folder = project(tmp_path, language, find, "brickprof::tile")
    check_records(build(folder, f"-DPython_EXECUTABLE={sys.executable}"))


@needs_cmake
@pytest.mark.slow
def test_cmake_finds_a_package_that_was_moved_among_others(moved: Path, tmp_path: Path) -> None:
    # As scikit-build-core does, which puts site-packages on the path; found twice is found once.
    find = "find_package(brickprof REQUIRED)\nfind_package(brickprof CONFIG REQUIRED)"
    folder = project(tmp_path, "CXX", find, "brickprof::tile")
    library = build(folder, f"-DCMAKE_PREFIX_PATH={moved.parent}")
    check_records(library)
    assert str(moved) in (folder / "build/CMakeCache.txt").read_text()


@needs_cmake
def test_cmake_is_given_the_version_that_was_asked_for(tmp_path: Path) -> None:
    major, minor, *_ = Version(bp.__version__).release
    wanted = {
        "": True,
        bp.__version__: True,
        f"{bp.__version__} EXACT": True,
        f"{major}.{minor}": True,
        f"{major}": True,
        f"{bp.__version__}.1 EXACT": False,
        f"{major}.{minor + 1}": False,
        f"{major + 1}": False,
        f"{major}.{minor}...{major + 1}": True,
        f"{major}...<{major}.{minor}": False,
        f"{major}.{minor + 1}...{major + 2}": False,
        f"{major}...{bp.__version__}": True,
        f"{major}...<{bp.__version__}": False,
    }
    lines = ["cmake_minimum_required(VERSION 3.19)", "project(versions LANGUAGES NONE)"]
    for version in wanted:
        lines += [
            "unset(brickprof_DIR CACHE)",
            f'find_package(brickprof {version} CONFIG QUIET PATHS "{bp.get_cmake_dir()}")',
            'message(STATUS "found ${brickprof_FOUND} ${brickprof_VERSION}")',
        ]
    (tmp_path / "CMakeLists.txt").write_text("\n".join(lines))
    out = run(tmp_path, "cmake", ".")
    found = [line.split()[2:] for line in out.splitlines() if line.startswith("-- found")]
    assert [one[0] == "1" for one in found] == list(wanted.values())
    assert all(one[1] == bp.__version__ for one in found if one[0] == "1")


@needs_pkg_config
def test_pkg_config_tells_the_version_and_the_headers(moved: Path) -> None:
    for share in (folder_of("--pkg-config-dir"), str(moved / "share/pkgconfig")):
        ask = ("pkg-config", "brickprof")
        assert run(moved, *ask, "--modversion", PKG_CONFIG_PATH=share) == f"{bp.__version__}\n"
        (flag,) = shlex.split(run(moved, *ask, "--cflags", "--libs", PKG_CONFIG_PATH=share))
        assert flag.startswith("-I")
        assert Path(flag[2:]).resolve() == Path(share).parents[1] / "include"


@needs_pkg_config
@pytest.mark.parametrize("language", SOURCES)
def test_pkg_config_builds_a_project(language: str, moved: Path, tmp_path: Path) -> None:
    file, source = SOURCES[language]
    (tmp_path / file).write_text(source)
    compiler = {"C": "cc", "CXX": "c++"}[language]
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    share = str(moved / "share/pkgconfig")
    flags = shlex.split(run(tmp_path, "pkg-config", "--cflags", "brickprof", PKG_CONFIG_PATH=share))
    run(tmp_path, compiler, "-shared", "-fPIC", "-O2", *flags, file, "-o", "libkernel.so")
    check_records(tmp_path / "libkernel.so")


@needs_cmake
@pytest.mark.slow
def test_the_cpp_example_builds_as_its_page_says_and_profiles_itself(tmp_path: Path) -> None:
    folder = tmp_path / "your_kernel_cpp"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "__pycache__"))
    lines = re.findall(r"^    (.+)$", (folder / "README.md").read_text(), re.M)
    # The command is that of this Python, whether or not its folder is on the path.
    commands = "\n".join(lines).replace("brickprof --", f"{sys.executable} -m brickprof --")
    commands = commands.replace("\npython ", f"\n{sys.executable} ")
    out = run(folder, "sh", "-e", "-c", commands, PYTHONPATH=str(PACKAGE.parent))
    assert {"develop_in_steps", "develop_fused"} <= set(out.split())
    assert out.splitlines()[-1].startswith("One pass takes ")


REFUSED = """
import numpy as np
from your_kernel import develop, load
library = load("build/libyour_kernel.so")
good, readonly = np.zeros((3, 8), np.float32), np.zeros((3, 8), np.float32)
readonly.flags.writeable = False
outs = [good.astype(float), np.zeros((8, 3), np.float32), good[:, ::2], good, good[:], readonly]
for out in outs:
    try:
        develop(library, "develop_fused", good, out)
    except ValueError as error:
        print(error)
"""


@needs_cmake
@pytest.mark.slow
def test_the_cpp_example_refuses_arrays_that_it_would_run_past(tmp_path: Path) -> None:
    folder = tmp_path / "your_kernel_cpp"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "__pycache__"))
    build(folder, f"-Dbrickprof_DIR={bp.get_cmake_dir()}", library="libyour_kernel.so")
    out = run(folder, sys.executable, "-c", REFUSED, PYTHONPATH=f"{PACKAGE.parent}:{folder}")
    assert out.count("raw and out must be float32") == 3
    assert out.count("out must be writeable, and apart from raw") == 3


@needs_cmake
@needs_pkg_config
@pytest.mark.slow
def test_cmake_builds_by_pkg_config_too(moved: Path, tmp_path: Path) -> None:
    find = (
        "find_package(PkgConfig REQUIRED)\npkg_check_modules(bp REQUIRED IMPORTED_TARGET brickprof)"
    )
    folder = project(tmp_path, "C", find, "PkgConfig::bp")
    check_records(build(folder, PKG_CONFIG_PATH=str(moved / "share/pkgconfig")))
