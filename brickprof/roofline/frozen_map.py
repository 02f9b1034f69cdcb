"""Table: a small mapping by name that cannot change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from brickprof.core.errors import RoofsError

V = TypeVar("V", int, float)


class Table(Mapping[str, V]):
    """A mapping that is hashable, can be pickled, and equals any mapping of the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: dict[str, V]) -> None:
        self._items: dict[str, V] = items

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def table(
    name: str,
    value: object,
    needed: tuple[str, ...],
    known: tuple[str, ...],
    check: Callable[[str, object], V],
) -> Table[V]:
    """Return a checked, unchangeable copy of a mapping, or raise RoofsError naming it."""
    if not isinstance(value, Mapping):
        raise RoofsError(f"{name} must be a mapping, got {type(value).__name__}")
    for key in needed:
        if key not in value:
            raise RoofsError(f"{name} lacks {key!r}")
    for key in value:
        if key not in known:
            raise RoofsError(f"{name} has the unknown key {key!r}")
    ordered = (key for key in known if key in value)
    return Table({key: check(f"{name}[{key!r}]", value[key]) for key in ordered})
