"""BrickPath: calls of a brick inside others, by the path that led to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class BrickPath:
    """Calls of a brick that was entered inside others, summed.

    Parameters
    ----------
    path : tuple of str
        Names of the bricks, the outermost first; the last one is the brick itself.
    category : str
        What the time is for, as it was declared for the brick or else for the nearest one around
        it; empty where none was.
    calls : int
        Calls that ended, those that raised included.
    total_ns : int
        Their wall time in nanoseconds on the threads that made them. Of calls that took place at
        the same time each counts.
    self_ns : int
        The same less that of the bricks that each thread entered inside.
    """

    path: tuple[str, ...]
    category: str
    calls: int
    total_ns: int
    self_ns: int


def merge_brick_paths(paths: Iterable[BrickPath]) -> tuple[BrickPath, ...]:
    """Add up calls with the same path and category; associative and commutative.

    Parameters
    ----------
    paths : iterable of BrickPath
        What to add.

    Returns
    -------
    tuple of BrickPath
        One for each path and category, sorted.
    """
    sums: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for one in paths:
        total = sums.setdefault((one.path, one.category), [0, 0, 0])
        for place, number in enumerate((one.calls, one.total_ns, one.self_ns)):
            total[place] += number
    return tuple(BrickPath(*key, *sums[key]) for key in sorted(sums))
