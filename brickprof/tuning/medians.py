"""Medians of times and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import TypeVar

_T = TypeVar("_T", int, float)

MIN_ROUNDS = 6
"""Values that a 95 % confidence interval of their median takes at least."""


def median_interval(values: Sequence[_T]) -> tuple[_T, _T]:
    """Return a confidence interval of the median of what the values are drawn from.

    The k-th least and the k-th greatest value with the largest k that covers the true median in at
    least 95 % of cases, whatever the distribution: the number of values below it is binomial
    (W. Conover, "Practical Nonparametric Statistics" (1999), section 3.2). With fewer than
    `MIN_ROUNDS` values it is the whole range, which covers less: 1 - 2^(1 - n).

    Parameters
    ----------
    values : sequence of int or float
        At least one.

    Returns
    -------
    tuple of (low, high)
    """
    ordered = sorted(values)
    rank = max(_median_rank(len(ordered)), 1)
    return ordered[rank - 1], ordered[-rank]


def _median_rank(rounds: int) -> int:
    """Return the largest k such that 2 P(Binomial(rounds, 1/2) < k) <= 5 %; 0 if there is none."""
    rank, below = 0, 0
    # Whole numbers: 2 below / 2^rounds <= 1/20.
    while 40 * (below + comb(rounds, rank)) <= 1 << rounds:
        below += comb(rounds, rank)
        rank += 1
    return rank
