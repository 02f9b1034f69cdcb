"""BrickProfiler: times tiles from Python and hands out recorders to nogil code."""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t

from brickprof.profiler.arguments cimport (
    as_count, as_tile_bytes, level_of, tile_bytes, work_found,
)
from brickprof.profiler.checksum_calls cimport add_checksum
from brickprof.profiler.elapsed cimport add_elapsed
from brickprof.profiler.fast_calls cimport install, make_timer
from brickprof.profiler.overhead cimport prepare
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.recorder_set cimport RecorderSet, new_recorder_set
from brickprof.profiler.snapshot cimport recording_of, tiles_of
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.profiler.tiles cimport (
    OFF, TileBlock, TileTimer, check_start, check_stop, number_tile,
)
from brickprof.tile cimport (
    BP_CLOCK_MANUAL, BP_UNDECLARED, bp_now, bp_pop, bp_push, bp_flush_pending, bp_split,
)

from brickprof.core.errors import TileNestingError
from brickprof.core.levels import TileLevel
from brickprof.machine import LostTime
from brickprof.profiler.decorators import TileDecorator
from brickprof.recording import checked_budget, summed_tiles
from brickprof.recording.budgets import with_limits


cdef uint64_t slow_starts = 0, slow_stops = 0


def slow_path_calls():
    """Return how often start_tile and stop_tile took the slow path in this process.

    Returns
    -------
    tuple of int
        Calls of start_tile and of stop_tile that the fast path passed on.
    """
    return slow_starts, slow_stops


cdef int take_work(TileBlock block, object work) except -1:
    """Give a tile the work that was found, in place of numbers that are declared."""
    if block.elements or block.flops or block.nbytes.total != BP_UNDECLARED:
        raise TypeError("work stands for elements, flops and bytes: give it alone")
    elements, flops, loaded, stored, source = work_found(work)
    block.elements = as_count(elements, "work.elements")
    block.flops = as_count(flops, "work.flops")
    block.nbytes = as_tile_bytes(None, loaded, stored)
    block.work_source = source
    return 0


