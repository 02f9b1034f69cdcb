"""One thread's recorder, its rows, and what it costs to use."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawRealloc
from cpython.pythread cimport PyThread_get_thread_ident
from libc.math cimport sqrt
from libc.stdint cimport UINT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from brickprof.profiler.paths cimport PathNode, path_frame
from brickprof.tile cimport (
    BP_ABI, BP_CLOCK_MANUAL, BP_COARSER_INSIDE, BP_GRIDDED, BP_LEVELS, BP_LISTS, BP_MAX_DEPTH,
    BP_NEGATIVE, BP_NO_SUCH_LEVEL, BP_NOTHING_OPEN, BP_OVERFULL, BP_SAMPLES, BP_TOO_DEEP, BP_UNOBSERVED,
    bp_brick, bp_cell, bp_event, bp_frame, bp_grid, bp_ns, bp_recorder, bp_request, bp_row,
    bp_slow_off, bp_slow_on, bp_slow_tile, bp_sum, bp_usage,
)

from brickprof.core.errors import RecordingError
from brickprof.core.histograms import bucket_bounds
from brickprof.core.levels import TileLevel
from brickprof.profiler.finished_frames import references_from_finished_frames
from brickprof.recording.tile_grid import GridCell, SlowTile, TileGrid
from brickprof.recording.tile_stats import TileStats


cdef extern from "profiler/usage.h":
    const int BP_OBSERVE_NS
    void bp_observe(bp_recorder *recorder) noexcept

cdef extern from "profiler/requests.h":
    const size_t BP_REQUEST_BYTES
    void bp_set_cells(bp_request *request, bp_cell *cells) noexcept
    void bp_serve(bp_recorder *recorder) noexcept
    void bp_clear_row(bp_recorder *recorder, bp_brick *brick, int level) noexcept
    void bp_clear(bp_recorder *recorder) noexcept
    void bp_request_clear(bp_recorder *recorder) noexcept
    void bp_seed(bp_recorder *recorder, uint64_t seed) noexcept
    bint bp_to_be_cleared(const bp_recorder *recorder) noexcept
    bint bp_read_row(bp_recorder *recorder, const bp_brick *brick, int level,
                     bp_row_copy *to) noexcept

cdef extern from *:
    """
    #include <sys/mman.h>

    /* What other threads read while one records without the GIL. */
    #define bp_top_of(r) __atomic_load_n(&(r)->top, __ATOMIC_ACQUIRE)
    #define bp_orphan_of(f) BP_GET((f)->orphan)
    #define bp_serial_of(f) BP_GET((f)->serial)
    #define bp_set_clock(r, ticks) BP_SET((r)->manual_ticks, ticks)
    #define bp_events_of(r) __atomic_load_n(&(r)->events_used, __ATOMIC_ACQUIRE)
    #define bp_steps_back_of(r) BP_GET((r)->steps_back)
    #define bp_lost_events_of(r) BP_GET((r)->events_dropped)
    #define bp_tiles_of(row) (BP_GET((row)->timed) + BP_GET((row)->skipped))

    /* Zeroed memory that takes up a page when it is first written to; NULL where there is none. */
    static void *bp_pages(size_t bytes) {
        void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) return NULL;
    #ifdef MADV_NOHUGEPAGE
        madvise(pages, bytes, MADV_NOHUGEPAGE); /* huge pages would fill all that lies between */
    #endif
        return pages;
    }
    """
    bp_frame *bp_top_of(const bp_recorder *recorder) noexcept
    uint8_t bp_orphan_of(const bp_frame *frame) noexcept
    uint64_t bp_serial_of(const bp_frame *frame) noexcept
    void bp_set_clock(bp_recorder *recorder, uint64_t ticks) noexcept
    uint64_t bp_events_of(const bp_recorder *recorder) noexcept
    uint64_t bp_lost_events_of(const bp_recorder *recorder) noexcept
    uint64_t bp_steps_back_of(const bp_recorder *recorder) noexcept
    uint64_t bp_tiles_of(const bp_row *row) noexcept
    void *bp_pages(size_t bytes) noexcept
    int munmap(void *pages, size_t bytes) noexcept


cdef tuple ORPHANED = ("", "timer dropped", "left on another thread", "left with a brick open",
                        "left by GeneratorExit", "left by a function that raised")

cdef enum:
    # 4K aliasing: a load whose address agrees in its low 12 bits with that of a store in flight is
    # taken to depend on it. Bricks begin on a page, so a recorder begins in the middle of one.
    PAGE_OFFSET = 2048

cdef size_t RECORDER_BYTES = PAGE_OFFSET + sizeof(bp_recorder) + BP_REQUEST_BYTES


cdef bp_recorder *new_recorder() noexcept:
    """Return a zeroed recorder and what others ask of it, or NULL."""
    cdef char *page = <char *> bp_pages(RECORDER_BYTES)
    cdef bp_recorder *made
    if page == NULL:
        return NULL
    made = <bp_recorder *> (page + PAGE_OFFSET)
    made.request = <bp_request *> (made + 1)
    made.serve = bp_serve
    return made


cdef object as_int(bp_sum total):
    """Make a Python int of a sum that may pass 64 bits."""
    return (<object> total.carry << 64) | total.low


cdef object scaled(uint64_t ticks, uint64_t timed, uint64_t count):
    """Estimate what all tiles took from what the timed ones took, rounded to nearest."""
    if timed == count or timed == 0:
        return <object> ticks
    return (2 * <object> ticks * count + timed) // (2 * <object> timed)


cdef object scaled_signed(int64_t ticks, uint64_t timed, uint64_t count):
    """Estimate like `scaled` where the sum may be negative."""
    if ticks >= 0:
        return scaled(<uint64_t> ticks, timed, count)
    return -scaled(<uint64_t> -ticks, timed, count)


cdef double standard_error(tuple histogram, uint64_t timed):
    """Return the error of the mean of timed tiles in nanoseconds, twice its standard deviation.

    Of a single one nothing is known but its own time, which is then the error.
    """
    middles = [(sum(bucket_bounds(bucket)) / 2.0, tiles) for bucket, tiles in histogram]
    mean = sum([ns * tiles for ns, tiles in middles]) / timed
    if timed < 2:
        return mean
    squares = sum([tiles * (ns - mean) ** 2 for ns, tiles in middles])
    return 2 * sqrt(squares / (timed - 1.0) / timed)


cdef class Recorder:
    """A C recorder with the memory that it points to; see tile.h."""

    def __cinit__(self, uint64_t owner, int index, uint32_t clock, uint64_t ns_per_tick_q32,
                  uint64_t sample_every, uint64_t events_capacity, uint64_t grid_size):
        self.c = new_recorder()
        if self.c == NULL:
            raise MemoryError("no memory for a recorder")
        if events_capacity:
            self.c.events = <bp_event *> PyMem_RawCalloc(events_capacity, sizeof(bp_event))
            if self.c.events == NULL:
                raise MemoryError(f"no memory for events={events_capacity} on a thread")
        if grid_size:
            self.grid_size = grid_size
            self.cells = <bp_cell *> bp_pages(2 * self.cell_bytes())
            if self.cells == NULL:
                raise MemoryError(f"no memory for grid={grid_size} on a thread")
            bp_set_cells(self.c.request, self.cells + grid_size * grid_size)
            bp_slow_on(self.c, BP_GRIDDED)
        self.c.abi = BP_ABI
        self.c.clock = clock
        self.c.ns_per_tick_q32 = ns_per_tick_q32
        self.c.events_capacity = events_capacity
        if events_capacity:
            bp_slow_on(self.c, BP_LISTS)
        self.sample(sample_every)
        self.c.observe_at = UINT64_MAX
        if clock != BP_CLOCK_MANUAL and ns_per_tick_q32:
            self.c.observe = bp_observe
            self.c.observe_ticks = (<uint64_t> BP_OBSERVE_NS << 32) // ns_per_tick_q32
        self.c.top = self.c.base = self.c.frames
        self.owner = owner
        self.index = self.thread_index = index
        # Which tiles are timed is drawn alike in each run, and otherwise on each thread.
        bp_seed(self.c, <uint64_t> 0x9E3779B97F4A7C15 * (2 * <uint64_t> index + 1))
        self.thread = ""
        self.entered = []

    cdef void enter_path(self, PathNode outer, PathNode node, path_frame *frame):
        """Go on in a node; a call has none where it is the node around it."""
        frame.outer = <PyObject *> self.node if self.node is not None else NULL
        frame.node = NULL
        frame.outer_inside = self.inside
        if node is not outer:
            frame.node = <PyObject *> node
            self.node = node
            self.inside = 0

    cdef void leave_path(self, const path_frame *frame, uint64_t ticks, bint counts):
        """Go back to where this thread was, and add the call that ends if it counts."""
        if frame.node == NULL:
            return
        if counts:
            (<PathNode> frame.node).add(ticks, self.inside)
        self.node = <PathNode> frame.outer if frame.outer != NULL else None
        self.inside = frame.outer_inside + ticks

    def __dealloc__(self):
        if self.c != NULL:
            self.free_bricks(NULL)
            PyMem_RawFree(self.c.bricks)
            PyMem_RawFree(self.c.events)
            if self.cells != NULL:
                munmap(self.cells, 2 * self.cell_bytes())
            munmap(<char *> self.c - PAGE_OFFSET, RECORDER_BYTES)

    cdef void free_bricks(self, const bp_brick *kept) noexcept:
        """Free the rows of all bricks but one."""
        cdef uint32_t i
        for i in range(self.c.bricks_len):
            if self.c.bricks[i] != NULL and self.c.bricks[i] != kept:
                munmap(self.c.bricks[i], self.brick_bytes())
                self.c.bricks[i] = NULL

    cdef size_t cell_bytes(self) noexcept:
        """Return the size of a grid's cells."""
        return self.grid_size * self.grid_size * sizeof(bp_cell)

    cdef size_t brick_bytes(self) noexcept:
        """Return the size of a brick's rows with their grids, which lie behind them."""
        if not self.grid_size:
            return sizeof(bp_brick)
        return sizeof(bp_brick) + BP_LEVELS * (sizeof(bp_grid) + self.cell_bytes())

    cdef void add_grids(self, bp_brick *brick) noexcept:
        """Give each row of a new brick its grid."""
        cdef bp_grid *grids = <bp_grid *> (brick + 1)
        cdef bp_cell *cells = <bp_cell *> (grids + BP_LEVELS)
        cdef int level
        for level in range(BP_LEVELS):
            grids[level].size = self.grid_size
            grids[level].cells = cells + level * self.grid_size * self.grid_size
            brick.rows[level].grid = &grids[level]

    cdef bp_brick *brick(self, uint32_t brick_id, uint32_t itemsize) except NULL:
        """Return this recorder's rows of a brick, making them where there are none."""
        cdef bp_brick **grown
        cdef bp_brick *brick
        cdef bp_row *row
        cdef uint32_t length = self.c.bricks_len
        cdef int level
        if brick_id >= length:
            length = brick_id + 1 + brick_id // 8
            grown = <bp_brick **> PyMem_RawRealloc(self.c.bricks, length * sizeof(bp_brick *))
            if grown == NULL:
                raise MemoryError("no memory for another brick")
            memset(&grown[self.c.bricks_len], 0,
                   (length - self.c.bricks_len) * sizeof(bp_brick *))
            self.c.bricks = grown
            self.c.bricks_len = length
        if self.c.bricks[brick_id] == NULL:
            brick = <bp_brick *> bp_pages(self.brick_bytes())
            if brick == NULL:
                raise MemoryError("no memory for another brick")
            if self.grid_size:
                self.add_grids(brick)
            self.c.bricks[brick_id] = brick
            for level in range(BP_LEVELS):
                row = &brick.rows[level]
                row.brick, row.itemsize = brick_id, itemsize
                row.histogram = brick.histograms[level]
                bp_clear_row(self.c, brick, level)
        return self.c.bricks[brick_id]

    cdef void sample(self, uint64_t every):
        """Time one tile in this many from now on."""
        self.c.sample_every = every
        if every > 1:
            bp_slow_on(self.c, BP_SAMPLES)
        else:
            bp_slow_off(self.c, BP_SAMPLES)

    cdef void meet_thread(self, bint named):
        """Begin to observe the thread that gets this recorder, when it starts a tile."""
        self.c.named = named
        if self.c.observe != NULL:
            bp_slow_on(self.c, BP_UNOBSERVED)

    cdef void observe(self):
        """Add what happened on the calling thread, which holds this recorder, to its brick."""
        if self.c.observe != NULL:
            self.c.observe(self.c)

    cdef tuple usage(self, uint32_t brick_id):
        """Return what was seen of a thread in a brick, as the fields of a ThreadUsage."""
        cdef bp_row_copy copy
        cdef const bp_usage *seen = &copy.usage
        if not self.holds(brick_id):
            return None
        self.read_row(brick_id, 0, &copy)
        if not seen.wall_ticks:
            return None
        return (bp_ns(self.c, seen.wall_ticks), seen.cpu_ns, seen.system_ns, seen.minor_faults,
                seen.major_faults, seen.voluntary, seen.involuntary, seen.migrations)

    cdef bint holds(self, uint32_t brick_id) noexcept:
        """Tell whether it has rows of a brick that are not to be forgotten."""
        return (brick_id < self.c.bricks_len and self.c.bricks[brick_id] != NULL
                and not bp_to_be_cleared(self.c))

    cdef int read_row(self, uint32_t brick_id, int level, bp_row_copy *to,
                      bp_cell *cells=NULL) except -1:
        """Copy a level of a brick, of the same tiles throughout; its grid where there are cells."""
        to.grid.cells = cells
        if not bp_read_row(self.c, self.c.bricks[brick_id], level, to):
            raise RecordingError(
                f"thread {self.thread or self.index!r} stopped while it was adding a tile, as one "
                "that a fork left behind")
        return 0

    cdef Py_ssize_t depth(self):
        """Return the number of open tiles."""
        return bp_top_of(self.c) - self.c.frames

    cdef Py_ssize_t stoppable(self):
        """Return the number of open tiles that somebody can still stop."""
        cdef Py_ssize_t i, found = 0
        for i in range(1, self.depth() + 1):
            found += not bp_orphan_of(&self.c.frames[i])
        return found

    cdef Py_ssize_t in_the_way(self):
        """Return the number of open tiles that all that was recorded cannot be forgotten for.

        Those of code without the GIL, which has borrowed it, come and go at any time, and are none.
        """
        cdef Py_ssize_t i, found = 0
        for i in range(1, self.depth() + 1):
            found += (not bp_orphan_of(&self.c.frames[i])
                      and not (self.lent and bp_serial_of(&self.c.frames[i]) == 0))
        return found

    cdef int find_lost(self) except -1:
        """Mark open tiles whose timers are named by nothing but functions that have returned.

        Python runs while references are counted, so that tiles may start and stop meanwhile: their
        timers are kept alive first, and a tile is marked only if it is still the one looked at.
        """
        cdef list timers = [], places = []
        cdef bp_frame *frame
        cdef Py_ssize_t i, depth, references
        for i in range(1, self.depth() + 1):  # nothing in here can run a garbage collection
            frame = &self.c.frames[i]
            if not frame.orphan and frame.serial and frame.timer != NULL:
                timers.append(<object> frame.timer)
                places.append((i, frame.serial))
        if not timers:
            return 0
        lost = references_from_finished_frames(timers)
        for i in range(len(timers)):
            timer, (depth, serial) = timers[i], places[i]
            references = (<PyObject *> timer).ob_refcnt - 2  # less the list's and this function's
            if lost[i] != references or depth > self.depth():
                continue
            frame = &self.c.frames[depth]
            if frame.timer == <PyObject *> timer and frame.serial == <uint64_t> serial:
                frame.orphan = LEFT_BY_FUNCTION
        return 0

    cdef bint is_busy(self):
        """Tell whether it is in a brick or a tile, so that its context cannot change."""
        return len(self.entered) > 0 or (self.depth() > 0 and self.stoppable() > 0)

    cdef bint is_of_this_thread(self):
        """Tell whether the calling thread has it, in whatever context."""
        return self.thread_ident == PyThread_get_thread_ident()

    cdef dict unstopped(self, bp_frame *frame, str reason):
        """Count the open tiles inside a frame by why they are not stopped.

        The reason is that of those that could still be stopped; None passes them over.
        """
        cdef bp_frame *inner = bp_top_of(self.c)
        cdef uint8_t orphan
        found = {}
        while inner > frame:
            orphan = bp_orphan_of(inner)
            why = ORPHANED[orphan] if orphan else reason
            if why is not None:
                found[why] = found.get(why, 0) + 1
            inner -= 1
        return found

    cdef dict orphans(self):
        """Count the open tiles that nobody can stop any more by the reason."""
        return self.unstopped(self.c.frames, None)

    cdef dict drop_orphans(self):
        """Forget the innermost tiles that nobody can stop any more and count them by the reason."""
        cdef bp_frame *frame = self.c.top
        while frame > self.c.base and frame.orphan:
            frame -= 1
        return self.drop_to(frame, None)

    cdef dict drop_to(self, bp_frame *frame, str reason):
        """Forget the open tiles inside a frame and count them by the reason."""
        dropped = self.unstopped(frame, reason)
        self.c.too_deep = 0
        bp_slow_off(self.c, BP_OVERFULL)
        if self.c.top > frame:
            self.c.top = frame
        return dropped

    cdef str open_tiles(self):
        """Name the open tiles, outermost first."""
        cdef Py_ssize_t i
        return ", ".join(
            f"{TileLevel(self.c.frames[i].level).label}"
            f"({self.c.frames[i].row}, {self.c.frames[i].col})"
            for i in range(1, self.depth() + 1))

    cdef bint has_tiles(self, uint32_t brick_id):
        """Tell whether anything was recorded of a brick."""
        cdef int level
        if self.holds(brick_id):
            for level in range(BP_LEVELS):
                if bp_tiles_of(&self.c.bricks[brick_id].rows[level]):
                    return True
        return False

    cdef object stats(self, uint32_t brick_id, int level, str name, uint64_t origin, bint grid):
        """Return a row as TileStats, or None where nothing was recorded.

        Its grid is in it if `grid`; its slowest tiles are timed from `origin`, in ticks.
        """
        cdef bp_row_copy copy
        cdef const bp_row *row = &copy.row
        cdef uint64_t count
        cdef int i
        if not self.holds(brick_id) or not bp_tiles_of(&self.c.bricks[brick_id].rows[level]):
            return None
        grid = grid and self.grid_size
        self.read_row(brick_id, level, &copy, self.cells if grid else NULL)
        # Python code below lets other threads run, one of which may read another row's cells.
        own_cells = used_cells(&copy.grid) if grid else b""
        copy.grid.cells = <bp_cell *> <const char *> own_cells
        count = row.timed + row.skipped
        if count == 0:
            return None
        q32 = <object> self.c.ns_per_tick_q32
        total = scaled_signed(<int64_t> row.ticks, row.timed, count)
        raw_total = scaled(row.raw_ticks, row.timed, count)
        own = <object> <int64_t> (row.ticks - row.child_ticks)
        raw_own = <object> <int64_t> (row.raw_ticks - row.child_raw)
        if self.c.sample_every > 1:
            own = total - sum([
                scaled_signed(<int64_t> row.inner[i].ticks, row.inner[i].timed, row.inner[i].count)
                for i in range(BP_LEVELS)])
            raw_own = raw_total - sum([
                scaled(row.inner[i].raw_ticks, row.inner[i].timed, row.inner[i].count)
                for i in range(BP_LEVELS)])

        histogram = histogram_of(&copy)
        error, own_error = self.errors(row, count, histogram)

        def ns(ticks):
            return max(0, ticks * q32 + 0x80000000 >> 32)

        return TileStats(
            level=TileLevel(level), brick=name, count=count, timed=row.timed,
            # Sums of tiles shorter than their pair may be negative, and a parent's self time longer.
            total_ns=ns(total), self_ns=min(ns(own), ns(total)), raw_total_ns=ns(raw_total),
            raw_self_ns=min(ns(raw_own), ns(raw_total)),
            min_ns=ns(row.min_ticks) if row.timed else 0, max_ns=ns(row.max_ticks),
            elements=as_int(row.elements), flops=as_int(row.flops), nbytes=as_int(row.nbytes),
            undeclared=row.undeclared,
            total_error_ns=ns(error), self_error_ns=ns(own_error),
            loaded_bytes=as_int(row.loaded), stored_bytes=as_int(row.stored), split=row.split,
            # The first work of a row is noted where it differs from 2**64 - 1 alone.
            min_work=row.min_work, max_work=max(row.min_work, row.max_work),
            histogram=histogram, grid=self.grid_of(&copy.grid, origin) if grid else None)

    cdef object grid_of(self, const bp_grid *grid, uint64_t origin):
        """Return a copy of a row's grid as a TileGrid."""
        cdef const bp_cell *cell
        cdef const bp_slow_tile *tile
        cdef uint64_t i, j
        cells, slowest = [], []
        for i in range(grid.rows):
            for j in range(grid.cols):
                cell = &grid.cells[i * grid.size + j]
                if cell.tiles:
                    cells.append(GridCell(
                        i, j, cell.tiles, bp_ns(self.c, max(<int64_t> cell.ticks, 0)),
                        bp_ns(self.c, cell.max_ticks)))
        for i in range(grid.slow_tiles):
            tile = &grid.slowest[i]
            slowest.append(SlowTile(
                bp_ns(self.c, tile.ticks), bp_ns(self.c, tile.start - min(origin, tile.start)),
                self.index, tile.row, tile.col))
        return TileGrid(
            size=grid.size, rows_per_cell=1 << <object> grid.row_shift,
            cols_per_cell=1 << <object> grid.col_shift, cells=tuple(cells),
            slowest=tuple(sorted(slowest, key=SlowTile.rank)))

    cdef tuple errors(self, const bp_row *row, uint64_t count, tuple histogram):
        """Return half the intervals of a row's time and self time, in ticks.

        The costs of the pairs that were taken out are known to their errors, and what was added so
        that a tile holds those inside is an error in full. Self time is the difference of two such
        times, where there are tiles inside. Readings are within a step: the difference of two has a
        variance of step**2 / 6 where their phases are independent, and twice the deviation of the
        sum of `n` is ``step * sqrt(2 n / 3)``.
        """
        costs = <double> row.error
        rest = <double> row.raised + self.step_ticks * max(1.0, sqrt(2 * row.timed / 3.0))
        error = costs + rest
        own = (2 * costs if row.child_raw else costs) + rest
        if row.timed < count and row.timed:
            spread = standard_error(histogram, row.timed) * count * 4294967296.0
            spread /= self.c.ns_per_tick_q32
            factor = count / <double> row.timed
            error = error * factor + spread
            own = own * factor + spread
        return round(error), round(own)

    cdef object outer_ticks(self, uint32_t brick_id):
        """Return the raw time of a brick's tiles inside no other tile, in ticks."""
        cdef bp_row_copy copy
        cdef const bp_row *row = &copy.row
        cdef int level
        total = 0
        if self.holds(brick_id):
            for level in range(BP_LEVELS):
                if bp_tiles_of(&self.c.bricks[brick_id].rows[level]):
                    self.read_row(brick_id, level, &copy)
                    total += scaled(row.outer_raw, row.outer_timed,
                                    row.outer_timed + row.outer_skipped)
        return total

    cdef void advance(self, uint64_t ticks) noexcept:
        """Set the manual clock."""
        bp_set_clock(self.c, ticks)

    cdef bytes events_kept(self):
        """Return a copy of the events; no other thread can ask to clear them meanwhile."""
        cdef uint64_t used = 0 if bp_to_be_cleared(self.c) else bp_events_of(self.c)
        return PyBytes_FromStringAndSize(<char *> self.c.events, used * sizeof(bp_event))

    cdef uint64_t events_lost(self) noexcept:
        """Return how many events did not fit."""
        return 0 if bp_to_be_cleared(self.c) else bp_lost_events_of(self.c)

    cdef uint64_t steps_back(self) noexcept:
        """Return during how many tiles the clock stepped back."""
        return 0 if bp_to_be_cleared(self.c) else bp_steps_back_of(self.c)

    cdef void forget(self):
        """Forget all that was recorded: now, or before the next tile where one may be recording."""
        if self.lent:
            bp_request_clear(self.c)
            return
        while self.c.top > self.c.base and self.c.top.orphan:
            self.c.top -= 1
        self.free_bricks(self.c.brick)
        bp_clear(self.c)


