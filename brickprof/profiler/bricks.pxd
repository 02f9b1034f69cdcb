"""What a profiler notes of its bricks; see bricks.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.paths cimport PathNode
from brickprof.profiler.recorder cimport Recorder


cdef enum:
    # Times of a call: wall, each level's, and each level's outside the tiles inside.
    CALL_PARTS = 7


ctypedef struct call_batch:
    uint64_t calls, flops
    uint64_t ticks[CALL_PARTS]


cdef class CallBatches:
    cdef call_batch *batches        # in the order of the calls
    cdef int used, capacity
    cdef uint64_t calls_each        # of all batches but the last
    cdef uint64_t min_flops, max_flops      # of a call
    cdef uint64_t reference         # median ticks of so many times the reference work, or 0
    cdef uint64_t reference_sum     # of those that are going on
    cdef uint64_t reference_count   # of all

    cdef void refer(self, uint32_t clock) noexcept
    cdef int add(self, uint64_t flops, const uint64_t *ticks) except -1
    cdef int grow(self) except -1
    cdef void halve(self) noexcept
    cdef tuple read(self)


cdef class BrickUsage:
    cdef dict held                  # index of each thread in it -> how often it entered
    cdef dict joined                # index of each thread that inherits it -> how many recorders
    cdef Py_ssize_t max_recorders   # threads in it at the same time
    cdef uint64_t since, ticks      # when the first of these entered; time before that
    cdef dict teams                 # number of threads -> calls, wall and busy ticks by rank
    cdef list footprint_bytes       # by level, the largest declared
    cdef set isas                   # that it was entered with
    cdef set work_sources           # of flops and bytes that are not declared by hand
    cdef dict call_times, call_paces    # bucket -> calls: ns, and ns per 1e9 flops
    cdef CallBatches batches        # None before the first call
    cdef uint64_t resets
    cdef uint64_t entries           # times that it was entered
    cdef int threads_inside        # that another library shares each tile out to; 0 for no library

    cdef int enter(self, tuple indices, uint64_t now) except -1
    cdef int enter_one(self, int index, uint64_t now) except -1
    cdef int leave(self, tuple indices, uint64_t now) except -1
    cdef int leave_one(self, int index, uint64_t now) except -1
    cdef int count_call(self, uint64_t ns, uint64_t flops) except -1
    cdef int add_batch(self, uint64_t flops, const uint64_t *ticks) except -1
    cdef int add_tile_call(self, int level, uint64_t ticks, uint64_t ns, uint64_t flops) except -1
    cdef int count_recorders(self) except -1
    cdef uint64_t ticks_until(self, uint64_t now)
    cdef void reset(self, uint64_t now)
    cdef int declare(self, tuple footprint_bytes) except -1
    cdef int add_team(self, uint64_t wall, list busy) except -1


cdef class Brick:
    cdef str name, dtype
    cdef uint32_t itemsize
    cdef BrickUsage usage           # shared by all of this name
    cdef uint64_t calls


cdef class BrickVisit:
    cdef BrickUsage usage
    cdef tuple indices
    cdef uint32_t brick_id
    cdef uint64_t call              # number among those of the brick, from 1
    cdef PathNode node              # that bricks inside it are inside of; None of none
    cdef list joined                # (Recorder, its thread's index) whose context inherits it
    cdef bint ended

    cdef int join(self, Recorder recorder) except -1
    cdef int end(self, uint64_t now) except -1


# Linked list (profiler's id, BrickVisit, outer) of the bricks open in a context.
cdef object OPEN_BRICKS

cdef BrickVisit inherited_visit(uint64_t profiler)
cdef int count_ns(dict histogram, uint64_t ns) except -1
cdef int leave_bricks(Recorder recorder, Py_ssize_t first, uint64_t now) except -1
