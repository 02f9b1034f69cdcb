"""The worker process of `benchmarks.compare_builds`: times one build of brickprof block by block.

    python build_worker.py CHECKOUT CPU

Two builds of a package cannot live in one process. This file is run by its path and imports
brickprof from the checkout that it is given; it imports nothing else of the project and uses only
names that older builds have too. Requests and replies are lines of JSON on stdin and stdout.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Block = Callable[[int], "tuple[float, float] | None"]
"""Repeats its work so many times; returns CPU and wall seconds where it times itself."""

WARM_UP_SHARE = 8
"""One untimed call for so many timed ones: the other build's block has evicted the caches."""

PAGE, OFFSET = 4096, 64
"""Operands begin one cache line behind a page, so that 4K aliasing is the same in both builds."""

PAIRS = 100
"""Pairs in a call of `probe_timer`: some microseconds, so that few calls are interrupted."""


def import_build(checkout: Path) -> Any:
    """Import brickprof from a checkout and from nowhere else.

    Raises
    ------
    ImportError
        If the package or its compiled kernels came from another folder.
    """
    sys.path[0] = str(checkout)
    import brickprof
    import brickprof._kernels

    for module in (brickprof, brickprof._kernels):
        if checkout not in Path(str(module.__file__)).resolve().parents:
            raise ImportError(f"{module.__name__} is {module.__file__}, not of {checkout}")
    return brickprof


def aligned(*shape: int, seed: int | None = None, scale: float = 1.0) -> Any:
    """Return a float32 array at a fixed offset in its page: normal values, zeros without a seed."""
    import numpy as np

    nbytes = 4 * int(np.prod(shape))
    room = np.zeros(nbytes + 2 * PAGE, np.uint8)
    first = -room.ctypes.data % PAGE + OFFSET
    array = room[first : first + nbytes].view("float32").reshape(shape)
    if seed is not None:
        array[...] = np.random.default_rng(seed).standard_normal(shape, "float32")
        array *= scale
    return array


def gemm(bp: Any, size: int, threads: int | None, with_out: bool = True) -> Block:
    """Return a square product; the loop is written out, for a wrapper costs as much as 2 x 2."""
    a, b = aligned(size, size, seed=1), aligned(size, size, seed=2)
    out, product = aligned(size, size), bp.gemm

    def written(count: int) -> None:
        for _ in itertools.repeat(None, count):
            product(a, b, out=out, threads=threads)

    def allocated(count: int) -> None:
        for _ in itertools.repeat(None, count):
            product(a, b, threads=threads)

    return written if with_out else allocated


def attention(bp: Any, heads: int, length: int, dim: int) -> Block:
    """Return self-attention on one thread."""
    q, k, v = (aligned(heads, length, dim, seed=seed) for seed in (1, 2, 3))
    out = aligned(heads, length, dim)

    def run(count: int) -> None:
        for _ in itertools.repeat(None, count):
            bp.attention(q, k, v, out=out, threads=1)

    return run


def profiler(bp: Any, on: bool = True) -> Any:
    """Return a profiler, switched on or off."""
    prof = bp.BrickProfiler()
    if on:
        prof.enable_tile_profiling()
    return prof


def pair(bp: Any, on: bool) -> Block:
    """Return a start/stop pair from Python, written as users write it."""
    prof, level = profiler(bp, on), bp.TileLevel.MICRO

    def run(count: int) -> None:
        for _ in itertools.repeat(None, count):
            timer = prof.start_tile(level, 0, 0)
            prof.stop_tile(timer, 64, 128)

    return run


def context_manager(bp: Any) -> Block:
    """Return a tile as a context manager."""
    prof, level = profiler(bp), bp.TileLevel.MICRO

    def run(count: int) -> None:
        for _ in itertools.repeat(None, count):
            with prof.tile(level, 0, 0, elements=64, flops=128, nbytes=256):
                pass

    return run


def nogil_pair(bp: Any) -> Block:
    """Return `PAIRS` start/stop pairs without the GIL.

    The probe times them itself, in wall time; the median of a block leaves out interrupted calls.
    """
    from brickprof._kernels import probe_timer

    prof = profiler(bp)

    def run(count: int) -> tuple[float, float]:
        with prof.recorders("probe") as (handle,):
            taken = [probe_timer(handle, PAIRS)[1] for _ in range(count)]
        seconds = statistics.median(taken) * PAIRS * count * 1e-9
        return seconds, seconds

    return run