cdef bytes used_cells(const bp_grid *grid):
    """Return a copy of a grid's cells, up to the last row that has some."""
    return (<const char *> grid.cells)[:grid.rows * grid.size * sizeof(bp_cell)]


cdef tuple histogram_of(const bp_row_copy *copy):
    """Return the buckets of a row that are not empty."""
    cdef uint32_t i
    if not copy.row.timed:
        return ()
    return tuple([(i, copy.histogram[i]) for i in range(copy.first, copy.last + 1)
                  if copy.histogram[i]])


cdef str misuse_text(uint32_t misuse):
    """Say what was done wrong with a recorder from nogil code."""
    problems = []
    if misuse & BP_TOO_DEEP:
        problems.append(f"more than {BP_MAX_DEPTH} tiles were open at once")
    if misuse & BP_NOTHING_OPEN:
        problems.append("a tile was stopped where none was open")
    if misuse & BP_COARSER_INSIDE:
        problems.append("a coarser tile was started inside a finer one")
    if misuse & BP_NO_SUCH_LEVEL:
        problems.append("a tile was started at a level that does not exist")
    if misuse & BP_NEGATIVE:
        problems.append("a tile's place or work was negative, or the bytes it loaded and stored were "
                        "BP_UNDECLARED, and taken for 0")
    return "; ".join(problems)
