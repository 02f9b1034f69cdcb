"""Helpers to record tiles on the manual clock through each of the profiler's three entry points."""

from __future__ import annotations

import ctypes
import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import brickprof
from brickprof import BrickProfiler
from brickprof.core.levels import TileLevel
from brickprof.recording import Overhead, Recording

MACRO, MIDI, MICRO = TileLevel
ENTRY_POINTS = ("python", "block", "c")
UNDECLARED = 2**64 - 1

_SOURCE = """
#include "brickprof/tile.h"
void start(bp_recorder *r, int level, uint64_t row, uint64_t col) { bp_start(r, level, row, col); }
void stop(bp_recorder *r, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    bp_stop(r, elements, flops, nbytes);
}
void stop_split(bp_recorder *r, uint64_t elements, uint64_t flops, uint64_t loaded,
                uint64_t stored) {
    bp_stop_split(r, elements, flops, loaded, stored);
}
/* Record tiles, some of them inside others, until `go` is 0; return how many outer ones. */
uint64_t record(bp_recorder *r, const volatile int *go, int pause) {
    uint64_t tiles = 0;
    while (*go) {
        bp_start(r, BP_MIDI, tiles, 0);
        for (int i = 0; i < 3; i++) {
            bp_start(r, BP_MICRO, 0, (uint64_t)i);
            for (volatile int wait = 0; wait < pause; wait++) {}
            bp_stop_split(r, 1, 2, 3, 4);
        }
        bp_stop(r, 5, 6, 7);
        tiles++;
    }
    return tiles;
}
uint32_t bucket(uint64_t ns) { return bp_bucket(ns); }
uint64_t nanoseconds(uint64_t ticks, uint64_t q32) {
    bp_recorder r = {.ns_per_tick_q32 = q32};
    return bp_ns(&r, ticks);
}
uint32_t buckets(void) { return BP_BUCKETS; }
"""


@cache
def tile_library() -> ctypes.CDLL:
    """Compile tile.h as a kernel author would, and load it."""
    include = brickprof.get_include()
    compiler = shlex.split(str(sysconfig.get_config_var("CC") or "cc"))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "tile.c"), Path(folder, "tile.so")
        source.write_text(_SOURCE)
        warnings = [
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wconversion",
            "-Wshadow",
            "-Werror",
        ]
        command = [*compiler, "-O1", "-fPIC", "-shared", *warnings, f"-I{include}"]
        subprocess.run([*command, str(source), "-o", str(target)], check=True)
        library = ctypes.CDLL(str(target))
    wide, narrow, pointer = ctypes.c_uint64, ctypes.c_int, ctypes.c_void_p
    library.start.argtypes = [pointer, narrow, wide, wide]
    library.stop.argtypes = [pointer, wide, wide, wide]
    library.stop_split.argtypes = [pointer, wide, wide, wide, wide]
    library.record.argtypes = [pointer, ctypes.POINTER(narrow), narrow]
    library.record.restype = wide
    library.bucket.argtypes = [wide]
    library.bucket.restype = library.buckets.restype = ctypes.c_uint32
    library.nanoseconds.argtypes = [wide, wide]
    library.nanoseconds.restype = wide
    return library


def pointer_of(handle: object) -> int | None:
    """Return the address behind a handle of `BrickProfiler.recorders`, None when off."""
    if handle is None:
        return None
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = get(handle, b"brickprof.recorder.5")
    return address


def manual(**arguments: Any) -> BrickProfiler:
    """Return a profiler that is on and whose clock moves by `advance` alone."""
    prof = BrickProfiler(clock="manual", **arguments)
    prof.enable_tile_profiling()
    return prof


def micro(prof: BrickProfiler, ticks: int = 1, **work: Any) -> None:
    """Record a Micro tile that takes this long."""
    with prof.tile(MICRO, 0, 0, **work):
        prof.advance(ticks)


@contextmanager
def tile(
    prof: BrickProfiler,
    entry_point: str,
    level: TileLevel,
    work: tuple[int, int, int | None] = (0, 0, None),
    handle: object = None,
) -> Iterator[None]:
    """Open a tile through an entry point; `work` is its elements, flops and bytes."""
    elements, flops, nbytes = work
    if entry_point == "python":
        timer = prof.start_tile(level, 0, 0)
        yield
        prof.stop_tile(timer, elements, flops, nbytes)
    elif entry_point == "block":
        with prof.tile(level, 0, 0, elements=elements, flops=flops, nbytes=nbytes):
            yield
    else:
        address = pointer_of(handle)
        tile_library().start(address, level, 0, 0)
        yield
        tile_library().stop(address, elements, flops, UNDECLARED if nbytes is None else nbytes)


def overhead(**costs: float) -> Overhead:
    """Return an Overhead with distinct costs for every entry point, but those given."""
    distinct = {
        "c_pair": 7.0,
        "c_inside": 2.0,
        "python_pair": 23.0,
        "python_inside": 5.0,
        "block_pair": 41.0,
        "block_inside": 11.0,
    }
    return Overhead(**{**distinct, **costs})


def figures(prof: BrickProfiler) -> tuple[Any, ...]:
    """Return all that a refused call must leave as it was."""
    rec: Recording = prof.recording()
    return rec.tiles, rec.brick_infos, rec.open_tiles, rec.abandoned_tiles, rec.events
