"""The C++ header's tiles stop at the end of their scopes, exceptions included."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import MACRO, MICRO, MIDI, manual, pointer_of

import brickprof as bp
from brickprof.recording import Recording

COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow"]

pytestmark = [
    pytest.mark.skipif(not COMPILERS, reason="needs a C++ compiler"),
    pytest.mark.skipif(
        "LD_PRELOAD" in os.environ,
        reason="a sanitizer loaded before C++'s library ends at its throw",
    ),
]

SOURCE = """
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include "brickprof/tile.hpp"

using brickprof::level;
using brickprof::tile;

static_assert(!std::is_copy_constructible<tile>::value, "");
static_assert(!std::is_move_constructible<tile>::value, "");
static_assert(!std::is_copy_assignable<tile>::value, "");
static_assert(!std::is_move_assignable<tile>::value, "");
static_assert(std::is_nothrow_destructible<tile>::value, "");
static_assert(std::is_nothrow_constructible<tile, bp_recorder *, level, int, int>::value, "");
static_assert(!std::is_constructible<tile, bp_recorder *, level, double, int>::value, "");
static_assert(!std::is_constructible<tile, bp_recorder *, int, int, int>::value, "");

enum { SIDE = 2 };

extern "C" void run(bp_recorder *recorder) {
    tile macro(recorder, level::macro, 3, 4);
    macro.work(2, 20, 200);
    for (int i = 0; i < 5; i++) {
        tile micro{recorder, level::micro, i, 0};
        micro.work(std::ptrdiff_t{1}, 2u * SIDE);
    }
    try {
        tile micro(recorder, level::micro, std::size_t{9}, SIDE);
        micro.work(1, 1, 1);
        throw std::runtime_error("left");
    } catch (const std::runtime_error &) {
    }
}

extern "C" void stops(bp_recorder *recorder) {
    tile early(recorder, level::midi, 0, 0);
    early.work_split(1, 2, 30, 4);
    early.stop();
    early.stop();
    tile never_declared(recorder, level::midi, 0, 1);
}

// Elements are known when they were counted; the last word holds.
extern "C" void counted(bp_recorder *recorder, const int *values, int length) noexcept {
    tile counting(recorder, level::micro, 0, 0);
    counting.work_split(0, 0, 1000, 1000);
    int positive = 0;
    for (int i = 0; i < length; i++) positive += values[i] > 0;
    counting.work(positive, 0, static_cast<std::size_t>(length) * sizeof *values);
}

// What goes wrong where a number of rows or of bytes is negative or is not known.
extern "C" void wrong(bp_recorder *recorder, int row, int elements, int flops, int nbytes) {
    tile made(recorder, level::micro, row, 0);
    made.work(elements, flops, nbytes);
}

