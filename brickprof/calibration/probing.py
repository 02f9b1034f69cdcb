"""Probing: a team of threads, their buffers, and rounds of work timed from a common start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brickprof.core.errors import RoofsError
from brickprof.kernels.probes import (
    has_probe,
    link_lines,
    probe_ceiling,
    probe_latency,
    probe_load,
    probe_peak,
    probe_traffic,
)

Bytes = NDArray[np.uint8]

_ALIGNMENT = 2 * 1024**2
"""Buffers start at a huge page, so that the small working sets at their start lie in one, too."""

ON_CPU = 0.98
"""Share of a round that each thread must be on a processor for the round to count: the timer's
interrupts take under a thousandth."""

_PAGE = 4096
_PILOT_GROWTH = 8
_MAX_STEPS = 1 << 40


@dataclass(frozen=True, slots=True)
class Probes:
    """What is timed, and by which clock.

    Parameters
    ----------
    peak : callable
        ``peak(dtype, steps, isa)`` does multiply-adds and returns their flops.
    load : callable
        ``load(buffer, steps, isa)`` loads a buffer `steps` times and returns the bytes.
    traffic : callable
        ``traffic(kind, buffer, steps, isa)`` moves a buffer `steps` times and returns the bytes.
    ceiling : callable
        ``ceiling(name, dtype, steps, isa)`` does operations and returns their number.
    link, latency : callable
        ``link(buffer, order)`` makes lines point to each other; ``latency(buffer, steps)`` follows
        them and returns the loads.
    has : callable
        ``has(name, dtype, isa)`` tells whether there is such traffic or such a ceiling.
    clock, thread_clock : callable
        Return nanoseconds: of wall time, and of the calling thread's time on a processor.
    """

    peak: Callable[[str, int, str], int] = probe_peak
    load: Callable[[Bytes, int, str], int] = probe_load
    traffic: Callable[[str, Bytes, int, str], int] = probe_traffic
    ceiling: Callable[[str, str, int, str], int] = probe_ceiling
    link: Callable[[Bytes, NDArray[np.int64]], None] = link_lines
    latency: Callable[[Bytes, int], int] = probe_latency
    has: Callable[[str, str, str], bool] = has_probe
    clock: Callable[[], int] = time.perf_counter_ns
    thread_clock: Callable[[], int] = time.thread_time_ns


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure to measure.

    Parameters
    ----------
    name : str
        Its name.
    work : callable
        ``work(rank, steps)`` works on a thread and returns how much it did.
    prime_steps : int
        Steps that fetch its data before the clock starts.
    length : float
        Length of its rounds, over that of others.
    prepare : callable, optional
        Called before each round, outside the time that is measured.
    """

    name: str
    work: Callable[[int, int], int]
    prime_steps: int = 0
    length: float = 1.0
    prepare: Callable[[int], None] | None = None


class Round(NamedTuple):
    """The work of all threads, from the first start to the last end, and the shortest share.

    `on_cpu` is the least share of its time that any of the threads was on a processor.
    """

    work: int
    span_ns: int
    least_ns: int
    on_cpu: float


class _Dismissed(Exception):
    """A thread of a team is to end."""


