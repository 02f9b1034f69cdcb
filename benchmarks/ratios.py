"""The arithmetic of the results: ratios, their means and what is lost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

OURS = "brickprof"

Case = dict[str, Any]
"""One problem with what came of it, as it is in the JSON."""


class Summary(NamedTuple):
    """Ratios of several cases: how many, their geometric mean, the least, the share that is won."""

    count: int
    mean: float
    least: float
    won: float


def others(case: Case) -> list[str]:
    """Return the backends that brickprof was measured against."""
    return [name for name in case["times"] if name != OURS]


def best_other(case: Case, of: str = "best") -> str:
    """Return the fastest of the others."""
    return min(others(case), key=lambda name: case["times"][name][of])


def ratio(case: Case, of: str = "best", other: str | None = None) -> float:
    """Return another's time over brickprof's: above 1, brickprof is faster.

    Parameters
    ----------
    case : dict
        What was measured.
    of : {"best", "median"}
        Which times.
    other : str, optional
        Whose; by default those of the fastest of the others.
    """
    name = other or best_other(case, of)
    return case["times"][name][of] / case["times"][OURS][of]


def spread(case: Case, other: str | None = None) -> tuple[float, float]:
    """Return the outer quartiles of the ratio, which was taken anew in each round."""
    low, _, high = case["paired"][other or best_other(case, "median")]
    return low, high


def rate(case: Case, name: str, of: str = "best") -> float:
    """Return a backend's GFLOP/s."""
    return case["work"] / case["times"][name][of] / 1e9


def peak_fraction(case: Case, name: str, of: str = "best") -> float:
    """Return a backend's share of the multiply-add peak, measured in the same rounds."""
    return rate(case, name, of) / case["peak"][of]


def summarize(cases: Iterable[Case], of: str = "best", other: str | None = None) -> Summary | None:
    """Sum ratios up; cases in which that other took no part are left out."""
    ratios = [
        ratio(case, of, other)
        for case in cases
        if len(case["times"]) > 1 and (other is None or other in case["times"])
    ]
    if not ratios:
        return None
    won = sum(value >= 1 for value in ratios) / len(ratios)
    return Summary(len(ratios), statistics.geometric_mean(ratios), min(ratios), won)


def shares(cases: Iterable[Case], name: str) -> Summary | None:
    """Sum up a backend's shares of the peak; none is won."""
    found = [peak_fraction(case, name) for case in cases if name in case["times"]]
    if not found:
        return None
    return Summary(len(found), statistics.geometric_mean(found), min(found), 0.0)


def losses(cases: Iterable[Case], of: str = "best", below: float = 1.0) -> list[Case]:
    """Return the cases in which the fastest of the others is faster, the worst first."""
    lost = [case for case in cases if len(case["times"]) > 1 and ratio(case, of) < below]
    return sorted(lost, key=lambda case: ratio(case, of))


def pick(cases: Sequence[Case], **wanted: object) -> list[Case]:
    """Return the cases whose fields have these values."""
    return [case for case in cases if all(case[key] == value for key, value in wanted.items())]


def values(cases: Iterable[Case], of: Callable[[Case], Any]) -> list[Any]:
    """Return the distinct values of something, in the order of their first case."""
    return list(dict.fromkeys(of(case) for case in cases))
