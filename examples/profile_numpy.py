"""Wrap a blocked NumPy kernel by hand, and see what blocking is worth.

A polynomial is evaluated by Horner's rule, twice: over the whole array at once, so that every step
of the rule streams it through the caches, and block by block, so that all steps find their
operands in L2. Blocks for L1 would not pay: a call of NumPy costs about a microsecond, as much as
it takes to work through such a block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import brickprof as bp
from brickprof import TileLevel

Array = NDArray[np.float32]

COEFFICIENTS = np.arange(1, 17, dtype=np.float32) / 16
FLOPS = 2 * (len(COEFFICIENTS) - 1)  # a multiplication and an addition for each step

# Bytes of an element. A step multiplies in place (reads two arrays, writes one) and adds in place
# (reads one, writes one); one pass over all steps reads x and writes y.
STEP_BYTES = (len(COEFFICIENTS) - 1) * (3 + 2) * 4
PASS_BYTES = 2 * 4

# Elements of a tile. Together x and y take 8 bytes for each: 8 MiB and 256 KiB.
MACRO, MIDI = 1 << 20, 1 << 15


def horner(x: Array, y: Array) -> None:
    """Evaluate the polynomial at x into y."""
    y.fill(COEFFICIENTS[0])
    for coefficient in COEFFICIENTS[1:]:
        np.multiply(y, x, out=y)
        np.add(y, coefficient, out=y)


def blocked(profiler: bp.BrickProfiler, x: Array, y: Array) -> None:
    """Evaluate in tiles for L3 and L2; the arrays' length is a multiple of MACRO."""
    for macro in range(0, x.size, MACRO):
        # What a Macro tile moves between L3 and the core is what its Midi tiles bring into L2.
        work = {"elements": MACRO, "flops": MACRO * FLOPS, "nbytes": MACRO * PASS_BYTES}
        with profiler.tile(TileLevel.MACRO, macro // MACRO, 0, **work):
            for midi in range(macro, macro + MACRO, MIDI):
                # The cheaper way to time a tile: one call before, one after. All steps of a Midi
                # tile load from L2, so each of them counts.
                timer = profiler.start_tile(TileLevel.MIDI, midi // MIDI, 0)
                horner(x[midi : midi + MIDI], y[midi : midi + MIDI])
                profiler.stop_tile(timer, MIDI, MIDI * FLOPS, MIDI * STEP_BYTES)


def whole(profiler: bp.BrickProfiler, x: Array, y: Array) -> None:
    """Evaluate in one tile, which is far larger than L2: each step loads from L3 or beyond."""
    work = {"elements": x.size, "flops": x.size * FLOPS, "nbytes": x.size * STEP_BYTES}
    with profiler.tile(TileLevel.MACRO, 0, 0, **work):
        horner(x, y)


def main() -> None:
    x = np.random.default_rng(0).random(2 * MACRO, np.float32)
    in_blocks, at_once = np.zeros_like(x), np.zeros_like(x)
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    for _ in range(3):
        with profiler.brick("horner, blocked"):
            blocked(profiler, x, in_blocks)
        with profiler.brick("horner, whole"):
            whole(profiler, x, at_once)
    assert np.array_equal(in_blocks, at_once)
    print(profiler.tile_summary(bp.roofs()))


if __name__ == "__main__":
    main()
