"""The C++ header's tiles stop at the end of their scopes, exceptions included."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.entry_points import MACRO, MICRO, manual, pointer_of

import brickprof as bp

CXX = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)

SOURCE = """
#include <stdexcept>
#include "brickprof/tile.hpp"

extern "C" void run(bp_recorder *recorder) {
    using brickprof::level;
    brickprof::tile macro(recorder, level::macro, 3, 4);
    macro.work(2, 20, 200);
    for (std::uint64_t i = 0; i < 5; i++) {
        brickprof::tile micro(recorder, level::micro, i, 0);
        micro.work(1, 4);
    }
    try {
        brickprof::tile micro(recorder, level::micro, 9, 9);
        micro.work(1, 1, 1);
        throw std::runtime_error("left");
    } catch (const std::runtime_error &) {
    }
}
"""


@pytest.mark.skipif(CXX is None, reason="needs a C++ compiler")
@pytest.mark.skipif(
    "LD_PRELOAD" in os.environ, reason="a sanitizer loaded before C++'s library ends at its throw"
)
@pytest.mark.parametrize("standard", ["c++11", "c++17"])
def test_tiles_stop_at_the_end_of_their_scopes(standard: str, tmp_path: Path) -> None:
    source, library = tmp_path / "kernel.cpp", tmp_path / "kernel.so"
    source.write_text(SOURCE)
    assert CXX is not None
    strict = ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", f"-std={standard}"]
    command = [CXX, *strict, "-fPIC", "-shared", f"-I{bp.get_include()}", str(source)]
    subprocess.run([*command, "-o", str(library)], check=True)
    run = ctypes.CDLL(str(library)).run
    run.argtypes = [ctypes.c_void_p]
    prof = manual()
    with prof.recorders("k") as (handle,):
        run(pointer_of(handle))
    run(None)  # of a profiler that is off
    macro, micro = prof.tile_stats(MACRO, "k"), prof.tile_stats(MICRO, "k")
    assert (macro.count, macro.elements, macro.flops, macro.nbytes) == (1, 2, 20, 200)
    assert (micro.count, micro.flops, micro.undeclared) == (6, 21, 5)
