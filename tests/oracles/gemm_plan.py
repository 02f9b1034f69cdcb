"""A planner of GEMM written apart from the compiled one, to hold its plans against."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from oracles.blocks import balanced
from oracles.gemm_traffic import gemm_totals

from brickprof.core.dtypes import itemsize_of
from brickprof.core.levels import TileLevel
from brickprof.planning.blocks import LevelPlan, MicroKernel, ceil_div, round_up
from brickprof.planning.gemm import Blocks, GemmPlan

STREAM_DEPTH = 64
"""Steps of k that a few rows of A take at a time down a B that comes from memory."""

STREAM_MICROPANELS = 4
"""Panels that count as few."""

ALIAS_BYTES = 2048
"""Rows of B a multiple of this apart share a few sets of L1, where a micropanel does not fit."""

SETS_BYTES = 4096
"""Rows a multiple of this apart share sets of L1 (of 64 sets of 64 bytes)."""

WAYS = 8
"""Rows that sets of L1 hold, which most have 8 or 12 of."""

DOTXF_GRAIN = 8
"""Rows of dot products that are not parted."""

MIN_FLOPS = 2**20
"""Work for which another thread is worth waking."""

MUCH_WORK = 2**26
"""Work of a thread from which on its share is cut in two, so that a late one leaves less."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of C: its rows and columns."""

    rows: int
    columns: int


