"""Quantiles of Student's t distribution, for intervals of means of few samples."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist


def normal_quantile(p: float) -> float:
    """Return the value that a standard normal variable is below with probability p.

    Raises
    ------
    ValueError
        If `p` is not between 0 and 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"p must be between 0 and 1, got {p!r}")
    return NormalDist().inv_cdf(p)


@lru_cache(maxsize=256)
def t_quantile(p: float, degrees: int) -> float:
    """Return the value that a variable of Student's t distribution is below with probability p.

    Parameters
    ----------
    p : float
        At least 0.5, below 1.
    degrees : int
        Degrees of freedom, at least 1.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if not 0.5 <= p < 1:
        raise ValueError(f"p must be at least 0.5 and below 1, got {p!r}")
    if degrees < 1:
        raise ValueError(f"degrees must be at least 1, got {degrees!r}")
    low, high = 0.0, 1.0
    while _t_probability(high, degrees) < p:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        if _t_probability(middle, degrees) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_probability(t: float, degrees: int) -> float:
    """Return the probability of at most t >= 0.

    The finite series of M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964,
    26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(degrees))
    cosine2 = math.cos(angle) ** 2
    odd = degrees % 2
    term = total = math.cos(angle) if odd else 1.0
    for i in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine2 * (i - 1) / i
        total += term
    if odd:
        series = math.sin(angle) * total if degrees > 1 else 0.0
        within = 2 / math.pi * (angle + series)
    else:
        within = math.sin(angle) * total
    return (1 + within) / 2
