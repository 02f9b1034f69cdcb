"""Tile plans for this machine, or another, by problem size."""

from __future__ import annotations

from dataclasses import replace

from brickprof._kernels import micro_kernel
from brickprof.core.checks import checked_integer
from brickprof.core.dtypes import DTypeLike, kernel_dtype
from brickprof.machine import Machine, detect_machine
from brickprof.planning.attention import AttentionPlan, attention_blocks
from brickprof.planning.blocks import LAYOUTS
from brickprof.planning.budget import default_threads
from brickprof.planning.gemm import GemmPlan, gemm_blocks


def plan_gemm(
    m: int,
    n: int,
    k: int,
    dtype: DTypeLike = "float32",
    machine: Machine | None = None,
    threads: int | None = None,
    isa: str | None = None,
    a_layout: str = "rows",
    b_layout: str = "rows",
) -> GemmPlan:
    """Plan the tiles of an (m x k) by (k x n) product.

    Parameters
    ----------
    m, n, k : int
        Problem size.
    dtype : {"float32", "float64"}
        Element type.
    machine : Machine, optional
        Whose caches to tile for; this one by default.
    threads : int, optional
        Threads that share the work at most; by default what `gemm` would use.
    isa : str, optional
        Instruction set whose micro-kernel is used; by default the best that this CPU has.
    a_layout, b_layout : {"rows", "columns", "strided"}
        What lies adjacent in memory; ``"columns"`` for a transposed array. A single row or column
        without gaps lies by rows as well, and is planned so.

    Returns
    -------
    GemmPlan
        With `levels`: tiles, flops, bytes and footprint of each.

    Raises
    ------
    TypeError
        If a size or `threads` is no integer, or `dtype` no dtype.
    ValueError
        If a size or `threads` is out of range, or `dtype`, `isa` or a layout unknown.
    """
    element = kernel_dtype(dtype)
    micro = micro_kernel(element.name, isa)
    blocks = gemm_blocks(machine or detect_machine(), micro, element.itemsize)
    team = default_threads() if threads is None else threads
    return GemmPlan(
        m,
        n,
        k,
        element.name,
        micro,
        blocks,
        team,
        _lying(a_layout, m, k),
        _lying(b_layout, k, n),
        b_stride=0 if k == 1 else None,
    )


def _lying(layout: str, rows: int, columns: int) -> str:
    """Return the layout that kernels see: a single row or column lies both ways."""
    both = columns == 1 and layout in LAYOUTS
    return "rows" if both or (rows == 1 and layout == "columns") else layout


def plan_attention(
    heads: int,
    rows: int,
    keys: int,
    dim: int,
    causal: bool = False,
    machine: Machine | None = None,
    threads: int | None = None,
    isa: str | None = None,
    key_heads: int | None = None,
) -> AttentionPlan:
    """Plan the tiles of attention.

    Parameters
    ----------
    heads : int
        Query heads, over all batches.
    rows, keys, dim : int
        Query rows and keys of a head, and its size.
    causal : bool
        Whether later keys are hidden.
    machine, threads, isa
        As for `plan_gemm`.
    key_heads : int, optional
        Heads of keys and values, over all batches, that divide `heads`; as many by default. With
        a single query row the heads that share keys are planned as rows of one.

    Returns
    -------
    AttentionPlan
        With `levels`: tiles, flops, bytes and footprint of each.

    Raises
    ------
    TypeError
        If a size or `threads` is no integer.
    ValueError
        If a size or `threads` is out of range, `isa` unknown, or `key_heads` does not divide
        `heads`.
    """
    dim = checked_integer("dim", dim, 0)
    micro = micro_kernel("float32", isa)
    blocks = attention_blocks(machine or detect_machine(), micro, dim)
    team = default_threads() if threads is None else threads
    if key_heads is not None:
        shared = checked_integer("key_heads", key_heads, 1)
        if checked_integer("heads", heads, 0) % shared:
            raise ValueError(f"key_heads must divide heads, {heads}, got {key_heads}")
        if rows == 1 and heads > shared:
            heads, rows, causal = shared, heads // shared, False
    plan = AttentionPlan(heads, rows, keys, dim, causal, micro, blocks, team)
    return replace(plan, threads=plan.worth)
