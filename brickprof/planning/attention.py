"""Attention: blocks for a machine, and the plan of a call as the kernel will run it."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core.checks import check_integer_field
from brickprof.core.levels import TileLevel, checked_level
from brickprof.core.limits import MAX_BLOCK
from brickprof.machine import Machine
from brickprof.planning.blocks import LevelPlan, MicroKernel, round_up

ITEMSIZE = 4
"""Bytes of an element: attention is float32."""


@dataclass(frozen=True, slots=True)
class AttentionBlocks:
    """Block sizes: query rows of a Midi tile and keys of a Micro tile.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer in [1, 2**40].
    """

    rows: int
    keys: int

    def __post_init__(self) -> None:
        for name in ("rows", "keys"):
            check_integer_field(self, name, 1, MAX_BLOCK)


def attention_blocks(machine: Machine, micro: MicroKernel, dim: int) -> AttentionBlocks:
    """Return the blocks for a machine, a micro-kernel and a head size.

    keys: a block's keys and values take half of L2, its scores three quarters of L1, since each
    block rescales the sums and the output. rows: the queries and the output of a Midi tile take a
    quarter of L2.
    """
    l1 = machine.cache(TileLevel.MICRO).size_bytes
    l2 = machine.cache(TileLevel.MIDI).size_bytes
    width = max(round_up(dim, micro.nr), 1)
    keys = min(l2 // 2 // (2 * width * ITEMSIZE), l1 * 3 // 4 // (micro.mr * ITEMSIZE))
    rows = l2 // 4 // (2 * width * ITEMSIZE)
    return AttentionBlocks(max(rows // micro.mr, 1) * micro.mr, max(keys // micro.nr, 1) * micro.nr)


@dataclass(frozen=True, slots=True)
class AttentionPlan:
    """How softmax(scale q k^T) v is tiled: a view of what the kernel will run.

    Plans are made by `brickprof.plan_attention`, by the code that tiles a call when it runs. The
    order of the loops is that of T. Dao, "FlashAttention-2: faster attention with better
    parallelism and work partitioning", 2023, section 3.1.

    Parameters
    ----------
    heads : int
        Query heads, over all batches.
    rows, keys, dim : int
        Query rows and keys of a head, and its size.
    causal : bool
        Whether row i sees only the keys up to i + keys - rows.
    micro : MicroKernel
        Register blocks of the micro-kernels.
    blocks : AttentionBlocks
        Blocks; `row_block` is made even for the problem.
    threads : int
        Threads that have work.
    contiguous_keys : bool
        Whether the elements of a key are contiguous, so that few rows need not pack them.
    dotxf : bool
        Whether scores are fused dot products with keys where they are.
    splits, split_keys : int
        Parts that a head's keys are split into for the threads, and the keys of a part.
    chunk : int
        Rows of a head that are never split between threads.
    row_block, key_block : int
        Query rows of a Midi tile, and keys of a Micro tile.
    levels : tuple of LevelPlan
        Totals by level, coarsest first; what a profiled run declares, to the byte.
    """

    heads: int
    rows: int
    keys: int
    dim: int
    causal: bool
    micro: MicroKernel
    blocks: AttentionBlocks
    threads: int
    contiguous_keys: bool
    dotxf: bool
    splits: int
    split_keys: int
    chunk: int
    row_block: int
    key_block: int
    levels: tuple[LevelPlan, LevelPlan, LevelPlan]

    @property
    def flops(self) -> int:
        """Floating point operations of the two products, 4 dim for each visible pair."""
        return self.levels[TileLevel.MACRO].flops

    @property
    def footprint_bytes(self) -> tuple[int, int, int]:
        """Bytes that a full tile holds in its cache to use again, by level."""
        macro, midi, micro = (level.footprint_bytes for level in self.levels)
        return macro, midi, micro

    def level(self, level: TileLevel) -> LevelPlan:
        """Return the totals of one level; a TypeError for what is no TileLevel."""
        return self.levels[checked_level(level)]
