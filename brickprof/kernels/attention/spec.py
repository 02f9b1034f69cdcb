"""Attention for the registry of kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from brickprof.core.dtypes import itemsize_of
from brickprof.core.importing import IMPORTING
from brickprof.kernels.spec import Argument, KernelSpec, ProblemError, Run, around
from brickprof.planning.attention import AttentionBlocks

if TYPE_CHECKING:
    from brickprof.planning.attention import AttentionPlan
    from brickprof.profiler.brick_profiler import BrickProfiler

DTYPE = "float32"
"""The one element type of attention."""


@dataclass(frozen=True, slots=True)
class AttentionProblem:
    """Attention of query heads over as many or fewer key heads."""

    heads: int
    rows: int
    dim: int
    kv_heads: int | None = None
    keys: int | None = None
    batch: int = 1
    causal: bool = False

    def __post_init__(self) -> None:
        if self.heads % self.key_heads:
            raise ProblemError(
                "kv_heads", f"must divide {{heads}} {self.heads}, got {self.kv_heads}"
            )

    @property
    def dtype(self) -> str:
        """Element type."""
        return DTYPE

    @property
    def key_heads(self) -> int:
        """Heads of keys and values: as many as queries have unless it is given."""
        return self.kv_heads or self.heads

    @property
    def key_count(self) -> int:
        """Keys of a head: as many as rows unless it is given."""
        return self.keys or self.rows

    @property
    def label(self) -> str:
        """The kernel's name and the sizes, for a reader."""
        parts = [
            f"attention {self.batch} x {self.heads} heads",
            f"{self.rows} rows x {self.key_count} keys x {self.dim}",
        ]
        if self.key_heads != self.heads:
            parts.append(f"{self.key_heads} key heads")
        if self.causal:
            parts.append("causal")
        return ", ".join(parts)

    @property
    def elements(self) -> int:
        """Elements of the output."""
        return self.batch * self.heads * self.rows * self.dim

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        keys_and_values = 2 * self.batch * self.key_heads * self.key_count * self.dim
        return (2 * self.elements + keys_and_values) * itemsize_of(DTYPE)

    @property
    def flops(self) -> int:
        """Floating point operations of one run."""
        return plan(self, 1, None).flops


def plan(
    problem: AttentionProblem,
    threads: int | None,
    isa: str | None,
    blocks: AttentionBlocks | None = None,
) -> AttentionPlan:
    """Return the plan of a call."""
    with IMPORTING:
        from brickprof.kernels.attention.plan import plan_attention

    sizes = problem.batch * problem.heads, problem.rows, problem.key_count, problem.dim
    key_heads = problem.batch * problem.key_heads
    return plan_attention(
        *sizes, problem.causal, threads=threads, isa=isa, key_heads=key_heads, blocks=blocks
    )


def blocks(problem: AttentionProblem, isa: str | None) -> AttentionBlocks:
    """Return the blocks for this machine."""
    return plan(problem, 1, isa).blocks


def block_space(problem: AttentionProblem, isa: str | None) -> dict[str, tuple[int, ...]]:
    """Return blocks to try: those for this machine, and up to eight times more and less."""
    of, micro = blocks(problem, isa), plan(problem, 1, isa).micro
    factors = (0.125, 0.25, 0.5, 1, 2, 4, 8)
    return {
        "rows": around(of.rows, micro.mr, problem.rows, factors),
        "keys": around(of.keys, micro.nr, problem.key_count, factors),
    }


def run(problem: AttentionProblem, isa: str | None) -> Run:
    """Make random queries, keys and values and return what attends."""
    with IMPORTING:
        from brickprof.kernels.attention.attention import attention

    random = np.random.default_rng(0)
    shared = (problem.batch, problem.key_heads, problem.key_count, problem.dim)
    q = random.random((problem.batch, problem.heads, problem.rows, problem.dim), np.float32)
    k, v = random.random(shared, np.float32), random.random(shared, np.float32)
    out = np.empty_like(q)

    @cache
    def plan_of(threads: int | None, chosen: AttentionBlocks) -> AttentionPlan:
        return plan(problem, threads, isa, chosen)

    def attend(
        threads: int | None, profiler: BrickProfiler | None, blocks: AttentionBlocks | None = None
    ) -> object:
        causal = problem.causal
        if blocks is None:
            return attention(
                q, k, v, causal=causal, out=out, threads=threads, profiler=profiler, isa=isa
            )
        chosen = plan_of(threads, blocks)
        return attention(q, k, v, causal=causal, out=out, profiler=profiler, plan=chosen, isa=isa)

    return attend


ATTENTION = KernelSpec(
    name="attention",
    noun="attention",
    dtypes=(DTYPE,),
    arguments=(
        Argument("heads", "query heads", 12),
        Argument("kv_heads", "key and value heads, a divisor of --heads (default: as many)"),
        Argument("rows", "query rows of a head", 512, alias="seq"),
        Argument("keys", "keys of a head (default: as many as rows)"),
        Argument("dim", "size of a head", 64),
        Argument("batch", "batches", 1),
        Argument("causal", "hide later keys", flag=True),
    ),
    problem=AttentionProblem,
    plan=plan,
    run=run,
    blocks=blocks,
    block_space=block_space,
    examples=(
        AttentionProblem(2, 30, 16),
        AttentionProblem(4, 1, 32, kv_heads=2, keys=300),
        AttentionProblem(12, 512, 64),
        AttentionProblem(12, 512, 64, causal=True),
    ),
)