extern "C" void wrong_split(bp_recorder *recorder, int elements, int flops, int loaded,
                            int stored) {
    tile made(recorder, level::micro, 0, 0);
    made.work_split(elements, flops, loaded, stored);
}
"""


@cache
def folder() -> Path:
    """Return a folder for what is compiled once."""
    import tempfile

    return Path(tempfile.mkdtemp())


def compiled(compiler: str, *options: str, **sources: str) -> Path:
    """Compile C++ sources into a shared library."""
    library = Path(folder(), f"{'-'.join([compiler, *options, *sources]).replace('/', '_')}.so")
    files = []
    for name, text in sources.items():
        files.append(folder() / f"{name}.cpp")
        files[-1].write_text(text)
    command = [compiler, *STRICT, "-Werror", "-O2", "-fPIC", "-shared", f"-I{bp.get_include()}"]
    subprocess.run([*command, *options, *files, "-o", library], check=True)
    return library


def loaded(library: Path) -> Any:
    """Load a library whose functions take a recorder."""
    found = ctypes.CDLL(str(library))
    for name in ("run", "stops"):
        if hasattr(found, name):
            getattr(found, name).argtypes = [ctypes.c_void_p]
    return found


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_tiles_stop_at_the_end_of_their_scopes(compiler: str, standard: str) -> None:
    run = loaded(compiled(compiler, f"-std={standard}", kernel=SOURCE)).run
    prof = manual()
    with prof.recorders("k") as (handle,):
        run(pointer_of(handle))
    run(None)  # of a profiler that is off
    macro, micro = prof.tile_stats(MACRO, "k"), prof.tile_stats(MICRO, "k")
    assert (macro.count, macro.elements, macro.flops, macro.nbytes) == (1, 2, 20, 200)
    assert (micro.count, micro.flops, micro.undeclared) == (6, 21, 5)


@pytest.fixture(scope="module")
def kernels() -> Any:
    """Return the functions of SOURCE."""
    return loaded(compiled(COMPILERS[0], "-std=c++17", kernel=SOURCE))


def test_a_tile_may_stop_early_and_does_so_once(kernels: Any) -> None:
    prof = manual()
    with prof.recorders("k") as (handle,):
        kernels.stops(pointer_of(handle))
    kernels.stops(None)
    midi = prof.tile_stats(MIDI, "k")
    assert (midi.count, midi.elements, midi.flops, midi.undeclared) == (2, 1, 2, 1)
    assert (midi.loaded_bytes, midi.stored_bytes) == (30, 4)


@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        ("wrong", (-1, 1, 1, 1)),
        ("wrong", (0, -1, 1, 1)),
        ("wrong", (0, 1, -1, 1)),
        ("wrong", (0, 1, 1, -2)),
        ("wrong_split", (-1, 1, 1, 1)),
        ("wrong_split", (1, -1, 1, 1)),
        ("wrong_split", (1, 1, -1, 1)),
        ("wrong_split", (1, 1, 1, -1)),
    ],
)
def test_negative_numbers_are_misuse(kernels: Any, function: str, numbers: tuple[int, ...]) -> None:
    prof = manual()
    with (
        pytest.raises(bp.TileNestingError, match="place or work was negative"),
        prof.recorders("k") as (handle,),
    ):
        getattr(kernels, function)(ctypes.c_void_p(pointer_of(handle)), *numbers)
    getattr(kernels, function)(None, *numbers)
    recording = prof.recording()
    micro = recording.tile_stats(MICRO, "k")
    work = 1 if function == "wrong" and numbers[0] < 0 else 0
    assert (micro.count, micro.elements, micro.flops, micro.nbytes) == (1, work, work, work)
    assert Recording.from_json(recording.to_json()) == recording


def test_minus_one_as_bytes_is_not_known(kernels: Any) -> None:
    prof = manual()
    with prof.recorders("k") as (handle,):
        kernels.wrong(ctypes.c_void_p(pointer_of(handle)), 0, 1, 1, -1)
    assert prof.tile_stats(MICRO, "k").undeclared == 1


def test_work_may_be_declared_when_it_is_known(kernels: Any) -> None:
    prof = manual()
    values = (ctypes.c_int * 4)(1, -1, 5, 0)
    with prof.recorders("k") as (handle,):
        kernels.counted(ctypes.c_void_p(pointer_of(handle)), values, 4)
    micro = prof.tile_stats(MICRO, "k")
    assert (micro.elements, micro.nbytes, micro.loaded_bytes) == (2, 16, 0)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_tile_that_is_no_variable_is_warned_of(compiler: str) -> None:
    source = SOURCE.replace("tile never_declared(", "tile(")
    assert source != SOURCE
    with pytest.raises(subprocess.CalledProcessError):
        compiled(compiler, "-std=c++17", nameless=source)


TEMPLATE = """
#include "brickprof/tile.hpp"
template <typename T>
void doubled(bp_recorder *recorder, T *values, int length) {
    brickprof::tile micro(recorder, brickprof::level::micro, 0, 0);
    for (int i = 0; i < length; i++) values[i] += values[i];
    micro.work(length, length);
}
"""
PART = (
    TEMPLATE
    + """
extern "C" void NAME(bp_recorder *recorder);
extern "C" void NAME(bp_recorder *recorder) {
    float values[7] = {};
    doubled(recorder, values, 7);
}
"""
)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_files_share_the_functions_and_keep_them_to_their_library(compiler: str) -> None:
    # What is static would make a template that uses it another one in each file.
    parts = {name: PART.replace("NAME", name) for name in ("run", "stops")}
    library = compiled(compiler, "-std=c++11", "-flto" if compiler == "g++" else "-O1", **parts)
    prof = manual()
    with prof.recorders("k") as (handle,):
        loaded(library).run(pointer_of(handle))
        loaded(library).stops(pointer_of(handle))
    assert prof.tile_stats(MICRO, "k").elements == 14
    exported = subprocess.run(
        ["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[-1] for line in exported.splitlines()}
    assert {"run", "stops"} <= names
    assert not [name for name in names if name.startswith(("bp_", "_ZN9brickprof"))]
    object_file = library.with_suffix(".o")
    command = [compiler, "-std=c++11", "-O2", "-c", f"-I{bp.get_include()}", "-o", object_file]
    subprocess.run([*command, folder() / "run.cpp"], check=True)
    listed = subprocess.run(["nm", object_file], capture_output=True, text=True, check=True).stdout
    symbols = [line.split()[-2:] for line in listed.splitlines()]
    assert {kind for kind, name in symbols if name.startswith("bp_")} == {"W"}


TEAM = """
#include <omp.h>
#include <vector>
#include "brickprof/tile.hpp"

