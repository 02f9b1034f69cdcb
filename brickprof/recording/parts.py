"""The parts of a recording: clock, overhead, bricks, thread teams, tiles on the time line."""

from __future__ import annotations

from dataclasses import dataclass

from brickprof.core.histograms import Histogram
from brickprof.core.levels import TileLevel
from brickprof.recording.call_times import CallTimes

DEFAULT_BRICK = "default"
"""The brick of tiles that were started outside any named brick."""

MIXED = "mixed"
"""The clock's source after a merge of recordings that were timed by different clocks."""

CLOCK_SOURCES = ("tsc", "cntvct", "clock_gettime", "manual", MIXED)
"""All sources of a clock; see `ClockInfo`."""

WORK_SOURCES = ("counted", "simulated")
"""Where flops and bytes come from that nobody declared by hand; see `BrickInfo`."""


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """The clock that timed a recording.

    Parameters
    ----------
    source : str
        ``"tsc"``, ``"cntvct"``, ``"clock_gettime"``, ``"manual"``, or ``"mixed"`` after a merge
        of recordings that were timed differently.
    ns_per_tick : float
        Length of a tick in nanoseconds; 0.0 for ``"mixed"``, and before the first tile.
    reason : str
        Why this clock was chosen.
    step_ns : float
        Least difference of two readings that differ, in nanoseconds: the clock's resolution,
        which may be many ticks. 0.0 where it was not measured.
    """

    source: str
    ns_per_tick: float
    reason: str
    step_ns: float = 0.0


@dataclass(frozen=True, slots=True)
class Overhead:
    """Calibrated cost of a start/stop pair in nanoseconds, by entry point.

    ``pair`` is what a pair costs the code around it, ``inside`` the part that falls between its
    two clock reads: the time that an empty tile shows. ``c`` is nogil code's entry point,
    ``python`` start_tile/stop_tile, ``block`` ``with prof.tile(...)``. What a pair costs depends
    on how much of it the processor overlaps with the work around it: each cost is the median over
    several kinds of work, and its ``error`` how far the cost may be from that.
    """

    c_pair: float = 0.0
    c_inside: float = 0.0
    python_pair: float = 0.0
    python_inside: float = 0.0
    block_pair: float = 0.0
    block_inside: float = 0.0
    c_pair_error: float = 0.0
    c_inside_error: float = 0.0
    python_pair_error: float = 0.0
    python_inside_error: float = 0.0
    block_pair_error: float = 0.0
    block_inside_error: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class TeamTimes:
    """Times of a brick's thread team, summed over the calls with as many threads.

    Parameters
    ----------
    calls : int
        How many they were.
    wall_ns : int
        Wall time, in nanoseconds, from handing out the recorders to taking them back.
    busy_ns : tuple of int
        Time in which the threads had tiles open, as read from the clock, less known waits: that
        of each call's busiest thread first, then that of its second busiest, and so on.
    """

    calls: int
    wall_ns: int
    busy_ns: tuple[int, ...]

    @property
    def threads(self) -> int:
        """Number of the threads."""
        return len(self.busy_ns)


@dataclass(frozen=True, slots=True, order=True)
class ThreadUsage:
    """What the operating system saw of a thread while it worked on a brick, summed over calls.

    Parameters
    ----------
    wall_ns, cpu_ns, system_ns : int
        Wall time that was observed, the thread's time on a processor in it, and the part of that in
        the kernel, in nanoseconds.
    minor_faults, major_faults : int
        Page faults without and with a read from disk.
    voluntary_switches, involuntary_switches : int
        Times that the thread gave up its processor, and that it was taken from it.
    migrations : int
        Times that the thread was found on another processor than before.
    """

    wall_ns: int
    cpu_ns: int
    system_ns: int = 0
    minor_faults: int = 0
    major_faults: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    migrations: int = 0


@dataclass(frozen=True, slots=True)
class BrickInfo:
    """A kernel that tiles were recorded for.

    Parameters
    ----------
    name : str
        Its name.
    calls : int
        How often it was entered; 0 for the default brick.
    wall_ns : int
        Wall time in nanoseconds between entering and leaving it, time that overlaps counted once;
        for the default brick the summed time of its outermost tiles.
    threads : int
        The most threads that worked on it.
    dtypes : tuple of str
        Element types that it was entered with, sorted.
    teams : tuple of TeamTimes
        Calls with recorders for two threads or more, one for each number of threads, ascending.
        Calls that failed or were sampled are left out.
    footprint_bytes : tuple of int
        By level, the most bytes that a tile was declared to hold in its cache to use again; 0
        where nothing was declared.
    isas : tuple of str
        Instruction sets that it was entered with, sorted; empty where its kernel tells none.
    usage : tuple of ThreadUsage
        What the operating system saw, one for each thread, most wall time first.
    thread_self_ns : tuple of tuple of int
        Self times of the tiles in nanoseconds, one tuple for each thread that timed some, most time
        first; in it one for each level. Threads of merged runs are added rank by rank.
    call_times : Histogram
        Wall times of the calls in nanoseconds; see `brickprof.core.histograms`.
    call_paces : Histogram
        Nanoseconds per 1e9 flops of the calls that declared flops.
    parts_of_calls : tuple of CallTimes
        What each run took for a call, by part: wall time, each level's, that of all tiles, and
        how self time divides among levels. Empty where no run had enough calls.
    min_call_flops, max_call_flops : int
        Least and most flops of a call in these runs; 0 where none.
    threads_inside : int
        Of a brick whose tiles are calls of another library, the threads that it shares each out
        to; 0 for kernels of the user's own.
    work_sources : tuple of str
        Where the flops and bytes of its tiles come from, sorted: ``"counted"`` from the shapes of
        calls, ``"simulated"`` of instructions and caches. Empty where all are declared by hand.
    """

    name: str
    calls: int
    wall_ns: int
    threads: int
    dtypes: tuple[str, ...] = ("float32",)
    teams: tuple[TeamTimes, ...] = ()
    footprint_bytes: tuple[int, ...] = (0,) * len(TileLevel)
    isas: tuple[str, ...] = ()
    usage: tuple[ThreadUsage, ...] = ()
    thread_self_ns: tuple[tuple[int, ...], ...] = ()
    call_times: Histogram = ()
    call_paces: Histogram = ()
    parts_of_calls: tuple[CallTimes, ...] = ()
    min_call_flops: int = 0
    max_call_flops: int = 0
    threads_inside: int = 0
    work_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class TileEvent:
    """One tile on the time line, in nanoseconds since the recording's origin."""

    start_ns: int
    stop_ns: int
    thread: int
    level: TileLevel
    row: int
    col: int
    brick: str
