"""What a profiler holds: its clock and costs, its recorders and bricks, and whose each one is."""

import threading
import warnings
import weakref

from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.arguments cimport as_count, check_overhead
from brickprof.profiler.bricks cimport Brick, BrickUsage, leave_bricks
from brickprof.profiler.clocks cimport choose_clock
from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport BP_CLOCK_MANUAL, bp_read_clock

from brickprof.recording import DEFAULT_BRICK


cdef uint64_t last_profiler = 0, last_holder = 0


cdef class ProfilerState:
    """The state of a BrickProfiler, which takes the same arguments."""

    def __cinit__(self, *, sample_every=1, events=0, clock="auto", overhead=None):
        global last_profiler
        check_overhead(overhead)
        self.sample_every = as_count(sample_every, "sample_every")
        if self.sample_every == 0:
            raise ValueError("sample_every must be >= 1, got 0")
        self.events = as_count(events, "events")
        if self.events > 1 << 32:
            raise ValueError(f"events must be at most 2**32, got {events!r}")
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
        self.brick_id(DEFAULT_BRICK, "float32")

    def __reduce__(self):
        raise TypeError("a profiler belongs to its threads: copy or pickle its recording()")

    cdef Recorder take_recorder(self):
        """Return a recorder that no thread holds."""
        cdef Recorder recorder
        if self.idle:
            return self.idle.pop()
        recorder = Recorder.__new__(
            Recorder, self.id, len(self.recorders_made), self.clock, self.ns_per_tick_q32,
            self.sample_every, self.events)
        recorder.c.cost = self.c_cost
        recorder.step_ticks = self.step_ns / self.ns_per_tick if self.ns_per_tick else 0.0
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
            recorder.meet_thread(False)
            self.local.handle = _ThreadHandle(self, recorder)
            return recorder
        return handle.recorder

    def _retire(self, Recorder recorder not None):
        """Take back the recorder of a thread that ended."""
        tiles = recorder.open_tiles()
        dropped = recorder.drop_to(recorder.c.frames)
        recorder.c.base = recorder.c.frames
        recorder.c.misuse = 0
        leave_bricks(recorder, 0, self.now())
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
            usage = self.usage_by_name.setdefault(name, BrickUsage())
            self.bricks.append(Brick(name, dtype, usage))
        return number

    cdef uint64_t now(self):
        """Read the profiler's clock."""
        return self.manual_ticks if self.clock == BP_CLOCK_MANUAL else bp_read_clock(self.clock)

    cdef Py_ssize_t orphans(self) except -1:
        """Count the tiles open on all threads that nobody can stop any more."""
        return sum([(<Recorder> recorder).orphans() for recorder in self.recorders_made])

    cdef Py_ssize_t open_tiles(self) except -1:
        """Count the tiles open on all threads that can still be stopped."""
        depths = [(<Recorder> recorder).depth() for recorder in self.recorders_made]
        return sum(depths) - self.orphans()


class _ThreadHandle:
    """Lives in a thread's local storage, and gives its recorder back when the thread ends."""

    def __init__(self, profiler, recorder):
        self.profiler = weakref.ref(profiler)
        self.recorder = recorder

    def __del__(self):
        profiler = self.profiler()
        if profiler is not None:
            profiler._retire(self.recorder)
