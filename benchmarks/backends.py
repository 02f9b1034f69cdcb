"""The backends of one process, and the calls by which each does the same work."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import brickprof as bp
from benchmarks import blis
from benchmarks.ratios import OURS
from benchmarks.rounds import MAX_PAUSE, Call, Effort, spinning
from benchmarks.shapes import Heads, Product
from brickprof._kernels import probe_peak

try:
    import torch
except ImportError:
    torch: Any = None

Array = NDArray[Any]

PEAK = "peak"
PEAK_SECONDS = 2e-3


@dataclass(frozen=True, slots=True)
class Backends:
    """What takes part in this process, on how many threads and for how long.

    Parameters
    ----------
    threads : int
        Threads of every library.
    blis : ctypes.CDLL or None
        BLIS, where it is installed.
    effort : Effort
        How long each case is measured.
    quick : bool
        Whether only a few light problems are run.
    """

    threads: int
    blis: Any
    effort: Effort
    quick: bool

    @classmethod
    def here(cls, threads: int, seconds: float, quick: bool) -> Backends:
        """Load what is installed, hold it to the threads, and find the pause that lets it idle."""
        library = os.environ.get("BENCH_BLIS")
        if torch:
            torch.set_num_threads(threads)
            torch.set_grad_enabled(False)
        rounds = 3 if quick else 5
        alone = cls(threads, library and blis.load(library), Effort(seconds, rounds), quick)
        problem = Product(256, 256, 256)
        calls, _ = alone.products(*operands(problem, "float32"))
        if threads == 1:
            for call in calls.values():
                call()
            return alone
        pause = min(spinning(calls) + 1e-3, MAX_PAUSE)
        return cls(threads, alone.blis, Effort(seconds, rounds, pause), quick)

    def products(
        self, a: Array, b: Array, packed: bool = False
    ) -> tuple[dict[str, Call], dict[str, Array]]:
        """Return each backend's call for ``a @ b``, and the array that it writes."""
        outs = {}

        def out(name: str) -> Array:
            outs[name] = np.full((a.shape[0], b.shape[1]), np.nan, a.dtype)
            return outs[name]

        weight = bp.pack(b) if packed else b
        calls: dict[str, Call] = {
            OURS: functools.partial(bp.gemm, a, weight, out=out(OURS), threads=self.threads),
            "NumPy": functools.partial(np.matmul, a, b, out=out("NumPy")),
        }
        if torch:
            x, y, z = (torch.from_numpy(array) for array in (a, b, out("PyTorch")))
            calls["PyTorch"] = functools.partial(torch.mm, x, y, out=z)
        if self.blis:
            calls["BLIS"] = blis.product(self.blis, a, b, out("BLIS"))
        return calls, outs

    def attentions(
        self, q: Array, k: Array, v: Array, causal: bool
    ) -> tuple[dict[str, Call], dict[str, Callable[[], Array]]]:
        """Return each backend's call for the attention, and one that gives its result."""
        out = np.full_like(q, np.nan)
        calls: dict[str, Call] = {
            OURS: functools.partial(
                bp.attention, q, k, v, causal=causal, out=out, threads=self.threads
            )
        }
        results: dict[str, Callable[[], Array]] = {OURS: lambda: out}
        if torch:
            theirs = functools.partial(
                torch.nn.functional.scaled_dot_product_attention,
                *(torch.from_numpy(array[None]) for array in (q, k, v)),
                is_causal=causal,
                enable_gqa=q.shape[0] != k.shape[0],
            )
            calls["PyTorch"] = theirs
            results["PyTorch"] = lambda: theirs()[0].numpy()
        return calls, results


def operands(problem: Product, dtype: str) -> tuple[Array, Array]:
    """Return normally distributed operands, transposed views where the layout says so."""
    random = np.random.default_rng(1)
    shapes = (problem.m, problem.k), (problem.k, problem.n)
    drawn = []
    for shape, storage in zip(shapes, problem.layout, strict=True):
        stored = shape[::-1] if storage == "T" else shape
        array = random.standard_normal(stored).astype(dtype)
        drawn.append(array.T if storage == "T" else array)
    return drawn[0], drawn[1]


def heads_of(problem: Heads) -> tuple[Array, Array, Array]:
    """Return normally distributed queries, keys and values."""
    random = np.random.default_rng(2)
    q = random.standard_normal((problem.heads, problem.rows, problem.dim)).astype("float32")
    k, v = random.standard_normal((2, problem.key_heads, problem.keys, problem.dim)).astype(
        "float32"
    )
    return q, k, v


def peak_call(dtype: str, threads: int) -> tuple[Call, float]:
    """Return a call that does nothing but multiply-adds, and the flops of as many threads as it."""
    steps = 1000
    before = time.perf_counter()
    probe_peak(dtype, steps)
    steps = max(steps, int(steps * PEAK_SECONDS / (time.perf_counter() - before)))
    flops = float(probe_peak(dtype, steps))
    return functools.partial(probe_peak, dtype, steps), flops * threads
