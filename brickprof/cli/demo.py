"""``brickprof demo``: profiles three kernels, one of them by hand; a worked example."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from brickprof.cli._options import add_isa, add_json, add_save, add_threads
from brickprof.cli._output import progress_bar
from brickprof.cli._runs import check_save, prepared, show, with_roofs
from brickprof.core.levels import TileLevel
from brickprof.kernels.attention.spec import ATTENTION, AttentionProblem
from brickprof.kernels.gemm.spec import GEMM, GemmProblem
from brickprof.kernels.spec import KernelSpec, Problem

if TYPE_CHECKING:
    from brickprof.profiler.brick_profiler import BrickProfiler

NAME = "demo"
HELP = "profile a product, attention and a product by hand in NumPy, and say what to look at next"

PROBLEMS: tuple[tuple[KernelSpec, Problem], ...] = (
    (GEMM, GemmProblem(1024, 1024, 1024)),
    (ATTENTION, AttentionProblem(heads=12, rows=512, dim=64)),
)
REPEATS = 3

# The product by hand has blocks of BLOCK x BLOCK: the four of a Midi tile take 256 KiB of L2. There
# are no blocks for L1, as a call of NumPy takes about as long as the work of one.
SIZE = 768
PANEL = 384
BLOCK = 128
BLOCK_BYTES = BLOCK * BLOCK * 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_threads(parser, "1, so that all three kernels are held against the same roofs")
    add_isa(parser)
    add_save(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Profile the three kernels into one recording and print its report."""
    from brickprof.profiler.brick_profiler import BrickProfiler

    check_save(args)
    threads = args.threads or 1
    profiler = BrickProfiler(grid=64, events=2000)
    profiler.enable_tile_profiling()
    with progress_bar("profiling") as progress:
        report = progress or (lambda fraction, what: None)
        for number, (kernel, problem) in enumerate(PROBLEMS):
            report(number / (1 + len(PROBLEMS)), problem.label)
            run_once = prepared(kernel, problem, args.isa)
            run_once(threads, None)
            for _ in range(REPEATS):
                run_once(threads, profiler)
        report(len(PROBLEMS) / (1 + len(PROBLEMS)), "NumPy blocks")
        # NumPy's own threads would do part of the work untimed.
        with threadpool_limits(limits=1):
            record_product(BrickProfiler(), SIZE, 1)
            record_product(profiler, SIZE, REPEATS)
    show(args, with_roofs(profiler.recording(), "float32", args.isa))
    return 0


def record_product(
    profiler: BrickProfiler, size: int, repeats: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Multiply two size x size matrices with NumPy, block by block, and return all three."""
    rng = np.random.default_rng(0)
    a, b = rng.random((size, size), np.float32), rng.random((size, size), np.float32)
    c = np.zeros_like(a)
    for _ in range(repeats):
        c.fill(0)
        with profiler.brick("NumPy blocks"):
            for col in range(0, size, PANEL):
                _panel(profiler, a, b, c, col)
    return a, b, c


def _panel(
    profiler: BrickProfiler,
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    c: NDArray[np.float32],
    col: int,
) -> None:
    """Macro tile: a panel of columns of c, whose share of a and b stays in L3.

    Its bytes are what its Midi tiles bring into L2 and write back: a block of a, one of b, and one
    of c in both directions.
    """
    size = a.shape[0]
    cols = min(PANEL, size - col)
    blocks = (size // BLOCK) ** 2 * (cols // BLOCK)
    macro = profiler.start_tile(TileLevel.MACRO, 0, col // PANEL)
    scratch = np.empty((BLOCK, BLOCK), np.float32)
    for j in range(col, col + cols, BLOCK):
        for i in range(0, size, BLOCK):
            for p in range(0, size, BLOCK):
                _block(profiler, a, b, c, scratch, (i, j, p))
    profiler.stop_tile(macro, size * cols, blocks * _block_flops(), blocks * 4 * BLOCK_BYTES)


def _block(
    profiler: BrickProfiler,
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    c: NDArray[np.float32],
    scratch: NDArray[np.float32],
    place: tuple[int, int, int],
) -> None:
    """Midi tile: a block of a times one of b, added to one of c, in L2.

    It reads a, b, its own product and c, and writes the product and c: six blocks.
    """
    i, j, p = place
    with profiler.tile(
        TileLevel.MIDI,
        i // BLOCK,
        j // BLOCK,
        elements=BLOCK * BLOCK,
        flops=_block_flops(),
        nbytes=6 * BLOCK_BYTES,
    ):
        target = c[i : i + BLOCK, j : j + BLOCK]
        np.matmul(a[i : i + BLOCK, p : p + BLOCK], b[p : p + BLOCK, j : j + BLOCK], out=scratch)
        np.add(target, scratch, out=target)


def _block_flops() -> int:
    """Return the operations of a Midi tile: the product, and one addition an element."""
    return 2 * BLOCK**3 + BLOCK**2
