"""Thread counts: the rule for choosing one, and a sweep that shows which is best."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral

from brickprof.machine import detect_machine


def _check(name: str, value: object, least: int) -> None:
    """Raise unless an argument is an integer, Python's or NumPy's, of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer >= {least}, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be >= {least}, got {value!r}")


def optimal_threads(
    work_elements: int,
    itemsize: int = 4,
    cache_line: int = 64,
    physical_cores: int | None = None,
    lines_per_thread: int = 1,
) -> int:
    """Return ``min(physical_cores, work / cache_line)``: no thread without a cache line.

    Parameters
    ----------
    work_elements : int
        Elements that are shared out.
    itemsize : int
        Bytes of an element.
    cache_line : int
        Bytes of a cache line.
    physical_cores : int, optional
        Cores to use at most; this machine's by default.
    lines_per_thread : int
        Cache lines that a thread should get at least.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    TypeError
        If an argument is no integer.
    ValueError
        If `work_elements` is negative or another argument < 1.
    """
    cores = detect_machine().physical_cores if physical_cores is None else physical_cores
    for name, value, least in (
        ("work_elements", work_elements, 0),
        ("itemsize", itemsize, 1),
        ("cache_line", cache_line, 1),
        ("physical_cores", cores, 1),
        ("lines_per_thread", lines_per_thread, 1),
    ):
        _check(name, value, least)
    lines = work_elements * itemsize // cache_line
    return max(min(cores, lines // lines_per_thread), 1)


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What one thread count took: median and best time of a call, in nanoseconds."""

    threads: int
    median_ns: int
    best_ns: int
    rounds: int


def sweep_threads(
    fn: Callable[[int], object],
    counts: Iterable[int],
    rounds: int = 7,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[SweepPoint, ...]:
    """Time ``fn(threads)`` at each thread count, in interleaved rounds.

    Parameters
    ----------
    fn : callable
        Does the work with the number of threads that it is given.
    counts : iterable of int
        Thread counts to try.
    rounds : int
        Times that each is measured, after one that warms up.
    clock : callable
        Returns nanoseconds.

    Returns
    -------
    tuple of SweepPoint
        One for each count, in the order given.

    Raises
    ------
    TypeError
        If a count or `rounds` is no integer.
    ValueError
        If there is no count, or a count or `rounds` is < 1.
    """
    tried = list(counts)
    if not tried:
        raise ValueError("counts must hold at least one thread count, got none")
    for position, count in enumerate(tried):
        _check(f"counts[{position}]", count, 1)
    _check("rounds", rounds, 1)
    times: list[list[int]] = [[] for _ in tried]
    for count in tried:
        fn(count)
    for _ in range(rounds):
        for count, taken in zip(tried, times, strict=True):
            before = clock()
            fn(count)
            taken.append(clock() - before)
    return tuple(
        SweepPoint(count, round(statistics.median(taken)), min(taken), rounds)
        for count, taken in zip(tried, times, strict=True)
    )
