"""``brickprof demo``: profiles three kernels, one of them by hand; a worked example."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brickprof.cli._options import add_isa, add_json, add_save, add_threads
from brickprof.cli._problems import AttentionProblem, GemmProblem
from brickprof.cli._runs import prepared, show, with_roofs
from brickprof.levels import TileLevel

if TYPE_CHECKING:
    from brickprof import BrickProfiler

NAME = "demo"
HELP = "profile a product, attention and a NumPy stencil, and say what to look at next"

GEMM = GemmProblem(1024, 1024, 1024)
ATTENTION = AttentionProblem(heads=12, rows=512, dim=64, kv_heads=12, keys=512)
REPEATS = 3

# Tiles of the stencil in grid points. A tile and its result take 8 bytes a point: 16 KiB, 128 KiB
# and 8 MiB, which is half of a usual L1, L2 and L3 or less.
GRID = 2048
MACRO = 1024
MIDI_ROWS, MICRO_ROWS, COLUMNS = 64, 8, 256
ITEMSIZE = 4
FLOPS_PER_POINT = 4
UFUNC_BYTES_PER_POINT = (3 * 3 + 2) * ITEMSIZE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_threads(parser, "1, so that all three kernels are held against the same roofs")
    add_isa(parser)
    add_save(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Profile the three kernels into one recording and print its report."""
    from brickprof import BrickProfiler

    threads = args.threads or 1
    profiler = BrickProfiler()
    profiler.enable_tile_profiling()
    for problem in (GEMM, ATTENTION):
        kernel = prepared(problem, args.isa)
        kernel(threads, None)
        for _ in range(REPEATS):
            kernel(threads, profiler)
    record_stencil(profiler, GRID, REPEATS)
    show(args, with_roofs(profiler.recording(), "float32", args.isa))
    return 0


def record_stencil(profiler: BrickProfiler, size: int, sweeps: int) -> NDArray[np.float32]:
    """Average the four neighbours of each point of a size x size grid, tile by tile.

    The grid's border is kept. A level's bytes are what its tiles read from and write to the
    level's own cache: every Micro tile's operands in L1, and further out what the tiles inside
    bring in and write back, halo included.
    """
    source = np.random.default_rng(0).random((size + 2, size + 2), np.float32)
    for _ in range(sweeps):
        target = source.copy()
        with profiler.brick("stencil"):
            for row in range(0, size, MACRO):
                for col in range(0, size, MACRO):
                    _macro(profiler, source, target, row, col, min(size, MACRO))
        source = target
    return source


def _macro(
    profiler: BrickProfiler,
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    row: int,
    col: int,
    side: int,
) -> None:
    """Work through a Macro tile, which stays in L3, Midi tile by Midi tile."""
    points = side * side
    midis = points // (MIDI_ROWS * COLUMNS)
    with profiler.tile(
        TileLevel.MACRO,
        row // MACRO,
        col // MACRO,
        elements=points,
        flops=points * FLOPS_PER_POINT,
        nbytes=midis * _moved(MIDI_ROWS, COLUMNS),
    ):
        for i in range(0, side, MIDI_ROWS):
            for j in range(0, side, COLUMNS):
                _midi(profiler, source, target, row + i, col + j)


def _midi(
    profiler: BrickProfiler,
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    row: int,
    col: int,
) -> None:
    """Work through a Midi tile, which stays in L2, Micro tile by Micro tile."""
    points = MIDI_ROWS * COLUMNS
    with profiler.tile(
        TileLevel.MIDI,
        row // MIDI_ROWS,
        col // COLUMNS,
        elements=points,
        flops=points * FLOPS_PER_POINT,
        nbytes=MIDI_ROWS // MICRO_ROWS * _moved(MICRO_ROWS, COLUMNS),
    ):
        for i in range(row, row + MIDI_ROWS, MICRO_ROWS):
            timer = profiler.start_tile(TileLevel.MICRO, i // MICRO_ROWS, col // COLUMNS)
            done = _micro(source, target, i, col)
            profiler.stop_tile(timer, done, done * FLOPS_PER_POINT, done * UFUNC_BYTES_PER_POINT)


def _micro(source: NDArray[np.float32], target: NDArray[np.float32], row: int, col: int) -> int:
    """Average a Micro tile's neighbours with four ufuncs in L1, and return its points."""
    rows, cols = slice(row + 1, row + MICRO_ROWS + 1), slice(col + 1, col + COLUMNS + 1)
    out = target[rows, cols]
    np.add(source[row : row + MICRO_ROWS, cols], source[row + 2 : rows.stop + 1, cols], out=out)
    np.add(out, source[rows, col : col + COLUMNS], out=out)
    np.add(out, source[rows, col + 2 : cols.stop + 1], out=out)
    np.multiply(out, np.float32(0.25), out=out)
    return out.size


def _moved(rows: int, cols: int) -> int:
    """Return the bytes of a tile that is read once with its halo and written once."""
    return ((rows + 2) * (cols + 2) + rows * cols) * ITEMSIZE
