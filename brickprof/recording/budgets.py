"""Budget: what a brick or a category may take, or must reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from brickprof.core.checks import checked_number, short_repr

BRICK, CATEGORY = "brick", "category"

KINDS = (BRICK, CATEGORY)
"""What a budget may be of."""


MAX_EFFICIENCY = 2.0
"""The largest efficiency of a budget: what is above is a percentage, of which none is ever kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits that a brick or a category is held to; at least one.

    Parameters
    ----------
    name : str
        The brick or category.
    of : {"brick", "category"}
        Which of the two it is.
    ns : float or None
        Most wall time of a call in nanoseconds: of the mean call, or of `percentile`.
    percentile : float or None
        Percentile of the calls' times, in [0, 100], that `ns` is the limit of; None for their mean.
    gflops : float or None
        Least rate of all threads in the median call, in GFLOP/s.
    efficiency : float or None
        Least rate over the attainable one, as a fraction, of the brick's coarsest level with flops.
    """

    name: str
    of: str = BRICK
    ns: float | None = None
    percentile: float | None = None
    gflops: float | None = None
    efficiency: float | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """What budgets are sorted by: no two that differ are alike in it."""
        limits = (self.ns, self.percentile, self.gflops, self.efficiency)
        return (self.of, self.name, *((one is not None, one or 0.0) for one in limits))


def checked_budget(
    name: object,
    *,
    of: object = BRICK,
    ns: object = None,
    percentile: object = None,
    gflops: object = None,
    efficiency: object = None,
    max_efficiency: float = MAX_EFFICIENCY,
) -> Budget:
    """Return a budget of arguments.

    Parameters
    ----------
    name, of, ns, percentile, gflops, efficiency
        As of `Budget`.
    max_efficiency : float
        What `efficiency` may be at most.

    Raises
    ------
    TypeError, ValueError
        If one is of another type or out of range, no limit is given, a percentile without `ns`, or
        one of a category, whose calls are not kept apart, or a rate of a category, whose flops are
        not known: tiles are of bricks.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"name must be a name, got {short_repr(name)}")
    if not isinstance(of, str):
        raise TypeError(f"of must be one of {', '.join(KINDS)}, got {short_repr(of)}")
    if of not in KINDS:
        raise ValueError(f"of must be one of {', '.join(KINDS)}, got {short_repr(of)}")
    limits = {"ns": ns, "gflops": gflops, "efficiency": efficiency}
    given = {key: checked_number(key, one) for key, one in limits.items() if one is not None}
    if not given:
        raise ValueError("one of ns, gflops and efficiency must be given")
    if given.get("efficiency", 0.0) > max_efficiency:
        raise ValueError(
            f"efficiency must be a fraction, of at most {max_efficiency:g}, such as 0.8 for 80 %, "
            f"got {short_repr(efficiency)}"
        )
    if percentile is not None:
        given["percentile"] = checked_number("percentile", percentile, zero=True)
        if given["percentile"] > 100:
            raise ValueError(f"percentile must be in [0, 100], got {short_repr(percentile)}")
        if "ns" not in given:
            raise ValueError("percentile must be given with ns, whose limit it is of")
    if of == CATEGORY and (unknown := given.keys() - {"ns"}):
        raise ValueError(f"{min(unknown)} is not known of a category: only ns may be given")
    return Budget(name=str(name), of=str(of), **given)


def with_limits(former: Budget | None, more: Budget) -> Budget:
    """Return a budget with the limits of another one in place of its own, as far as it has any.

    Parameters
    ----------
    former : Budget or None
        The budget; None where there is none yet.
    more : Budget
        One of the same name, kind and percentile.
    """
    if former is None:
        return more
    limits = {name: getattr(more, name) for name in ("ns", "gflops", "efficiency")}
    return replace(former, **{name: one for name, one in limits.items() if one is not None})


def merge_budgets(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """Return all budgets that differ, sorted; each is held to in a merged recording."""
    return tuple(sorted(set(budgets), key=lambda one: one.order))
