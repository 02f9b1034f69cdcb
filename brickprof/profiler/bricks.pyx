"""Bricks: how often each was entered, by which recorders, and for how long."""

from contextvars import ContextVar

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from cpython.object cimport PyObject
from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t
from libc.string cimport memset

from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport BP_LEVELS, bp_bucket

from brickprof.core.dtypes import itemsize_of


OPEN_BRICKS = ContextVar("brickprof.open_bricks", default=None)


cdef extern from "profiler/reference.h":
    uint64_t bp_reference_ticks(uint32_t clock) noexcept

cdef enum:
    # Slices of a run, each short beside the scheduler's: of a run of seconds a millisecond or so.
    MAX_BATCHES = 1024
    FIRST_BATCHES = 8
    # Consecutive times of the reference work that count together.
    REFERENCES = 4


@cython.final
@cython.no_gc
cdef class CallBatches:
    """Sums over runs of consecutive calls, in bounded memory: when full, pairs become one."""

    def __cinit__(self):
        self.calls_each = 1
        self.min_flops = UINT64_MAX

    def __dealloc__(self):
        PyMem_RawFree(self.batches)

    cdef int add(self, uint64_t flops, const uint64_t *ticks) except -1:
        """Add a call: its flops and the time of each part, in ticks."""
        cdef call_batch *batch
        cdef int part
        if self.used == 0 or self.batches[self.used - 1].calls == self.calls_each:
            if self.used == self.capacity:
                self.grow()
            memset(&self.batches[self.used], 0, sizeof(call_batch))
            self.used += 1
        batch = &self.batches[self.used - 1]
        batch.calls += 1
        batch.flops += flops
        for part in range(CALL_PARTS):
            batch.ticks[part] += ticks[part]
        self.min_flops = min(self.min_flops, flops)
        self.max_flops = max(self.max_flops, flops)
        return 0

    cdef void refer(self, uint32_t clock) noexcept:
        """Time the reference work."""
        cdef uint64_t step
        self.reference_sum += bp_reference_ticks(clock)
        self.reference_count += 1
        if self.reference_count % REFERENCES:
            return
        # The median, by ever smaller steps towards it: H. Robbins and S. Monro, A stochastic
        # approximation method, 1951. The least would tell of the quietest microseconds alone.
        if self.reference == 0:
            self.reference = self.reference_sum
        step = self.reference // min(8 + self.reference_count // REFERENCES, 256)
        if self.reference_sum > self.reference:
            self.reference += step
        elif self.reference_sum < self.reference:
            self.reference -= step
        self.reference_sum = 0

    cdef int grow(self) except -1:
        """Make room for another batch."""
        cdef int capacity = 2 * self.capacity if self.capacity else FIRST_BATCHES
        cdef void *grown
        if self.capacity == MAX_BATCHES:
            self.halve()
            return 0
        grown = PyMem_RawRealloc(self.batches, capacity * sizeof(call_batch))
        if grown == NULL:
            raise MemoryError("no memory for the times of another call")
        self.batches, self.capacity = <call_batch *> grown, capacity
        return 0

    cdef void halve(self) noexcept:
        """Make one batch of two."""
        cdef int i, part
        cdef call_batch *to
        cdef const call_batch *more
        for i in range(self.used // 2):
            self.batches[i] = self.batches[2 * i]
            to, more = &self.batches[i], &self.batches[2 * i + 1]
            to.calls += more.calls
            to.flops += more.flops
            for part in range(CALL_PARTS):
                to.ticks[part] += more.ticks[part]
        self.used //= 2
        self.calls_each *= 2

    cdef tuple read(self):
        """Return least and most flops of a call, (calls, flops, ticks by part), and the reference."""
        cdef int i, part
        cdef const call_batch *batch
        # No tuple is made until all is copied: a garbage collection may let other threads add calls.
        cdef bytes copied = PyBytes_FromStringAndSize(<char *> self.batches,
                                                      self.used * sizeof(call_batch))
        batches = []
        for i in range(<int> (len(copied) // sizeof(call_batch))):
            batch = &(<const call_batch *> <const char *> copied)[i]
            ticks = tuple([batch.ticks[part] for part in range(CALL_PARTS)])
            batches.append((batch.calls, batch.flops, ticks))
        return self.min_flops, self.max_flops, batches, self.reference


@cython.final
@cython.no_gc
cdef class BrickUsage:
    """The bricks of one name: which recorders are in them, and for how long any was."""

    def __cinit__(self):
        self.held, self.joined = {}, {}
        self.teams = {}
        self.call_times, self.call_paces = {}, {}
        self.footprint_bytes = [0] * BP_LEVELS
        self.isas = set()
        self.work_sources = set()

    cdef int enter(self, tuple indices, uint64_t now) except -1:
        """Let recorders in."""
        for index in indices:
            self.enter_one(index, now)
        return self.count_recorders()

    cdef int enter_one(self, int index, uint64_t now) except -1:
        """Let a recorder in; it is counted when `count_recorders` is called."""
        if not self.held:
            self.since = now
        self.held[index] = self.held.get(index, 0) + 1
        return 0

    cdef int count_recorders(self) except -1:
        """Note how many threads are in it now if they never were more."""
        cdef Py_ssize_t now = len(self.held)
        if self.joined:
            now = len(self.joined.keys() | self.held.keys())
        self.max_recorders = max(self.max_recorders, now)
        return 0

    cdef int leave(self, tuple indices, uint64_t now) except -1:
        """Let recorders out."""
        for index in indices:
            self.leave_one(index, now)
        return 0

    cdef int leave_one(self, int index, uint64_t now) except -1:
        """Let a recorder out."""
        self.held[index] -= 1
        if not self.held[index]:
            del self.held[index]
        if not self.held:
            self.ticks += now - min(self.since, now)
        return 0

    cdef int count_call(self, uint64_t ns, uint64_t flops) except -1:
        """Note how long a call took, and how long for its flops where it declared any."""
        count_ns(self.call_times, ns)
        if flops:
            count_ns(self.call_paces, <uint64_t> min(ns * 1e9 / flops, 18e18))
        return 0

    cdef int add_batch(self, uint64_t flops, const uint64_t *ticks) except -1:
        """Add a call to the batches that runs are compared by: its times by part, in ticks."""
        if self.batches is None:
            self.batches = CallBatches.__new__(CallBatches)
        return self.batches.add(flops, ticks)

    cdef int add_tile_call(self, int level, uint64_t ticks, uint64_t ns, uint64_t flops) except -1:
        """Add a call that consists of one tile."""
        cdef uint64_t parts[CALL_PARTS]
        memset(parts, 0, sizeof(parts))
        parts[0] = parts[1 + level] = parts[1 + BP_LEVELS + level] = ticks
        self.count_call(ns, flops)
        return self.add_batch(flops, parts)

    cdef uint64_t ticks_until(self, uint64_t now):
        """Return the time that somebody was in it, in ticks."""
        return self.ticks + (now - min(self.since, now) if self.held else 0)

    cdef void reset(self, uint64_t now):
        """Forget all but who is in it."""
        self.max_recorders = 0
        self.count_recorders()
        self.since = now
        self.ticks = 0
        self.teams = {}
        self.call_times, self.call_paces = {}, {}
        self.batches = None
        self.footprint_bytes = [0] * BP_LEVELS
        self.isas = set()
        self.work_sources = set()
        self.entries = 0
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

    def __cinit__(self, str name, str dtype, BrickUsage usage):
        self.name, self.dtype, self.usage = name, dtype, usage
        self.itemsize = itemsize_of(dtype)


@cython.final
cdef class BrickVisit:
    """A thread's visit to a brick, with the indices of all the recorders that it took along."""

    cdef int join(self, Recorder recorder) except -1:
        """Let in a recorder whose context inherits the brick, until the visit ends."""
        if self.ended:
            return 0
        if self.joined is None:
            self.joined = []
        # With its number: when its thread ends, another thread may take it over.
        self.joined.append((recorder, recorder.thread_index))
        joined = self.usage.joined
        joined[recorder.thread_index] = joined.get(recorder.thread_index, 0) + 1
        return self.usage.count_recorders()

    cdef int end(self, uint64_t now) except -1:
        """Leave the brick."""
        cdef Recorder recorder
        self.ended = True
        for recorder, index in self.joined or ():
            recorder.context = NULL     # it looks for a brick at its next tile
            self.usage.joined[index] -= 1
            if not self.usage.joined[index]:
                del self.usage.joined[index]
        self.joined = None
        return self.usage.leave(self.indices, now)


cdef BrickVisit inherited_visit(uint64_t profiler):
    """Return the innermost visit of a profiler that goes on in the calling context, or None."""
    opened = OPEN_BRICKS.get()
    while opened is not None:
        owner, visit, opened = opened
        if owner == profiler and not (<BrickVisit> visit).ended:
            return visit
    return None


cdef int count_ns(dict histogram, uint64_t ns) except -1:
    """Count a time in a histogram by bucket."""
    bucket = bp_bucket(ns)
    histogram[bucket] = histogram.get(bucket, 0) + 1
    return 0


cdef int leave_bricks(Recorder recorder, Py_ssize_t first, uint64_t now) except -1:
    """Leave the bricks that a thread is in, from one on inwards."""
    ended = recorder.entered[first:]
    del recorder.entered[first:]
    for visit in ended:
        (<BrickVisit> visit).end(now)
    return 0
