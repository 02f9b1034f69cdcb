# Bricks: recorders handed out to a kernel's threads and taken back.

@cython.final
@cython.no_gc
cdef class Use:
    """Who is in the bricks of one name, and for how long somebody was."""
    cdef dict held                  # lane of each recorder in it -> how often it entered
    cdef Py_ssize_t most            # recorders in it at the same time
    cdef uint64_t since, ticks      # when the first of these entered; time before that
    cdef dict teams                 # number of threads -> calls, wall and busy ticks by rank
    cdef list footprint_bytes       # by level, the largest declared
    cdef uint64_t resets

    def __cinit__(self):
        self.held = {}
        self.teams = {}
        self.footprint_bytes = [0] * BP_LEVELS

    cdef int enter(self, tuple lanes, uint64_t now) except -1:
        """Let recorders in."""
        if not self.held:
            self.since = now
        for lane in lanes:
            self.held[lane] = self.held.get(lane, 0) + 1
        self.most = max(self.most, len(self.held))
        return 0

    cdef int leave(self, tuple lanes, uint64_t now) except -1:
        """Let recorders out."""
        for lane in lanes:
            self.held[lane] -= 1
            if not self.held[lane]:
                del self.held[lane]
        if not self.held:
            self.ticks += now - min(self.since, now)
        return 0

    cdef uint64_t ticks_until(self, uint64_t now):
        """Return the time that somebody was in it, in ticks."""
        return self.ticks + (now - min(self.since, now) if self.held else 0)

    cdef void reset(self, uint64_t now):
        """Forget all but who is in it."""
        self.most = len(self.held)
        self.since = now
        self.ticks = 0
        self.teams = {}
        self.footprint_bytes = [0] * BP_LEVELS
        self.resets += 1

    cdef int declare(self, tuple footprint_bytes) except -1:
        """Note what a tile of each level holds in its cache."""
        self.footprint_bytes = list(map(max, self.footprint_bytes, footprint_bytes))
        return 0

    cdef int add_team(self, uint64_t wall, list busy) except -1:
        """Add a call of several threads, which had tiles open for so long."""
        busy.sort(reverse=True)
        sums = self.teams.setdefault(len(busy), [0] * (2 + len(busy)))
        for place, ticks in enumerate([1, wall, *busy]):
            sums[place] += ticks
        return 0


@cython.final
@cython.no_gc
cdef class Brick:
    """A brick of one element type."""
    cdef str name, dtype
    cdef Use use                    # shared by all of this name
    cdef uint64_t calls

    def __cinit__(self, str name, str dtype, Use use):
        self.name, self.dtype, self.use = name, dtype, use


@cython.final
@cython.no_gc
cdef class Stay:
    """A thread's stay in a brick, with all the recorders that it took along."""
    cdef Use use
    cdef tuple lanes

    cdef int end(self, uint64_t now) except -1:
        """Leave the brick."""
        return self.use.leave(self.lanes, now)


cdef int end_stays(Recorder recorder, Py_ssize_t first, uint64_t now) except -1:
    """Leave the bricks that a thread is in, from one on inwards."""
    ended = recorder.entered[first:]
    del recorder.entered[first:]
    for stay in ended:
        (<Stay> stay).end(now)
    return 0


cdef void free_handle(object capsule) noexcept:
    """Let go of the Recorder that a handle kept alive."""
    Py_DECREF(<object> PyCapsule_GetContext(capsule))


cdef const char *CLOSED_CAPSULE = "brickprof.recorder.closed"


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
        cdef Brick brick
        cdef Stay stay
        cdef int i
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
        self.brick_id = profiler.brick_id(self.name, self.dtype)
        brick = profiler.bricks[self.brick_id]
        recorder = recorder_here(profiler)
        check_start(profiler, recorder, level)
        held = [recorder]
        try:
            for i in range(self.threads):
                if i:
                    held.append(profiler.take_recorder())
                recorder = held[i]
                recorder.brick(self.brick_id, ITEMSIZES[self.dtype])
                self.c[i] = recorder.c
        except MemoryError:
            profiler.idle += held[1:]
            raise
        for recorder in held[1:]:
            recorder.c.misuse = 0
            recorder.c.brick = recorder.bricks[self.brick_id]
        recorder = held[0]
        self.outer = recorder.c.brick
        self.outer_base = recorder.c.base
        recorder.c.brick = recorder.bricks[self.brick_id]
        self.base = recorder.c.base = recorder.c.top
        stay = Stay.__new__(Stay)
        stay.use = brick.use
        stay.lanes = tuple([(<Recorder> one).lane for one in held])
        recorder.entered.append(stay)
        self.stay = stay
        self.held = held
        if self.footprint_bytes is not None:
            brick.use.declare(self.footprint_bytes)
        self.resets = brick.use.resets
        self.opened = profiler.now()
        measures = self.threads > 1 and profiler.sample_every == 1
        self.before = self.tile_ticks() if measures else None
        self.waits = None
        return stay.use.enter(stay.lanes, self.opened)

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
        cdef BrickProfiler profiler = self.profiler
        cdef Recorder recorder
        cdef Brick brick
        cdef uint64_t now
        if not self.held:
            return 0
        recorder = self.held[0]
        brick = profiler.bricks[self.brick_id]
        now = profiler.now()
        known = self.stay in recorder.entered
        if known and recorder_here(profiler) is not recorder:
            raise TileNestingError("recorders were taken on another thread")
        busy = self.busy_ticks(brick.use.resets)
        held, self.held = self.held, None
        self.close_handles()
        wrongs = []
        if known:
            place = recorder.entered.index(self.stay)
            if place + 1 < len(recorder.entered):
                wrongs.append("left before a brick that was entered inside it")
            end_stays(recorder, place, now)
            wrongs += self.take_back(recorder, 0, self.base)
            if self.outer.rows.brick != self.brick_id:
                brick.calls += 1
            recorder.c.brick = self.outer
            recorder.c.base = self.outer_base
        else:
            wrongs.append("its thread ended, or left an enclosing brick, before it was left")
        for number, recorder in enumerate(held[1:], 1):
            wrongs += self.take_back(recorder, number, recorder.c.frames)
            profiler.idle.append(recorder)
        if busy is not None and not wrongs and not failed:
            brick.use.add_team(now - min(self.opened, now), busy)
        if wrongs and not failed:
            raise TileNestingError(f"brick {brick.name!r}: {'; '.join(wrongs)}")
        return 0

    cdef int close_handles(self) except -1:
        """Make the handles useless: their recorders may soon be another thread's."""
        handles, self.handles = self.handles, None
        for handle in handles or ():
            PyCapsule_SetName(handle, CLOSED_CAPSULE)
        return 0

    cdef list take_back(self, Recorder recorder, int number, bp_frame *base):
        """Drop the tiles left open in a recorder and say what was done wrong with it."""
        wrongs = []
        if recorder.c.misuse:
            wrongs.append(f"thread {number}: {misuse_text(recorder.c.misuse)}")
        recorder.c.misuse = 0
        tiles = recorder.open_tiles()
        dropped = recorder.drop_to(base)
        if dropped:
            self.profiler.abandoned += dropped
            wrongs.append(f"thread {number}: {dropped} left open, abandoned (open: {tiles})")
        return wrongs

    def __enter__(self):
        self.open(BP_MICRO)
        if not self.held:
            return (None,) * self.threads
        self.handles = tuple([handle_of(recorder) for recorder in self.held])
        return self.handles

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
