"""BrickProfiler: times tiles from Python and hands out recorders to nogil code."""

import operator
import threading
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timezone
from numbers import Rational, Real

cimport cython
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.object cimport PyObject, Py_TYPE
from cpython.pycapsule cimport (
    PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext, PyCapsule_SetName,
)
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t

from brickprof.profiler.recorder cimport Recorder, measure_nogil_pair, misuse_text
from brickprof.tile cimport (
    BP_CAPSULE, BP_CLOCK_CNTVCT, BP_CLOCK_GETTIME, BP_CLOCK_MANUAL, BP_CLOCK_TSC, BP_LEVELS,
    BP_MACRO, BP_MAX_DEPTH, BP_MICRO, BP_MIDI, BP_UNDECLARED, bp_cost, bp_frame, bp_now, bp_ns,
    bp_pop, bp_push, bp_read_clock, bp_recorder, bp_settle,
)

from numpy import bool_

from brickprof.profiler import pairs as pairs_module
from brickprof._version import __version__
from brickprof.core.errors import TileNestingError
from brickprof.core.levels import TileLevel
from brickprof.core.limits import ITEMSIZES, MAX_THREADS
from brickprof.recording import (
    DEFAULT_BRICK, BrickInfo, ClockInfo, Overhead, Recording, TeamTimes, TileEvent, summed_tiles,
)


cdef extern from "profiler/clock.h":
    uint32_t bp_clock_choose(const char **reason)
    bint bp_clock_usable(uint32_t clock)
    double bp_clock_ns_per_tick(uint32_t clock)


cdef dict CLOCKS = {
    "tsc": BP_CLOCK_TSC, "cntvct": BP_CLOCK_CNTVCT, "clock_gettime": BP_CLOCK_GETTIME,
    "manual": BP_CLOCK_MANUAL,
}
cdef dict ticks_known = {}          # clock -> ns per tick, measured once in a process
cdef dict costs_known = {}          # clock -> the three doors' costs, likewise
cdef uint64_t last_profiler = 0, last_holder = 0


include "counts.pxi"
include "timers.pxi"
include "bricks.pxi"
include "costs.pxi"
include "readout.pxi"


