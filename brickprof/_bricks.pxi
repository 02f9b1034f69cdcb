# Bricks: recorders handed out to a kernel's threads and taken back.

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
        dtype = profiler.bricks[self.brick_id][1]
        recorder = recorder_here(profiler)
        check_start(profiler, recorder, level)
        held = [recorder]
        try:
            for i in range(self.threads):
                if i:
                    held.append(profiler.take_recorder())
                recorder = held[i]
                recorder.brick(self.brick_id, ITEMSIZES[dtype])
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
        recorder.c.serial += 1
        self.serial = recorder.c.serial
        recorder.entered.append(self.serial)
        self.held = held
        self.entered = bp_now(recorder.c)
        return 0

    cdef int close(self, bint failed) except -1:
        """Leave the brick and give the recorders back; raise what was done wrong with them."""
        cdef BrickProfiler profiler = self.profiler
        cdef Recorder recorder
        cdef uint64_t now
        if not self.held:
            return 0
        recorder = self.held[0]
        now = bp_now(recorder.c)
        known = self.serial in recorder.entered
        if known and recorder_here(profiler) is not recorder:
            raise TileNestingError("recorders were taken on another thread")
        held, self.held = self.held, []
        wrongs = []
        if known:
            place = recorder.entered.index(self.serial)
            if place + 1 < len(recorder.entered):
                wrongs.append("left before a brick that was entered inside it")
            del recorder.entered[place:]
            wrongs += self.take_back(recorder, 0, self.base)
            if self.outer.id != self.brick_id:
                profiler.bricks[self.brick_id][2] += 1
                profiler.bricks[self.brick_id][3] += now - max(self.entered, profiler.reset_ticks)
            recorder.c.brick = self.outer
            recorder.c.base = self.outer_base
        else:
            wrongs.append("its thread ended, or left an enclosing brick, before it was left")
        for number, recorder in enumerate(held[1:], 1):
            wrongs += self.take_back(recorder, number, recorder.c.frames)
            profiler.idle.append(recorder)
        if wrongs and not failed:
            raise TileNestingError(
                f"brick {profiler.bricks[self.brick_id][0]!r}: {'; '.join(wrongs)}")
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
