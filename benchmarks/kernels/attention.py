"""What the benchmarks measure of `attention`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

import brickprof as bp
from benchmarks.backends import Array, Backends
from benchmarks.kernels.base import KernelBenchmark, Prepared, RateChart
from benchmarks.ratios import OURS, Case
from benchmarks.rounds import Call

BOUND = 16.0
"""Units in the last place, times the square root of dim, that a result may be off by."""

CHART_DIM = 64
"""The head size whose rates are charted."""


class Heads(NamedTuple):
    """An attention; query heads share the key heads evenly."""

    heads: int
    key_heads: int
    rows: int
    keys: int
    dim: int
    causal: bool = False

    @property
    def title(self) -> str:
        """The problem for a reader."""
        shared = "" if self.heads == self.key_heads else f"/{self.key_heads}"
        length = f"{self.rows}" if self.rows == self.keys else f"{self.rows} on {self.keys}"
        mask = ", causal" if self.causal else ""
        return f"{self.heads}{shared} heads, {length}, dim {self.dim}{mask}"

    @property
    def work(self) -> float:
        """Floating point operations: 4 dim for each visible pair of row and key."""
        pairs = self.rows * (self.rows + 1) / 2 if self.causal else self.rows * self.keys
        return 4.0 * self.dim * pairs * self.heads


def _alike(shapes: Sequence[tuple[int, int, int]], causal: bool = False) -> list[Heads]:
    """Self-attention over (heads, length, dim)."""
    return [Heads(heads, heads, size, size, dim, causal) for heads, size, dim in shapes]


FAMILIES: Mapping[str, Sequence[Heads]] = {
    "full": _alike([(12, 128, 64), (12, 512, 64), (8, 1024, 64), (8, 2048, 64), (4, 2048, 128)]),
    "causal": _alike(
        [(12, 128, 64), (12, 512, 64), (8, 1024, 64), (8, 2048, 64), (4, 2048, 128)], causal=True
    ),
    "short": _alike([(8, 8, 64), (8, 16, 64), (12, 32, 64), (16, 64, 64), (12, 77, 64)])
    + _alike([(8, 16, 64), (12, 32, 64), (16, 64, 64)], causal=True),
    "long": _alike([(2, 4096, 64)]) + _alike([(2, 4096, 64), (1, 8192, 64)], causal=True),
    "decode": [
        Heads(heads, heads, 1, keys, dim)
        for heads, keys, dim in [
            (12, 128, 64), (12, 512, 64), (32, 512, 128), (32, 2048, 128), (8, 8192, 64),
            (32, 4096, 128),
        ]
    ],
    "grouped-query": [
        Heads(32, 8, 128, 128, 64, True), Heads(32, 8, 512, 512, 64, True),
        Heads(16, 4, 1024, 1024, 128, True), Heads(32, 8, 256, 256, 128),
        Heads(8, 1, 512, 512, 64), Heads(32, 8, 1, 1024, 128), Heads(32, 8, 1, 4096, 128),
        Heads(32, 4, 4, 2048, 128),
    ],
    "head sizes": _alike(
        [(8, 512, dim) for dim in (32, 37, 48, 65, 72, 80, 96, 100, 112, 128, 160, 192, 256)]
        + [(16, 777, 80)]
    ),
}  # fmt: skip
"""Attentions by family."""


def operands(problem: Heads) -> tuple[Array, Array, Array]:
    """Return normally distributed queries, keys and values."""
    random = np.random.default_rng(2)
    q = random.standard_normal((problem.heads, problem.rows, problem.dim)).astype("float32")
    k, v = random.standard_normal((2, problem.key_heads, problem.keys, problem.dim)).astype(
        "float32"
    )
    return q, k, v


def call(problem: Heads, dtype: str) -> Callable[..., object]:
    """Return brickprof's call, which takes `threads` and `profiler`."""
    q, k, v = operands(problem)
    return functools.partial(
        bp.attention, q, k, v, causal=problem.causal, out=np.empty_like(q, dtype)
    )


def prepare(problem: Heads, dtype: str, backends: Backends, family: str | None = None) -> Prepared:
    """Return the attention by brickprof and, where it is installed, by PyTorch."""
    q, k, v = operands(problem)
    out = np.full_like(q, np.nan)
    calls: dict[str, Call] = {
        OURS: functools.partial(
            bp.attention, q, k, v, causal=problem.causal, out=out, threads=backends.threads
        )
    }
    results: dict[str, Callable[[], Array]] = {OURS: lambda: out}
    if backends.torch:
        theirs = functools.partial(
            backends.torch.nn.functional.scaled_dot_product_attention,
            *(backends.torch.from_numpy(array[None]) for array in (q, k, v)),
            is_causal=problem.causal,
            enable_gqa=problem.heads != problem.key_heads,
        )
        calls["PyTorch"] = theirs
        results["PyTorch"] = lambda: theirs()[0].numpy()

    def check() -> None:
        bound = BOUND * np.finfo(dtype).eps * problem.dim**0.5
        ours, *others = (result() for result in results.values())
        for other in others:
            np.testing.assert_allclose(ours, other, rtol=0, atol=bound, err_msg=problem.title)

    return Prepared(calls, results, lambda: _reference(q, k, v, problem.causal), check)


def _reference(q: Array, k: Array, v: Array, causal: bool) -> Array:
    """Return the attention in float64."""
    shared = len(q) // len(k)
    q, k, v = (array.astype("float64") for array in (q, k.repeat(shared, 0), v.repeat(shared, 0)))
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    if causal:
        scores[:, ~np.tri(q.shape[1], k.shape[1], k.shape[1] - q.shape[1], dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    wanted: Array = weights @ v / weights.sum(-1, keepdims=True)
    return wanted


def _is_self_attention(case: Case) -> bool:
    """Tell whether a case is self-attention of as many key heads at the charted head size."""
    heads, key_heads, rows, keys, dim, _ = case["shape"]
    return bool(heads == key_heads and rows == keys and dim == CHART_DIM)


BENCHMARK = KernelBenchmark(
    name="attention",
    heading="Attention",
    families=FAMILIES,
    dtypes=("float32",),
    prepare=prepare,
    call=call,
    error_problems=(
        *_alike([(8, 512, 64), (4, 1024, 128)]), *_alike([(8, 512, 64)], causal=True)
    ),
    gain_problems=(*_alike([(8, 1024, 64)]), *_alike([(8, 1024, 64)], causal=True)),
    slowdown_problem=Heads(12, 12, 512, 512, 64),
    chart=RateChart(
        name="attention",
        caption="Rates of attention over its length",
        shown=_is_self_attention,
        row=lambda case: "causal" if case["shape"][5] else "full",
        size=lambda case: case["shape"][2],
        size_title=f"length (head size {CHART_DIM})",
    ),
    note="Against PyTorch's `scaled_dot_product_attention` without gradients, `enable_gqa` where"
    " query heads share key heads.",
)  # fmt: skip