@cython.auto_pickle(False)
cdef class BrickProfiler(ProfilerState):
    """BrickProfiler(*, sample_every=1, events=0, grid=0, clock='auto', overhead=None, live=None)\n--\n
    Times tiles, level by level; off until `enable_tile_profiling`.

    Parameters
    ----------
    sample_every : int
        Time one tile in this many on each level, count all, and scale.
    events : int
        Keep up to this many single tiles per thread for a time line; those that do not fit are
        counted.
    grid : int
        Keep time, number and slowest of the tiles by row and column, in a square of this many cells
        along an edge for each brick, level and thread, and the slowest tiles with their place; 0 for
        none. Where an index outgrows it each cell takes in twice as many rows or columns of tiles. A
        cell takes 24 bytes.
    clock : str
        ``"auto"`` for the cheapest that can be trusted, or ``"tsc"``, ``"cntvct"``,
        ``"clock_gettime"``, or ``"manual"``: one that moves by `advance` alone, a nanosecond a
        tick, for tests of code that wraps tiles.
    overhead : Overhead, optional
        Cost of a pair to take out of the times; None measures it (zero for the manual clock).
    live : path or bool, optional
        File for ``brickprof watch``, or True for one that it finds by the number of the process.
        A thread of its own writes levels to it, at most once a second, while somebody watches;
        else it looks once a second whether somebody does. Of several profilers with the same file
        the last one writes it, and children of a fork do not.

    Raises
    ------
    ValueError
        If an argument is out of range or this machine has no such clock.
    TypeError
        If one is of another type.
    OSError
        If no file can be written beside `live`.

    Notes
    -----
    Each thread writes to a recorder of its own without locks, so a figure that is read while
    other threads are inside tiles may miss their latest ones.

    Examples
    --------
    >>> import brickprof as bp
    >>> prof = bp.BrickProfiler(clock="manual")  # without it, time passes by itself
    >>> prof.enable_tile_profiling()
    >>> timer = prof.start_tile(bp.TileLevel.MICRO, 0, 0)
    >>> prof.advance(1000)
    >>> prof.stop_tile(timer, elements=64, flops=4000, nbytes=512)
    >>> stats = prof.tile_stats(bp.TileLevel.MICRO)
    >>> stats.count, stats.total_ns, stats.gflops, stats.arithmetic_intensity
    (1, 1000, 4.0, 7.8125)
    """

    def enable_tile_profiling(self):
        """Switch on; the first time in a process this calibrates the clock for 20 ms."""
        prepare(self, BrickProfiler)
        self.on = True

    def disable_tile_profiling(self):
        """Switch off; tiles that are open may still be stopped and are recorded."""
        self.on = False

    def __enter__(self):
        """Switch on, for the time of a with statement."""
        was_on = self.on
        self.enable_tile_profiling()
        self.outside_blocks.append(was_on)
        return self

    def __exit__(self, kind, value, traceback):
        """Switch off, or leave on what was on before."""
        self.on = self.outside_blocks.pop()

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
            (<Recorder> recorder).advance(self.manual_ticks)

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
        global slow_starts
        cdef Recorder recorder
        cdef TileTimer timer
        cdef uint64_t tile_row, tile_col
        cdef int number
        slow_starts += 1
        if not self.on:
            return OFF
        number = level_of(level)
        tile_row = as_count(row, "row")
        tile_col = as_count(col, "col")
        recorder = current_recorder(self)
        check_start(self, recorder, number)
        timer = make_timer()
        Py_INCREF(recorder)
        timer.recorder = <PyObject *> recorder
        bp_push(recorder.c, number, tile_row, tile_col)
        timer.frame = recorder.c.top
        timer.serial = number_tile(recorder.c)
        timer.frame.timer = <void *> timer
        timer.live = True
        if timer.frame.timed:
            timer.frame.start = bp_now(recorder.c)
        return timer

    def stop_tile(self, TileTimer timer not None, elements, flops, nbytes=None, *,
                  loaded_bytes=None, stored_bytes=None):
        """Stop the innermost open tile and declare its work.

        Parameters
        ----------
        timer : TileTimer
            What `start_tile` returned.
        elements, flops : int
            Elements produced and floating point operations done.
        nbytes : int, optional
            Bytes between the level's cache and the core; assumed from `elements` when None.
        loaded_bytes, stored_bytes : int, optional
            The same apart, in place of `nbytes`; where one is given, the other is 0 by default.
            The tile is then held against what the cache gives such a mix.

        Raises
        ------
        TileNestingError
            If the tile is not the innermost one open on this thread, was stopped already, or
            belongs to another profiler or thread. Nothing is recorded then.
        TypeError, ValueError
            If a count is no whole number in [0, 2**64), or `nbytes` is given and not the sum of
            the other two; the tile then stays open.
        """
        global slow_stops
        cdef uint64_t stop, n_elements, n_flops
        cdef tile_bytes n_bytes
        slow_stops += 1
        if not timer.live:
            if timer is OFF:
                return
            raise TileNestingError("timer was stopped already")
        stop = bp_now((<Recorder> timer.recorder).c)
        # A count may be an object whose __index__ comes back here, so counts are read first.
        n_elements = as_count(elements, "elements")
        n_flops = as_count(flops, "flops")
        n_bytes = as_tile_bytes(nbytes, loaded_bytes, stored_bytes)
        check_stop(self, timer)
        timer.live = False
        if n_bytes.split:
            bp_split((<Recorder> timer.recorder).c, n_bytes.loaded, n_bytes.stored)
        bp_flush_pending((<Recorder> timer.recorder).c)
        bp_pop((<Recorder> timer.recorder).c, stop, n_elements, n_flops, n_bytes.total,
               &self.call_cost)

    def tile(self, level, row, col, *, elements=0, flops=0, nbytes=None, loaded_bytes=None,
             stored_bytes=None, work=None):
        """Return a context manager that is one tile, which is a decorator as well.

        As a decorator, ``@prof.tile(...)``, each call of the function is a tile.

        Parameters
        ----------
        level, row, col
            As of `start_tile`.
        elements, flops, nbytes, loaded_bytes, stored_bytes
            As of `stop_tile`. Of a decorator any of these, and of `row` and `col`, may be a
            function of the arguments of each call, such as ``flops=lambda a, b: 2 * a.size``. It
            is called before the tile is started, and not while profiling is off.
        work : Count, optional
            What `brickprof.count` found, in place of the numbers before: the recording then says
            that they were counted. Of a decorator it may be a function, too.

        Raises
        ------
        TypeError, ValueError
            As of `start_tile` and `stop_tile`; if `work` is no such thing, or given beside others.
        """
        cdef TileBlock block = TileBlock.__new__(TileBlock)
        block.profiler = self
        block.level = level_of(level)
        try:
            block.row = as_count(row, "row")
            block.col = as_count(col, "col")
            block.elements = as_count(elements, "elements")
            block.flops = as_count(flops, "flops")
            block.nbytes = as_tile_bytes(nbytes, loaded_bytes, stored_bytes)
            if work is not None:
                take_work(block, work)
        except TypeError:
            given = dict(level=level, row=row, col=col, elements=elements, flops=flops,
                         nbytes=nbytes, loaded_bytes=loaded_bytes, stored_bytes=stored_bytes,
                         work=work)
            if not any([callable(value) for value in given.values()]):
                raise
            return TileDecorator(self.tile, given)
        return block

    def record_elapsed(self, name, ns, elements=0, flops=0, nbytes=None, *, level=None,
                       dtype="float32", isa=None, category=None, loaded_bytes=None,
                       stored_bytes=None, work_source=None):
        """Record work that was timed elsewhere as a call of a brick, of one tile.

        Nothing is recorded while profiling is off. The tile is inside of no other one. Its timer
        cost nothing here, so that nothing is taken out of its time.

        Parameters
        ----------
        name : str
            The brick.
        ns : float
            How long it took, in nanoseconds; at most 1e18. Each call adds its time to the brick's
            wall time, also where several took place at once.
        elements, flops, nbytes, loaded_bytes, stored_bytes : int, optional
            As of `stop_tile`.
        level : TileLevel, optional
            The level of the tile; MACRO by default.
        dtype, isa, category, work_source
            As of `recorders`.

        Raises
        ------
        TypeError, ValueError
            If an argument is of another type or out of range, or the times of the brick's calls would no
            longer fit into 63 bits of clock ticks; nothing is recorded then.
        """
        if level is None:
            level = TileLevel.MACRO
        add_elapsed(self, name, ns, elements, flops,
                    as_tile_bytes(nbytes, loaded_bytes, stored_bytes), level_of(level), dtype, isa,
                    category, work_source)

    def recorders(self, brick, threads=1, dtype="float32", footprint_bytes=None, isa=None, *,
                  category=None, work_source=None):
        """Return a context manager that enters a brick and gives recorders to nogil threads.

        Parameters
        ----------
        brick : str
            Name of the kernel that the tiles inside belong to.
        threads : int
            Number of recorders, one for each thread that records at the same time. The first is
            the calling thread's own, so that its tiles lie inside those open here.
        dtype : str, numpy.dtype or NumPy scalar type
            Element type, one of those of `brickprof.core.dtypes`: selects the roof, and the item
            size where bytes are assumed.
        footprint_bytes : dict of TileLevel to int, optional
            Bytes that a tile of a level holds in its cache to use again.
        isa : str, optional
            Instruction set that the kernel runs with, such as ``"avx2"``: selects the roofs.
        category : str, optional
            What its time is for, such as ``"attention"``: reports show each category's share of the
            time. Bricks that are entered inside it on the same thread, or where its context is
            inherited, are of it too, unless they say otherwise.
        work_source : str, optional
            Where the flops and bytes of the tiles come from if they are not declared by hand:
            ``"counted"``, as by `brickprof.count`, or ``"simulated"``, as by ``brickprof count``.

        Returns
        -------
        RecorderSet
            Entered, it gives a tuple of handles for `brickprof.tile.bp_recorder_of`; of Nones
            when profiling is off. Left, it raises TileNestingError if tiles are still open or a
            recorder was misused.

        Raises
        ------
        TypeError, ValueError
            If `brick`, `isa` or `category` is no name, `threads` no integer in [1, 4096], `dtype` or
            `work_source` unknown, or `footprint_bytes` no such dict.
        """
        return new_recorder_set(self, brick, threads, dtype, footprint_bytes, isa, category,
                                work_source)

    def brick(self, name, dtype="float32", footprint_bytes=None, isa=None, *, category=None,
              work_source=None):
        """Return a context manager: tiles of this thread inside it belong to this kernel.

        It is a decorator as well: with ``@prof.brick(name)`` each call of the function is one of
        the kernel. Arguments and errors are as of `recorders`.
        """
        return new_recorder_set(self, name, 1, dtype, footprint_bytes, isa, category,
                                work_source)

    def checksum(self, array, name="out"):
        """Keep a checksum of an array, by which `brickprof.find_divergence` compares two runs.

        It belongs to the brick, call and innermost tile that the calling thread is in. Nothing is
        done while profiling is off. The time that it takes is that of a brick "checksum": it is in
        the inclusive times of what is open, and in no self time of theirs. The first 65536 are
        kept; what does not fit is counted.

        Parameters
        ----------
        array : array_like
            Numbers or truth values, of any shape and strides; the order in memory makes no
            difference.
        name : str
            What it is called, where a tile or a call has several.

        Raises
        ------
        TypeError
            If `array` holds something else, or `name` is no name; nothing is kept then.
        """
        if self.on:
            add_checksum(self, array, name)

    def budget(self, name, *, of="brick", ns=None, percentile=None, gflops=None, efficiency=None):
        """Hold a brick or a category to limits, from now on and in all recordings.

        A limit takes the place of an earlier one of the same name, kind and percentile. Budgets
        outlive `reset_tile_stats`; reports and `check_budgets` tell whether they were kept.

        Parameters
        ----------
        name : str
            The brick or category.
        of : {"brick", "category"}
            Which of the two it is.
        ns : float, optional
            Most wall time of a call in nanoseconds: of the mean call, or of `percentile`. A call of
            a category is one of its bricks that is inside none of the category.
        percentile : float, optional
            Percentile of the times of a brick's calls, in [0, 100], that `ns` is the limit of.
        gflops : float, optional
            Least rate of all threads in the median call of a brick, in GFLOP/s.
        efficiency : float, optional
            Least rate over the attainable one, as a fraction, of a brick's coarsest level with
            flops.

        Raises
        ------
        TypeError, ValueError
            If an argument is of another type or out of range, no limit is given, or one that is not
            known of a category; nothing is changed then.
        """
        made = checked_budget(name, of=of, ns=ns, percentile=percentile, gflops=gflops,
                              efficiency=efficiency)
        key = made.of, made.name, made.percentile
        self.budgets[key] = with_limits(self.budgets.get(key), made)

    def tile_stats(self, level, brick=None):
        """Return the TileStats of a level, of one brick or summed over all.

        Raises
        ------
        TypeError
            If `level` is no TileLevel.
        KeyError
            If no brick of that name was ever entered.
        """
        if brick is not None and brick not in self.bricks_known:
            raise KeyError(brick)
        return summed_tiles(tiles_of(self, level_of(level)), level, brick)

    def all_tile_stats(self):
        """Return the TileStats of all levels over all bricks, indexed by TileLevel."""
        return tuple([self.tile_stats(level) for level in TileLevel])

    def reset_tile_stats(self):
        """Forget all that was recorded.

        Threads that record at this moment without the GIL do so when they next start or stop a
        tile; until then their tiles are in no figure.

        Raises
        ------
        TileNestingError
            If tiles are open that were started from Python; nothing is forgotten then.
        """
        opened = self.tiles_in_the_way()
        if opened:
            raise TileNestingError(f"cannot reset with {opened} open tiles")
        self.forget_all()
        self.abandoned = {}
        self.brickless_threads = 0
        if self.lost_time is not None:
            self.lost_time = LostTime()

    def recording(self, roofs=None):
        """Return all that was recorded so far as a frozen Recording.

        Parameters
        ----------
        roofs : Roofs, optional
            Roofs to hold it against; by default those stored for this machine at the thread
            count of the run and for the instruction set that its bricks ran with, or none. Where
            no brick names one, or they differ, it is what kernels use by default.

        Raises
        ------
        TypeError
            If `roofs` is something else.
        """
        return recording_of(self, roofs, True)

    def to_json(self):
        """Return what `Recording.to_json` does, of all that was recorded so far."""
        return self.recording().to_json()

    def _levels(self):
        """Return what `recording` does, without events and grids."""
        return recording_of(self, None, False)

    def __repr__(self):
        state = "on" if self.on else "off"
        return f"<BrickProfiler {state}, clock {self.clock_name}>"


install(BrickProfiler)
