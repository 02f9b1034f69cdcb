"""GEMM for the registry of kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from brickprof.core.dtypes import KERNEL_DTYPES, itemsize_of
from brickprof.core.importing import IMPORTING
from brickprof.kernels.spec import Argument, KernelSpec, Run, around
from brickprof.planning.gemm import Blocks

if TYPE_CHECKING:
    from brickprof.planning.gemm import GemmPlan
    from brickprof.profiler.brick_profiler import BrickProfiler


@dataclass(frozen=True, slots=True)
class GemmProblem:
    """An (m x k) by (k x n) product."""

    m: int
    n: int
    k: int
    dtype: str = KERNEL_DTYPES[0]

    @property
    def label(self) -> str:
        """The kernel's name and the sizes, for a reader."""
        return f"gemm {self.m} x {self.n} x {self.k} {self.dtype}"

    @property
    def elements(self) -> int:
        """Elements of the output."""
        return self.m * self.n

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        elements = self.m * self.k + self.k * self.n + self.m * self.n
        return elements * itemsize_of(self.dtype)

    @property
    def flops(self) -> int:
        """Floating point operations of one run."""
        return 2 * self.m * self.n * self.k


def plan(
    problem: GemmProblem, threads: int | None, isa: str | None, blocks: Blocks | None = None
) -> GemmPlan:
    """Return the plan of a product."""
    with IMPORTING:
        from brickprof.kernels.gemm.plan import plan_gemm

    sizes = problem.m, problem.n, problem.k
    return plan_gemm(*sizes, problem.dtype, threads=threads, isa=isa, blocks=blocks)


def blocks(problem: GemmProblem, isa: str | None) -> Blocks:
    """Return the cache blocks for this machine."""
    return plan(problem, 1, isa).blocks


def block_space(problem: GemmProblem, isa: str | None) -> dict[str, tuple[int, ...]]:
    """Return cache blocks to try: those for this machine, and up to four times more and less."""
    of, micro = blocks(problem, isa), plan(problem, 1, isa).micro
    return {
        "mc": around(of.mc, micro.mr, problem.m, (0.25, 0.5, 1, 2, 4)),
        "kc": around(of.kc, 4, problem.k, (1 / 3, 0.5, 2 / 3, 1, 1.5, 2)),
        "nc": around(of.nc, micro.nr, problem.n, (0.25, 0.5, 1, 2)),
        "rows": around(of.rows, 1, problem.m, (0.25, 0.5, 1, 2)),
    }


def run(problem: GemmProblem, isa: str | None) -> Run:
    """Make random matrices and return what multiplies them."""
    with IMPORTING:
        from brickprof.kernels.gemm.gemm import gemm

    random = np.random.default_rng(0)
    dtype = np.dtype(problem.dtype).type
    a = random.random((problem.m, problem.k), dtype)
    b = random.random((problem.k, problem.n), dtype)
    out = np.empty((problem.m, problem.n), dtype)

    @cache
    def plan_of(threads: int | None, chosen: Blocks) -> GemmPlan:
        return plan(problem, threads, isa, chosen)

    def multiply(
        threads: int | None, profiler: BrickProfiler | None, blocks: Blocks | None = None
    ) -> object:
        if blocks is None:
            return gemm(a, b, out=out, threads=threads, profiler=profiler, isa=isa)
        chosen = plan_of(threads, blocks)
        return gemm(a, b, out=out, plan=chosen, profiler=profiler, isa=isa)

    return multiply


GEMM = KernelSpec(
    name="gemm",
    noun="a matrix product",
    dtypes=KERNEL_DTYPES,
    arguments=(
        Argument("m", "rows of the product", positional=True),
        Argument("n", "columns of the product", positional=True),
        Argument("k", "columns of A and rows of B", positional=True),
    ),
    problem=GemmProblem,
    plan=plan,
    run=run,
    blocks=blocks,
    block_space=block_space,
    examples=(GemmProblem(60, 70, 50), GemmProblem(1, 300, 200), GemmProblem(1024, 1024, 1024)),
)
