"""What a profiler holds: its clock and costs, its recorders and bricks, and whose each one is."""

import threading
import warnings
import weakref

from cpython.object cimport PyObject
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport uint32_t, uint64_t

from brickprof.core.checks import short_repr
from brickprof.core.limits import MAX_GRID
from brickprof.profiler.arguments cimport as_count, check_overhead
from brickprof.profiler.bricks cimport Brick, BrickUsage, BrickVisit, inherited_visit, leave_bricks
from brickprof.profiler.clocks cimport choose_clock
from brickprof.profiler.paths cimport PathNode, PathTree
from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport BP_CLOCK_MANUAL, bp_read_clock

from brickprof.profiler.checksums import ChecksumList
from brickprof.profiler.live_writer import checked_live_path, start_writer
from brickprof.recording import DEFAULT_BRICK


cdef extern from *:
    """
    /* The calling thread's context (PEP 567); one is made where there is none yet. */
    static PyObject *bp_current_context(void) {
        PyThreadState *thread = PyThreadState_Get();
        if (thread->context == NULL) {
            PyObject *copy = PyContext_CopyCurrent();
            if (copy == NULL) return NULL;
            Py_DECREF(copy);
        }
        return Py_NewRef(thread->context);
    }
    """
    object bp_current_context()


cdef uint64_t last_profiler = 0, last_holder = 0


