"""Recorders handed out to a kernel's threads and taken back."""

cimport cython
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from brickprof.profiler.arguments cimport (
    as_brick, as_category, as_dtype, as_footprints, as_isa, as_threads, as_work_source,
)
from brickprof.profiler.bricks cimport (
    CALL_PARTS, OPEN_BRICKS, Brick, BrickVisit, leave_bricks,
)
from brickprof.profiler.paths cimport PathNode
from brickprof.profiler.recorder cimport Recorder, misuse_text
from brickprof.profiler.recorder_table cimport new_table
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.profiler.tiles cimport check_start
from brickprof.tile cimport (
    BP_CLOCK_MANUAL, BP_LEVELS, BP_MICRO, bp_frame, bp_ns, bp_recorder, bp_row,
)

from brickprof.core.errors import TileNestingError
from brickprof.profiler.decorators import wrapped_calls


@cython.final
cdef class RecorderSet:
    """Recorders of one call of a kernel, one a thread; see `BrickProfiler.recorders`."""

    def __dealloc__(self):
        PyMem_RawFree(self.c)

    def __reduce__(self):
        raise TypeError("recorders can be neither copied nor pickled")

    def __call__(self, function):
        """Return a function each call of which is one of the brick, on the thread that calls it."""
        if self.profiler is None:
            raise TypeError("recorders are handed out by BrickProfiler.recorders")
        if self.threads > 1:
            raise TypeError("recorders of several threads are for a with statement: a function "
                            "that is decorated has no use for them")
        return wrapped_calls(function, lambda args, kwargs: another_set(self))

    cdef int open(self, int level) except -1:
        """Take the recorders and enter the brick, for tiles not coarser than a level."""
        cdef Recorder recorder
        cdef ProfilerState profiler = self.profiler
        cdef Brick brick
        cdef BrickVisit visit
        cdef PathNode around, node
        if profiler is None:
            raise TypeError("recorders are handed out by BrickProfiler.recorders")
        if self.held:
            raise TileNestingError("these recorders are in use already")
        if not profiler.on:
            return 0
        if self.c == NULL:
            self.c = <bp_recorder **> PyMem_RawCalloc(self.threads, sizeof(bp_recorder *))
            if self.c == NULL:
                raise MemoryError(f"no memory for threads={self.threads} recorders")
        recorder = current_recorder(profiler)
        check_start(profiler, recorder, level)
        held = self.take_recorders(recorder)
        brick = profiler.bricks[self.brick_id]
        self.outer = recorder.c.brick
        self.outer_base = recorder.c.base
        recorder.observe()
        self.outer_named = recorder.c.named
        recorder.c.named = True
        recorder.c.brick = recorder.c.bricks[self.brick_id]
        self.base = recorder.c.base = recorder.c.top
        visit = BrickVisit.__new__(BrickVisit)
        visit.usage = brick.usage
        visit.brick_id = self.brick_id
        visit.indices = tuple([(<Recorder> one).thread_index for one in held])
        around = node = profiler.path_around(recorder)
        if self.outer.rows.brick != self.brick_id:
            node = profiler.paths.entered(around, self.name, self.category)
        recorder.enter_path(around, node, &self.path)
        visit.node = node
        brick.usage.entries += 1
        visit.call = brick.usage.entries
        recorder.entered.append(visit)
        self.visit = visit
        self.held = held
        if self.footprint_bytes is not None:
            brick.usage.declare(self.footprint_bytes)
        if self.isa is not None:
            brick.usage.isas.add(self.isa)
        if self.work_source is not None:
            brick.usage.work_sources.add(self.work_source)
        for level in range(BP_LEVELS):
            self.flops[level] = self.flops_of(level)
        self.read_ticks(self.ticks)
        self.resets = brick.usage.resets
        self.opened = profiler.now()
        measures = self.threads > 1 and profiler.sample_every == 1
        self.before = self.tile_ticks() if measures else None
        self.waits = None
        return visit.usage.enter(visit.indices, self.opened)

    cdef list take_recorders(self, Recorder own):
        """Return a recorder for each thread, the calling thread's own first, all with the brick."""
        cdef ProfilerState profiler = self.profiler
        cdef Recorder recorder
        cdef int i
        held = [own]
        own.lent += 1   # from here on a reset keeps the bricks that there are
        try:
            self.brick_id = profiler.brick_id(self.name, self.dtype)
            for i in range(self.threads):
                if i:
                    recorder = profiler.take_recorder()
                    recorder.lent += 1
                    held.append(recorder)
                recorder = held[i]
                recorder.brick(self.brick_id, (<Brick> profiler.bricks[self.brick_id]).itemsize)
                self.c[i] = recorder.c
        except BaseException:
            profiler.idle += held[1:]
            self.end_loan(held)
            raise
        for recorder in held[1:]:
            recorder.c.misuse = 0
            recorder.meet_thread(True)
            recorder.c.brick = recorder.c.bricks[self.brick_id]
        return held

    cdef int end_loan(self, list held) except -1:
        """Note that these recorders are not in use any more."""
        for recorder in held:
            (<Recorder> recorder).lent -= 1
        return 0

    cdef uint64_t flops_of(self, int level) noexcept:
        """Return the flops of a level of this brick in all recorders, modulo 2**64."""
        cdef uint64_t flops = 0
        cdef int i
        for i in range(self.threads):
            flops += self.c[i].brick.rows[level].flops.low
        return flops

    cdef void read_ticks(self, uint64_t *ticks) noexcept:
        """Read the time of each level of this brick in all recorders, and that outside finer tiles.

        Nothing when sampling, where the tiles of one call that happen to be timed tell little of it.
        """
        cdef const bp_row *row
        cdef int i, level
        memset(ticks, 0, CALL_PARTS * sizeof(uint64_t))
        if self.c[0].sample_every > 1:
            return
        for i in range(self.threads):
            for level in range(BP_LEVELS):
                row = &self.c[i].brick.rows[level]
                ticks[1 + level] += row.ticks
                ticks[1 + BP_LEVELS + level] += row.ticks - row.child_ticks

    cdef int add_batch(self, Brick brick, uint64_t wall, uint64_t flops) except -1:
        """Add a call to the batches that runs are compared by: its times by part, in ticks."""
        cdef uint64_t ticks[CALL_PARTS]
        cdef int part
        self.read_ticks(ticks)
        for part in range(CALL_PARTS):
            ticks[part] -= self.ticks[part]
            if <int64_t> ticks[part] < 0:   # corrected by more than they took
                ticks[part] = 0
        ticks[0] = wall
        brick.usage.add_batch(flops, ticks)
        self.refer(brick)
        return 0

    cdef void refer(self, Brick brick) noexcept:
        """Time the reference work if it is due: some microseconds in three milliseconds.

        Not inside other bricks or tiles, whose times would hold it.
        """
        cdef ProfilerState profiler = self.profiler
        cdef uint64_t now
        if (profiler.clock == BP_CLOCK_MANUAL or self.outer_named
                or self.base != self.c[0].frames):
            return
        now = profiler.now()
        if now >= profiler.reference_at:
            profiler.reference_at = now + (<uint64_t> 3_000_000 << 32) // self.c[0].ns_per_tick_q32
            brick.usage.batches.refer(profiler.clock)

    cdef int add_call(self, Brick brick, uint64_t now, bint failed) except -1:
        """Note how long a call took, and how long for its flops where it declared any."""
        cdef uint64_t wall = now - min(self.opened, now)
        cdef uint64_t wall_ns, flops = 0
        cdef int level
        brick.calls += 1
        if self.resets != brick.usage.resets:
            return 0
        wall_ns = bp_ns(self.c[0], wall)
        for level in range(BP_LEVELS):
            flops = self.flops_of(level) - self.flops[level]
            if flops:
                break
        brick.usage.count_call(wall_ns, flops)
        # A call that raised did not do what the others do.
        return 0 if failed else self.add_batch(brick, wall, flops)

    cdef list tile_ticks(self):
        """Return for how long tiles right inside this brick were open so far, by thread."""
        cdef int i
        return [self.c[i].base.child_raw for i in range(self.threads)]

    cdef list busy_ticks(self, uint64_t resets):
        """Return for how long each thread had tiles open since, or None if that is not known."""
        if self.before is None or self.resets != resets:
            return None
        busy = [after - before for before, after in zip(self.before, self.tile_ticks())]
        if self.waits is None:
            return busy
        return [max(ticks - waited, 0) for ticks, waited in zip(busy, self.waits)]

    cdef int note_waits(self, const uint64_t *ticks) except -1:
        """Say for how long each thread waited for others while it had a tile open."""
        cdef int i
        self.waits = [ticks[i] for i in range(self.threads)]
        return 0

    cdef int close(self, bint failed) except -1:
        """Leave the brick and give the recorders back; raise what was done wrong with them."""
        cdef Recorder recorder
        if not self.held:
            return 0
        recorder = self.held[0]
        known = self.visit in recorder.entered
        if known and not recorder.is_of_this_thread():
            raise TileNestingError("recorders were taken on another thread")
        held, self.held = self.held, None
        missing = self.close_table()
        try:
            problems = self.give_back(held, known, failed)
            if missing is not None:
                problems.append(missing)
        finally:
            self.end_loan(held)
        if problems and not failed:
            raise TileNestingError(f"brick {self.name!r}: {'; '.join(problems)}")
        return 0

    cdef list give_back(self, list held, bint known, bint failed):
        """Leave the brick if its thread still is in it; return what was done wrong."""
        cdef ProfilerState profiler = self.profiler
        cdef Brick brick = profiler.bricks[self.brick_id]
        cdef Recorder recorder = held[0]
        cdef uint64_t now = profiler.now()
        busy = self.busy_ticks(brick.usage.resets)
        problems = []
        if known:
            place = recorder.entered.index(self.visit)
            if place + 1 < len(recorder.entered):
                problems.append("left before a brick that was entered inside it")
            leave_bricks(recorder, place, now)
            problems += self.take_back(recorder, 0, self.base)
            if self.outer.rows.brick != self.brick_id:
                self.add_call(brick, now, failed)
            recorder.leave_path(&self.path, now - min(self.opened, now),
                                self.resets == brick.usage.resets)
            recorder.observe()
            recorder.c.named = self.outer_named
            recorder.c.brick = self.outer
            recorder.c.base = self.outer_base
        else:
            problems.append("its thread ended, or left an enclosing brick, before it was left")
        for number, recorder in enumerate(held[1:], 1):
            problems += self.take_back(recorder, number, recorder.c.frames)
            profiler.idle.append(recorder)
        if busy is not None and not problems and not failed:
            brick.usage.add_team(now - min(self.opened, now), busy)
        return problems

    cdef str close_table(self):
        """Take the handles back; say which thread had none, or None."""
        table, self.table = self.table, None
        handles, self.handles = self.handles, None
        if table is None:
            return None
        table.close(handles)
        return table.complaint()

    cdef list take_back(self, Recorder recorder, int number, bp_frame *base):
        """Drop the tiles left open in a recorder and say what was done wrong with it."""
        problems = []
        if recorder.c.misuse:
            problems.append(f"thread {number}: {misuse_text(recorder.c.misuse)}")
        recorder.c.misuse = 0
        tiles = recorder.open_tiles()
        dropped = recorder.drop_to(base, "left open in a brick")
        self.profiler.note_abandoned(dropped)
        if dropped:
            problems.append(f"thread {number}: {sum(dropped.values())} left open, abandoned "
                            f"(open: {tiles})")
        return problems

    def __enter__(self):
        self.open(BP_MICRO)
        if not self.held:
            return (None,) * self.threads
        self.table = new_table(self.held)
        self.handles = self.table.handles()
        self.outer_bricks = OPEN_BRICKS.get()
        OPEN_BRICKS.set((self.profiler.id, self.visit, self.outer_bricks))
        return self.handles

    def __exit__(self, kind, value, traceback):
        if self.held:
            opened = OPEN_BRICKS.get()
            if opened is not None and opened[1] is self.visit:
                OPEN_BRICKS.set(self.outer_bricks)
        self.close(kind is not None)


cdef RecorderSet new_recorder_set(ProfilerState profiler, object brick, object threads,
                                  object dtype, object footprint_bytes, object isa,
                                  object category=None, object work_source=None):
    """Return the context manager of `BrickProfiler.recorders`, whose arguments these are."""
    cdef RecorderSet recorders = RecorderSet.__new__(RecorderSet)
    recorders.profiler = profiler
    recorders.name = as_brick(brick)
    recorders.dtype = as_dtype(dtype)
    recorders.threads = as_threads(threads)
    recorders.footprint_bytes = as_footprints(footprint_bytes)
    recorders.isa = as_isa(isa)
    recorders.category = as_category(category)
    recorders.work_source = as_work_source(work_source)
    return recorders


cdef RecorderSet another_set(RecorderSet recorders):
    """Return a context manager with the arguments of another one."""
    cdef RecorderSet made = RecorderSet.__new__(RecorderSet)
    made.profiler, made.name, made.dtype = recorders.profiler, recorders.name, recorders.dtype
    made.threads, made.isa = recorders.threads, recorders.isa
    made.footprint_bytes, made.work_source = recorders.footprint_bytes, recorders.work_source
    made.category = recorders.category
    return made
