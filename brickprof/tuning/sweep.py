"""Sweeps: a function timed at several thread counts, interleaved, and the statistics of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from brickprof.core import metrics
from brickprof.core.checks import (
    check_saved_integers,
    checked_callable,
    checked_integer,
    checked_items,
    checked_number,
    checked_text,
    checked_thread_count,
    short_repr,
)
from brickprof.core.errors import BrickprofError, SweepError
from brickprof.core.json_reader import JsonValue
from brickprof.core.limits import MAX_INTEGER
from brickprof.core.notebook import ShownInNotebooks
from brickprof.planning.budget import thread_budget
from brickprof.tuning.medians import median_interval
from brickprof.tuning.race import race
from brickprof.tuning.scalability import Scalability, fit_scalability

SCHEMA = "brickprof-sweep"
"""What the field ``schema`` of every saved sweep says."""

_MAX_WORK = 1e200

VERSION = 1
"""The newest schema version that this library writes and reads."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """The times that one thread count took.

    Parameters
    ----------
    threads : int
        The thread count.
    times_ns : tuple of int
        Nanoseconds of each round's call, in the order measured; at least one.

    Raises
    ------
    SweepError
        If a field is of another type, empty or out of range.
    """

    threads: int
    times_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        check_saved_integers(self, ("threads",), 1, SweepError)
        if not isinstance(self.times_ns, tuple) or not self.times_ns:
            raise SweepError(
                f"times_ns must be a tuple of at least one, got {short_repr(self.times_ns)}"
            )
        times = tuple(
            checked_integer(f"times_ns[{place}]", time, 0, MAX_INTEGER, SweepError)
            for place, time in enumerate(self.times_ns)
        )
        object.__setattr__(self, "times_ns", times)

    @property
    def rounds(self) -> int:
        """Rounds that were measured."""
        return len(self.times_ns)

    @property
    def median_ns(self) -> int:
        """Median time in nanoseconds, rounded."""
        return round(statistics.median(self.times_ns))

    @property
    def best_ns(self) -> int:
        """Least time in nanoseconds."""
        return min(self.times_ns)

    @property
    def interval_ns(self) -> tuple[int, int]:
        """Confidence interval of the median: low and high, nanoseconds.

        See `brickprof.tuning.medians.median_interval`.
        """
        return median_interval(self.times_ns)


@dataclass(frozen=True, slots=True)
class Sweep(ShownInNotebooks):
    """What `sweep_threads` measured. It iterates over its points.

    Parameters
    ----------
    points : tuple of SweepPoint
        One for each thread count, in the order tried.
    work : float
        What one call does, in `unit`, > 0.
    unit : str
        Unit of the work; a throughput is in this per second.
    rule : int
        The thread count that the rule chooses.
    budget : int
        The least of physical cores, affinity and cgroup quota at the time.
    scalability : Scalability or None
        The law fitted to the medians' throughputs; None with a single count or a median of zero.

    Raises
    ------
    SweepError
        If a field is of another type or out of range, or two points have the same thread count.
    """

    points: tuple[SweepPoint, ...]
    work: float
    unit: str
    rule: int
    budget: int
    scalability: Scalability | None

    def __post_init__(self) -> None:
        if not isinstance(self.points, tuple) or not self.points:
            raise SweepError(
                f"points must be a tuple of at least one, got {short_repr(self.points)}"
            )
        for position, point in enumerate(self.points):
            if not isinstance(point, SweepPoint):
                raise SweepError(
                    f"points[{position}] must be a SweepPoint, got {short_repr(point)}"
                )
        if len({point.threads for point in self.points}) < len(self.points):
            raise SweepError("points must be of distinct thread counts")
        object.__setattr__(self, "work", _checked_work(self.work, SweepError))
        checked_text("unit", self.unit, SweepError)
        check_saved_integers(self, ("rule", "budget"), 1, SweepError)
        if not isinstance(self.scalability, Scalability | None):
            raise SweepError(
                f"scalability must be a Scalability or None, got {short_repr(self.scalability)}"
            )

    def __iter__(self) -> Iterator[SweepPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def best(self) -> SweepPoint:
        """The point of least median, of equal ones that with the fewest threads."""
        return min(self.points, key=lambda point: (point.median_ns, point.threads))

    @property
    def dropped(self) -> tuple[int, ...]:
        """Thread counts that were clearly slower, and so measured for fewer rounds than others."""
        most = max(point.rounds for point in self.points)
        return tuple(point.threads for point in self.points if point.rounds < most)

    def throughput(self, point: SweepPoint) -> float:
        """Return `unit` per second at the median time; 0.0 for a median of zero."""
        return metrics.throughput(self.work, point.median_ns)

    def throughput_interval(self, point: SweepPoint) -> tuple[float, float]:
        """Return the confidence interval of `throughput`, low and high, from that of the median."""
        low, high = point.interval_ns
        return metrics.throughput(self.work, high), metrics.throughput(self.work, low)

    def to_json(self) -> dict[str, object]:
        """Return the sweep as a dict of JSON values.

        Returns
        -------
        dict
        """
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "points": [
                {"threads": point.threads, "times_ns": list(point.times_ns)}
                for point in self.points
            ],
            "work": self.work,
            "unit": self.unit,
            "rule": self.rule,
            "budget": self.budget,
            "scalability": self.scalability and self.scalability.to_json(),
        }

    @classmethod
    def from_json(cls, data: object) -> Sweep:
        """Return the sweep that `to_json` described.

        Parameters
        ----------
        data : object
            What `to_json` returned, after any number of trips through JSON. Unknown fields are
            ignored at every depth.

        Returns
        -------
        Sweep

        Raises
        ------
        SweepError
            If a field is missing or damaged, or the schema unknown; the message names it.
        """
        root = JsonValue.of(data, "sweep", SweepError)
        root.check_schema(SCHEMA, VERSION)
        fit = root["scalability"]
        return root.build(
            cls,
            *("work", "unit", "rule", "budget"),
            points=tuple(
                point.build(SweepPoint, "threads", times_ns=point["times_ns"].values())
                for point in root["points"].items()
            ),
            scalability=None if fit.value is None else Scalability.from_json(fit),
        )


def sweep_threads(
    fn: Callable[[int], object],
    counts: Iterable[int],
    rounds: int = 15,
    work: float = 1.0,
    unit: str = "calls",
    progress: Callable[[float, str], None] | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
    rule: int | None = None,
) -> Sweep:
    """Time ``fn(threads)`` at each thread count, in interleaved rounds.

    Every count is called once to warm up. Then each round calls every count once, in an order that
    favours none; a count that is clearly slower than the best is dropped after a few rounds. See
    `brickprof.tuning.race.race`.

    Parameters
    ----------
    fn : callable
        Does the work with the number of threads that it is given.
    counts : iterable of int
        Thread counts to try; one that is given twice is tried once.
    rounds : int
        Times that each is measured, after one that warms up.
    work : float
        What one call does, in `unit`.
    unit : str
        Unit of the work, such as "GFLOP" or "tokens".
    progress : callable, optional
        Called before each round with the share that is done and what comes now.
    clock : callable
        Returns nanoseconds.
    rule : int, optional
        What `optimal_threads` chooses for the work, for comparison; by default the budget: the
        least of physical cores, affinity and cgroup quota.

    Returns
    -------
    Sweep

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If there is no count, or an argument is out of range.
    """
    checked_callable("fn", fn)
    checked_callable("clock", clock)
    if progress is not None:
        checked_callable("progress", progress)
    tried = [
        checked_thread_count(f"counts[{place}]", count)
        for place, count in enumerate(checked_items("counts", counts))
    ]
    if not tried:
        raise ValueError("counts must hold at least one thread count, got none")
    total = checked_integer("rounds", rounds, 1)
    budget = thread_budget()
    chosen = budget if rule is None else checked_thread_count("rule", rule)
    done = _checked_work(work)
    if not isinstance(unit, str):
        raise TypeError(f"unit must be a string, got {short_repr(unit)}")
    if not unit.strip():
        raise ValueError("unit must not be empty")
    times = _measure(fn, tuple(dict.fromkeys(tried)), total, progress, clock)
    points = tuple(SweepPoint(count, tuple(taken)) for count, taken in times.items())
    return Sweep(points, done, unit, chosen, budget, _fitted(points, done))


def _measure(
    fn: Callable[[int], object],
    counts: tuple[int, ...],
    rounds: int,
    progress: Callable[[float, str], None] | None,
    clock: Callable[[], int],
) -> dict[int, list[int]]:
    """Return the times of each count in nanoseconds."""
    report = progress or (lambda fraction, what: None)
    report(0.0, "warming up")
    for count in counts:
        fn(count)

    def before_round(finished: int, left: int) -> None:
        report(finished / rounds, f"round {finished + 1} of {rounds}, {_counts(left)}")

    return race({count: partial(fn, count) for count in counts}, rounds, clock, before_round)


def _counts(counts: int) -> str:
    """Return a number of thread counts in words."""
    return f"{counts} thread count{'' if counts == 1 else 's'}"


def _checked_work(value: object, error: type[BrickprofError] | None = None) -> float:
    """Return the work of a call, of which no rate is beyond a float."""
    work = checked_number("work", value, error=error)
    if not 1 / _MAX_WORK <= work <= _MAX_WORK:
        raise (error or ValueError)(
            f"work must be in [{1 / _MAX_WORK:g}, {_MAX_WORK:g}], got {work!r}"
        )
    return work


def _fitted(points: tuple[SweepPoint, ...], work: float) -> Scalability | None:
    """Return the law of the medians' throughputs; None where there is nothing to fit."""
    medians = [point.median_ns for point in points]
    if len(points) < 2 or not all(medians):
        return None
    rates = [metrics.throughput(work, median) for median in medians]
    return fit_scalability([point.threads for point in points], rates)
