"""Where two runs part: the first checksum by which they differ."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brickprof.core import units
from brickprof.core.checks import checked_number
from brickprof.core.levels import TileLevel
from brickprof.diagnose.headline import short_name
from brickprof.recording import Checksum, Recording

_Groups = dict[tuple[object, ...], list[Checksum]]
"""Checksums by their place; several where recordings were merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Where two runs part first.

    Parameters
    ----------
    brick : str
        The brick.
    level : TileLevel or None
        Level of the innermost open tile; None where none was open.
    row, col : int
        Place of that tile.
    call : int
        Number of the brick's call, from 1; 0 outside of calls.
    name : str
        What the array was called.
    index : int
        Which one of that name in the call and tile, from 0.
    kind : {"values", "shape", "dtype", "only in a", "only in b"}
        What differs; of several the last of shape, dtype and values, in that order.
    a, b : Checksum or None
        What the runs had there; None of the run that had nothing there.
    distance : float or None
        Estimate of the norm of the arrays' difference over that of the larger one, within a factor
        of two as a rule; infinite where other elements are not finite, and None where only one run
        has the array, or shapes differ.
    """

    brick: str
    level: TileLevel | None
    row: int
    col: int
    call: int
    name: str
    index: int
    kind: str
    a: Checksum | None
    b: Checksum | None
    distance: float | None

    @property
    def where(self) -> str:
        """The place, in words."""
        level = ""
        if self.level is not None:
            level = f", {self.level.label} tile ({self.row}, {self.col})"
        number = f" number {self.index + 1}" if self.index else ""
        call = f"call {self.call}" if self.call else "outside of calls"
        return (
            f"brick {short_name(self.brick)}, {call}{level}, array {short_name(self.name)}{number}"
        )

    def __str__(self) -> str:
        """Return where the runs part, and by what, as a sentence."""
        return f"{self.where}: {self._what()}"

    def _what(self) -> str:
        """Return what differs, in words."""
        if self.a is None or self.b is None:
            return f"{self.kind}: the other run ended before, or did something else"
        if self.kind != "values":
            ours, theirs = (getattr(one, self.kind) for one in (self.a, self.b))
            return f"{self.kind} {ours} in a and {theirs} in b"
        for name in ("nans", "infinities"):
            ours, theirs = (getattr(one, name) for one in (self.a, self.b))
            if ours != theirs:
                noun = {"nans": "NaNs", "infinities": "infinities"}[name]
                return f"values differ: {noun} {ours} in a and {theirs} in b"
        if _is_elsewhere(self.a, self.b):
            return "values differ: NaNs or infinities are at other places, or of other signs"
        if self.distance == 0:
            return "values differ by less than their figures tell"
        if self.distance is not None and math.isfinite(self.distance):
            return f"values differ, about {units.format_rough(self.distance)} of their norm"
        return "values differ"


def find_divergence(a: Recording, b: Recording, *, rtol: float = 0.0) -> Divergence | None:
    """Find the first checksum by which two runs differ.

    Checksums are those that the programs asked for with `BrickProfiler.checksum`. They are paired
    by brick, number of its call, tile, and name: in which order bricks ran makes no difference. The
    first one is that which either run made first.

    Parameters
    ----------
    a, b : Recording
        The runs. Of merged ones the checksums of a place are compared as a set.
    rtol : float
        Relative distance that is no difference: 0.0 compares bit for bit, but for NaNs, which are
        all alike. Else element types may differ, and the norm of the difference over that of the
        arrays is estimated from sketches; see `Checksum`. It may be off by a factor of two, and by
        more of one array in thousands, so that it is for telling rounding errors from mistakes.

    Returns
    -------
    Divergence or None
        None where no difference is known. What one run has and the other has not is a difference,
        but for a run that did not keep all of its checksums.

    Warns
    -----
    UserWarning
        If it returns None although checksums were not kept: beyond them nothing is known.

    Raises
    ------
    TypeError, ValueError
        If `a` or `b` is no Recording, or `rtol` no finite number >= 0, or both have no checksums.
    """
    for name, recording in (("a", a), ("b", b)):
        if not isinstance(recording, Recording):
            raise TypeError(f"{name} must be a Recording, got {type(recording).__name__}")
    tolerance = checked_number("rtol", rtol, zero=True)
    if not (a.checksums or b.checksums):
        raise ValueError("a and b must hold checksums: BrickProfiler.checksum keeps them")
    ours, theirs = _by_place(a.checksums), _by_place(b.checksums)
    first: tuple[int, Divergence] | None = None
    for rank, place in _ranked(ours, theirs):
        found = _difference(ours.get(place, []), theirs.get(place, []), tolerance)
        if found is None:
            continue
        if (found.b is None and b.checksums_dropped) or (found.a is None and a.checksums_dropped):
            continue  # it may be among those that were not kept
        if first is None or rank < first[0]:
            first = rank, found
    if first is None and is_unknown_beyond(a, b):
        warnings.warn(unknown_beyond(a, b), UserWarning, stacklevel=2)
    return None if first is None else first[1]


def is_unknown_beyond(a: Recording, b: Recording) -> bool:
    """Tell whether checksums of either run were not kept."""
    return bool(a.checksums_dropped or b.checksums_dropped)


def unknown_beyond(a: Recording, b: Recording) -> str:
    """Return what is not known of two runs without a divergence among the checksums they kept."""
    dropped = [units.format_count(one.checksums_dropped) for one in (a, b)]
    kept = [units.format_count(len(one.checksums)) for one in (a, b)]
    return (
        "cannot tell whether the runs part beyond the checksums that were kept, "
        f"{kept[0]} in a and {kept[1]} in b: {dropped[0]} of a and {dropped[1]} of b were not"
    )


def _by_place(checksums: Iterable[Checksum]) -> _Groups:
    """Return checksums by their place, in the order in which places were met first."""
    groups: _Groups = {}
    for one in checksums:
        groups.setdefault(one.place, []).append(one)
    return groups


def _ranked(ours: _Groups, theirs: _Groups) -> list[tuple[int, tuple[object, ...]]]:
    """Return all places with how many others the run that met them first had met before."""
    ranks: dict[tuple[object, ...], int] = {}
    for groups in (ours, theirs):
        for rank, place in enumerate(groups):
            ranks[place] = min(rank, ranks.get(place, rank))
    return [(rank, place) for place, rank in ranks.items()]


def _difference(
    ours: Sequence[Checksum], theirs: Sequence[Checksum], rtol: float
) -> Divergence | None:
    """Return what differs between the checksums of a place, if anything does."""
    left = list(theirs)
    unmatched = []
    for one in ours:
        match = next((other for other in left if _kind(one, other, rtol) is None), None)
        if match is None:
            unmatched.append(one)
        else:
            left.remove(match)
    if unmatched and left:
        kind = _kind(unmatched[0], left[0], rtol)
        assert kind is not None
        return _divergence(kind, unmatched[0], left[0])
    if unmatched:
        return _divergence("only in a", unmatched[0], None)
    return _divergence("only in b", None, left[0]) if left else None


def _divergence(kind: str, a: Checksum | None, b: Checksum | None) -> Divergence:
    """Return what differs at the place of two checksums, of which one may be missing."""
    one = a or b
    assert one is not None
    distance = None
    if a is not None and b is not None and a.shape == b.shape:
        distance = _distance(a, b)
    return Divergence(
        brick=one.brick,
        level=one.level,
        row=one.row,
        col=one.col,
        call=one.call,
        name=one.name,
        index=one.index,
        kind=kind,
        a=a,
        b=b,
        distance=distance,
    )


def _kind(a: Checksum, b: Checksum, rtol: float) -> str | None:
    """Return what differs between two checksums; None where it is within the tolerance."""
    if a.shape != b.shape:
        return "shape"
    if not rtol:
        if a.dtype != b.dtype:
            return "dtype"
        return None if a.digest == b.digest else "values"
    if a.digest == b.digest or _distance(a, b) <= rtol:
        return None
    return "values"


def _is_elsewhere(a: Checksum, b: Checksum) -> bool:
    """Tell whether NaNs and infinities are known to be at other places, or of other signs."""
    return bool(a.nonfinite and b.nonfinite) and a.nonfinite != b.nonfinite


def _distance(a: Checksum, b: Checksum) -> float:
    """Estimate the norm of the difference of two arrays over that of the larger one.

    Sketches are over the root of the number of elements, as root mean squares are. What they
    cannot see is bounded from below by the extremes.
    """
    if (a.nans, a.infinities) != (b.nans, b.infinities) or _is_elsewhere(a, b):
        return math.inf
    scale = max(a.rms, b.rms)
    if scale == 0:
        return 0.0
    pairs = zip(a.sketch, b.sketch, strict=True)
    # Divided first: squares of large numbers are beyond float64.
    squares = [(x / scale - y / scale) ** 2 for x, y in pairs]
    by_sketch = math.sqrt(sum(squares) / len(squares))
    size = max(math.prod(a.shape), 1)
    moved = max(
        abs(a.minimum / scale - b.minimum / scale), abs(a.maximum / scale - b.maximum / scale)
    )
    means = abs(a.mean / scale - b.mean / scale)
    return max(by_sketch, moved / math.sqrt(size), means)