cdef class BrickProfiler:
    """Times tiles, level by level; off until `enable_tile_profiling`.

    Parameters
    ----------
    sample_every : int
        Time one tile in this many on each level, count all, and scale.
    events : int
        Keep up to this many single tiles per thread for a time line; those that do not fit are
        counted.
    clock : str
        ``"auto"`` for the cheapest that can be trusted, or ``"tsc"``, ``"cntvct"``,
        ``"clock_gettime"``, or ``"manual"``: one that moves by `advance` alone, a nanosecond a
        tick, for tests of code that wraps tiles.
    overhead : Overhead, optional
        Cost of a pair to take out of the times; None measures it (zero for the manual clock).

    Raises
    ------
    ValueError
        If an argument is out of range or this machine has no such clock.

    Notes
    -----
    Each thread writes to a recorder of its own without locks, so a figure that is read while
    other threads are inside tiles may miss their latest ones.
    """

    def __cinit__(self, *, sample_every=1, events=0, clock="auto", overhead=None):
        global last_profiler
        cdef const char *reason = b""
        check_overhead(overhead)
        self.sample_every = as_count(sample_every, "sample_every")
        if self.sample_every == 0:
            raise ValueError("sample_every must be >= 1, got 0")
        self.events = as_count(events, "events")
        if self.events > 1 << 32:
            raise ValueError(f"events must be at most 2**32, got {events!r}")
        if clock == "auto":
            self.clock = bp_clock_choose(&reason)
            self.clock_reason = reason.decode()
        elif isinstance(clock, str) and clock in CLOCKS and bp_clock_usable(CLOCKS[clock]):
            self.clock = CLOCKS[clock]
            self.clock_reason = "asked for"
        else:
            raise ValueError(
                f"clock must be 'auto' or one that this machine has of "
                f"{', '.join(map(repr, CLOCKS))}, got {clock!r}")
        self.clock_name = next(name for name, number in CLOCKS.items() if number == self.clock)
        last_profiler += 1
        self.id = last_profiler
        self.overhead_info = overhead
        self.local = threading.local()
        self.recorders_made = []
        self.idle = []
        self.bricks = []
        self.brick_ids = {}
        self.uses = {}
        self.brick_id(DEFAULT_BRICK, "float32")

    cdef Recorder take_recorder(self):
        """Return a recorder that no thread holds."""
        cdef Recorder recorder
        if self.idle:
            return self.idle.pop()
        recorder = Recorder.__new__(
            Recorder, self.id, len(self.recorders_made), self.clock, self.ns_per_tick_q32,
            self.sample_every, self.events)
        recorder.c.cost = self.c_cost
        recorder.c.manual_ticks = self.manual_ticks
        recorder.c.brick = recorder.brick(0, 4)
        self.recorders_made.append(recorder)
        return recorder

    cdef Recorder adopt(self):
        """Return the calling thread's recorder, giving it one at its first tile."""
        global last_holder
        cdef Recorder recorder
        handle = getattr(self.local, "handle", None)
        if handle is None:
            recorder = self.take_recorder()
            last_holder += 1
            recorder.holder = last_holder
            recorder.c.brick = recorder.brick(0, 4)
            recorder.thread = threading.current_thread().name
            self.local.handle = _ThreadHandle(self, recorder)
        else:
            recorder = handle.recorder
        bp_last.profiler = self.id
        bp_last.holder = recorder.holder
        bp_last.recorder = <PyObject *> recorder
        return recorder

    def _retire(self, Recorder recorder not None):
        """Take back the recorder of a thread that ended."""
        tiles = recorder.open_tiles()
        dropped = recorder.drop_to(recorder.c.frames)
        recorder.c.base = recorder.c.frames
        recorder.c.misuse = 0
        end_stays(recorder, 0, self.now())
        recorder.holder = 0
        self.idle.append(recorder)
        if dropped:
            self.abandoned += dropped
            warnings.warn(
                f"thread {recorder.thread!r} ended with tiles open, which are in no figure: "
                f"{tiles}", RuntimeWarning, stacklevel=2)

    cdef uint32_t brick_id(self, str name, str dtype) except? 0xFFFFFFFF:
        """Return the number of a brick of one element type."""
        number = self.brick_ids.setdefault((name, dtype), len(self.bricks))
        if number == len(self.bricks):
            self.bricks.append(Brick(name, dtype, self.uses.setdefault(name, Use())))
        return number

    cdef uint64_t now(self):
        """Read the profiler's clock."""
        return self.manual_ticks if self.clock == BP_CLOCK_MANUAL else bp_read_clock(self.clock)

    def enable_tile_profiling(self):
        """Switch on; the first time in a process this calibrates the clock for 20 ms."""
        prepare(self)
        self.on = True

    def disable_tile_profiling(self):
        """Switch off; tiles that are open may still be stopped and are recorded."""
        self.on = False

    @property
    def is_tile_profiling_enabled(self):
        """Whether tiles are recorded."""
        return self.on

    def advance(self, ticks):
        """Move the manual clock of a profiler made with ``clock="manual"``.

        Raises
        ------
        ValueError
            If the clock is another, or `ticks` is negative or no whole number.
        """
        if self.clock != BP_CLOCK_MANUAL:
            raise ValueError("advance needs a profiler made with clock='manual'")
        self.manual_ticks += as_count(ticks, "ticks")
        for recorder in self.recorders_made:
            (<Recorder> recorder).c.manual_ticks = self.manual_ticks

    def start_tile(self, level, row, col):
        """Start a tile and return its timer for `stop_tile`.

        Parameters
        ----------
        level : TileLevel
            Not coarser than the tile that is open on this thread.
        row, col : int
            Place in the parent tile, in tiles.

        Raises
        ------
        TileNestingError
            If a coarser tile would open inside a finer one, or too many are open.
        TypeError, ValueError
            If `level` is no TileLevel, or `row` or `col` no whole number in [0, 2**64).
        """
        cdef Recorder recorder
        cdef TileTimer timer
        cdef uint64_t tile_row, tile_col
        cdef int number
        if not self.on:
            return OFF
        number = level_of(level)
        tile_row = as_count(row, "row")
        tile_col = as_count(col, "col")
        recorder = recorder_here(self)
        check_start(self, recorder, number)
        timer = TileTimer.__new__(TileTimer)
        Py_INCREF(recorder)
        timer.recorder = <PyObject *> recorder
        bp_push(recorder.c, number, tile_row, tile_col)
        timer.frame = recorder.c.top
        timer.serial = number_tile(recorder.c)
        timer.live = True
        if timer.frame.timed:
            timer.frame.start = bp_now(recorder.c)
        return timer

    def stop_tile(self, TileTimer timer not None, elements, flops, nbytes=None):
        """Stop the innermost open tile and declare its work.

        Parameters
        ----------
        timer : TileTimer
            What `start_tile` returned.
        elements, flops : int
            Elements produced and floating point operations done.
        nbytes : int, optional
            Bytes between the level's cache and the core; assumed from `elements` when None.

        Raises
        ------
        TileNestingError
            If the tile is not the innermost one open on this thread, was stopped already, or
            belongs to another profiler or thread. Nothing is recorded then.
        TypeError, ValueError
            If a count is no whole number in [0, 2**64); the tile then stays open.
        """
        cdef uint64_t stop, n_elements, n_flops, n_bytes
        if not timer.live:
            if timer is OFF:
                return
            raise TileNestingError("timer was stopped already")
        stop = bp_now((<Recorder> timer.recorder).c)
        # A count may be an object whose __index__ comes back here, so counts are read first.
        n_elements = as_count(elements, "elements")
        n_flops = as_count(flops, "flops")
        n_bytes = as_nbytes(nbytes)
        check_stop(self, timer)
        timer.live = False
        bp_settle((<Recorder> timer.recorder).c)
        bp_pop((<Recorder> timer.recorder).c, stop, n_elements, n_flops, n_bytes, &self.call_cost)

    def tile(self, level, row, col, *, elements=0, flops=0, nbytes=None):
        """Return a context manager that is one tile; arguments as of start_tile and stop_tile."""
        cdef TileBlock block = TileBlock.__new__(TileBlock)
        block.profiler = self
        block.level = level_of(level)
        block.row = as_count(row, "row")
        block.col = as_count(col, "col")
        block.elements = as_count(elements, "elements")
        block.flops = as_count(flops, "flops")
        block.nbytes = as_nbytes(nbytes)
        return block

    def recorders(self, brick, threads=1, dtype="float32", footprint_bytes=None):
        """Return a context manager that enters a brick and gives recorders to nogil threads.

        Parameters
        ----------
        brick : str
            Name of the kernel that the tiles inside belong to.
        threads : int
            Number of recorders, one for each thread that records at the same time. The first is
            the calling thread's own, so that its tiles lie inside those open here.
        dtype : {"float32", "float64"}
            Element type: selects the roof, and the item size where bytes are assumed.
        footprint_bytes : dict of TileLevel to int, optional
            Bytes that a tile of a level holds in its cache to use again.

        Returns
        -------
        RecorderSet
            Entered, it gives a tuple of handles for `brickprof.tile.bp_recorder_of`; of Nones
            when profiling is off. Left, it raises TileNestingError if tiles are still open or a
            recorder was misused.

        Raises
        ------
        TypeError, ValueError
            If `brick` is no name, `threads` < 1, `dtype` unknown, or `footprint_bytes` no such
            dict.
        """
        cdef RecorderSet recorders = RecorderSet.__new__(RecorderSet)
        if not isinstance(brick, str) or not brick:
            raise TypeError(f"brick must be a name, got {brick!r}")
        if not isinstance(dtype, str) or dtype not in ITEMSIZES:
            raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
        count = as_count(threads, "threads")
        if not 1 <= count <= MAX_THREADS:
            raise ValueError(f"threads must be in [1, {MAX_THREADS}], got {threads!r}")
        recorders.footprint_bytes = as_footprints(footprint_bytes)
        recorders.profiler = self
        recorders.threads = count
        recorders.name = str(brick)
        recorders.dtype = str(dtype)
        return recorders

    def brick(self, name, dtype="float32", footprint_bytes=None):
        """Return a context manager: tiles of this thread inside it belong to this kernel.

        Arguments and errors are as of `recorders`.
        """
        return self.recorders(name, 1, dtype, footprint_bytes)

    def tile_stats(self, level, brick=None):
        """Return the TileStats of a level, of one brick or summed over all.

        Raises
        ------
        TypeError
            If `level` is no TileLevel.
        """
        return summed_tiles(tiles_of(self, level_of(level)), level, brick)

    def all_tile_stats(self):
        """Return the TileStats of all levels over all bricks, indexed by TileLevel."""
        return tuple([self.tile_stats(level) for level in TileLevel])

    def reset_tile_stats(self):
        """Forget all that was recorded.

        Raises
        ------
        TileNestingError
            If tiles are open on any thread; nothing is forgotten then.
        """
        cdef uint64_t now
        opened = open_tiles_of(self)
        if opened:
            raise TileNestingError(f"cannot reset with {opened} open tiles")
        for recorder in self.recorders_made:
            (<Recorder> recorder).drop_orphans()
            (<Recorder> recorder).clear()
        now = self.now()
        for brick in self.bricks:
            (<Brick> brick).calls = 0
        for use in self.uses.values():
            (<Use> use).reset(now)
        self.abandoned = 0

    def recording(self, roofs=None):
        """Return all that was recorded so far as a frozen Recording.

        Parameters
        ----------
        roofs : Roofs, optional
            Roofs to hold it against; by default those stored for this machine at the thread
            count of the run, or none.

        Raises
        ------
        TypeError
            If `roofs` is something else.
        """
        return recording_of(self, roofs)

    def tile_summary(self, roofs=None):
        """Return the report as text; `roofs` as of `recording`."""
        from brickprof.reports.text import render

        return render(self.recording(roofs))

    def __repr__(self):
        state = "on" if self.on else "off"
        return f"<BrickProfiler {state}, clock {self.clock_name}>"


include "shortcuts.pxi"
