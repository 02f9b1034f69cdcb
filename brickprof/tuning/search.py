"""Search: which candidates of a space to time, and which of these are worth a race."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from brickprof.tuning.space import Candidate, Space

ALL_BELOW = 16
"""Candidates up to which all are timed."""

CENTRES = 3
"""The fastest so far, whose neighbours are timed: one alone may be a local optimum, or noise."""

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def search(
    space: Space, start: Candidate, time_of: Callable[[Candidate], float]
) -> dict[Candidate, float]:
    """Time a part of a space: a spread sample, then neighbours of the fastest, step by step.

    Neighbouring tile sizes take similar times, so that most of a large space need not be tried. The
    sample is a Halton sequence (J. Halton, Numerische Mathematik 2, 1960) of about as many
    candidates as the root of all. The search ends when the fastest few have no neighbour that was
    not timed.

    Parameters
    ----------
    space : Space
        The candidates.
    start : tuple
        The candidate to time first.
    time_of : callable
        Returns the time of a candidate, in any unit.

    Returns
    -------
    dict
        The times, in the order in which they were taken.
    """
    times = {start: time_of(start)}
    whole = len(space) <= ALL_BELOW or not _is_grid(space)
    first = iter(space.candidates) if whole else _spread(space, math.isqrt(len(space)))
    for candidate in first:
        if candidate not in times:
            times[candidate] = time_of(candidate)
    while True:
        centres = sorted(times, key=times.__getitem__)[:CENTRES]
        near = [one for centre in centres for one in space.neighbours(centre)]
        wanted = [one for one in dict.fromkeys(near) if one not in times]
        if not wanted:
            return times
        for candidate in wanted:
            times[candidate] = time_of(candidate)


def _is_grid(space: Space) -> bool:
    """Tell whether neighbours mean anything: at least one axis has several sizes in order."""
    return any(
        len(axis) > 2 and all(isinstance(value, int | float) for value in axis)
        for axis in space.axes
    )


def _spread(space: Space, count: int) -> Iterator[Candidate]:
    """Yield about as many candidates as are asked for, spread over the axes."""
    known, found = set(space.candidates), set()
    for number in range(1, 50 * count):
        places = (
            int(len(axis) * _halton(number, _PRIMES[place % len(_PRIMES)]))
            for place, axis in enumerate(space.axes)
        )
        candidate = tuple(axis[at] for axis, at in zip(space.axes, places, strict=True))
        if candidate in known and candidate not in found:
            found.add(candidate)
            yield candidate
        if len(found) == count:
            return


def _halton(number: int, base: int) -> float:
    """Return an element of the Halton sequence of a base, in [0, 1)."""
    value, share = 0.0, 1.0
    while number:
        share /= base
        value += share * (number % base)
        number //= base
    return value
