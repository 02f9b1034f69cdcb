"""Times of operations held against the roofs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import brickprof as bp

from decoder import units
from decoder.work import Work


@dataclass(frozen=True)
class Measurement:
    """An operation's times, its work, and the roofs over it.

    Parameters
    ----------
    name : str
        Of the operation.
    work : Work
        Of one run.
    times_ns : tuple of float
        Time of each run.
    memory : str
        Where its operands come from: "L1", "L2", "L3" or "DRAM".
    roofs : Roofs
        Of the threads that it ran on.

    Raises
    ------
    ValueError
        If there are no times or one is not positive, or the memory is unknown.
    """

    name: str
    work: Work
    times_ns: tuple[float, ...]
    memory: str
    roofs: bp.Roofs

    def __post_init__(self) -> None:
        if not self.times_ns or min(self.times_ns) <= 0:
            raise ValueError(f"times_ns must be positive and at least one, got {self.times_ns}")
        if self.memory not in self.roofs.bandwidth_gbs:
            raise ValueError(f"memory must be one of the roofs', got {self.memory!r}")

    @property
    def median_ns(self) -> float:
        """The time that it takes; all rates are of it."""
        return statistics.median(self.times_ns)

    @property
    def theoretical_ns(self) -> float:
        """The longer of the times that the flops take at the peak and the bytes from memory."""
        bandwidth = self.roofs.bandwidth_gbs[self.memory]
        return max(self.work.flops / self.roofs.peak_gflops, self.work.nbytes / bandwidth)

    @property
    def overhead(self) -> float:
        """Actual over theoretical time; below 1 only if bytes came from a nearer memory."""
        return self.median_ns / self.theoretical_ns

    @property
    def gflops(self) -> float:
        """GFLOP/s."""
        return self.work.flops / self.median_ns

    @property
    def bandwidth_gbs(self) -> float:
        """GB/s."""
        return self.work.nbytes / self.median_ns

    @property
    def bound(self) -> str:
        """Which of the two roofs is the lower: compute or memory."""
        return self.roofs.bound(self.memory, self.work.flops / self.work.nbytes)


def nearest_memory(nbytes: int, machine: bp.Machine) -> str:
    """Return the nearest memory that holds so many bytes.

    Parameters
    ----------
    nbytes : int
        All that is used again and again.
    machine : Machine
        The host.

    Returns
    -------
    str
        "L1", "L2", "L3" or "DRAM".
    """
    for cache in sorted(machine.caches, key=lambda cache: cache.level):
        if nbytes <= cache.size_bytes:
            return f"L{cache.level}"
    return "DRAM"


def time_runs(
    run: Callable[[], object],
    repeats: int,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[float, ...]:
    """Return the times of runs, after one that is not timed.

    Parameters
    ----------
    run : callable
        What is timed.
    repeats : int
        Times to run it.
    clock : callable
        Gives nanoseconds.

    Returns
    -------
    tuple of float
        Nanoseconds of each run, at least 1.
    """
    run()
    times = []
    for _ in range(repeats):
        started = clock()
        run()
        times.append(float(max(clock() - started, 1)))
    return tuple(times)


_HEADINGS = (
    "", "median", "best", "theory", "overhead", "GFLOP/s", "GB/s", "flops", "bytes", "from",
    "bound by",
)  # fmt: skip


def format_table(measurements: Iterable[Measurement]) -> str:
    """Return measurements as lines of text, a row for each."""
    rows = [_HEADINGS] + [
        (
            one.name,
            units.format_ns(one.median_ns),
            units.format_ns(min(one.times_ns)),
            units.format_ns(one.theoretical_ns),
            units.format_number(one.overhead),
            units.format_number(one.gflops),
            units.format_number(one.bandwidth_gbs),
            f"{one.work.flops:.2e}",
            units.format_bytes(one.work.nbytes),
            one.memory,
            one.bound,
        )
        for one in measurements
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    )
