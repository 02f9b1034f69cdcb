"""Spaces of candidates: lists of sizes, their combinations, and tiles that fit a cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, TypeAlias

from brickprof.core.checks import checked_callable, checked_integer, checked_items, short_repr
from brickprof.core.levels import TileLevel, checked_level
from brickprof.machine import Machine, checked_machine

Candidate: TypeAlias = "tuple[object, ...]"
"""Values of a candidate, in the order of `Space.names`."""

SpaceLike: TypeAlias = "Mapping[str, Iterable[object]] | Iterable[Mapping[str, object]] | Space"
"""What `tune` takes for a space."""

MAX_CANDIDATES = 100_000
"""More cannot be looked at, and are a mistake."""


@dataclass(frozen=True, slots=True)
class Space:
    """Candidates, as made by `space_of` and `tile_space`.

    Parameters
    ----------
    names : tuple of str
        The arguments.
    axes : tuple of tuple
        The values of each; numbers ascend, so that neighbours mean something.
    candidates : tuple of tuple
        The combinations that are candidates.
    """

    names: tuple[str, ...]
    axes: tuple[tuple[object, ...], ...]
    candidates: tuple[Candidate, ...]
    _known: frozenset[Candidate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", frozenset(self.candidates))

    def __len__(self) -> int:
        return len(self.candidates)

    def arguments(self, candidate: Candidate) -> dict[str, object]:
        """Return a candidate as keyword arguments."""
        return dict(zip(self.names, candidate, strict=True))

    def neighbours(self, candidate: Candidate) -> Iterator[Candidate]:
        """Yield the nearest candidates along each axis, in both directions."""
        for place, axis in enumerate(self.axes):
            at = axis.index(candidate[place])
            for further in (axis[:at][::-1], axis[at + 1 :]):
                along = ((*candidate[:place], value, *candidate[place + 1 :]) for value in further)
                yield from islice((one for one in along if one in self._known), 1)


def space_of(space: SpaceLike) -> Space:
    """Return the space that an argument stands for.

    Parameters
    ----------
    space : Mapping, iterable of Mapping, or Space
        Values by the name of an argument, of which all combinations are candidates; or the
        candidates themselves, as arguments by name.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it has no candidate, too many, or candidates of different arguments.
    """
    if isinstance(space, Space):
        return space
    if isinstance(space, Mapping):
        return _combinations(space)
    return _listed(list(islice(checked_items("space", space), MAX_CANDIDATES + 1)))


def _combinations(space: Mapping[str, Iterable[object]]) -> Space:
    """Return the space of all combinations."""
    axes, size = [], 1
    for name, values in space.items():
        if not isinstance(name, str):
            raise TypeError(f"space must be by the names of arguments, got {short_repr(name)}")
        axis = _once(f"space[{name!r}]", checked_items(f"space[{name!r}]", values))
        if not axis:
            raise ValueError(f"space[{name!r}] must hold at least one value, got none")
        axes.append(axis)
        size *= len(axis)
    if not axes:
        raise ValueError("space must have at least one argument, got none")
    _check_size(size)
    return Space(tuple(space), tuple(map(_ascending, axes)), tuple(product(*axes)))


def _once(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """Return values of an argument, each once, and one more than may be at most."""
    some = list(islice(values, MAX_CANDIDATES + 1))
    try:
        return tuple(dict.fromkeys(some))
    except TypeError as error:
        raise TypeError(f"{name} must be of hashable values: {error}") from None


def _listed(listed: list[Mapping[str, object]]) -> Space:
    """Return the space of the candidates of a list."""
    if not listed:
        raise ValueError("space must hold at least one candidate, got none")
    _check_size(len(listed))
    for place, one in enumerate(listed):
        if not isinstance(one, Mapping):
            raise TypeError(f"space[{place}] must be arguments by name, got {short_repr(one)}")
        if set(one) != set(listed[0]) or not one:
            raise ValueError(
                f"space[{place}] must have the arguments of space[0], {sorted(listed[0])}, "
                f"got {sorted(one)}"
            )
    names = tuple(listed[0])
    candidates = _once("space", (tuple(one[name] for name in names) for one in listed))
    axes = (_once("space", values) for values in zip(*candidates, strict=True))
    return Space(names, tuple(map(_ascending, axes)), candidates)


def _ascending(axis: tuple[object, ...]) -> tuple[object, ...]:
    """Return numbers in their order, and other values as they are."""
    numbers = [value for value in axis if isinstance(value, int | float)]
    return tuple(sorted(numbers)) if len(numbers) == len(axis) else axis


def _check_size(size: int) -> None:
    """Raise unless so many candidates can be looked at."""
    if size > MAX_CANDIDATES:
        raise ValueError(f"space must have at most {MAX_CANDIDATES} candidates, got {size}")


def tile_space(
    ranges: Mapping[str, tuple[int, int]],
    footprint: Callable[..., int],
    level: TileLevel = TileLevel.MIDI,
    *,
    machine: Machine | None = None,
) -> Space:
    """Return tile sizes whose data stay in a cache: powers of two, and the ends of the ranges.

    Parameters
    ----------
    ranges : Mapping of str to (int, int)
        The least and the largest size of each dimension, by the name of its argument.
    footprint : callable
        ``footprint(**sizes)`` returns the bytes that a tile holds in its cache to use again.
    level : TileLevel
        The level of the tiles: they may take all of its cache, a thread's share of it, and no less
        than a 64th.
    machine : Machine, optional
        Whose caches; by default this one.

    Returns
    -------
    Space
        For `tune`; its first candidate is the smallest.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type, a range is empty, or no tile fits.
    """
    if not isinstance(ranges, Mapping):
        raise TypeError(f"ranges must map arguments to (least, largest), got {short_repr(ranges)}")
    checked_callable("footprint", footprint)
    cache = checked_machine(machine).cache(checked_level(level))
    share = cache.size_bytes // max(cache.shared_by if level is TileLevel.MACRO else 1, 1)
    whole = _combinations({name: _powers(name, ends) for name, ends in ranges.items()})
    fitting = []
    for candidate in whole.candidates:
        taken = checked_integer("footprint()", footprint(**whole.arguments(candidate)), 0)
        if share // 64 <= taken <= share:
            fitting.append(candidate)
    if not fitting:
        raise ValueError(f"ranges must hold a tile of {share // 64} to {share} bytes, got none")
    return Space(whole.names, whole.axes, tuple(fitting))


def _powers(name: str, ends: Sequence[int]) -> tuple[int, ...]:
    """Return the ends of a range and the powers of two between them."""
    wanted = f"ranges[{name!r}] must be (least, largest)"
    if not isinstance(ends, Sequence) or len(ends) != 2:
        raise TypeError(f"{wanted}, got {short_repr(ends)}")
    least, largest = (checked_integer(f"ranges[{name!r}]", end, 1) for end in ends)
    if least > largest:
        raise ValueError(f"{wanted}, got {short_repr(ends)}")
    powers = {1 << power for power in range(least.bit_length(), largest.bit_length())}
    return tuple(sorted({least, largest} | {one for one in powers if least < one < largest}))
