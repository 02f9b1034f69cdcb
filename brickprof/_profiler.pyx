"""BrickProfiler: times tiles from Python and hands out recorders to nogil code."""

import math
import operator
import threading
import warnings
import weakref
from datetime import datetime, timezone

cimport cython
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_New, PyCapsule_SetContext, PyCapsule_GetContext
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t

from brickprof._recorder cimport Recorder, measure_nogil_pair, misuse_text
from brickprof.tile cimport (
    BP_CAPSULE, BP_CLOCK_CNTVCT, BP_CLOCK_GETTIME, BP_CLOCK_MANUAL, BP_CLOCK_TSC, BP_LEVELS,
    BP_MAX_DEPTH, BP_MICRO, BP_UNDECLARED, bp_cost, bp_frame, bp_now, bp_ns, bp_pop, bp_push,
    bp_read_clock, bp_recorder,
)

from brickprof import _pairs
from brickprof._version import __version__
from brickprof.errors import TileNestingError
from brickprof.levels import TileLevel
from brickprof.recording import (
    DEFAULT_BRICK, BrickInfo, ClockInfo, Overhead, Recording, TileEvent, summed_tiles,
)


cdef extern from "clock.h":
    uint32_t bp_clock_choose(const char **reason)
    bint bp_clock_usable(uint32_t clock)
    double bp_clock_ns_per_tick(uint32_t clock)


cdef extern from *:
    """
    /* The recorder that this thread used last: saves a look-up for each tile. */
    static __thread struct { uint64_t profiler, holder; PyObject *recorder; } bp_last;
    """
    ctypedef struct bp_last_t:
        uint64_t profiler, holder
        PyObject *recorder
    bp_last_t bp_last


cdef PyObject *MACRO = <PyObject *> TileLevel.MACRO
cdef PyObject *MIDI = <PyObject *> TileLevel.MIDI
cdef PyObject *MICRO = <PyObject *> TileLevel.MICRO

cdef dict CLOCKS = {
    "tsc": BP_CLOCK_TSC, "cntvct": BP_CLOCK_CNTVCT, "clock_gettime": BP_CLOCK_GETTIME,
    "manual": BP_CLOCK_MANUAL,
}
cdef dict ITEMSIZES = {"float32": 4, "float64": 8}
cdef dict ticks_known = {}          # clock -> ns per tick, measured once in a process
cdef dict costs_known = {}          # clock -> the three doors' costs, likewise
cdef uint64_t last_profiler = 0, last_holder = 0


cdef inline int level_of(object level) except -1:
    """Return a TileLevel's number."""
    if <PyObject *> level == MICRO:
        return 2
    if <PyObject *> level == MIDI:
        return 1
    if <PyObject *> level == MACRO:
        return 0
    raise TypeError(f"level must be a TileLevel, got {level!r}")


cdef extern from "Python.h":
    bint PyLong_CheckExact(object)
    long long PyLong_AsLongLongAndOverflow(object, int *)