cdef class ProfilerState:
    """The state of a BrickProfiler, which takes the same arguments."""

    def __cinit__(self, *, sample_every=1, events=0, grid=0, clock="auto", overhead=None,
                  live=None):
        global last_profiler
        check_overhead(overhead)
        self.sample_every = as_count(sample_every, "sample_every")
        if self.sample_every == 0:
            raise ValueError("sample_every must be >= 1, got 0")
        self.events = as_count(events, "events")
        if self.events > 1 << 32:
            raise ValueError(f"events must be at most 2**32, got {short_repr(events)}")
        self.grid = as_count(grid, "grid")
        if self.grid == 1 or self.grid > MAX_GRID:
            raise ValueError(f"grid must be 0 or in [2, {MAX_GRID}], got {short_repr(grid)}")
        path = checked_live_path(live)
        self.clock, self.clock_name, self.clock_reason = choose_clock(clock)
        last_profiler += 1
        self.id = last_profiler
        self.overhead_info = overhead
        self.local = threading.local()
        self.recorders_made = []
        self.idle = []
        self.bricks = []
        self.brick_ids = {}
        self.usage_by_name = {}
        self.paths = PathTree()
        self.checksums = ChecksumList()
        self.budgets = {}
        self.bricks_known = set()
        self.abandoned = {}
        self.outside_blocks = []
        self.brick_id(DEFAULT_BRICK, "float32")
        if path is not None:
            self.live = start_writer(path, self)

    def __reduce__(self):
        raise TypeError("a profiler belongs to its threads: copy or pickle its recording()")

    cdef Recorder take_recorder(self):
        """Return a recorder that no thread holds."""
        cdef Recorder recorder
        if self.idle:
            return self.idle.pop()
        recorder = Recorder.__new__(
            Recorder, self.id, len(self.recorders_made), self.clock, self.ns_per_tick_q32,
            self.sample_every, self.events, self.grid)
        recorder.c.cost = self.c_cost
        recorder.step_ticks = self.step_ns / self.ns_per_tick if self.ns_per_tick else 0.0
        recorder.c.manual_ticks = self.manual_ticks
        recorder.c.brick = recorder.brick(0, 4)
        self.recorders_made.append(recorder)
        return recorder

    cdef Recorder adopt(self):
        """Return the recorder of the calling thread and context, which has one from its first tile.

        A thread has one recorder, whatever contexts come and go, but while a task of asyncio awaits
        with a tile or a brick open, others get recorders of their own: they take turns, and their
        tiles do not lie inside each other.
        """
        cdef Recorder recorder
        handle = getattr(self.local, "handle", None)
        if handle is None:
            handle = self.local.handle = _ThreadHandle(self)
        context = bp_current_context()
        recorder = handle.by_context.get(id(context))
        if recorder is not None and recorder.is_busy():
            recorder.context = <PyObject *> context
            return recorder
        if recorder is None:
            for recorder in handle.recorders:
                if not recorder.is_busy():
                    break
            else:
                recorder = self.give_recorder(handle)
            if recorder.kept_context is not None:
                del handle.by_context[id(recorder.kept_context)]
            handle.by_context[id(context)] = recorder
        self.enter_context(recorder, context)
        return recorder

    cdef Recorder give_recorder(self, object handle):
        """Give the calling thread a recorder, its first or one more."""
        global last_holder
        cdef Recorder recorder = self.take_recorder()
        last_holder += 1
        recorder.holder = last_holder
        recorder.thread = threading.current_thread().name
        recorder.thread_ident = PyThread_get_thread_ident()
        recorder.thread_index = recorder.index
        if handle.recorders:
            recorder.thread_index = (<Recorder> handle.recorders[0]).index
        recorder.meet_thread(False)
        handle.recorders.append(recorder)
        return recorder

    cdef int enter_context(self, Recorder recorder, object context) except -1:
        """Let a recorder that is in no brick time tiles of a context, for the brick of that."""
        cdef BrickVisit visit = inherited_visit(self.id)
        cdef uint32_t brick_id = 0
        if visit is not None:
            visit.join(recorder)
            if not visit.ended:     # its number is known for as long
                brick_id = visit.brick_id
        elif recorder.kept_context is None:
            self.brickless_threads += any([(<BrickUsage> usage).held
                                           for usage in self.usage_by_name.values()])
        if recorder.c.brick.rows[0].brick != brick_id:
            recorder.observe()
            recorder.c.brick = recorder.brick(brick_id, (<Brick> self.bricks[brick_id]).itemsize)
            recorder.c.named = visit is not None
        recorder.kept_context = context
        recorder.context = <PyObject *> context
        return 0

    cdef PathNode path_around(self, Recorder recorder):
        """Return the node of the bricks around what a thread does now."""
        cdef BrickVisit visit
        if recorder.node is not None:
            return recorder.node
        visit = inherited_visit(self.id)
        return self.paths.root if visit is None or visit.node is None else visit.node

    cdef int note_abandoned(self, dict tiles) except -1:
        """Note tiles that were never stopped, counted by the reason."""
        for reason, count in tiles.items():
            self.abandoned[reason] = self.abandoned.get(reason, 0) + count
        return 0

    def _retire(self, Recorder recorder not None):
        """Take back the recorder of a thread that ended."""
        tiles = recorder.open_tiles()
        dropped = recorder.drop_to(recorder.c.frames, "thread ended")
        recorder.c.base = recorder.c.frames
        recorder.c.misuse = 0
        leave_bricks(recorder, 0, self.now())
        recorder.node, recorder.inside = None, 0
        recorder.holder = recorder.thread_ident = 0
        recorder.thread_index = recorder.index
        recorder.context, recorder.kept_context = NULL, None
        recorder.c.brick = recorder.brick(0, 4)
        self.idle.append(recorder)
        self.note_abandoned(dropped)
        if dropped:
            warnings.warn(
                f"thread {recorder.thread!r} ended with tiles open, which are in no figure: "
                f"{tiles}", RuntimeWarning, stacklevel=2)

    cdef uint32_t brick_id(self, str name, str dtype) except? 0xFFFFFFFF:
        """Return the number of a brick of one element type."""
        number = self.brick_ids.setdefault((name, dtype), len(self.bricks))
        if number == len(self.bricks):
            self.bricks_known.add(name)
            usage = self.usage_by_name.setdefault(name, BrickUsage())
            self.bricks.append(Brick(name, dtype, usage))
        return number

    cdef Py_ssize_t tiles_in_the_way(self) except -1:
        """Count the open tiles that a reset is refused for."""
        cdef Recorder recorder
        for recorder in self.recorders_made:
            if recorder.in_the_way() and not recorder.lent:
                recorder.find_lost()
        return sum([(<Recorder> made).in_the_way() for made in self.recorders_made])

    cdef int forget_all(self) except -1:
        """Forget all tiles and calls, and the bricks too where no thread is in one."""
        cdef uint64_t now = self.now()
        usage = BrickUsage()
        default = Brick(DEFAULT_BRICK, "float32", usage)
        former = self.clear_recorders([default], {(DEFAULT_BRICK, "float32"): 0},
                                      {DEFAULT_BRICK: usage}, PathTree())
        del former
        self.origin = now
        for brick in self.bricks:
            (<Brick> brick).calls = 0
        for usage in self.usage_by_name.values():
            (<BrickUsage> usage).reset(now)
        # Last of all, so that no call is in its path and not in its brick.
        self.paths.clear()
        self.checksums = ChecksumList()
        return 0

    cdef tuple clear_recorders(self, list bricks, dict brick_ids, dict usage_by_name,
                               PathTree paths):
        """Clear the recorders, take other bricks where no thread is in one, and return the former.

        Nothing in it makes or frees a Python object, so that no other thread comes in between.
        """
        cdef Recorder recorder
        cdef bint in_use = False
        former = self.bricks, self.brick_ids, self.usage_by_name, self.paths
        for recorder in self.recorders_made:
            in_use = in_use or recorder.lent > 0
        self.resets += 1
        if not in_use:
            self.bricks, self.brick_ids, self.usage_by_name = bricks, brick_ids, usage_by_name
            self.paths = paths
        for recorder in self.recorders_made:
            if not in_use:
                recorder.c.brick = recorder.brick(0, 4)
                recorder.context = NULL     # it looks for a brick at its next tile
            recorder.forget()
        return former

    cdef uint64_t now(self):
        """Read the profiler's clock."""
        return self.manual_ticks if self.clock == BP_CLOCK_MANUAL else bp_read_clock(self.clock)

    cdef Py_ssize_t open_tiles(self) except -1:
        """Count the tiles open on all threads that can still be stopped."""
        return sum([(<Recorder> recorder).stoppable() for recorder in self.recorders_made])


class _ThreadHandle:
    """Lives in a thread's local storage, and gives its recorders back when the thread ends."""

    def __init__(self, profiler):
        self.profiler = weakref.ref(profiler)
        self.recorders = []
        self.by_context = {}        # id of a context, which its recorder keeps -> Recorder

    def __del__(self):
        profiler = self.profiler()
        if profiler is not None:
            for recorder in self.recorders:
                profiler._retire(recorder)