class Team:
    """Threads that start each task together; the caller is thread 0.

    They meet by queues: a handler of a signal may raise at any point of the caller, and a lock that
    Python code had just taken would then be held for good.

    Parameters
    ----------
    size : int
        Number of threads.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._here: SimpleQueue[BaseException | None] = SimpleQueue()
        self._go_on: list[SimpleQueue[bool]] = [SimpleQueue() for _ in range(size)]
        self._task: Callable[[int], object] | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Team:
        try:
            for rank in range(1, self.size):
                thread = threading.Thread(
                    target=self._serve, args=(rank,), name=f"brickprof-probe-{rank}", daemon=True
                )
                thread.start()
                self._threads.append(thread)
        except RuntimeError as error:
            self._dismiss()
            raise RoofsError(f"threads: cannot start {self.size} of them ({error})") from None
        except BaseException:
            self._dismiss()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._dismiss()

    def run(self, task: Callable[[int], object]) -> None:
        """Run ``task(rank)`` on every thread and wait for all; raise what any of them raised."""
        self._task = task
        self.meet(0)
        task(0)
        self.meet(0)

    def meet(self, rank: int) -> None:
        """Wait, inside a task, until every thread is here."""
        if rank:
            self._here.put(None)
            if not self._go_on[rank].get():
                raise _Dismissed
            return
        for _ in range(1, self.size):
            error = self._here.get()
            if error is not None:
                raise error
        for queue in self._go_on[1:]:
            queue.put(True)

    def _serve(self, rank: int) -> None:
        """Run tasks until the team is dismissed."""
        try:
            while True:
                self.meet(rank)
                if self._task is not None:
                    self._task(rank)
                self.meet(rank)
        except _Dismissed:
            return
        except BaseException as error:
            self._here.put(error)

    def _dismiss(self) -> None:
        """Let all threads end, wherever they wait, and wait for them."""
        for queue in self._go_on:
            queue.put(False)
        for thread in self._threads:
            thread.join()


def touched_buffers(team: Team, size: int) -> list[Bytes]:
    """Return a buffer for each thread, its pages touched first by the thread that will load it.

    They come from `numpy.empty`, and so get huge pages where the arrays of a kernel get them.
    """
    buffers: list[Bytes] = [np.empty(0, np.uint8)] * team.size

    def touch(rank: int) -> None:
        raw = np.empty(size + _ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        buffers[rank] = raw[start : start + size]
        buffers[rank][::_PAGE] = 1

    team.run(touch)
    return buffers


def round_of(team: Team, probes: Probes, figure: Figure, steps: int) -> Round:
    """Let all threads work once; each fetches its working set before it waits for the others."""
    starts, stops, cpu, done = ([0] * team.size for _ in range(4))

    def task(rank: int) -> None:
        if figure.prepare is not None:
            figure.prepare(rank)
        if figure.prime_steps:
            figure.work(rank, figure.prime_steps)
        team.meet(rank)
        before = probes.thread_clock()
        starts[rank] = probes.clock()
        done[rank] = figure.work(rank, steps)
        stops[rank] = probes.clock()
        cpu[rank] = probes.thread_clock() - before

    team.run(task)
    walls = [stop - start for start, stop in zip(starts, stops, strict=True)]
    shares = [on / wall if wall > 0 else 1.0 for on, wall in zip(cpu, walls, strict=True)]
    return Round(sum(done), max(stops) - min(starts), min(walls), min(shares))


def steps_for(team: Team, probes: Probes, figure: Figure, aim_ns: int) -> int:
    """Return the steps that take a thread about `aim_ns`, found by ever longer pilots.

    They end with one of about that length, and of each length the shortest of two counts: an
    interruption must not pass for work, or rounds would be too short to be timed.
    """
    steps = 1
    while steps < _MAX_STEPS:
        least = min(round_of(team, probes, figure, steps).least_ns for _ in range(2))
        wanted = -(-steps * aim_ns // least) if least > 0 else _MAX_STEPS
        if 2 * least >= aim_ns:
            return wanted
        steps = min(wanted, steps * _PILOT_GROWTH)
    raise RoofsError(f"the clock hardly moves while {figure.name} is measured")


class Rates(NamedTuple):
    """Rates of one figure in work per ns, and whether threads were off the processor in all."""

    values: list[float]
    disturbed: bool


def interleaved_rates(
    team: Team,
    probes: Probes,
    figures: Sequence[Figure],
    steps: Mapping[str, int],
    repeats: int,
    after_round: Callable[[], None],
) -> dict[str, Rates]:
    """Return each figure's rates, interleaved so that noise hits them alike.

    Rounds in which a thread was off the processor are repeated, as many times at most as there are
    rounds, and count only where there are no others.
    """
    undisturbed: dict[str, list[float]] = {figure.name: [] for figure in figures}
    others: dict[str, list[float]] = {figure.name: [] for figure in figures}
    for turn in range(2 * repeats):
        for figure in figures:
            if len(undisturbed[figure.name]) >= repeats:
                continue
            done = round_of(team, probes, figure, steps[figure.name])
            if done.span_ns <= 0:
                raise RoofsError(f"the clock stood still while {figure.name} was measured")
            kept = undisturbed if done.on_cpu >= ON_CPU else others
            kept[figure.name].append(done.work / done.span_ns)
            if turn < repeats:
                after_round()
    return {
        name: Rates(values or others[name], disturbed=not values)
        for name, values in undisturbed.items()
    }
