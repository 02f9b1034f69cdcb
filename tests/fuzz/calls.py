"""Random calls of all functions that take numbers and arrays, with arguments good and bad.

A call may raise what its documentation says, and must leave the interpreter as it was.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from support.hostile_values import Lazy, Liar, Truth, Whole, number
from support.kernel_checks import Array

import brickprof as bp

Pool = list[Any]
REFUSALS = (TypeError, ValueError, OverflowError, bp.BrickprofError)
"""What a wrong argument may raise; a MemoryError or a SystemError would be a finding."""

SIZES = (0, 1, 2, 3, 5, 7, 8, 16, 17, 33, 64, 100)
ODD: tuple[Any, ...] = (
    *(None, True, -1, 1.5, float("nan"), float("inf"), 2**31, 2**63, 2**64, -(2**63), 10**400),
    *("", "x", b"x", (), [], {}, object(), int, np.float32("nan"), np.int8(3), "float32"),
)


def arrays(rng: random.Random) -> Pool:
    """Return arrays that fit one another, and some that nothing fits."""
    m, n = rng.choice(SIZES), rng.choice(SIZES)
    dtype = rng.choice(
        ("float32", "float32", "float32", "float64", "float16", "int32", "complex64", "O")
    )
    square = np.ones((m, m), dtype)
    heads = np.ones((2, m, n), "float32")
    frozen = np.ones((m, m), "float32")
    frozen.flags.writeable = False
    return [
        *(square, square.T, square[::-1], square[:, ::-1], np.ones((m, n), dtype)),
        *(np.ones((n, m), dtype), np.ones(m, "float32"), np.ones(n, "float32"), heads),
        *(heads[:, ::2], frozen, np.broadcast_to(np.float32(1), (m, m)), np.float32(1)),
        *(np.ma.array(square, mask=False) if dtype != "O" else square, [[1.0]], memoryview(b"1")),
        np.ones((m, m), "float32").view(Liar),
        np.ones(4 * m * m + 1, "u1")[1:].view("float32").reshape(m, m),
    ]


def hostile(pool: Pool, rng: random.Random) -> Any:
    """Return an argument that resizes one of the arrays while its value is taken."""
    bases = [id(getattr(one, "base", None)) for one in pool]
    victims = [  # views of what is resized would be NumPy's own fault
        one
        for one in pool
        if type(one) is np.ndarray and one.flags.owndata and id(one) not in bases
    ]
    victim = rng.choice(victims)

    def act() -> None:
        with suppress(ValueError):
            victim.resize((1,) * victim.ndim, refcheck=False)

    return rng.choice(
        (
            lambda: Truth(act),
            lambda: Whole(1, act),
            lambda: number(act),
            lambda: Lazy(rng.choice(victims), act),
        )
    )()


def argument(pool: Pool, rng: random.Random) -> Any:
    """Return an argument of any kind."""
    what = rng.random()
    if what < 0.6:
        return rng.choice(pool)
    if what < 0.85:
        return rng.choice(SIZES)
    return rng.choice(ODD) if what < 0.95 else hostile(pool, rng)


def options(pool: Pool, rng: random.Random, *names: str) -> dict[str, Any]:
    """Return some keyword arguments."""
    usual = {
        "threads": lambda: rng.choice((1, 1, 2, None)),
        "isa": lambda: rng.choice(bp.isas()),
        "causal": lambda: rng.random() < 0.5,
        "scale": lambda: rng.choice((0.5, 1e-30, 1e30, 0.0)),
        "dtype": lambda: rng.choice(("float32", "float64")),
        "out": lambda: rng.choice(pool),
        "profiler": profiler,
        "add": lambda: rng.random() < 0.5,
    }
    chosen = [name for name in names if rng.random() < 0.3]
    return {
        name: usual[name]() if name in usual and rng.random() < 0.8 else argument(pool, rng)
        for name in chosen
    }


def profiler() -> bp.BrickProfiler:
    """Return a profiler that is on."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    return prof


def products(pool: Pool, rng: random.Random) -> Any:
    left, right = argument(pool, rng), argument(pool, rng)
    if rng.random() < 0.5:
        left, right = rng.choices(pool[:4], k=2)
    if rng.random() < 0.2:
        right = bp.pack(right, **options(pool, rng, "isa"))
    return bp.gemm(
        left,
        right,
        **options(pool, rng, "out", "threads", "isa", "profiler", "plan"),
    )