cdef inline uint64_t as_count(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Return a whole number in [0, 2**64), or raise an error that names the argument."""
    cdef int overflow = 0
    cdef long long number
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if number >= 0 and overflow == 0:
            return <uint64_t> number
    return as_count_slow(value, name)


cdef uint64_t as_count_slow(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Take NumPy integers, whole floats and huge numbers; refuse the rest."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        number = int(value)
    else:
        try:
            number = operator.index(value)
        except TypeError:
            error = ValueError if isinstance(value, float) else TypeError
            raise error(f"{name} must be a whole number >= 0, got {value!r}") from None
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name} must be in [0, 2**64), got {value!r}")
    return number


cdef inline uint64_t as_nbytes(object value) except? 0xFEFEFEFEFEFEFEFE:
    """Return bytes, or BP_UNDECLARED for None."""
    cdef uint64_t nbytes
    if value is None:
        return BP_UNDECLARED
    nbytes = as_count(value, "nbytes")
    if nbytes == BP_UNDECLARED:
        raise ValueError("nbytes must be in [0, 2**64 - 1)")
    return nbytes


cdef inline Recorder recorder_here(BrickProfiler profiler):
    """Return the calling thread's recorder of a profiler."""
    cdef Recorder recorder
    if bp_last.profiler == profiler.id:
        recorder = <Recorder> bp_last.recorder
        if recorder.holder == bp_last.holder:
            return recorder
    return profiler.adopt()


cdef inline int check_start(BrickProfiler profiler, Recorder recorder, int level) except -1:
    """Raise where a tile of this level may not be started."""
    cdef bp_recorder *c = recorder.c
    while c.top.orphan:
        c.top -= 1
        profiler.abandoned += 1
    if c.top.level > level and c.top != c.frames:
        raise TileNestingError(
            f"level {TileLevel(level).name} is coarser than the open tile that it would be "
            f"inside of: {recorder.open_tiles()}")
    if recorder.depth() == BP_MAX_DEPTH:
        raise TileNestingError(f"more than {BP_MAX_DEPTH} tiles would be open on this thread")
    return 0


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class TileTimer:
    """An open tile, from start_tile to stop_tile; dropped unstopped, its tile is abandoned."""
    cdef Recorder recorder
    cdef bp_frame *frame
    cdef uint64_t serial
    cdef bint live

    def __init__(self):
        raise TypeError("timers are made by BrickProfiler.start_tile")

    def __dealloc__(self):
        if self.live and self.frame.serial == self.serial:
            self.frame.orphan = 1

    def __repr__(self):
        return f"<TileTimer {'open' if self.live else 'stopped'}>"


cdef TileTimer OFF = TileTimer.__new__(TileTimer)


cdef int check_stop(BrickProfiler profiler, TileTimer timer) except -1:
    """Raise unless this timer's tile is the innermost one open on the calling thread."""
    cdef Recorder recorder = timer.recorder
    cdef bp_recorder *c = recorder.c
    if not timer.live:
        raise TileNestingError("timer was stopped already")
    if recorder.owner != profiler.id:
        raise TileNestingError("timer belongs to another BrickProfiler")
    if recorder_here(profiler) is not recorder:
        raise TileNestingError("timer was started on another thread")
    if timer.frame > c.top or timer.frame.serial != timer.serial:
        timer.live = False
        raise TileNestingError("timer's tile was abandoned when an enclosing block was left")
    while c.top.orphan and c.top > timer.frame:
        c.top -= 1
        profiler.abandoned += 1
    if timer.frame != c.top:
        raise TileNestingError(
            f"timer is not of the innermost open tile; open, outermost first: "
            f"{recorder.open_tiles()}")
    if c.top == c.base:
        raise TileNestingError("timer's tile was opened outside the brick that is open now")
    return 0


@cython.final
cdef class TileBlock:
    """``with prof.tile(...)``: a tile around a block; left by an exception it is abandoned."""
    cdef BrickProfiler profiler
    cdef Recorder recorder
    cdef bp_frame *frame
    cdef uint64_t row, col, elements, flops, nbytes, serial
    cdef int level
    cdef bint live

    def __enter__(self):
        cdef bp_recorder *c
        if not self.profiler.on:
            return self
        if self.live:
            raise TileNestingError("this tile is open already")
        self.recorder = recorder_here(self.profiler)
        check_start(self.profiler, self.recorder, self.level)
        c = self.recorder.c
        bp_push(c, self.level, self.row, self.col)
        self.frame = c.top
        self.serial = c.top.serial
        self.live = True
        if c.top.timed:
            c.top.start = bp_now(c)
        return self

    def __exit__(self, kind, value, traceback):
        cdef bp_recorder *c
        cdef uint64_t now
        if not self.live:
            return
        c = self.recorder.c
        now = bp_now(c) if self.frame.timed else 0
        self.live = False
        if recorder_here(self.profiler) is not self.recorder:
            raise TileNestingError("tile was opened on another thread")
        if c.top < self.frame or self.frame.serial != self.serial:
            if kind is None:
                raise TileNestingError("tile was abandoned when an enclosing block was left")
            return
        if c.top > self.frame or kind is not None:
            inside = self.recorder.open_tiles()
            dropped = self.recorder.drop_to(self.frame - 1)
            self.profiler.abandoned += dropped
            if kind is None:
                raise TileNestingError(
                    f"tile was left with others open inside it; all are abandoned. "
                    f"They were, outermost first: {inside}")
            return
        bp_pop(c, now, self.elements, self.flops, self.nbytes, &self.profiler.block_cost)


cdef void free_handle(object capsule) noexcept:
    """Let go of the Recorder that a handle kept alive."""
    Py_DECREF(<object> PyCapsule_GetContext(capsule))


cdef object handle_of(Recorder recorder):
    """Wrap a recorder's pointer for C and Cython; the handle keeps the recorder alive."""
    capsule = PyCapsule_New(recorder.c, BP_CAPSULE, free_handle)
    Py_INCREF(recorder)
    PyCapsule_SetContext(capsule, <void *> recorder)
    return capsule


@cython.final
cdef class RecorderSet:
    """Recorders of one call of a kernel, one a thread; see `BrickProfiler.recorders`."""

    def __dealloc__(self):
        PyMem_RawFree(self.c)

    cdef int open(self, int level) except -1:
        """Take the recorders and enter the brick, for tiles not coarser than a level."""
        cdef Recorder recorder
        cdef BrickProfiler profiler = self.profiler
        cdef int i
        if self.held:
            raise TileNestingError("these recorders are in use already")
        if not profiler.on:
            return 0
        if self.c == NULL:
            self.c = <bp_recorder **> PyMem_RawCalloc(self.threads, sizeof(bp_recorder *))
            if self.c == NULL:
                raise MemoryError(f"no memory for threads={self.threads} recorders")
        dtype = profiler.bricks[self.brick_id][1]
        recorder = recorder_here(profiler)
        check_start(profiler, recorder, level)
        held = [recorder]
        brick = ITEMSIZES[dtype]
        recorder.brick(self.brick_id, brick)
        for i in range(1, self.threads):
            recorder = profiler.take_recorder()
            held.append(recorder)
            recorder.c.brick = recorder.brick(self.brick_id, brick)
        for i in range(self.threads):
            self.c[i] = (<Recorder> held[i]).c
        recorder = held[0]
        self.outer = recorder.c.brick
        self.outer_base = recorder.c.base
        recorder.c.brick = recorder.bricks[self.brick_id]
        recorder.c.base = recorder.c.top
        self.held = held
        self.entered = bp_now(recorder.c)
        return 0

    cdef int close(self, bint failed) except -1:
        """Leave the brick and give the recorders back; raise what was done wrong with them."""
        cdef BrickProfiler profiler = self.profiler
        cdef Recorder recorder
        cdef uint64_t wall
        cdef int i
        if not self.held:
            return 0
        held, self.held = self.held, []
        recorder = held[0]
        wall = bp_now(recorder.c) - self.entered
        wrongs = []
        for i in range(self.threads):
            recorder = held[i]
            if recorder.c.misuse:
                wrongs.append(f"thread {i}: {misuse_text(recorder.c.misuse)}")
                recorder.c.misuse = 0
            tiles = recorder.open_tiles()
            dropped = recorder.drop_to(recorder.c.base)
            if dropped:
                profiler.abandoned += dropped
                wrongs.append(f"thread {i}: {dropped} left open, abandoned (open: {tiles})")
            if i:
                profiler.idle.append(recorder)
        recorder = held[0]
        if self.outer == NULL or self.outer.id != self.brick_id:
            profiler.bricks[self.brick_id][2] += 1
            profiler.bricks[self.brick_id][3] += wall
        recorder.c.brick = self.outer
        recorder.c.base = self.outer_base
        if wrongs and not failed:
            raise TileNestingError(
                f"brick {profiler.bricks[self.brick_id][0]!r}: {'; '.join(wrongs)}")
        return 0

    def __enter__(self):
        self.open(BP_MICRO)
        if not self.held:
            return (None,) * self.threads
        return tuple([handle_of(recorder) for recorder in self.held])

    def __exit__(self, kind, value, traceback):
        self.close(kind is not None)


class _ThreadHandle:
    """Lives in a thread's local storage, and gives its recorder back when the thread ends."""

    def __init__(self, profiler, recorder):
        self.profiler = weakref.ref(profiler)
        self.recorder = recorder

    def __del__(self):
        profiler = self.profiler()
        if profiler is not None:
            profiler._retire(self.recorder)


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
        self.sample_every = as_count(sample_every, "sample_every")
        if self.sample_every == 0:
            raise ValueError("sample_every must be >= 1, got 0")
        self.events = as_count(events, "events")
        if self.events > 1 << 32:
            raise ValueError(f"events must be at most 2**32, got {events!r}")
        if overhead is not None and not isinstance(overhead, Overhead):
            raise TypeError(f"overhead must be an Overhead or None, got {overhead!r}")
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
        self.brick_id(DEFAULT_BRICK, "float32")

    cdef int prepare(self) except -1:
        """Calibrate the clock and the cost of a pair, once in a process for each clock."""
        cdef double ns
        if self.ns_per_tick > 0:
            return 0
        if self.clock not in ticks_known:
            ticks_known[self.clock] = bp_clock_ns_per_tick(self.clock)
        ns = ticks_known[self.clock]
        self.ns_per_tick_q32 = <uint64_t> (ns * 4294967296.0 + 0.5)
        self.ns_per_tick = ns
        if self.overhead_info is None and self.clock != BP_CLOCK_MANUAL:
            if self.clock not in costs_known:
                costs_known[self.clock] = measure_costs(self)
            self.c_cost, self.call_cost, self.block_cost = costs_known[self.clock]
            self.overhead_info = overhead_of(self)
        else:
            self.overhead_info = self.overhead_info or Overhead()
            self.c_cost = cost_of(self, "c")
            self.call_cost = cost_of(self, "python")
            self.block_cost = cost_of(self, "block")
        return 0

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

    def _retire(self, Recorder recorder):
        """Take back the recorder of a thread that ended."""
        tiles = recorder.open_tiles()
        dropped = recorder.drop_to(recorder.c.frames)
        recorder.c.base = recorder.c.frames
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
            self.bricks.append([name, dtype, 0, 0])
        return number

    cdef uint64_t now(self):
        """Read the profiler's clock."""
        return self.manual_ticks if self.clock == BP_CLOCK_MANUAL else bp_read_clock(self.clock)

    def enable_tile_profiling(self):
        """Switch on; the first time in a process this calibrates the clock for 20 ms."""
        self.prepare()
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
        timer.recorder = recorder
        bp_push(recorder.c, number, tile_row, tile_col)
        timer.frame = recorder.c.top
        timer.serial = timer.frame.serial
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
        if timer is OFF:
            return
        stop = bp_now(timer.recorder.c)
        check_stop(self, timer)
        n_elements = as_count(elements, "elements")
        n_flops = as_count(flops, "flops")
        n_bytes = as_nbytes(nbytes)
        timer.live = False
        bp_pop(timer.recorder.c, stop, n_elements, n_flops, n_bytes, &self.call_cost)

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

    def recorders(self, brick, threads=1, dtype="float32"):
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

        Returns
        -------
        RecorderSet
            Entered, it gives a tuple of handles for `brickprof.tile.bp_recorder_of`; of Nones
            when profiling is off. Left, it raises TileNestingError if tiles are still open or a
            recorder was misused.

        Raises
        ------
        TypeError, ValueError
            If `brick` is no name, `threads` < 1 or `dtype` unknown.
        """
        cdef RecorderSet recorders = RecorderSet.__new__(RecorderSet)
        if not isinstance(brick, str) or not brick:
            raise TypeError(f"brick must be a name, got {brick!r}")
        if dtype not in ITEMSIZES:
            raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
        count = as_count(threads, "threads")
        if not 1 <= count <= 4096:
            raise ValueError(f"threads must be in [1, 4096], got {threads!r}")
        recorders.profiler = self
        recorders.threads = count
        recorders.brick_id = self.brick_id(brick, dtype)
        recorders.held = []
        return recorders

    def brick(self, name, dtype="float32"):
        """Return a context manager: tiles of this thread inside it belong to this kernel.

        Raises
        ------
        TypeError, ValueError
            If `name` is no name or `dtype` unknown.
        """
        return self.recorders(name, 1, dtype)

    def tile_stats(self, level, brick=None):
        """Return the TileStats of a level, of one brick or summed over all.

        Raises
        ------
        TypeError
            If `level` is no TileLevel.
        """
        return summed_tiles(self._tiles(level_of(level)), level, brick)

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
        opened = self._open_tiles()
        if opened:
            raise TileNestingError(f"cannot reset with {opened} open tiles")
        for recorder in self.recorders_made:
            (<Recorder> recorder).clear()
        for brick in self.bricks:
            brick[2:] = [0, 0]
        self.abandoned = 0

    def recording(self, roofs=None):
        """Return all that was recorded so far as a frozen Recording.

        Parameters
        ----------
        roofs : Roofs, optional
            Roofs to hold it against; by default those stored for this machine at the thread
            count of the run, or none.
        """
        from brickprof.machine import detect_machine
        from brickprof.roofline import load_roofs

        tiles = [tile for level in range(BP_LEVELS) for tile in self._tiles(level)]
        infos = self._brick_infos()
        machine = detect_machine()
        if roofs is None and self.clock != BP_CLOCK_MANUAL:
            threads = max([info.threads for info in infos], default=1)
            roofs = load_roofs(machine, threads)
        keys = sorted({(tile.brick, tile.level) for tile in tiles})
        events, dropped = self._events()
        return Recording(
            tiles=tuple([summed_tiles(tiles, level, name) for name, level in keys]),
            brick_infos=infos,
            clock=ClockInfo(self.clock_name, self.ns_per_tick, self.clock_reason),
            overhead=self.overhead_info or Overhead(),
            machine=machine, roofs=roofs, sample_every=self.sample_every,
            open_tiles=self._open_tiles(), abandoned_tiles=self.abandoned,
            events=events, events_dropped=dropped,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            version=__version__)

    def tile_summary(self, roofs=None):
        """Return the report as text; `roofs` as of `recording`."""
        from brickprof.reports.text import render

        return render(self.recording(roofs))

    def __repr__(self):
        state = "on" if self.on else "off"
        return f"<BrickProfiler {state}, clock {self.clock_name}>"

    def _open_tiles(self):
        """Count the tiles open on all threads."""
        return sum([(<Recorder> recorder).depth() for recorder in self.recorders_made])

    def _tiles(self, int level):
        """Return a level's TileStats, one for each recorder and brick."""
        tiles = [(<Recorder> recorder).stats(number, level, brick[0])
                 for recorder in self.recorders_made for number, brick in enumerate(self.bricks)]
        return [tile for tile in tiles if tile is not None]

    def _brick_infos(self):
        """Return what is known of each brick with tiles or calls, sorted by name."""
        cdef Recorder recorder
        found = {}
        for number, (name, dtype, calls, wall) in enumerate(self.bricks):
            lanes = [lane for lane, made in enumerate(self.recorders_made)
                     if any([(<Recorder> made).stats(number, level, name) is not None
                             for level in range(BP_LEVELS)])]
            if not lanes and not calls:
                continue
            if not calls:
                for lane in lanes:
                    recorder = self.recorders_made[lane]
                    wall += recorder.bricks[<uint32_t> number].outer_ticks
            found.setdefault(name, []).append((calls, wall, set(lanes), dtype))
        return tuple([
            BrickInfo(
                name=name, calls=sum([part[0] for part in parts]),
                wall_ns=sum([part[1] for part in parts]) * self.ns_per_tick_q32 + (1 << 31) >> 32,
                threads=max(len(set().union(*[part[2] for part in parts])), 1),
                dtypes=tuple(sorted({part[3] for part in parts})))
            for name, parts in sorted(found.items())])

    def _events(self):
        """Return the events of all threads, by time since the first, and the number dropped."""
        cdef Recorder recorder
        cdef uint64_t i, origin = UINT64_MAX
        events, dropped = [], 0
        for recorder in self.recorders_made:
            for i in range(recorder.c.events_used):
                origin = min(origin, recorder.c.events[i].start)
        for recorder in self.recorders_made:
            dropped += recorder.c.events_dropped
            for i in range(recorder.c.events_used):
                event = recorder.c.events[i]
                events.append(TileEvent(
                    start_ns=bp_ns(recorder.c, event.start - origin),
                    stop_ns=bp_ns(recorder.c, event.stop - origin), thread=recorder.lane,
                    level=TileLevel(event.level), row=event.row, col=event.col,
                    brick=self.bricks[event.brick][0]))
        return tuple(sorted(events)), dropped


cdef bp_cost cost_of(BrickProfiler profiler, str door):
    """Turn an Overhead's nanoseconds for one door into ticks."""
    cdef bp_cost cost
    info = profiler.overhead_info
    cost.inside = round(getattr(info, door + "_inside") / profiler.ns_per_tick)
    cost.pair = round(getattr(info, door + "_pair") / profiler.ns_per_tick)
    cost.skipped = 0
    return cost


cdef object overhead_of(BrickProfiler profiler):
    """Turn the measured ticks of all doors into an Overhead in nanoseconds."""
    cdef double ns = profiler.ns_per_tick
    return Overhead(
        c_pair=profiler.c_cost.pair * ns, c_inside=profiler.c_cost.inside * ns,
        python_pair=profiler.call_cost.pair * ns, python_inside=profiler.call_cost.inside * ns,
        block_pair=profiler.block_cost.pair * ns, block_inside=profiler.block_cost.inside * ns)


cdef uint64_t least_ticks(BrickProfiler profiler, object function):
    """Return the least time of many calls of a function of a profiler, in ticks."""
    cdef uint64_t least = UINT64_MAX, before
    cdef int batch
    for batch in range(200):
        before = bp_read_clock(profiler.clock)
        function(profiler)
        least = min(least, bp_read_clock(profiler.clock) - before)
    return least


cdef bp_cost measure_python_pair(BrickProfiler profiler, object pairs):
    """Return the least that an empty pair from Python costs, in ticks."""
    cdef Recorder recorder = recorder_here(profiler)
    cdef uint64_t idle = least_ticks(profiler, _pairs.no_pairs)
    cdef bp_cost cost
    recorder.clear()
    recorder.c.sample_every = 1
    cost.pair = (least_ticks(profiler, pairs) - idle) // _pairs.PAIRS
    cost.inside = recorder.c.brick.rows[<int> BP_MICRO].min_ticks
    recorder.c.sample_every = UINT64_MAX
    recorder.c.passed[<int> BP_MICRO] = 1
    cost.skipped = (least_ticks(profiler, pairs) - idle) // _pairs.PAIRS
    return cost


cdef tuple measure_costs(BrickProfiler profiler):
    """Measure what a pair costs through each door, on a profiler of its own."""
    cdef BrickProfiler scratch = BrickProfiler(clock=profiler.clock_name, overhead=Overhead())
    scratch.prepare()
    scratch.on = True
    nogil = measure_nogil_pair(scratch.take_recorder())
    call = measure_python_pair(scratch, _pairs.call_pairs)
    block = measure_python_pair(scratch, _pairs.block_pairs)
    return nogil, call, block
