"""Shares of the time by category: attention, norm, FFN and whatever else a program names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brickprof.core import metrics
from brickprof.recording import BrickPath


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryShare:
    """What a category took of the time in bricks.

    Parameters
    ----------
    category : str
        Its name; empty for what is in bricks of none.
    calls : int
        Calls of its bricks that were inside none of the category.
    bricks : tuple of str
        The bricks that its time was spent in, sorted.
    self_ns : int
        Wall time of the calling threads in its bricks, less that of bricks inside them, which
        counts for their own category.
    share : float
        That over the sum of all categories.
    """

    category: str
    calls: int
    bricks: tuple[str, ...]
    self_ns: int
    share: float

    @property
    def call_ns(self) -> float:
        """Mean time of a call in nanoseconds; 0.0 without calls."""
        return self.self_ns / self.calls if self.calls else 0.0


def category_shares(paths: Iterable[BrickPath]) -> tuple[CategoryShare, ...]:
    """Divide the time in bricks among categories.

    Parameters
    ----------
    paths : iterable of BrickPath
        Those of a recording.

    Returns
    -------
    tuple of CategoryShare
        Most time first; what is in none comes last. Empty where no brick has a category.
    """
    paths = list(paths)
    around: dict[tuple[str, ...], set[str]] = {}
    for one in paths:
        around.setdefault(one.path, set()).add(one.category)
    own: dict[str, int] = {}
    calls: dict[str, int] = {}
    bricks: dict[str, set[str]] = {}
    for one in paths:
        own[one.category] = own.get(one.category, 0) + one.self_ns
        bricks.setdefault(one.category, set()).add(one.path[-1])
        inside = any(
            one.category in around.get(one.path[:depth], ()) for depth in range(1, len(one.path))
        )
        calls[one.category] = calls.get(one.category, 0) + (0 if inside else one.calls)
    if not any(own):
        return ()
    total = sum(own.values())
    shares = [
        CategoryShare(
            category=category,
            calls=calls[category],
            bricks=tuple(sorted(bricks[category])),
            self_ns=ns,
            share=metrics.share(ns, total),
        )
        for category, ns in own.items()
    ]
    return tuple(sorted(shares, key=lambda one: (not one.category, -one.self_ns, one.category)))
