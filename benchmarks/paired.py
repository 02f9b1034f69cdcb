"""Paired timing: rivals take turns in one run, so that a drift of the machine hits all alike."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def pin_threads(threads: int) -> None:
    """Set the thread count of every library's pool; call it before they are imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one rival in seconds."""

    name: str
    best: float
    median: float
    spread: float


@dataclass(frozen=True, slots=True)
class Case:
    """One problem: every rival's times, and how much faster the first is than each other."""

    title: str
    work: float
    timings: tuple[Timing, ...]

    def ratios(self, of: Callable[[Timing], float]) -> dict[str, float]:
        """Return each other's time over the first's."""
        first, *others = self.timings
        return {other.name: of(other) / of(first) for other in others}


def race(
    title: str,
    rivals: Mapping[str, Callable[[], object]],
    *,
    work: float = 0.0,
    seconds: float = 1.0,
    least_rounds: int = 7,
) -> Case:
    """Time callables in turns for about so many seconds, after two calls each to warm up.

    A round calls each rival once for longer problems, and often enough to fill a millisecond for
    short ones.
    """
    calls: dict[str, int] = {}
    for name, rival in rivals.items():
        rival()
        before = time.perf_counter()
        rival()
        calls[name] = max(1, int(1e-3 / max(time.perf_counter() - before, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in rivals}
    until = time.perf_counter() + seconds
    rounds = 0
    while rounds < least_rounds or time.perf_counter() < until:
        for name, rival in rivals.items():
            count = calls[name]
            before = time.perf_counter()
            for _ in range(count):
                rival()
            times[name].append((time.perf_counter() - before) / count)
        rounds += 1
    return Case(title, work, tuple(_timing(name, taken) for name, taken in times.items()))


def _timing(name: str, taken: Sequence[float]) -> Timing:
    """Reduce the times of one rival."""
    quartiles = statistics.quantiles(taken, n=4)
    middle = statistics.median(taken)
    return Timing(name, min(taken), middle, (quartiles[2] - quartiles[0]) / middle)


def show(cases: Sequence[Case], unit: str = "GF/s") -> None:
    """Print a table of rates and ratios, and the geometric mean of the ratios."""
    names = [timing.name for timing in cases[0].timings]
    head = f"{'problem':34}" + "".join(f"{name:>12}" for name in names)
    print(head + "".join(f"{'vs ' + name:>22}" for name in names[1:]))
    for case in cases:
        rates = "".join(f"{_figure(case, timing):12.1f}" for timing in case.timings)
        best, middle = case.ratios(lambda t: t.best), case.ratios(lambda t: t.median)
        print(
            f"{case.title:34}{rates}"
            + "".join(f"{best[n]:10.3f} (med {middle[n]:.3f})" for n in names[1:])
        )
    for name in names[1:]:
        mean = statistics.geometric_mean(case.ratios(lambda t: t.best)[name] for case in cases)
        least = min(case.ratios(lambda t: t.best)[name] for case in cases)
        print(f"  against {name}: geometric mean {mean:.3f}, least {least:.3f} (of best times)")
    widest = max(timing.spread for case in cases for timing in case.timings)
    print(f"  rates in {unit}; widest spread between quartiles {widest:.0%} of the median\n")


def _figure(case: Case, timing: Timing) -> float:
    """Return work per second in units of 1e9, or nanoseconds where there is no work."""
    return case.work / timing.best / 1e9 if case.work else timing.best * 1e9


def write_json(path: str | None, cases: Sequence[Case]) -> None:
    """Write the cases for a program to read, if a path was given."""
    if path:
        Path(path).write_text(json.dumps([asdict(case) for case in cases], indent=1) + "\n")


def optional(name: str) -> object | None:
    """Import a rival, or say that it is missing."""
    try:
        return __import__(name)
    except ImportError:
        print(f"{name} is not installed: not compared", file=sys.stderr)
        return None