extern "C" void run(bp_recorder *const *recorders, int threads, int tiles) {
#pragma omp parallel num_threads(threads)
    {
        bp_recorder *const mine = recorders[omp_get_thread_num()];
        brickprof::tile macro(mine, brickprof::level::macro, omp_get_thread_num(), 0);
#pragma omp for schedule(dynamic)
        for (int i = 0; i < tiles; i++) {
            brickprof::tile micro(mine, brickprof::level::micro, i, 0);
            std::vector<double> values(100, i);
            micro.work(values.size(), 1, values.size() * sizeof values[0]);
        }
        macro.work(1, 1);
    }
}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_each_thread_of_a_team_has_tiles_of_its_own(compiler: str) -> None:
    try:
        library = compiled(compiler, "-std=c++17", "-fopenmp", team=TEAM)
    except subprocess.CalledProcessError:
        if compiler == "g++":
            raise
        pytest.skip("this clang has no OpenMP")
    threads, tiles = 3, 64
    prof = manual()
    with prof.recorders("k", threads=threads) as handles:
        recorders = (ctypes.c_void_p * threads)(*map(pointer_of, handles))
        ctypes.CDLL(str(library)).run(recorders, threads, tiles)
    macro, micro = prof.tile_stats(MACRO, "k"), prof.tile_stats(MICRO, "k")
    assert (macro.count, micro.count, micro.nbytes) == (threads, tiles, tiles * 800)


MODULE = """
#include <brickprof/handle.h>
#include <brickprof/tile.hpp>

static PyObject *run(PyObject *, PyObject *handle) {
    bp_recorder *const recorder = bp_recorder_of(handle);
    if (PyErr_Occurred()) return nullptr;
    brickprof::tile micro(recorder, brickprof::level::micro, 0, 0);
    micro.work(1, 2, 3);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"run", run, METH_O, nullptr}, {nullptr, nullptr, 0, nullptr}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "handles", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr,
};
PyMODINIT_FUNC PyInit_handles() { return PyModule_Create(&definition); }
"""


@pytest.fixture(scope="module")
def module() -> Any:
    """Return an extension module in C++ that takes handles, for the limited API."""
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    headers = [sysconfig.get_path("include"), f"{sysconfig.get_path('data')}/include"]
    options = [part for path in headers for part in ("-isystem", path)]
    limited = "-DPy_LIMITED_API=0x030A0000"
    library = compiled(COMPILERS[0], "-std=c++17", limited, *options, handles=MODULE)
    spec = spec_from_loader("handles", ExtensionFileLoader("handles", str(library)))
    assert spec is not None
    return module_from_spec(spec)


def capsule(name: bytes) -> object:
    """Return a capsule that no profiler made."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = (
        ctypes.py_object,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
    )
    made: object = new(1, name, None)
    return made


def test_an_extension_module_takes_recorders_out_of_handles(module: Any) -> None:
    prof = manual()
    with prof.recorders("k") as (handle,):
        module.run(handle)
    module.run(None)
    micro = prof.tile_stats(MICRO, "k")
    assert (micro.count, micro.flops, micro.nbytes) == (1, 2, 3)


OLD = b"brickprof.recorder.1"


@pytest.mark.parametrize(
    ("handle", "message"),
    [
        ("a text", "must be one that BrickProfiler.recorders gave, or None"),
        (capsule(b"numpy._ARRAY_API"), "must be one that BrickProfiler.recorders gave, or None"),
        (capsule(OLD), "got a brickprof.recorder.1: build this kernel again"),
    ],
    ids=["text", "other capsule", "other version"],
)
def test_what_is_no_handle_is_refused(module: Any, handle: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module.run(handle)


def test_a_handle_whose_block_was_left_is_refused(module: Any) -> None:
    prof = manual()
    with prof.recorders("k") as (handle,):
        pass
    with pytest.raises(ValueError, match="whose with block has not been left"):
        module.run(handle)
