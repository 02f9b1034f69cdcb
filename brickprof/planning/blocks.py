"""What tile plans are made of: register blocks, even blocks, totals by level."""

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
"""What lies adjacent in a matrix: elements of a row, of a column, or neither."""


def check_layout(name: str, value: object) -> None:
    """Raise ValueError unless a value is a layout."""
    if value not in LAYOUTS:
        raise ValueError(f"{name} must be one of {LAYOUTS}, got {value!r}")


def balanced(extent: int, block: int, unit: int) -> int:
    """Shrink a block so that the blocks of an extent are even.

    Returns the block size, a multiple of `unit` and at least `unit`.
    """
    blocks = max(ceil_div(extent, block), 1)
    return max(round_up(ceil_div(extent, blocks), unit), unit)


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
    wide : int
        Rows up to which a block is 4 vectors wide.
    dots : int
        Vectors that rows are multiplied with at once as dot products.
    """

    isa: str
    mr: int
    nr: int
    lanes: int
    wide: int
    dots: int

    def __post_init__(self) -> None:
        for name in ("mr", "nr", "lanes", "wide", "dots"):
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
    """

    level: TileLevel
    tiles: int
    flops: int
    nbytes: int
    footprint_bytes: int