def attentions(pool: Pool, rng: random.Random) -> Any:
    q, k, v = (argument(pool, rng) for _ in range(3))
    if rng.random() < 0.5:
        q, k, v = rng.choices(pool[8:10], k=3)
    names = ("causal", "scale", "out", "threads", "isa", "profiler", "plan")
    return bp.attention(q, k, v, **options(pool, rng, *names))


def ones(*shape: Any) -> Array:
    """Return an array of ones, unless it is large."""
    if not all(isinstance(size, int) and size < 2000 for size in shape) or prod(shape) > 1e6:
        raise ValueError("too large")
    return np.ones(shape, "float32")


def plans(pool: Pool, rng: random.Random) -> Any:
    sizes = [rng.choice((*SIZES, 1000, argument(pool, rng))) for _ in range(4)]
    if rng.random() < 0.5:
        plan: Any = bp.plan_gemm(*sizes[:3], **options(pool, rng, "dtype", "threads", "isa"))
        square = ones(sizes[0], sizes[0])
        return bp.gemm(square, square, plan=plan)
    plan = bp.plan_attention(*sizes, **options(pool, rng, "causal", "threads", "isa"))
    heads = ones(sizes[0], sizes[1], sizes[3])
    return bp.attention(heads, heads, heads, plan=plan)


def regions(pool: Pool, rng: random.Random) -> Any:
    region = bp.ParallelRegion(threads=rng.choice((1, 2)))
    for _ in range(rng.randint(1, 4)):
        with suppress(*REFUSALS):
            add, count, names = rng.choice(
                (
                    (region.matvec, 3, ("bias", "add")),
                    (region.rms_norm, 3, ("eps",)),
                    (region.swiglu, 3, ()),
                    (region.rotate_and_store, 7, ()),
                    (region.attend, 4, ("scale", "isa")),
                    (region.layer, 1, ()),
                )
            )
            add(*(argument(pool, rng) for _ in range(count)), **options(pool, rng, *names))
    region.run(**options(pool, rng, "position", "threads", "profiler", "fused"))
    return region


def counts(pool: Pool, rng: random.Random) -> Any:
    a, b = argument(pool, rng), argument(pool, rng)
    return rng.choice(
        (
            lambda: bp.optimal_threads(a, **options(pool, rng, "itemsize", "cache_line")),
            lambda: bp.ThreadConfig(a),  # type: ignore[call-arg]
            lambda: bp.fit_scalability([1, 2, a], [1.0, b, 3.0]),
            lambda: bp.Blocks(a, b, 8),  # type: ignore[call-arg]
            lambda: bp.AttentionBlocks(a, b),
            lambda: bp.BrickProfiler(**options(pool, rng, "sample_every", "events", "clock")),
            lambda: bp.merge_recordings([a, b]),
            lambda: bp.pack(a),
        )
    )()


def tiles(pool: Pool, rng: random.Random) -> Any:
    prof = profiler()
    for _ in range(4):
        with suppress(*REFUSALS, KeyError):
            level = rng.choice((*bp.TileLevel, argument(pool, rng)))
            timer = prof.start_tile(level, argument(pool, rng), argument(pool, rng))
            prof.stop_tile(timer, argument(pool, rng), argument(pool, rng))
        with (
            suppress(*REFUSALS, KeyError),
            prof.brick(rng.choice(("b", argument(pool, rng)))),
            prof.tile(
                bp.TileLevel.MICRO, 0, 0, **options(pool, rng, "elements", "flops", "nbytes")
            ),
        ):
            pass
    return prof.recording()


CALLS: tuple[Callable[[Pool, random.Random], Any], ...] = (
    *(products, attentions, plans, regions, counts, tiles),
)
CALLS_PER_INPUT = 20


def check_calls(content: bytes) -> None:
    """Calls with any arguments raise what they may, and products still come out right."""
    rng = random.Random(int(content))
    pool = arrays(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, which shows odd arguments in messages
        for _ in range(CALLS_PER_INPUT):
            with suppress(*REFUSALS):
                rng.choice(CALLS)(pool, rng)
    nine = ones(9, 9)
    assert (bp.gemm(nine, nine) == 9).all()
