"""What is measured: every family's problems, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


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


def _squares(*sizes: int) -> list[Product]:
    return [Product(size, size, size) for size in sizes]


def _layouts(shapes: Sequence[tuple[int, int, int]], *layouts: str) -> list[Product]:
    return [Product(*shape, layout) for layout in layouts for shape in shapes]


def _alike(shapes: Sequence[tuple[int, int, int]], causal: bool = False) -> list[Heads]:
    """Self-attention over (heads, length, dim)."""
    return [Heads(heads, heads, size, size, dim, causal) for heads, size, dim in shapes]


_VECTORS = [(1024, 1024), (4096, 1024), (4096, 4096), (100, 100), (300, 500)]
_BATCHES = [
    (2, 1024, 1024), (4, 1024, 1024), (8, 1024, 1024), (16, 1024, 1024), (4, 4096, 1024),
    (8, 768, 3072), (16, 3072, 768), (16, 512, 512), (5, 777, 555), (12, 2048, 2048),
]  # fmt: skip
_TRANSPOSED = [
    (64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024),
    (128, 768, 768), (100, 1000, 300), (33, 2048, 512),
]  # fmt: skip

GEMM: Mapping[str, Sequence[Product]] = {
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
    "packed weight": _layouts(
        [*_BATCHES, (32, 1024, 1024), (64, 768, 3072), (128, 1024, 1024), (512, 1024, 1024)], "NT"
    ),
}  # fmt: skip
"""Products by family, each in float32 and float64."""

PACKED = "packed weight"
"""The family whose second operand brickprof packs beforehand; it stays out of overall figures."""

ATTENTION: Mapping[str, Sequence[Heads]] = {
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
"""Attentions by family, float32."""

DTYPES = ("float32", "float64")

PEAK_FROM = 512
"""Least side of a product whose fraction of the multiply-add peak is told."""

GAIN_GEMM = Product(1024, 1024, 1024)
GAIN_ATTENTION = Heads(8, 8, 1024, 1024, 64)
"""What one thread and several run, interleaved."""

SLOWDOWN_GEMM = Product(1024, 1024, 1024)
SLOWDOWN_ATTENTION = Heads(12, 12, 512, 512, 64)
"""What is run with all three levels on and with none."""

CORRECTED = (Product(16, 16, 16), Product(64, 64, 64), Product(128, 128, 128))
"""Work of one Micro tile that is timed singly and in bulk."""

ERRORS_GEMM = (
    *_squares(64, 256, 1024), Product(1000, 777, 900), Product(64, 64, 8192), Product(8, 1024, 1024)
)  # fmt: skip
ERRORS_ATTENTION = (*_alike([(8, 512, 64), (4, 1024, 128)]), *_alike([(8, 512, 64)], causal=True))
"""Whose errors are held against float64."""

GROUPS = {"gemm": tuple(GEMM), "attention": tuple(ATTENTION)}
OTHERS = ("timer", "slowdown", "corrected", "errors", "roofs", "gain")
NAMES = (*GROUPS, *GEMM, *ATTENTION, *OTHERS)
"""All that ``--only`` may name."""

_QUICK_WORK = 3e8


def chosen(family: Sequence[Product] | Sequence[Heads], quick: bool) -> list[Product | Heads]:
    """Return a family's problems, or for a smoke run its first and last that take no time."""
    problems = list(family)
    if not quick:
        return problems
    light = [problem for problem in problems if problem.work <= _QUICK_WORK]
    return [light[0], light[-1]] if len(light) > 1 else light or problems[:1]
