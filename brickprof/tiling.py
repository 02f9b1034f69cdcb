"""Tile plans of GEMM: what is blocked for which cache, and the work and traffic of each level.

The loop nest is that of GotoBLAS and BLIS: a Macro tile packs a panel of B (kc x nc) for the L3
cache, a Midi tile packs a block of A (mc x kc) for L2, a Micro tile sweeps the micro-kernel down
that block with one micro-panel of B (kc x nr) in L1. Block sizes follow the reasoning of T. Low,
F. Igual, T. Smith, E. Quintana-Orti, "Analytical modeling is enough for high-performance BLIS",
ACM TOMS 43(2), 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from brickprof._checks import whole
from brickprof.levels import TileLevel
from brickprof.limits import ITEMSIZES as ITEMSIZES
from brickprof.limits import MOST_THREADS as MOST_THREADS
from brickprof.machine import Machine


def ceil_div(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


def round_up(a: int, unit: int) -> int:
    """Return the least multiple of `unit` that is not below a."""
    return ceil_div(a, unit) * unit


def check_whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return a value as an int; raise ValueError unless it is an integer within its limits."""
    wanted = f"an integer >= {least}" if most is None else f"an integer in [{least}, {most}]"
    number = whole(name, value, wanted, ValueError)
    if number < least or (most is not None and number > most):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return number


def keep_whole(plan: object, name: str, least: int, most: int | None = None) -> None:
    """Check a field of a frozen dataclass, and make it an int: NumPy's would wrap around."""
    object.__setattr__(plan, name, check_whole(name, getattr(plan, name), least, most))


def balanced(extent: int, block: int, unit: int, parts: int = 1) -> int:
    """Shrink a block so that the blocks of an extent are even, and their number suits `parts`.

    Returns the block size, a multiple of `unit` and at least `unit`.
    """
    blocks = max(ceil_div(extent, block), 1)
    return max(round_up(ceil_div(extent, round_up(blocks, parts)), unit), unit)


