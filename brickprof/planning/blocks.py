"""What tile plans are made of: register blocks, totals by level."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core.checks import check_integer_field
from brickprof.core.levels import TileLevel


def ceil_div(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


def round_up(a: int, unit: int) -> int:
    """Return the least multiple of `unit` that is not below a."""
    return ceil_div(a, unit) * unit


LAYOUTS = ("rows", "columns", "strided")
"""What is contiguous in a matrix: the elements of a row, of a column, or neither."""


@dataclass(frozen=True, slots=True)
class MicroKernel:
    """The micro-kernels of an element type and instruction set.

    Parameters
    ----------
    isa : str
        Instruction set.
    mr, nr : int
        Register block: rows and columns of C that are held in registers.
    lanes : int
        Elements of a vector.
    wide_rows : int
        Rows up to which a register block is 4 vectors wide.
    max_dotxf : int
        Most vectors of a fused dot product.
    """

    isa: str
    mr: int
    nr: int
    lanes: int
    wide_rows: int
    max_dotxf: int

    def __post_init__(self) -> None:
        for name in ("mr", "nr", "lanes", "wide_rows", "max_dotxf"):
            check_integer_field(self, name, 1)


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
    updated_bytes : int
        Of `nbytes`, those that are stored where they were loaded: updates of C.
    """

    level: TileLevel
    tiles: int
    flops: int
    nbytes: int
    footprint_bytes: int
    updated_bytes: int = 0
