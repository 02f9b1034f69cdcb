"""Tile plans for this machine, or another, by problem size."""

from __future__ import annotations

from brickprof._kernels import micro_kernel
from brickprof.attention_tiling import AttentionPlan, attention_blocks, values_in_place
from brickprof.budget import default_threads
from brickprof.machine import Machine, detect_machine
from brickprof.tiling import ITEMSIZES, GemmPlan, check_whole, gemm_blocks


def plan_gemm(
    m: int,
    n: int,
    k: int,
    dtype: str = "float32",
    machine: Machine | None = None,
    threads: int | None = None,
    isa: str | None = None,
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
        Threads that share the work; by default what `gemm` would use.
    isa : str, optional
        Instruction set whose micro-kernel is used; by default the best that this CPU has.

    Returns
    -------
    GemmPlan
        With `levels`: tiles, flops, bytes and footprint of each.

    Raises
    ------
    TypeError
        If `dtype` is no string.
    ValueError
        If a size is negative, `threads` out of range, or `dtype` or `isa` unknown.
    """
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    micro = micro_kernel(dtype, isa)
    blocks = gemm_blocks(machine or detect_machine(), micro, ITEMSIZES[dtype])
    team = default_threads() if threads is None else threads
    return GemmPlan(m, n, k, dtype, micro, blocks, team)


def plan_attention(
    heads: int,
    rows: int,
    keys: int,
    dim: int,
    causal: bool = False,
    machine: Machine | None = None,
    threads: int | None = None,
    isa: str | None = None,
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

    Returns
    -------
    AttentionPlan
        With `levels`: tiles, flops, bytes and footprint of each.

    Raises
    ------
    ValueError
        If a size is negative, `threads` out of range, or `isa` unknown.
    """
    dim = check_whole("dim", dim, 0)
    micro = micro_kernel("float32", isa)
    blocks = attention_blocks(machine or detect_machine(), micro, dim)
    team = default_threads() if threads is None else threads
    return AttentionPlan(
        heads, rows, keys, dim, causal, micro, blocks, team, values_in_place(rows, dim, micro)
    )
