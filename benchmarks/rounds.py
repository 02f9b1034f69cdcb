"""Paired timing in interleaved rounds, so that a drift of the machine hits all sides alike."""

from __future__ import annotations

import gc
import itertools
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Call = Callable[[], object]
Times = Mapping[str, Sequence[float]]

BLOCK_SECONDS = 2e-4
"""What a block of short calls fills."""

WAKE_SECONDS = 2e-3
"""Untimed calls in which a library's workers wake up."""

LONG_CALL_SECONDS = 5e-3
"""From here, waking a worker does not show."""

MAX_PAUSE_SECONDS = 15e-3


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a case is measured, in seconds and rounds, and the pause before each block."""

    seconds: float
    min_rounds: int = 5
    pause: float = 0.0


def interleave(calls: Mapping[str, Call], effort: Effort) -> dict[str, list[float]]:
    """Time calls in rounds, each in a new order, and return each one's seconds a call."""
    counts = {name: _calls_of_a_block(call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    shuffle, order = random.Random(0).shuffle, list(calls)
    collecting = gc.isenabled()
    gc.disable()
    until = time.perf_counter() + effort.seconds
    try:
        while len(times[order[0]]) < effort.min_rounds or time.perf_counter() < until:
            shuffle(order)
            for name in order:
                if effort.pause:
                    # Each library's idle workers spin for a while after a call, and here there
                    # are as many as cores: without a pause those of the last library would take
                    # a core from this one. Untimed calls then wake this one's own.
                    time.sleep(effort.pause)
                    if not times[name] or times[name][-1] < LONG_CALL_SECONDS:
                        _wake(calls[name])
                times[name].append(_time(calls[name], counts[name]))
    finally:
        if collecting:
            gc.enable()
    return times


def _wake(call: Call) -> None:
    """Call for long enough that workers are awake."""
    until = time.perf_counter() + WAKE_SECONDS
    while time.perf_counter() < until:
        call()


def _time(call: Call, count: int) -> float:
    """Return the mean seconds of so many calls."""
    before = time.perf_counter()
    for _ in itertools.repeat(None, count):
        call()
    return (time.perf_counter() - before) / count


def _calls_of_a_block(call: Call) -> int:
    """Warm a call up and return how many of them fill a block."""
    call()
    if _time(call, 1) > LONG_CALL_SECONDS:
        return 1
    return max(1, int(BLOCK_SECONDS / max(min(_time(call, 1), _time(call, 1)), 1e-7)))


def outcome(times: Times) -> dict[str, Any]:
    """Reduce times to best and quartiles, and to quartiles of each other's over the first's.

    A quotient is taken in each round, so that its quartiles tell the spread of the ratio itself.
    """
    first, *others = times
    return {
        "times": {name: summary(taken) for name, taken in times.items()},
        "paired": {
            name: quartiles([b / a for a, b in zip(times[first], times[name], strict=True)])
            for name in others
        },
    }


def summary(taken: Sequence[float]) -> dict[str, float]:
    """Return the best and the quartiles of some times."""
    low, middle, high = quartiles(taken)
    return {"best": rounded(min(taken)), "q1": low, "median": middle, "q3": high,
            "rounds": len(taken)}  # fmt: skip


def quartiles(values: Sequence[float]) -> list[float]:
    """Return the three quartiles, none beyond the values themselves."""
    return [rounded(value) for value in statistics.quantiles(values, n=4, method="inclusive")]


def rounded(value: float) -> float:
    """Return a figure to five digits, which is more than any measurement here holds."""
    return float(f"{value:.5g}")


def spinning(calls: Mapping[str, Call], rounds: int = 3) -> float:
    """Return for how many seconds after a call some library's workers keep a core busy, at most."""
    longest = 0.0
    for call in calls.values():
        call()
        for _ in range(rounds):
            time.sleep(MAX_PAUSE_SECONDS)
            call()
            before = time.process_time()
            time.sleep(MAX_PAUSE_SECONDS)
            longest = max(longest, time.process_time() - before)
    return longest
