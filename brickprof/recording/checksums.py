"""Checksum: what an array held at one place of a run, by its digest and a few figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brickprof.core.levels import TileLevel

SKETCH = 8
"""Numbers of a sketch."""

CHECKSUM_BRICK = "checksum"
"""The brick of the time that checksums take, which is so in nobody else's self time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What an array held when a program asked for its checksum.

    Parameters
    ----------
    sequence : int
        How many checksums the profiler had kept before.
    brick : str
        The brick that the thread was in.
    call : int
        Number of the brick's call, from 1 in the order in which calls began; 0 outside of calls.
    level : TileLevel or None
        Level of the innermost open tile of the brick; None without one.
    row, col : int
        Its place; 0 without one.
    name : str
        What the array was called.
    index : int
        How many checksums of this name this tile, or tiles of this place, had in the call before.
    dtype : str
        Element type, as NumPy names it.
    shape : tuple of int
        Its shape.
    digest : str
        BLAKE2b of 16 bytes, in hexadecimal, over the elements in C order, little-endian, whatever
        the strides are. All NaNs are alike in it; 0.0 and -0.0 are not.
    nans, infinities : int
        Elements that are not finite.
    nonfinite : str
        BLAKE2b of 16 bytes, in hexadecimal, over the places of these elements and which of NaN,
        infinity and minus infinity each is; empty where all are finite, and in older recordings.
    minimum, maximum, mean, rms : float
        Of the finite elements, real and imaginary parts alike: extremes, mean and root mean square,
        in float64; 0.0 without elements.
    sketch : tuple of float
        Sums of the finite elements with signs drawn alike for each array of this size. The
        mean square of two sketches' difference estimates the squared distance of two arrays: N.
        Alon, Y. Matias and M. Szegedy, The space complexity of approximating the frequency
        moments, 1996. Divided by the square root of the number of elements.
    """

    sequence: int
    brick: str
    call: int
    level: TileLevel | None
    row: int
    col: int
    name: str
    index: int
    dtype: str
    shape: tuple[int, ...]
    digest: str
    nans: int = 0
    infinities: int = 0
    nonfinite: str = ""
    minimum: float = 0.0
    maximum: float = 0.0
    mean: float = 0.0
    rms: float = 0.0
    sketch: tuple[float, ...] = (0.0,) * SKETCH

    @property
    def place(self) -> tuple[object, ...]:
        """Where in a run it was made: the same in each run that does the same."""
        level = -1 if self.level is None else int(self.level)
        return (self.brick, self.call, level, self.row, self.col, self.name, self.index)

    @property
    def order(self) -> tuple[object, ...]:
        """What checksums are sorted by: first by the time at which they were made."""
        figures = (self.nans, self.infinities, self.minimum, self.maximum, self.mean, self.rms)
        return (
            *(self.sequence, self.place, self.dtype, self.shape),
            *(self.digest, figures, self.sketch, self.nonfinite),
        )


def merge_checksums(checksums: Iterable[Checksum]) -> tuple[Checksum, ...]:
    """Return all checksums of several runs, sorted."""
    return tuple(sorted(checksums, key=lambda one: one.order))