@dataclass(frozen=True, slots=True)
class MicroKernel:
    """Register block of a micro-kernel: mr rows by nr columns, and the ISA that it is of."""

    isa: str
    mr: int
    nr: int

    def __post_init__(self) -> None:
        keep_whole(self, "mr", 1)
        keep_whole(self, "nr", 1)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Cache block sizes in elements: mc x kc of A in L2, kc x nc of B in L3.

    `l1_bytes` is the L1 cache that decides whether a micro-panel of B stays in it while the
    micro-panels of A stream past.
    """

    mc: int
    nc: int
    kc: int
    l1_bytes: int = TileLevel.MICRO.typical_bytes

    def __post_init__(self) -> None:
        for name in ("mc", "nc", "kc", "l1_bytes"):
            keep_whole(self, name, 1)


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """Totals of one tile level over a whole run, and the size of one of its tiles.

    Parameters
    ----------
    level : TileLevel
        The level.
    tiles : int
        Number of tiles, over all threads.
    flops : int
        Floating point operations; the same at each level.
    nbytes : int
        Bytes that pass between the level's cache and the core's side of it.
    footprint_bytes : int
        Bytes that a full tile holds in the level's cache to use again.
    """

    level: TileLevel
    tiles: int
    flops: int
    nbytes: int
    footprint_bytes: int


def gemm_blocks(machine: Machine, micro: MicroKernel, itemsize: int) -> Blocks:
    """Return the cache blocks for a machine and a micro-kernel.

    kc: a micro-panel of B takes three quarters of L1, or all of it to reach 256, under which
    the block of C is updated too often; above 512 nothing is won. What does not stay, L2 can feed.
    mc: the block of A takes three eighths of L2, the rest is what streams past. nc: the panel of B
    takes half of a core's share of L3.
    """
    l1 = machine.cache(TileLevel.MICRO).size_bytes
    l2 = machine.cache(TileLevel.MIDI).size_bytes
    l3 = machine.cache(TileLevel.MACRO)
    row = micro.nr * itemsize
    kc = max(min(max(l1 * 3 // 4 // row, 256), l1 // row, 512), 1)
    mc = max(l2 * 3 // 8 // (kc * itemsize) // micro.mr, 1) * micro.mr
    share = max(l3.size_bytes // max(l3.shared_by, 1), l2)
    nc = max(min(share // 2 // (kc * itemsize), 4096) // micro.nr, 1) * micro.nr
    return Blocks(mc, nc, kc, l1)


@dataclass(frozen=True)
class GemmPlan:
    """How C (m x n) = A (m x k) B (k x n) is tiled.

    Parameters
    ----------
    m, n, k : int
        Problem size.
    dtype : {"float32", "float64"}
        Element type.
    micro : MicroKernel
        Register block.
    blocks : Blocks
        Cache blocks that fit the machine; `mc`, `nc`, `kc` are these made even for the problem.
    threads : int
        Threads that share the work, at most 4096.

    Raises
    ------
    TypeError
        If `micro` or `blocks` is of another type.
    ValueError
        If a size or `threads` is no integer in its range, or `dtype` unknown.
    """

    m: int
    n: int
    k: int
    dtype: str
    micro: MicroKernel
    blocks: Blocks
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("m", "n", "k"):
            keep_whole(self, name, 0)
        if self.dtype not in ITEMSIZES:
            raise ValueError(f"dtype must be 'float32' or 'float64', got {self.dtype!r}")
        if not isinstance(self.micro, MicroKernel):
            raise TypeError(f"micro must be a MicroKernel, got {self.micro!r}")
        if not isinstance(self.blocks, Blocks):
            raise TypeError(f"blocks must be Blocks, got {self.blocks!r}")
        keep_whole(self, "threads", 1, MOST_THREADS)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return ITEMSIZES[self.dtype]

    @property
    def by_columns(self) -> bool:
        """Whether threads share out the columns of C; they do where it has few rows."""
        rows, columns = ceil_div(self.m, self.micro.mr), ceil_div(self.n, self.micro.nr)
        return self.threads > 1 and rows < 8 * self.threads and columns > rows

    @property
    def mc(self) -> int:
        """Rows of a Midi tile."""
        parts = 1 if self.by_columns else self.threads
        return balanced(self.m, self.blocks.mc, self.micro.mr, parts)

    @property
    def nc(self) -> int:
        """Columns of a Macro tile."""
        return balanced(self.n, self.blocks.nc, self.micro.nr)

    @property
    def kc(self) -> int:
        """Depth of all tiles."""
        return balanced(self.k, self.blocks.kc, 1)

    @property
    def b_stays(self) -> bool:
        """Whether a micro-panel of B stays in L1 beside two micro-panels of A."""
        row = self.micro.nr + 2 * self.micro.mr
        return self.kc * row * self.itemsize <= self.blocks.l1_bytes

    @property
    def workers(self) -> int:
        """Threads that get a share; fewer than `threads` where there are not enough tiles."""
        if self.by_columns:
            least = (self.n - 1) % self.nc + 1
            return max(min(self.threads, ceil_div(least, self.micro.nr)), 1)
        return max(min(self.threads, ceil_div(self.m, self.mc)), 1)

    @property
    def flops(self) -> int:
        """Floating point operations of the whole product: 2 m n k."""
        return 2 * self.m * self.n * self.k

    @cached_property
    def levels(self) -> tuple[LevelPlan, LevelPlan, LevelPlan]:
        """Totals by level, coarsest first; what a profiled run declares, to the byte."""
        return (self._macro(), self._midi(), self._micro())

    def level(self, level: TileLevel) -> LevelPlan:
        """Return the totals of one level."""
        return self.levels[level]

    def _counts(self) -> tuple[int, int, int, int, int]:
        """Blocks along n, k and m, and micro-panels along m and n; 0 for an empty product."""
        if not self.m * self.n * self.k:
            return (0, 0, 0, 0, 0)
        rows = [min(self.mc, self.m - i) for i in range(0, self.m, self.mc)]
        columns = [min(self.nc, self.n - j) for j in range(0, self.n, self.nc)]
        return (
            len(columns),
            ceil_div(self.k, self.kc),
            len(rows),
            sum(ceil_div(row, self.micro.mr) for row in rows),
            sum(ceil_div(column, self.micro.nr) for column in columns),
        )

    @property
    def _c_traffic(self) -> int:
        """Elements of C that are stored in the first step of k, and loaded and stored later."""
        return self.m * self.n * (2 * self._counts()[1] - 1)

    @property
    def _a_packers(self) -> int:
        """Threads that pack each block of A."""
        return self.workers if self.by_columns else 1

    def _macro(self) -> LevelPlan:
        """B is packed once and read for each block of rows; A is read, C updated."""
        n_blocks, k_blocks, m_blocks, _, panels = self._counts()
        if not self.flops:
            return LevelPlan(TileLevel.MACRO, 0, 0, 0, 0)
        elements = (
            self.k * self.n
            + self.k * panels * self.micro.nr * (1 + m_blocks)
            + self.m * self.k * n_blocks * self._a_packers
            + self._c_traffic
        )
        return LevelPlan(
            TileLevel.MACRO,
            n_blocks * k_blocks * self.workers,
            self.flops,
            elements * self.itemsize,
            self.kc * self.nc * self.itemsize,
        )

    def _midi(self) -> LevelPlan:
        """A is packed, then read for each micro-panel of B; those are read once if they stay."""
        n_blocks, k_blocks, m_blocks, row_panels, panels = self._counts()
        if not self.flops:
            return LevelPlan(TileLevel.MIDI, 0, 0, 0, 0)
        packed = (self.m + row_panels * self.micro.mr) * self.k * n_blocks * self._a_packers
        b_reads = m_blocks if self.b_stays else row_panels
        swept = self.k * panels * (row_panels * self.micro.mr + b_reads * self.micro.nr)
        return LevelPlan(
            TileLevel.MIDI,
            n_blocks * k_blocks * m_blocks * self._a_packers,
            self.flops,
            (packed + swept + self._c_traffic) * self.itemsize,
            self.mc * self.kc * self.itemsize,
        )

    def _micro(self) -> LevelPlan:
        """Each step of the micro-kernel loads mr + nr elements."""
        _, k_blocks, m_blocks, row_panels, panels = self._counts()
        if not self.flops:
            return LevelPlan(TileLevel.MICRO, 0, 0, 0, 0)
        loaded = row_panels * panels * self.k * (self.micro.mr + self.micro.nr)
        return LevelPlan(
            TileLevel.MICRO,
            k_blocks * m_blocks * panels,
            self.flops,
            (loaded + self._c_traffic) * self.itemsize,
            self.kc * self.micro.nr * self.itemsize,
        )
