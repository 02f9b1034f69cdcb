"""Tile plans of attention: what is blocked for which cache, and each level's work and traffic.

A Macro tile is one thread's rows of one head, a Midi tile a block of its query rows against all
keys that they see, a Micro tile the micro-kernel's rows against one block of keys: scores, online
softmax and weighted values, without leaving L1. The order is that of T. Dao, "FlashAttention-2:
faster attention with better parallelism and work partitioning", 2023, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from brickprof.levels import TileLevel
from brickprof.machine import Machine
from brickprof.tiling import (
    MOST_THREADS,
    LevelPlan,
    MicroKernel,
    balanced,
    ceil_div,
    keep_whole,
    round_up,
)

ITEMSIZE = 4
"""Attention is float32."""


@dataclass(frozen=True, slots=True)
class AttentionBlocks:
    """Block sizes: query rows of a Midi tile and keys of a Micro tile."""

    rows: int
    keys: int

    def __post_init__(self) -> None:
        for name in ("rows", "keys"):
            keep_whole(self, name, 1)


def attention_blocks(machine: Machine, micro: MicroKernel, dim: int) -> AttentionBlocks:
    """Return the blocks for a machine, a micro-kernel and a head size.

    keys: a block's keys and values take half of L2, its scores half of L1. rows: the queries and
    the output of a Midi tile take a quarter of L2.
    """
    l1 = machine.cache(TileLevel.MICRO).size_bytes
    l2 = machine.cache(TileLevel.MIDI).size_bytes
    width = max(round_up(dim, micro.nr), 1)
    keys = min(l2 // 2 // (2 * width * ITEMSIZE), l1 // 2 // (micro.mr * ITEMSIZE))
    rows = l2 // 4 // (2 * width * ITEMSIZE)
    return AttentionBlocks(max(rows // micro.mr, 1) * micro.mr, max(keys // micro.nr, 1) * micro.nr)


def values_in_place(rows: int, dim: int, micro: MicroKernel) -> bool:
    """Tell whether to use values where they are: with so few query rows packing does not pay."""
    return dim % micro.nr == 0 and rows < 8 * micro.mr


@dataclass(frozen=True, slots=True)
class Share:
    """Rows of one head that one thread works on: a Macro tile."""

    thread: int
    head: int
    first: int
    last: int


@dataclass(frozen=True)
class AttentionPlan:
    """How softmax(scale q k^T) v is tiled.

    Parameters
    ----------
    heads : int
        Query heads, over all batches.
    rows, keys, dim : int
        Query rows and keys of a head, and its size.
    causal : bool
        Whether row i sees only the keys up to i + keys - rows.
    micro : MicroKernel
        Register block.
    blocks : AttentionBlocks
        Blocks that fit the machine; `row_block` is made even for the problem.
    threads : int
        Threads that share the work.
    direct : bool
        Whether values are used where they are; otherwise they are packed.
    """

    heads: int
    rows: int
    keys: int
    dim: int
    causal: bool
    micro: MicroKernel
    blocks: AttentionBlocks
    threads: int = 1
    direct: bool = True

    def __post_init__(self) -> None:
        for name, least in (("heads", 0), ("rows", 0), ("keys", 0), ("dim", 0), ("threads", 1)):
            most = MOST_THREADS if name == "threads" else None
            keep_whole(self, name, least, most)
        if self.blocks.keys % self.micro.nr:
            raise ValueError(
                f"blocks.keys must be a multiple of the micro-kernel's nr, {self.micro.nr}, "
                f"got {self.blocks.keys}"
            )

    def visible(self, row: int) -> int:
        """Return the number of keys that a row sees."""
        if not self.causal:
            return self.keys
        return min(max(row + 1 + self.keys - self.rows, 0), self.keys)

    def pairs(self, rows: int) -> int:
        """Return the number of (row, key) pairs of the first rows of a head."""
        if not self.causal:
            return rows * self.keys
        offset = self.keys - self.rows
        blind = min(max(-offset, 0), rows)
        seeing = rows - blind
        first = max(offset, 0) + 1
        return seeing * first + seeing * (seeing - 1) // 2

    @property
    def chunk(self) -> int:
        """Rows that are never split between threads."""
        if self.heads >= 4 * self.threads or self.heads % self.threads == 0:
            return max(self.rows, 1)
        chunks = ceil_div(8 * self.threads, max(self.heads, 1))
        return balanced(self.rows, max(ceil_div(self.rows, chunks), 1), self.micro.mr)

    @property
    def row_block(self) -> int:
        """Query rows of a Midi tile."""
        return balanced(self.chunk, self.blocks.rows, self.micro.mr)

    @property
    def flops(self) -> int:
        """Floating point operations of the two products, 4 dim for each visible pair."""
        return 4 * self.dim * self.heads * self.pairs(self.rows)

    def shares(self) -> Iterator[Share]:
        """Yield the Macro tiles; each thread's are adjacent and of about equal work."""
        per_head = ceil_div(self.rows, self.chunk)
        total = self.heads * self.pairs(self.rows)
        if not self.flops:
            return
        current: Share | None = None
        for unit in range(self.heads * per_head):
            head, first = unit // per_head, unit % per_head * self.chunk
            last = min(first + self.chunk, self.rows)
            done = head * self.pairs(self.rows) + self.pairs(first)
            thread = min(done * self.threads // total, self.threads - 1)
            if current and (current.thread, current.head) == (thread, head):
                current = Share(thread, head, current.first, last)
                continue
            if current:
                yield current
            current = Share(thread, head, first, last)
        if current:
            yield current

    @cached_property
    def levels(self) -> tuple[LevelPlan, LevelPlan, LevelPlan]:
        """Totals by level, coarsest first; what a profiled run declares, to the byte."""
        totals = [[0, 0, 0] for _ in TileLevel]
        for share in self.shares():
            self._add_share(share, totals)
        width = round_up(self.dim, self.micro.nr)
        key_block = min(self.blocks.keys, round_up(max(self.keys, 1), self.micro.nr))
        footprints = (
            self.keys * (self.dim + width),
            self.row_block * (self.dim + width) + key_block * (self.dim + width),
            self.micro.mr * (key_block + self.dim + width),
        )
        macro, midi, micro = (
            LevelPlan(level, tiles, flops, elements * ITEMSIZE, footprint * ITEMSIZE)
            for level, (tiles, flops, elements), footprint in zip(
                TileLevel, totals, footprints, strict=True
            )
        )
        return macro, midi, micro

    def level(self, level: TileLevel) -> LevelPlan:
        """Return the totals of one level."""
        return self.levels[level]

    def _add_share(self, share: Share, totals: list[list[int]]) -> None:
        """Add one Macro tile and what is in it: tiles, flops, elements that pass."""
        width, mr = round_up(self.dim, self.micro.nr), self.micro.mr
        seen = self.visible(share.last - 1)
        flops = 4 * self.dim * (self.pairs(share.last) - self.pairs(share.first))
        packed = self._packed(seen)
        macro = packed
        for first in range(share.first, share.last, self.row_block):
            last = min(first + self.row_block, share.last)
            rows, padded = last - first, round_up(last - first, mr)
            reach = self.visible(last - 1)
            macro += 2 * rows * self.dim + reach * (self.dim + width)
            midi = rows * self.dim + padded * self.dim + rows * (width + self.dim)
            for row in range(first, last, mr):
                tiles, flow, inner = self._panel(self.visible(min(row + mr, last) - 1))
                midi += flow
                totals[2][0] += tiles
                totals[2][2] += inner
            totals[1][0] += 1
            totals[1][2] += midi
        totals[0][0] += 1
        totals[0][2] += macro
        for total in totals:
            total[1] += flops

    def _packed(self, seen: int) -> int:
        """Elements read and written to pack a head's keys, and its values unless direct."""
        width, nr = round_up(self.dim, self.micro.nr), self.micro.nr
        keys = seen * self.dim + round_up(seen, nr) * self.dim
        return keys + (0 if self.direct else seen * (self.dim + width))

    def _panel(self, seen: int) -> tuple[int, int, int]:
        """Micro tiles of one panel of rows: their number, elements from L2, and from L1."""
        width, mr, nr = round_up(self.dim, self.micro.nr), self.micro.mr, self.micro.nr
        if seen == 0:
            return 0, 0, 0
        tiles = ceil_div(seen, self.blocks.keys)
        padded = round_up(seen, nr)
        flow = padded * self.dim + seen * width + tiles * mr * (self.dim + 2 * width)
        scores = padded // nr * (mr + nr) * self.dim + mr * padded
        softmax = 4 * mr * padded
        values = width // nr * (mr + nr) * seen + 2 * tiles * mr * width
        return tiles, flow, scores + softmax + values
