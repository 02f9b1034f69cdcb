"""FrozenMap: a small mapping from names to numbers that cannot change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

N = TypeVar("N", int, float)


class FrozenMap(Mapping[str, N]):
    """A mapping that is hashable, can be pickled, and equals any mapping of the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: dict[str, N]) -> None:
        self._items: dict[str, N] = items

    def __getitem__(self, key: str) -> N:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMap):
            return bool(self._items == other._items)  # at C's speed: a merge compares thousands
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
