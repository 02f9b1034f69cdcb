"""Tiles from Python: timers and blocks, and the checks that both make."""

cimport cython
from cpython.ref cimport Py_DECREF
from libc.stdint cimport uint64_t

from brickprof.profiler.bricks cimport Brick
from brickprof.profiler.recorder cimport (
    LEFT_AROUND_BRICK, LEFT_BY_GENERATOR, LEFT_ELSEWHERE, TIMER_DROPPED, Recorder,
)
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.tile cimport BP_MAX_DEPTH, bp_now, bp_pop, bp_push, bp_recorder, bp_flush_pending, bp_split

from brickprof.core.errors import TileNestingError
from brickprof.core.levels import TileLevel
from brickprof.profiler.decorators import wrapped_calls


cdef int refuse_start(ProfilerState profiler, Recorder recorder, int level) except -1:
    """Drop what nobody can stop any more, and raise where a tile may still not be started."""
    cdef bp_recorder *c = recorder.c
    profiler.note_abandoned(recorder.drop_orphans())
    if may_start(c, level):
        return 0
    recorder.find_lost()
    profiler.note_abandoned(recorder.drop_orphans())
    if c.top.level > level and c.top != c.frames:
        raise TileNestingError(
            f"level {TileLevel(level).name} is coarser than the open tile that it would be "
            f"inside of: {recorder.open_tiles()}")
    if recorder.depth() == BP_MAX_DEPTH:
        raise TileNestingError(f"more than {BP_MAX_DEPTH} tiles would be open on this thread")
    return 0


@cython.final
cdef class TileTimer:
    """An open tile, from start_tile to stop_tile; dropped unstopped, its tile is abandoned."""

    def __init__(self):
        raise TypeError("timers are made by BrickProfiler.start_tile")

    def __reduce__(self):
        raise TypeError("an open tile can be neither copied nor pickled")

    def __dealloc__(self):
        if self.live and self.frame.serial == self.serial:
            self.frame.orphan = TIMER_DROPPED
        if self.recorder != NULL:
            Py_DECREF(<Recorder> self.recorder)

    def __repr__(self):
        return f"<TileTimer {'open' if self.live else 'stopped'}>"


OFF = TileTimer.__new__(TileTimer)


cdef int check_stop(ProfilerState profiler, TileTimer timer) except -1:
    """Raise unless this timer's tile is the innermost one open on the calling thread."""
    cdef Recorder recorder = <Recorder> timer.recorder
    cdef bp_recorder *c = recorder.c
    if recorder.owner != profiler.id:
        raise TileNestingError("timer belongs to another BrickProfiler")
    if not recorder.is_of_this_thread():
        raise TileNestingError("timer was started on another thread")
    if timer.frame > c.top or timer.frame.serial != timer.serial:
        timer.live = False
        raise TileNestingError("timer's tile was abandoned when an enclosing block was left")
    if c.top.orphan:
        profiler.note_abandoned(recorder.drop_orphans())
    if timer.frame != c.top:
        recorder.find_lost()
        profiler.note_abandoned(recorder.drop_orphans())
    if timer.frame != c.top:
        raise TileNestingError(
            f"timer is not of the innermost open tile; open, outermost first: "
            f"{recorder.open_tiles()}")
    if c.top == c.base:
        raise TileNestingError("timer's tile was opened outside the brick that is open now")
    return 0


@cython.final
@cython.no_gc_clear
cdef class TileBlock:
    """``with prof.tile(...)``: a tile around a block; left by an exception it is abandoned."""

    def __dealloc__(self):
        if self.live and self.frame.serial == self.serial:
            self.frame.orphan = TIMER_DROPPED

    def __reduce__(self):
        raise TypeError("a tile can be neither copied nor pickled")

    def __call__(self, function):
        """Return a function each call of which is such a tile."""
        if self.profiler is None:
            raise TypeError("tiles are made by BrickProfiler.tile")
        return wrapped_calls(function, lambda args, kwargs: another(self))

    def __enter__(self):
        cdef bp_recorder *c
        if self.profiler is None:
            raise TypeError("tiles are made by BrickProfiler.tile")
        if self.live:
            raise TileNestingError("this tile is open already")
        if not self.profiler.on:
            return self
        self.recorder = current_recorder(self.profiler)
        check_start(self.profiler, self.recorder, self.level)
        c = self.recorder.c
        bp_push(c, self.level, self.row, self.col)
        c.top.timer = NULL
        self.frame = c.top
        self.serial = number_tile(c)
        self.live = True
        if c.top.timed:
            c.top.start = bp_now(c)
        return self

    def __exit__(self, kind, value, traceback):
        cdef bp_recorder *c
        cdef uint64_t now
        cdef Brick brick
        if not self.live:
            return
        c = self.recorder.c
        now = bp_now(c) if self.frame.timed else 0
        if not self.recorder.is_of_this_thread():
            if kind is None:
                raise TileNestingError("tile was opened on another thread")
            # A generator that is closed or collected elsewhere will not leave it at home.
            self.live = False
            if self.frame.serial == self.serial:
                self.frame.orphan = LEFT_ELSEWHERE
            return
        self.live = False
        if c.top < self.frame or self.frame.serial != self.serial:
            if kind is None:
                raise TileNestingError("tile was abandoned when an enclosing block was left")
            return
        if self.frame <= c.base:
            self.frame.orphan = LEFT_AROUND_BRICK
            if kind is None:
                raise TileNestingError(
                    "tile was left with a brick open inside it, and is abandoned")
            return
        if c.top.orphan and kind is None:
            self.profiler.note_abandoned(self.recorder.drop_orphans())
        if kind is GeneratorExit and c.top > self.frame:
            # A generator that is closed: what is open inside belongs to those that took turns.
            self.frame.orphan = LEFT_BY_GENERATOR
            return
        if c.top > self.frame or kind is not None:
            inside = self.recorder.open_tiles()
            reason = "left open inside another tile" if kind is None else f"left by {kind.__name__}"
            self.profiler.note_abandoned(self.recorder.drop_to(self.frame - 1, reason))
            if kind is None:
                raise TileNestingError(
                    f"tile was left with others open inside it; all are abandoned. Generators that "
                    f"take turns have to leave their tiles before they yield. They were, outermost "
                    f"first: {inside}")
            return
        if self.nbytes.split:
            bp_split(c, self.nbytes.loaded, self.nbytes.stored)
        bp_flush_pending(c)
        bp_pop(c, now, self.elements, self.flops, self.nbytes.total, &self.profiler.block_cost)
        if self.work_source is not None:
            brick = self.profiler.bricks[c.brick.rows.brick]
            brick.usage.work_sources.add(self.work_source)


cdef TileBlock another(TileBlock block):
    """Return a tile with the arguments of another one."""
    cdef TileBlock made = TileBlock.__new__(TileBlock)
    made.profiler, made.level, made.row, made.col = block.profiler, block.level, block.row, block.col
    made.elements, made.flops, made.nbytes = block.elements, block.flops, block.nbytes
    made.work_source = block.work_source
    return made
