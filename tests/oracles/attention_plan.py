"""A planner of attention written apart from the compiled one, to hold its plans against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import gcd

from oracles.blocks import balanced
from oracles.gemm_plan import MIN_FLOPS
from oracles.gemm_traffic import DOTXF_ROWS

from brickprof.core.levels import TileLevel
from brickprof.planning.attention import AttentionBlocks, AttentionPlan
from brickprof.planning.blocks import LevelPlan, MicroKernel, ceil_div, round_up

ITEMSIZE = 4
"""Attention is float32."""


MIN_KEYS = 256
"""Keys for which it is worth cutting a head's keys in parts."""

SCORE_DEPTH = 128
"""Products of a score that are summed up at a time: longer sums lose digits."""

SHARED_ELEMENTS = 12
"""Elements of a line that a strip shares with the next, where rows begin at any 16 bytes."""


@dataclass(frozen=True, slots=True)
class Share:
    """Rows of one head, and the part of its keys, that one thread works on: a Macro tile."""

    thread: int
    head: int
    first: int
    last: int
    key0: int
    key1: int


@dataclass(frozen=True)
class AttentionOracle:
    """How softmax(scale q k^T) v is tiled."""

    heads: int
    rows: int
    keys: int
    dim: int
    causal: bool
    micro: MicroKernel
    blocks: AttentionBlocks
    threads: int = 1
    contiguous_keys: bool = True

    @classmethod
    def of(cls, plan: AttentionPlan) -> AttentionOracle:
        """Plan what a plan is for."""
        return cls(
            plan.heads,
            plan.rows,
            plan.keys,
            plan.dim,
            plan.causal,
            plan.micro,
            plan.blocks,
            plan.threads,
            plan.contiguous_keys,
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
    def worth(self) -> int:
        """Threads, of those given, that there is work for."""
        units = self.heads * max(ceil_div(self.rows, self.micro.mr), self.keys // MIN_KEYS)
        return max(min(self.threads, self.flops // MIN_FLOPS, units), 1)

    @property
    def dotxf(self) -> bool:
        """Whether scores are dot products with keys where they are: packing pays for more rows."""
        return self.contiguous_keys and self.rows <= self.micro.max_dotxf

    @property
    def splits(self) -> int:
        """Parts that a head's keys are cut into, where there are not enough heads to share."""
        if not self.dotxf or self.threads == 1 or not self.heads or self.heads >= 4 * self.threads:
            return 1
        parts = self.threads // gcd(self.heads, self.threads)
        return max(min(parts, self.keys // MIN_KEYS), 1)

    @property
    def split_keys(self) -> int:
        """Keys of a part."""
        return ceil_div(self.keys, self.splits)

    @property
    def chunk(self) -> int:
        """Rows that are never split between threads."""
        if self.heads >= 4 * self.threads or self.heads % self.threads == 0 or self.splits > 1:
            return max(self.rows, 1)
        chunks = ceil_div(8 * self.threads, max(self.heads, 1))
        return balanced(self.rows, max(ceil_div(self.rows, chunks), 1), self.micro.mr)

    @property
    def row_block(self) -> int:
        """Query rows of a Midi tile."""
        if self.splits > 1:
            return max(self.rows, 1)
        return balanced(self.chunk, self.blocks.rows, self.micro.mr)

    @property
    def near_elements(self) -> int:
        """Elements of L1: twice the scores of a full block."""
        return 2 * self.micro.mr * self.blocks.keys

    @property
    def key_block(self) -> int:
        """Keys of a Micro tile."""
        return min(self.blocks.keys, round_up(max(self.keys, 1), self.micro.nr))

    @property
    def flops(self) -> int:
        """Floating point operations of the two products, 4 dim for each visible pair."""
        return 4 * self.dim * self.heads * self.pairs(self.rows)

    def shares(self) -> Iterator[Share]:
        """Yield the Macro tiles; each thread's are adjacent and of about equal work."""
        if not self.flops:
            return
        if self.splits > 1:
            yield from self._split_shares()
            return
        per_head = ceil_div(self.rows, self.chunk)
        total = self.heads * self.pairs(self.rows)
        current: Share | None = None
        for unit in range(self.heads * per_head):
            head, first = unit // per_head, unit % per_head * self.chunk
            last = min(first + self.chunk, self.rows)
            done = head * self.pairs(self.rows) + self.pairs(first)
            thread = min(done * self.threads // total, self.threads - 1)
            if current and (current.thread, current.head) == (thread, head):
                current = Share(thread, head, current.first, last, 0, self.keys)
                continue
            if current:
                yield current
            current = Share(thread, head, first, last, 0, self.keys)
        if current:
            yield current

    def _split_shares(self) -> Iterator[Share]:
        """Yield the Macro tiles where the keys of a head are cut."""
        units = self.heads * self.splits
        for thread in range(self.threads):
            for unit in range(units * thread // self.threads, units * (thread + 1) // self.threads):
                key0 = unit % self.splits * self.split_keys
                key1 = min(key0 + self.split_keys, self.keys)
                yield Share(thread, unit // self.splits, 0, self.rows, key0, key1)

    @property
    def footprint_bytes(self) -> tuple[int, int, int]:
        """Bytes that a full tile holds in its cache to use again, by level."""
        width = round_up(self.dim, self.micro.lanes)
        return (
            2 * self.keys * self.dim * ITEMSIZE,
            (self.row_block + self.key_block) * (self.dim + width) * ITEMSIZE,
            self.micro.mr * max(self.key_block + self.dim, self.key_block + width) * ITEMSIZE,
        )

    @cached_property
    def levels(self) -> tuple[LevelPlan, LevelPlan, LevelPlan]:
        """Totals by level, coarsest first; what a profiled run declares, to the byte."""
        totals = [[0, 0] for _ in TileLevel]
        for share in self.shares():
            self._add_share(share, totals)
        macro, midi, micro = (
            LevelPlan(level, tiles, self.flops, elements * ITEMSIZE, footprint)
            for level, (tiles, elements), footprint in zip(
                TileLevel, totals, self.footprint_bytes, strict=True
            )
        )
        return macro, midi, micro

    def level(self, level: TileLevel) -> LevelPlan:
        """Return the totals of one level."""
        return self.levels[level]

    def stored_again(self, level: TileLevel) -> int:
        """Return the bytes of a level that are stored where they were loaded."""
        return 0

    def _add_share(self, share: Share, totals: list[list[int]]) -> None:
        """Add one Macro tile and what is in it: tiles, and elements that pass."""
        width = round_up(self.dim, self.micro.lanes)
        macro = 0 if self.dotxf else 2 * self.visible(share.last - 1) * self.dim
        for first in range(share.first, share.last, self.row_block):
            last = min(first + self.row_block, share.last)
            rows = last - first
            reach = min(self.visible(last - 1), share.key1)
            macro += 2 * rows * self.dim + 2 * max(reach - share.key0, 0) * self.dim
            midi = rows * (3 * self.dim + width)
            for row, high in self._panels(first, last):
                seen = min(self.visible(row + high - 1), share.key1) - share.key0
                for begin in range(0, max(seen, 0), self.key_block):
                    keys = min(self.key_block, seen - begin)
                    midi += keys * (self.dim + width)
                    midi += high * (self.dim + (2 if begin else 1) * width)
                    midi += self._scores_again(high, keys)
                    totals[2][0] += 1
                    totals[2][1] += self._micro(high, keys, begin == 0)
            totals[1][0] += 1
            totals[1][1] += midi
        totals[0][0] += 1
        totals[0][1] += macro

    def _panels(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the first row and the height of each panel of a Midi tile."""
        rows, row = last - first, first
        panels = ceil_div(rows, self.micro.mr)
        for panel in range(panels):
            high = rows // panels + (panel < rows % panels)
            yield row, high
            row += high

    def _scores_again(self, rows: int, keys: int) -> int:
        """Elements that pass again where keys and values drive out of L1 what was in it.

        Scores, for the softmax and for each strip of values; and lines of values in which one strip
        ends and the next begins.
        """
        if keys * self.dim <= self.near_elements:
            return 0
        strips = ceil_div(self.dim, self.micro.nr)
        return rows * keys * (1 + strips) + keys * strips * SHARED_ELEMENTS

    def _micro(self, rows: int, keys: int, begins: bool) -> int:
        """Elements that a Micro tile loads and stores: scores, softmax, values."""
        width, nr = round_up(self.dim, self.micro.lanes), self.micro.nr
        if self.dotxf:
            moved = keys * self.dim + ceil_div(keys, DOTXF_ROWS) * rows * self.dim
        else:
            moved = ceil_div(keys, nr) * (rows + nr) * self.dim
            again = max(ceil_div(self.dim, SCORE_DEPTH), 1) - 1
            moved += 2 * again * rows * round_up(keys, self.micro.lanes)
        moved += 5 * rows * round_up(keys, self.micro.lanes)
        moved += (ceil_div(self.dim, nr) * rows + width) * keys
        return moved + (1 if begins else 4) * rows * width
