"""Checksums of arrays: digests, by which they are the same, and figures of how far apart."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickprof.core.checks import short_repr
from brickprof.core.levels import TileLevel
from brickprof.recording.checksums import SKETCH, Checksum

MAX_CHECKSUMS = 1 << 16
"""Checksums that a profiler keeps, the first ones; some 600 bytes each."""

_CHUNK = 4096
"""Elements that have the same signs in a sketch, but for one sign of each chunk."""

_BLOCK = 64 * _CHUNK
"""Elements that are looked at together."""


class ChecksumList:
    """Checksums of a profiler, in the order in which they were made."""

    def __init__(self) -> None:
        self._kept: list[Checksum] = []
        self._seen: dict[tuple[object, ...], int] = {}
        self.dropped = 0

    def add(
        self,
        content: dict[str, Any],
        brick: str,
        call: int,
        level: int | None,
        row: int,
        col: int,
        name: str,
    ) -> None:
        """Keep the checksum of an array that was described by `described`, if there is room."""
        if len(self._kept) >= MAX_CHECKSUMS:
            self.dropped += 1
            return
        place = brick, call, level, row, col, name
        index = self._seen.get(place, 0)
        self._seen[place] = index + 1
        made = Checksum(
            sequence=len(self._kept),
            brick=brick,
            call=call,
            level=None if level is None else TileLevel(level),
            row=row,
            col=col,
            name=name,
            index=index,
            **content,
        )
        self._kept.append(made)

    def kept(self) -> tuple[Checksum, ...]:
        """Return all that were kept."""
        return tuple(self._kept)


def described(array: object) -> tuple[dict[str, Any], int, int]:
    """Return what a `Checksum` holds of an array, by field, and its elements and bytes.

    Parameters
    ----------
    array : array_like
        Numbers or truth values, of any shape and strides.

    Raises
    ------
    TypeError
        If it holds something else.
    """
    try:
        values = np.asarray(array)
    except Exception as error:
        raise TypeError(f"array must be an array, got {short_repr(array)}: {error}") from error
    if values.dtype.kind not in "biufcV" or values.dtype.names is not None:
        raise TypeError(f"array must be of numbers, got elements of type {values.dtype}")
    flat = values.reshape(-1)
    if flat.dtype.kind == "V":
        # Types of other packages, such as bfloat16 of ml_dtypes.
        try:
            flat[:1].astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"array must be of numbers, got elements of type {values.dtype}"
            ) from error
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{values.dtype.name} {values.shape} ".encode())
    parts = 2 if flat.dtype.kind == "c" else 1
    figures = _Figures(parts * flat.size, parts)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        digest.update(_canonical(block))
        figures.add(_reals(block))
    content = {
        "dtype": values.dtype.name,
        "shape": values.shape,
        "digest": digest.hexdigest(),
        **figures.result(),
    }
    return content, values.size, values.nbytes


def _canonical(block: NDArray[Any]) -> bytes:
    """Return the bytes of elements in little-endian order, the same for every NaN."""
    if block.dtype.kind in "fc" or block.dtype.kind == "V":
        with np.errstate(all="ignore"):
            nans = np.isnan(block) if block.dtype.kind != "V" else np.isnan(block.astype("f8"))
        if nans.any():
            block = block.copy()
            block[nans] = np.nan
    if block.dtype.kind == "c" and block.dtype.itemsize > 16:
        return _canonical(block.real) + _canonical(block.imag)
    if block.dtype.kind == "f" and block.dtype.itemsize > 8:
        # A long double has bytes that belong to no number.
        high = block.astype(np.float64)
        with np.errstate(all="ignore"):
            low = np.where(np.isfinite(high), block - high, 0).astype(np.float64)
        return _canonical(high) + _canonical(low)
    if block.dtype.itemsize > 1 and block.dtype.kind != "V":
        block = block.astype(block.dtype.newbyteorder("<"), copy=False)
    return block.tobytes()


def _reals(block: NDArray[Any]) -> NDArray[np.float64]:
    """Return elements as float64; of complex ones real and imaginary parts in turn."""
    with np.errstate(all="ignore"):
        if block.dtype.kind != "c":
            return block.astype(np.float64)
        return np.ascontiguousarray(block, np.complex128).view(np.float64)


class _Figures:
    """Figures of the finite elements of an array, block by block, without overflow.

    Sums are kept over a power of two that no element is above.
    """

    def __init__(self, size: int, parts: int) -> None:
        self._size, self._parts = size, parts
        self._seen = 0
        self._nonfinite = hashlib.blake2b(digest_size=16)
        self._nans = self._infinities = self._finite = self._chunks = 0
        self._minimum, self._maximum = np.inf, -np.inf
        self._exponent = -2000
        self._total = self._squares = 0.0
        self._sketch = np.zeros(SKETCH)

    def add(self, reals: NDArray[np.float64]) -> None:
        """Add elements; all blocks but the last are whole chunks."""
        finite = np.isfinite(reals)
        if not finite.all():
            nans = int(np.isnan(reals).sum())
            self._nans += nans
            self._infinities += int((~finite).sum()) - nans
            self._add_places(reals)
            reals = np.where(finite, reals, 0.0)
        self._seen += reals.size
        count = int(finite.sum())
        if count:
            self._finite += count
            self._minimum = min(self._minimum, float(reals[finite].min()))
            self._maximum = max(self._maximum, float(reals[finite].max()))
        largest = float(np.abs(reals).max(initial=0.0))
        exponent = max(int(np.frexp(largest)[1]) if largest else -2000, self._exponent)
        if exponent > self._exponent:
            self._rescale(exponent)
        scaled = np.zeros((-(-reals.size // _CHUNK), _CHUNK))
        # In two steps: the power itself may be beyond float64.
        scaled.reshape(-1)[: reals.size] = np.ldexp(reals, -self._exponent)
        self._total += float(scaled.sum())
        self._squares += float(np.square(scaled).sum())
        chunks = np.arange(self._chunks, self._chunks + len(scaled), dtype=np.uint64)
        self._chunks += len(scaled)
        self._sketch += (scaled @ _signs_in_chunk() * _signs(chunks)).sum(axis=0)

    def _add_places(self, reals: NDArray[np.float64]) -> None:
        """Add the places of elements that are not finite, and which kind each is of."""
        kinds = np.isposinf(reals) + 2 * np.isneginf(reals)
        # All NaNs are alike, those of complex numbers whatever the other part is.
        nans = np.isnan(reals).reshape(-1, self._parts).any(axis=1)
        kinds[np.repeat(nans, self._parts)] = 3
        places = np.flatnonzero(kinds)
        self._nonfinite.update((4 * (places + self._seen) + kinds[places]).astype("<u8").tobytes())

    def _rescale(self, exponent: int) -> None:
        """Keep sums over a larger power of two."""
        by = self._exponent - exponent
        self._total = float(np.ldexp(self._total, by))
        self._squares = float(np.ldexp(self._squares, 2 * by))
        self._sketch = np.ldexp(self._sketch, by)
        self._exponent = exponent

    def result(self) -> dict[str, Any]:
        """Return the figures by the names of the fields of a `Checksum`."""
        known: dict[str, Any] = {"nans": self._nans, "infinities": self._infinities}
        if self._nans or self._infinities:
            known["nonfinite"] = self._nonfinite.hexdigest()
        if not self._finite:
            return known
        sketch = np.ldexp(self._sketch / np.sqrt(self._size), self._exponent)
        rms = np.ldexp(np.sqrt(self._squares / self._finite), self._exponent)
        return known | {
            "minimum": self._minimum,
            "maximum": self._maximum,
            "mean": float(np.ldexp(self._total / self._finite, self._exponent)),
            "rms": float(rms),
            "sketch": tuple(_finite(float(one)) for one in sketch),
        }


def _finite(number: float) -> float:
    """Return a number, or the largest in place of one that is larger."""
    largest = float(np.finfo(np.float64).max)
    return min(max(number, -largest), largest)


@cache
def _signs_in_chunk() -> NDArray[np.float64]:
    """Return the signs of each element of a chunk."""
    return _signs(np.arange(_CHUNK, dtype=np.uint64) + np.uint64(1 << 63))


def _signs(numbers: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return signs that follow from numbers, `SKETCH` for each, alike on all machines.

    They are bits of SplitMix64: G. Steele, D. Lea and C. Flood, Fast splittable pseudorandom number
    generators, 2014.
    """
    with np.errstate(over="ignore"):
        state = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    bits = state[:, None] >> np.arange(SKETCH, dtype=np.uint64) & np.uint64(1)
    signs: NDArray[np.float64] = 1.0 - 2.0 * bits.astype(np.float64)
    return signs
