"""TileLevel: the three levels of a cache-blocked kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from brickprof.core.checks import short_repr


class _TileLevelType(type):
    """Gives `TileLevel` the reading side of an enumeration: iteration, len, lookup."""

    def __iter__(cls) -> Iterator[TileLevel]:
        return iter(_MEMBERS)

    def __len__(cls) -> int:
        return len(_MEMBERS)

    def __contains__(cls, item: object) -> bool:
        return any(item is member for member in _MEMBERS)

    def __getitem__(cls, name: str) -> TileLevel:
        for member in _MEMBERS:
            if isinstance(name, str) and name.upper() == member.name:
                return member
        raise KeyError(name)

    def __call__(cls, value: object) -> TileLevel:
        for member in _MEMBERS:
            if value == member.value and not isinstance(value, bool):
                return member
        raise ValueError(f"level must be a TileLevel or 0, 1 or 2, got {short_repr(value)}")

    def __setattr__(cls, name: str, value: object) -> None:
        raise AttributeError(f"TileLevel is fixed: cannot set {name!r}")

    def __delattr__(cls, name: str) -> None:
        raise AttributeError(f"TileLevel is fixed: cannot delete {name!r}")


class TileLevel(int, metaclass=_TileLevelType):
    """A level of tiling, coarsest first: ``MACRO``, ``MIDI``, ``MICRO``.

    Members are plain class attributes rather than `enum.IntEnum` members, because the level is
    spelled at every tile and reading an enum's member costs as much as the timer on Python 3.11.

    Attributes
    ----------
    name : str
        ``"MACRO"``, ``"MIDI"`` or ``"MICRO"``.
    value : int
        0, 1 or 2; a larger number is a finer level.
    cache : str
        The cache that holds a tile of this level: ``"L3"``, ``"L2"`` or ``"L1"``.
    typical_bytes : int
        That cache's usual size in bytes, for machines that do not report theirs.
    """

    MACRO: ClassVar[TileLevel]
    MIDI: ClassVar[TileLevel]
    MICRO: ClassVar[TileLevel]
    Macro: ClassVar[TileLevel]
    Midi: ClassVar[TileLevel]
    Micro: ClassVar[TileLevel]

    name: str
    value: int
    cache: str
    typical_bytes: int

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"TileLevel members are fixed: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"TileLevel members are fixed: cannot delete {name!r}")

    def __repr__(self) -> str:
        return f"<TileLevel.{self.name}: {self.value}>"

    def __str__(self) -> str:
        return f"TileLevel.{self.name}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @property
    def label(self) -> str:
        """The level's name for a reader: ``"Macro"``, ``"Midi"`` or ``"Micro"``."""
        return self.name.capitalize()

    def __reduce__(self) -> tuple[type[TileLevel], tuple[int]]:
        return TileLevel, (self.value,)


def _member(value: int, name: str, cache: str, typical_bytes: int) -> TileLevel:
    """Make a member and hang it on the class under its name and its alias."""
    member = int.__new__(TileLevel, value)
    member.__dict__.update(name=name, value=value, cache=cache, typical_bytes=typical_bytes)
    type.__setattr__(TileLevel, name, member)
    type.__setattr__(TileLevel, name.capitalize(), member)
    return member


_MEMBERS: tuple[TileLevel, ...] = (
    _member(0, "MACRO", "L3", 32 * 1024**2),
    _member(1, "MIDI", "L2", 256 * 1024),
    _member(2, "MICRO", "L1", 32 * 1024),
)


def checked_level(value: object) -> TileLevel:
    """Return an argument ``level`` that is a TileLevel."""
    if not isinstance(value, TileLevel):
        raise TypeError(f"level must be a TileLevel, got {short_repr(value)}")
    return value