@dataclass(frozen=True)
class GemmOracle:
    """How C (m x n) = A (m x k) B (k x n) is tiled."""

    m: int
    n: int
    k: int
    dtype: str
    micro: MicroKernel
    blocks: Blocks
    threads: int = 1
    a_layout: str = "rows"
    b_layout: str = "rows"
    a_stride: int | None = None
    b_stride: int | None = None
    prepacked: bool = False

    @classmethod
    def of(cls, plan: GemmPlan) -> GemmOracle:
        """Plan what a plan is for."""
        return cls(
            plan.m,
            plan.n,
            plan.k,
            plan.dtype,
            plan.micro,
            plan.blocks,
            plan.threads,
            plan.a_layout,
            "rows" if plan.b_layout == "packed" else plan.b_layout,
            plan.a_stride,
            plan.b_stride,
            plan.b_layout == "packed",
        )

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return itemsize_of(self.dtype)

    @property
    def flops(self) -> int:
        """Floating point operations of the whole product: 2 m n k."""
        return 2 * self.m * self.n * self.k

    @property
    def kind(self) -> str:
        """``"axpyf"``, ``"dotxf rows"`` of A, ``"dotxf columns"`` of B, or ``"tiles"``.

        Adding up the lanes of a dot product costs about as much as a vector's worth of depth for
        each lane, packing B the other way round as much as a sixteenth of its use by one row.
        """
        micro = self.micro
        if self.prepacked:
            return "tiles"
        if self.m == 1 and self.b_layout == "rows" and self.n > 1:
            return "axpyf"
        if self.k >= micro.lanes:
            few = self.m <= micro.max_dotxf or (
                self.m <= 8 * micro.max_dotxf and self.m * micro.lanes <= self.k
            )
            if self.b_layout == "columns" and few:
                return "dotxf columns"
            if self.a_layout == "rows" and self.n <= micro.max_dotxf:
                return "dotxf rows"
        return "tiles"

    @property
    def dotxf_vectors(self) -> int:
        """Vectors that rows are multiplied with as dot products."""
        return self.n if self.kind == "dotxf rows" else self.m

    @property
    def dotxf_block(self) -> int:
        """Rows of a Midi tile of dot products, which take a quarter of L2."""
        rows = self.blocks.l2_bytes // 4 // (self.kc * self.itemsize)
        return max(rows // DOTXF_GRAIN, 1) * DOTXF_GRAIN

    @property
    def axpyf_block(self) -> int:
        """Columns of a Midi tile of a sum of rows: a third of L1."""
        return round_up(max(self.blocks.l1_bytes // 3 // self.itemsize, 1), self.micro.nr)

    @property
    def team(self) -> int:
        """Threads that there is work for."""
        return max(min(self.threads, self.flops // MIN_FLOPS), 1)

    @property
    def pieces(self) -> int:
        """Parts that the threads ask for."""
        if self.team == 1:
            return 1
        return self.team * (2 if self.flops >= self.team * MUCH_WORK else 1)

    @property
    def workers(self) -> int:
        """Threads that get a share; fewer than `threads` where there is not enough work."""
        down, across = self.grid
        return max(min(self.team, down * across), 1)

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Parts of C down and across."""
        of_a, of_b = ceil_div(self.m, self.micro.mr), ceil_div(self.n, self.micro.nr)
        if self.kind == "axpyf":
            return 1, max(min(self.pieces, of_b), 1)
        if self.kind != "tiles":
            rows = self.m if self.kind == "dotxf rows" else self.n
            parts = max(min(self.pieces, ceil_div(rows, DOTXF_GRAIN)), 1)
            return (parts, 1) if self.kind == "dotxf rows" else (1, parts)
        return self._cut(of_a, of_b)

    def _cut(self, of_a: int, of_b: int) -> tuple[int, int]:
        """Cut C so that its parts fit L3, and in so many more that threads have theirs.

        Of the ways to cut, that with the least traffic: B is read for each part down, A for each
        across.
        """
        down = max(min(ceil_div(self.m, self.blocks.rows), of_a), 1)
        across = max(min(ceil_div(self.n, self.blocks.nc), of_b), 1)
        more = ceil_div(self.pieces, down * across)
        ways = [
            (down * d, across * (more // d))
            for d in range(1, more + 1)
            if more % d == 0 and down * d <= of_a and across * (more // d) <= of_b
        ]
        if ways:
            return min(ways, key=lambda way: way[0] * self.n + way[1] * self.m)
        rows = max(min(down * more, of_a), 1)
        return rows, max(min(ceil_div(down * across * more, rows), of_b), 1)

    def parts(self) -> Iterator[Part]:
        """Yield the parts of C: whole micropanels of columns, or groups of rows of dot products."""
        down, across = self.grid
        by_dots = self.kind.startswith("dotxf")
        rows = _cuts(self.m, down, DOTXF_GRAIN if self.kind == "dotxf rows" else 1)
        columns = _cuts(self.n, across, DOTXF_GRAIN if by_dots else self.micro.nr)
        for high in rows:
            for wide in columns:
                yield Part(high, wide)

    @property
    def streams(self) -> bool:
        """Whether a few rows go down a B that comes from memory, a little at a time."""
        return (
            not self.prepacked
            and self.m <= STREAM_MICROPANELS * self.micro.mr
            and self.b_layout == "rows"
            and self.k * self.n * self.itemsize > self.blocks.l2_bytes
        )

    @property
    def by_micropanels(self) -> bool:
        """Whether so little is done to C that it had better go by single micropanels of rows."""
        return (
            self.b_layout == "rows"
            and not self.prepacked
            and not self.streams
            and self.k <= STREAM_DEPTH
            and 2 * self.k * self.n * self.itemsize <= self.blocks.l2_bytes
        )

    @property
    def mc(self) -> int:
        """Rows of a Midi tile."""
        if self.by_micropanels:
            crowded = (self.n if self.m > 1 else 0) * self.itemsize % SETS_BYTES == 0
            return min(self.micro.mr, WAYS) if crowded else self.micro.mr
        return balanced(ceil_div(self.m, self.grid[0]), self.blocks.mc, self.micro.mr)

    @property
    def nc(self) -> int:
        """Columns of the widest part."""
        return max(part.columns for part in self.parts())

    @property
    def kc(self) -> int:
        """Depth of all tiles."""
        if self.kind == "axpyf":
            return max(self.k, 1)
        if self.kind != "tiles":
            deep = self.blocks.l2_bytes // 2 // (max(self.dotxf_vectors, 1) * self.itemsize)
            return balanced(self.k, max(deep, 64), 64)
        deep = min(STREAM_DEPTH, self.blocks.kc) if self.streams else self.blocks.kc
        return balanced(self.k, deep, 4)

    def packs_a(self, columns: int) -> bool:
        """Tell whether to pack blocks of A that so many columns of B go over.

        Rows a multiple of 4096 bytes apart share the ways of one set of L1, and columns far apart
        take a page each.
        """
        if self.a_layout == "strided":
            return True
        micropanels = ceil_div(columns, self.micro.nr)
        if micropanels <= 2 or self.m == 1:
            return False
        if self.a_layout == "rows":
            stride = self.k if self.a_stride is None else self.a_stride
            return micropanels >= 16 or stride * self.itemsize % SETS_BYTES == 0
        stride = self.m if self.a_stride is None else self.a_stride
        return stride * self.itemsize >= 1024

    @property
    def _b_row_bytes(self) -> int:
        """Bytes from one row of B to the next, where it lies by rows."""
        return (self.n if self.b_stride is None else self.b_stride) * self.itemsize

    @property
    def packs_b(self) -> bool:
        """Whether B is packed a part at a time, before it is used."""
        if self.prepacked:
            return False
        if self.b_layout != "rows":
            return ceil_div(self.m, self.grid[0]) > self.mc
        if self.by_micropanels:
            return self.k > WAYS and self._b_row_bytes % SETS_BYTES == 0
        return not self.streams and self.k * self.n * self.itemsize > self.blocks.l2_bytes

    def b_mode(self, rows: int) -> str:
        """Tell how a block of so many rows takes micropanels of B.

        ``"packed"``: packed before; ``"transposed"``: packed each time, from columns; ``"single
        pass"``: by the only micropanel of A; ``"copied"``: packed by the first micropanel of A for
        the others; ``"in place"``: where it is, by all.
        """
        if self.prepacked or self.packs_b:
            return "packed"
        if self.b_layout != "rows":
            return "transposed"
        if rows <= self.micro.mr:
            return "single pass"
        far = 2 * self.kc * self._b_row_bytes > self.blocks.l2_bytes
        alias = self._b_row_bytes % ALIAS_BYTES == 0
        return "copied" if self.streams or far or alias else "in place"

    def micropanel_widths(self, rows: int, columns: int) -> list[int]:
        """Return the widths of the micropanels that a block of some rows goes over."""
        wide = self.micro.nr
        if rows <= self.micro.wide_rows and self.b_mode(rows) == "single pass":
            wide = 4 * self.micro.lanes
        whole = columns // wide
        rest = columns - whole * wide
        narrow = [min(self.micro.nr, rest - j) for j in range(0, rest, self.micro.nr)]
        return [wide] * whole + narrow

    @property
    def footprint_bytes(self) -> tuple[int, int, int]:
        """Bytes that a full tile holds in its cache to use again, by level; 0 without work."""
        macro, midi, micro = {
            "tiles": (
                self.kc * self.nc + self.m * self.nc // max(self.grid[0], 1),
                self.mc * self.kc,
                self.kc * self.micro.nr,
            ),
            "axpyf": (self.n, self.axpyf_block, self.axpyf_block),
        }.get(self.kind, (self.dotxf_vectors * self.kc,) * 3)
        size = self.itemsize if self.flops else 0
        return macro * size, midi * size, micro * size

    @cached_property
    def levels(self) -> tuple[LevelPlan, LevelPlan, LevelPlan]:
        """Totals by level, coarsest first; what a profiled run declares, to the byte."""
        macro, midi, micro = (
            LevelPlan(level, total.tiles, self.flops, total.elements * self.itemsize, footprint)
            for level, total, footprint in zip(
                TileLevel, gemm_totals(self), self.footprint_bytes, strict=True
            )
        )
        return macro, midi, micro

    def level(self, level: TileLevel) -> LevelPlan:
        """Return the totals of one level."""
        return self.levels[level]

    def stored_again(self, level: TileLevel) -> int:
        """Return the bytes of a level that are stored where they were loaded: updates of C."""
        return gemm_totals(self)[level].stored_again * self.itemsize


def _cuts(extent: int, parts: int, grain: int) -> list[int]:
    """Cut an extent into parts of whole grains, and return their lengths."""
    grains = ceil_div(extent, grain)
    ends = [min(grains * part // parts * grain, extent) for part in range(parts + 1)]
    return [last - first for first, last in itertools.pairwise(ends)]
