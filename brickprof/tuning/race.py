"""Races: calls timed in interleaved rounds, those that are clearly slower for fewer of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from brickprof.tuning.medians import MIN_ROUNDS, median_interval

_K = TypeVar("_K")

Report = Callable[[float, str], None]

_SEED = 0


def race(
    calls: Mapping[_K, Callable[[], object]],
    rounds: int,
    clock: Callable[[], int],
    before_round: Callable[[int, int], None],
) -> dict[_K, list[int]]:
    """Time each call once a round, and drop those that are clearly slower than the best.

    The order is random with a fixed seed, and every other round the reverse of the one before, so
    that neither neighbours nor a drift of the machine favour a call. After `MIN_ROUNDS` rounds a
    call whose confidence interval is entirely above that of the best so far is dropped.

    Parameters
    ----------
    calls : Mapping
        What is raced, by a key.
    rounds : int
        How many.
    clock : callable
        Returns nanoseconds.
    before_round : callable
        Called with the rounds that are done and the calls that are left.

    Returns
    -------
    dict
        The nanoseconds of each round, by key.
    """
    times: dict[_K, list[int]] = {key: [] for key in calls}
    shuffled = random.Random(_SEED)
    order = list(calls)
    for finished in range(rounds):
        before_round(finished, len(order))
        if finished % 2:
            order.reverse()
        else:
            shuffled.shuffle(order)
        for key in order:
            before = clock()
            calls[key]()
            times[key].append(clock() - before)
        if finished + 1 >= MIN_ROUNDS:
            worse = _clearly_worse({key: times[key] for key in order})
            order = [key for key in order if key not in worse]
    return times


def _clearly_worse(times: Mapping[_K, Sequence[int]]) -> set[_K]:
    """Return the keys whose median is above the best's, by confidence intervals apart."""
    best = min(times, key=lambda key: statistics.median(times[key]))
    limit = median_interval(times[best])[1]
    return {key for key, taken in times.items() if median_interval(taken)[0] > limit}
