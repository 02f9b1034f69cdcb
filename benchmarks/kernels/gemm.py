"""What the benchmarks measure of `gemm`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

import brickprof as bp
from benchmarks import blis
from benchmarks.backends import Array, Backends
from benchmarks.kernels.base import KernelBenchmark, Prepared, RateChart
from benchmarks.ratios import OURS, Case
from benchmarks.rounds import Call

BOUND = 256.0
"""Units in the last place, times the square root of the depth, that a result may be off by."""

PACKED = "packed weight"
"""The family whose second operand brickprof packs beforehand."""

PEAK_FROM = 512
"""Least side of a product whose fraction of the multiply-add peak is shown."""


class Product(NamedTuple):
    """A product of m x k by k x n; "T" in the layout marks an operand that is stored transposed."""

    m: int
    n: int
    k: int
    layout: str = "NN"

    @property
    def title(self) -> str:
        """The problem for a reader."""
        shown = {"NN": "", "NT": " a @ b.T", "TN": " a.T @ b", "TT": " a.T @ b.T"}[self.layout]
        return f"{self.m} x {self.n} x {self.k}{shown}"

    @property
    def work(self) -> float:
        """Floating point operations."""
        return 2.0 * self.m * self.n * self.k


def _squares(*sizes: int) -> list[Product]:
    return [Product(size, size, size) for size in sizes]


def _layouts(shapes: Sequence[tuple[int, int, int]], *layouts: str) -> list[Product]:
    return [Product(*shape, layout) for layout in layouts for shape in shapes]


_VECTORS = [(1024, 1024), (4096, 1024), (4096, 4096), (100, 100), (300, 500)]
_BATCHES = [
    (2, 1024, 1024), (4, 1024, 1024), (8, 1024, 1024), (16, 1024, 1024), (4, 4096, 1024),
    (8, 768, 3072), (16, 3072, 768), (16, 512, 512), (5, 777, 555), (12, 2048, 2048),
]  # fmt: skip
_TRANSPOSED = [
    (64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024),
    (128, 768, 768), (100, 1000, 300), (33, 2048, 512),
]  # fmt: skip

FAMILIES: Mapping[str, Sequence[Product]] = {
    "tiny": _squares(1, 2, 4, 5, 8, 12, 16, 24, 31, 32),
    "small squares": _squares(48, 64, 80, 96, 112, 128, 160, 192, 224, 256),
    "squares": _squares(320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048),
    "odd and prime": [
        Product(*shape)
        for shape in [
            (7, 11, 13), (37, 41, 43), (101, 103, 107), (127, 127, 127), (201, 199, 203),
            (257, 263, 269), (509, 503, 499), (1000, 777, 900), (1021, 1019, 1013),
        ]
    ],
    "tall": [
        Product(*shape)
        for shape in [
            (2048, 256, 1024), (4096, 128, 512), (4096, 64, 256), (3000, 100, 100),
            (500, 50, 50), (8192, 48, 64),
        ]
    ],
    "wide": [
        Product(*shape)
        for shape in [
            (256, 2048, 1024), (128, 4096, 512), (64, 4096, 256), (100, 3000, 100),
            (50, 500, 50), (150, 2000, 70),
        ]
    ],
    "skinny": [
        Product(*shape)
        for shape in [
            (4096, 32, 512), (32, 4096, 512), (4096, 8, 512), (997, 13, 499), (500, 3, 300),
            (3, 500, 300),
        ]
    ],
    "deep": [
        Product(*shape)
        for shape in [
            (64, 64, 4096), (32, 32, 8192), (16, 16, 2048), (128, 128, 8192), (48, 200, 3000),
        ]
    ],
    "rank-k update": [
        Product(*shape)
        for shape in [
            (2000, 2000, 4), (2000, 2000, 16), (1000, 1000, 64), (500, 500, 8), (1024, 1024, 128),
            (256, 256, 32),
        ]
    ],
    "matrix-vector": [
        *(Product(1, n, k, layout) for layout in ("NN", "NT") for n, k in _VECTORS),
        *(Product(m, 1, k, layout) for layout in ("NN", "TN") for m, k in _VECTORS),
    ],
    "small batch": _layouts(_BATCHES, "NT", "NN"),
    "transposed": _layouts(_TRANSPOSED, "NT", "TN", "TT"),
    PACKED: _layouts(
        [*_BATCHES, (32, 1024, 1024), (64, 768, 3072), (128, 1024, 1024), (512, 1024, 1024)], "NT"
    ),
}  # fmt: skip
"""Products by family."""


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


def call(problem: Product, dtype: str) -> Callable[..., object]:
    """Return brickprof's call, which takes `threads` and `profiler`."""
    a, b = operands(problem, dtype)
    return functools.partial(bp.gemm, a, b, np.empty((problem.m, problem.n), dtype))


def prepare(
    problem: Product, dtype: str, backends: Backends, family: str | None = None
) -> Prepared:
    """Return each backend's call for ``a @ b``, each into an array of its own."""
    a, b = operands(problem, dtype)
    outs: dict[str, Array] = {}

    def out(name: str) -> Array:
        outs[name] = np.full((problem.m, problem.n), np.nan, dtype)
        return outs[name]

    second = bp.pack(b) if family == PACKED else b
    calls: dict[str, Call] = {
        OURS: functools.partial(bp.gemm, a, second, out=out(OURS), threads=backends.threads),
        "NumPy": functools.partial(np.matmul, a, b, out=out("NumPy")),
    }
    if backends.torch:
        x, y, z = (backends.torch.from_numpy(array) for array in (a, b, out("PyTorch")))
        calls["PyTorch"] = functools.partial(backends.torch.mm, x, y, out=z)
    if backends.blis:
        calls["BLIS"] = blis.product(backends.blis, a, b, out("BLIS"))

    def reference() -> Array:
        wanted: Array = a.astype("float64") @ b.astype("float64")
        return wanted

    def check() -> None:
        wanted, bound = reference(), BOUND * np.finfo(dtype).eps * problem.k**0.5
        for name, found in outs.items():
            np.testing.assert_allclose(
                found, wanted, rtol=0, atol=bound, err_msg=f"{name} {problem.title} {dtype}"
            )

    results: dict[str, Callable[[], Array]] = {
        name: functools.partial(outs.__getitem__, name) for name in outs
    }
    return Prepared(calls, results, reference, check)


def _is_square(case: Case) -> bool:
    """Tell whether a case is a square product of plain layout that a chart has room for."""
    m, n, k, layout = case["shape"]
    return bool(m == n == k >= 16 and layout == "NN")


BENCHMARK = KernelBenchmark(
    name="gemm",
    heading="GEMM",
    families=FAMILIES,
    dtypes=("float32", "float64"),
    prepare=prepare,
    call=call,
    error_problems=(
        *_squares(64, 256, 1024), Product(1000, 777, 900), Product(64, 64, 8192),
        Product(8, 1024, 1024),
    ),
    gain_problems=_squares(1024),
    slowdown_problem=Product(1024, 1024, 1024),
    chart=RateChart(
        name="squares",
        caption="Rates of square products over their size",
        shown=_is_square,
        row=lambda case: case["dtype"],
        size=lambda case: case["shape"][0],
        size_title="m = n = k",
    ),
    unequal={
        PACKED: f"In “{PACKED}” brickprof packs the second operand beforehand, outside of what is"
        " timed; the others are given the plain one."
    },
    peak_shown=lambda problem: min(problem[:3]) >= PEAK_FROM,
    peak_note=f"products of {PEAK_FROM} and up",
)  # fmt: skip
