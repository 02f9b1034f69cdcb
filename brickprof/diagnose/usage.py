"""What the operating system saw of a brick's threads, as shares of their time."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from brickprof.core import metrics
from brickprof.recording import BrickInfo, ThreadUsage

SLICE_NS = 4_000_000
"""Nanoseconds that a thread waits for its turn after each involuntary switch, at most: the base
slice of Linux's scheduler is 3 ms, and is rounded up to a tick of 1 to 4 ms."""

FAULT_NS = 500
"""Nanoseconds of a minor page fault with 4 KiB to zero, at least: entry, page tables, zeroing."""

MAJOR_FAULT_NS = 50_000
"""Nanoseconds of a page that is read from a disk, at least: that of a fast SSD."""

MIN_SYSTEM_NS = 50_000_000
"""Nanoseconds of observed wall time from which the kernel's share of it is known: Linux samples at
each tick whether a thread is in the kernel, and scales."""

MIN_OBSERVED_NS = 200_000
"""Nanoseconds of observed wall time from which shares of it say something."""

ONE_PROCESSOR = (0.5, 1.2)
"""Time on processors over wall time of threads that take turns: those that sleep have less."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of all threads of a brick.

    Parameters
    ----------
    threads : int
        Threads that were observed.
    total : ThreadUsage
        The sum of what was seen of them.
    longest_ns : int
        Wall time of the thread that was observed for longest.
    """

    threads: int
    total: ThreadUsage
    longest_ns: int

    @classmethod
    def of(cls, info: BrickInfo) -> Usage | None:
        """Return what was seen of a brick; None where that is too little."""
        if not info.usage:
            return None
        total = info.usage[0]
        if len(info.usage) > 1:
            sums = [sum(values) for values in zip(*map(astuple, info.usage), strict=True)]
            total = ThreadUsage(*sums)
        if total.wall_ns < MIN_OBSERVED_NS:
            return None
        return cls(len(info.usage), total, max(one.wall_ns for one in info.usage))

    @property
    def off_cpu_ns(self) -> int:
        """Nanoseconds in which threads were on no processor."""
        return max(self.total.wall_ns - self.total.cpu_ns, 0)

    @property
    def preempted_ns(self) -> int:
        """Nanoseconds in which threads were on none although they could have run, at most."""
        given_up, taken = self.total.voluntary_switches, self.total.involuntary_switches
        if not given_up:
            return self.off_cpu_ns
        return min(self.off_cpu_ns * taken // (given_up + taken), taken * SLICE_NS)

    @property
    def waiting_ns(self) -> int:
        """Nanoseconds in which threads were on none because they waited for something."""
        return self.off_cpu_ns - self.preempted_ns

    @property
    def fault_ns(self) -> int:
        """Nanoseconds that page faults took, at least."""
        total = self.total
        minor = total.minor_faults * FAULT_NS
        if minor and total.wall_ns >= MIN_SYSTEM_NS:
            minor = max(minor, total.system_ns)
        return min(minor + total.major_faults * MAJOR_FAULT_NS, total.wall_ns)

    def share(self, ns: int) -> float:
        """Return a time as a share of the observed wall time."""
        return metrics.share(ns, self.total.wall_ns)

    @property
    def by_turns(self) -> bool:
        """Whether threads worked one at a time: together they had a processor, and little more."""
        share = metrics.share(self.total.cpu_ns, self.longest_ns)
        return self.threads > 1 and ONE_PROCESSOR[0] <= share <= ONE_PROCESSOR[1]
