"""GEMM: cache blocks for a machine, and the plan of a product as the kernel will run it.

Block sizes follow the reasoning of T. Low, F. Igual, T. Smith, E. Quintana-Orti, "Analytical
modeling is enough for high-performance BLIS", ACM TOMS 43(2), 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core.checks import check_integer_field
from brickprof.core.levels import TileLevel, checked_level
from brickprof.core.limits import MAX_BLOCK
from brickprof.machine import Machine
from brickprof.planning.blocks import LevelPlan, MicroKernel


@dataclass(frozen=True, slots=True)
class Blocks:
    """Cache block sizes in elements, and the caches that they are for.

    Parameters
    ----------
    mc, kc : int
        A block of A in L2: rows and depth.
    nc, rows : int
        The largest part of C in L3: columns and rows.
    l1_bytes, l2_bytes : int
        Sizes of L1 and L2.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer in [1, 2**40].
    """

    mc: int
    nc: int
    kc: int
    rows: int = 1024
    l1_bytes: int = TileLevel.MICRO.typical_bytes
    l2_bytes: int = TileLevel.MIDI.typical_bytes

    def __post_init__(self) -> None:
        for name in ("mc", "nc", "kc", "rows", "l1_bytes", "l2_bytes"):
            check_integer_field(self, name, 1, MAX_BLOCK)


def gemm_blocks(machine: Machine, micro: MicroKernel, itemsize: int) -> Blocks:
    """Return the cache blocks for a machine and a micro-kernel.

    kc: a micropanel of B takes L1 and a third more, since L2 feeds what does not stay, in [256,
    512]: below, C is updated too often, above little is won and sums of so many products lose
    digits. mc: a block of A takes a quarter of L2. nc and rows: a packed part of B takes a quarter
    of a core's share of L3, a part of C half of it.
    """
    l1 = machine.cache(TileLevel.MICRO).size_bytes
    l2 = machine.cache(TileLevel.MIDI).size_bytes
    l3 = machine.cache(TileLevel.MACRO)
    share = max(l3.size_bytes // max(l3.shared_by, 1), l2)
    kc = min(max(l1 * 4 // 3 // (micro.nr * itemsize), 256), 512) // 4 * 4
    mc = max(l2 // 4 // (kc * itemsize) // micro.mr, 1) * micro.mr
    nc = max(min(share // 4 // (kc * itemsize), 2048) // micro.nr, 1) * micro.nr
    rows = max(share // 2 // (nc * itemsize), mc)
    return Blocks(mc, nc, kc, rows, l1, l2)


@dataclass(frozen=True, slots=True)
class GemmPlan:
    """How C (m x n) = A (m x k) B (k x n) is tiled: a view of what the kernel will run.

    Plans are made by `brickprof.plan_gemm`, by the code that tiles a product when it runs.

    Parameters
    ----------
    m, n, k : int
        Problem size.
    dtype : str
        Element type of A and B.
    micro : MicroKernel
        Register blocks of the micro-kernels.
    blocks : Blocks
        Cache blocks; `mc` and `kc` are these made even for the problem.
    threads : int
        Threads to use at most.
    a_layout, b_layout : str
        What is contiguous: ``"rows"``, ``"columns"``, or neither, ``"strided"``; ``"packed"`` where
        `b` is a `PackedMatrix`.
    a_stride, b_stride : int
        Elements from one row (or column) to the next.
    kind : str
        ``"tiles"``, ``"dotxf rows"`` (fused dot products with rows of A), ``"dotxf columns"`` (with
        columns of B) or ``"axpyf"`` (a fused sum of rows of B).
    grid : tuple of int
        Parts of C down and across, which threads draw.
    workers : int
        Threads that have work.
    mc, nc : int
        Rows and columns of a full Midi tile.
    kc : int
        Depth of all tiles.
    packs_a : bool
        Whether blocks of A are packed.
    b_mode, edge_b_mode : str
        How a full block of A, and the last one of a part, take micropanels of B: ``"packed"``
        (packed a part at a time, before use), ``"transposed"`` (packed for each block, from
        columns), ``"copied"`` (packed by the first micropanel of A on its way), ``"single pass"``
        (where it is, by the only micropanel of A) or ``"in place"`` (where it is, by all; so do
        the kinds other than tiles).
    levels : tuple of LevelPlan
        Totals by level, coarsest first; what a profiled run declares, to the byte.
    """

    m: int
    n: int
    k: int
    dtype: str
    micro: MicroKernel
    blocks: Blocks
    threads: int
    a_layout: str
    b_layout: str
    a_stride: int
    b_stride: int
    kind: str
    grid: tuple[int, int]
    workers: int
    mc: int
    nc: int
    kc: int
    packs_a: bool
    b_mode: str
    edge_b_mode: str
    levels: tuple[LevelPlan, LevelPlan, LevelPlan]

    @property
    def flops(self) -> int:
        """Floating point operations of the whole product: 2 m n k."""
        return 2 * self.m * self.n * self.k

    @property
    def footprint_bytes(self) -> tuple[int, int, int]:
        """Bytes that a full tile holds in its cache to use again, by level; 0 without work."""
        macro, midi, micro = (level.footprint_bytes for level in self.levels)
        return macro, midi, micro

    def level(self, level: TileLevel) -> LevelPlan:
        """Return the totals of one level; a TypeError for what is no TileLevel."""
        return self.levels[checked_level(level)]
