"""Problems for the library's kernels: sizes from the command line, arrays, flops."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from brickprof.cli._options import add_dtype, positive
from brickprof.core.dtypes import itemsize_of

if TYPE_CHECKING:
    from brickprof import BrickProfiler

Run = Callable[[int | None, "BrickProfiler | None"], object]
"""Runs a problem once, on a number of threads and with a profiler or none."""


class Problem(Protocol):
    """What a verb needs to know of a problem."""

    @property
    def dtype(self) -> str:
        """Element type."""

    @property
    def label(self) -> str:
        """Name and sizes for a reader."""

    @property
    def elements(self) -> int:
        """Elements of the output, which threads share out."""

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""

    @property
    def flops(self) -> int:
        """Floating point operations of one run."""

    def prepare(self, isa: str | None) -> Run:
        """Fill random arrays and return what runs the kernel on them."""


@dataclass(frozen=True, slots=True)
class GemmProblem:
    """An (m x k) by (k x n) product."""

    m: int
    n: int
    k: int
    dtype: str = "float32"

    @property
    def label(self) -> str:
        return f"gemm {self.m} x {self.n} x {self.k} {self.dtype}"

    @property
    def elements(self) -> int:
        return self.m * self.n

    @property
    def nbytes(self) -> int:
        elements = self.m * self.k + self.k * self.n + self.m * self.n
        return elements * itemsize_of(self.dtype)

    @property
    def flops(self) -> int:
        return 2 * self.m * self.n * self.k

    def prepare(self, isa: str | None) -> Run:
        from brickprof import gemm

        random = np.random.default_rng(0)
        dtype = np.dtype(self.dtype).type
        a = random.random((self.m, self.k), dtype)
        b = random.random((self.k, self.n), dtype)
        out = np.empty((self.m, self.n), dtype)
        return lambda threads, profiler: gemm(
            a, b, out=out, threads=threads, profiler=profiler, isa=isa
        )


@dataclass(frozen=True, slots=True)
class AttentionProblem:
    """Attention of query heads over as many or fewer key heads."""

    heads: int
    rows: int
    dim: int
    kv_heads: int
    keys: int
    batch: int = 1
    causal: bool = False

    @property
    def dtype(self) -> str:
        return "float32"

    @property
    def label(self) -> str:
        parts = [
            f"attention {self.batch} x {self.heads} heads",
            f"{self.rows} rows x {self.keys} keys x {self.dim}",
        ]
        if self.kv_heads != self.heads:
            parts.append(f"{self.kv_heads} key heads")
        if self.causal:
            parts.append("causal")
        return ", ".join(parts)

    @property
    def elements(self) -> int:
        return self.batch * self.heads * self.rows * self.dim

    @property
    def nbytes(self) -> int:
        keys_and_values = 2 * self.batch * self.kv_heads * self.keys * self.dim
        return (2 * self.elements + keys_and_values) * itemsize_of(self.dtype)

    @property
    def flops(self) -> int:
        from brickprof import plan_attention

        heads = self.batch * self.heads
        return plan_attention(heads, self.rows, self.keys, self.dim, self.causal).flops

    def prepare(self, isa: str | None) -> Run:
        from brickprof import attention

        random = np.random.default_rng(0)
        q = random.random((self.batch, self.heads, self.rows, self.dim), np.float32)
        k = random.random((self.batch, self.kv_heads, self.keys, self.dim), np.float32)
        v = random.random(k.shape, np.float32)
        out = np.empty_like(q)
        return lambda threads, profiler: attention(
            q, k, v, causal=self.causal, out=out, threads=threads, profiler=profiler, isa=isa
        )


def add_gemm_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sizes of a product."""
    parser.add_argument("m", type=positive, metavar="M", help="rows of the product")
    parser.add_argument("n", type=positive, metavar="N", help="columns of the product")
    parser.add_argument("k", type=positive, metavar="K", help="columns of A and rows of B")
    add_dtype(parser)


def gemm_problem(args: argparse.Namespace) -> GemmProblem:
    """Return the product that was asked for."""
    return GemmProblem(args.m, args.n, args.k, args.dtype)


def add_attention_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sizes of attention."""

    def add(*names: str, text: str, default: int | None = None) -> None:
        shown = f"{text} (default: %(default)s)" if default else text
        parser.add_argument(*names, type=positive, default=default, metavar="N", help=shown)

    add("--heads", text="query heads", default=12)
    add("--kv-heads", text="key and value heads, a divisor of --heads (default: as many)")
    add("--rows", "--seq", text="query rows of a head", default=512)
    add("--keys", text="keys of a head (default: as many as rows)")
    add("--dim", text="size of a head", default=64)
    add("--batch", text="batches", default=1)
    parser.add_argument("--causal", action="store_true", help="hide later keys")


def attention_problem(args: argparse.Namespace) -> AttentionProblem:
    """Return the attention that was asked for, or leave with a usage error."""
    kv_heads = args.kv_heads or args.heads
    if args.heads % kv_heads:
        args.parser.error(f"argument --kv-heads: must divide --heads {args.heads}, got {kv_heads}")
    return AttentionProblem(
        heads=args.heads,
        rows=args.rows,
        dim=args.dim,
        kv_heads=kv_heads,
        keys=args.keys or args.rows,
        batch=args.batch,
        causal=args.causal,
    )