def decoder_step(
    bp: Any, hidden: int, inner: int, heads: int, key_heads: int, layers: int = 2
) -> Block:
    """Return a step of decoder layers at a fixed position, as one parallel region."""
    import numpy as np

    dim, context, position = hidden // heads, 512, 256
    rows = (heads + 2 * key_heads) * dim
    angles = np.arange(context)[:, None] * 0.5 ** np.arange(dim // 2)
    cosine, sine = np.cos(angles).astype("float32"), np.sin(angles).astype("float32")
    x, h, qkv, gates, gated = (aligned(n) for n in (hidden, hidden, rows, 2 * inner, inner))
    mixed, norm, start = aligned(heads, dim), aligned(hidden, seed=1), aligned(hidden, seed=2)
    queries = qkv[: heads * dim].reshape(heads, dim)
    k, v = qkv[heads * dim :].reshape(2, key_heads, dim)
    region = bp.ParallelRegion(threads=1)
    for layer in range(layers):
        cache = aligned(2, key_heads, context, dim, seed=layer)
        shapes = (rows, hidden), (hidden, hidden), (2 * inner, hidden), (hidden, inner)
        w_qkv, w_out, w_gate_up, w_down = (
            aligned(*shape, seed=layer, scale=shape[1] ** -0.5) for shape in shapes
        )
        region.layer(layer)
        region.rms_norm(x, norm, h)
        region.matvec(w_qkv, h, qkv)
        region.rotate_and_store(queries, k, v, cosine, sine, cache[0], cache[1])
        region.attend(queries, cache[0], cache[1], mixed)
        region.matvec(w_out, mixed.reshape(-1), x, None, True)
        region.rms_norm(x, norm, h)
        region.matvec(w_gate_up, h, gates)
        region.swiglu(gates[:inner], gates[inner:], gated)
        region.matvec(w_down, gated, x, None, True)

    def run(count: int) -> None:
        for _ in itertools.repeat(None, count):
            x[:] = start  # Residuals would grow from step to step.
            region.run(position)

    return run


CASES: dict[str, Callable[[Any], Block]] = {
    "gemm 2": lambda bp: gemm(bp, 2, None, with_out=False),
    "gemm 2, out=": lambda bp: gemm(bp, 2, None),
    "gemm 64": lambda bp: gemm(bp, 64, 1),
    "gemm 256": lambda bp: gemm(bp, 256, 1),
    "gemm 1024": lambda bp: gemm(bp, 1024, 1),
    "attention 12x512x64": lambda bp: attention(bp, 12, 512, 64),
    "decoder step": lambda bp: decoder_step(bp, 896, 4864, 14, 2),
    "pair, on": lambda bp: pair(bp, on=True),
    "pair, off": lambda bp: pair(bp, on=False),
    "with prof.tile": context_manager,
    f"{PAIRS} pairs, nogil": nogil_pair,
}
"""What is compared: each builds its operands and returns a block. All run on one thread."""


def timed(block: Block, count: int) -> tuple[float, float]:
    """Return a block's CPU and wall seconds a call."""
    block(-(-count // WARM_UP_SHARE))
    cpu, wall = time.process_time(), time.perf_counter()
    own = block(count)
    spent = time.process_time() - cpu, time.perf_counter() - wall
    cpu_seconds, wall_seconds = own or spent
    return cpu_seconds / count, wall_seconds / count


def seconds_a_call(block: Block) -> float:
    """Warm up for about a tenth of a second and return the wall seconds of a call."""
    count, taken = 1, 0.0
    while taken < 0.1:
        before = time.perf_counter()
        block(count)
        taken = time.perf_counter() - before
        count *= 4
    return taken / (count // 4)


def main() -> None:
    """Answer requests until stdin ends."""
    checkout, cpu = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    os.sched_setaffinity(0, {cpu})
    bp = import_build(checkout)
    gc.disable()
    print(json.dumps(bp.__version__), flush=True)
    block: Block | None = None
    for line in sys.stdin:
        request, argument = json.loads(line)
        if request == "prepare":
            block = None  # Frees the operands of the case before.
            gc.collect()
            block = CASES[argument](bp)
            reply: Any = seconds_a_call(block)
        else:
            assert block, "a block before any case"
            reply = timed(block, argument)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
