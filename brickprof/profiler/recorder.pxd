"""One thread's recorder, its rows, and what it costs to use."""

from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.paths cimport PathNode, path_frame
from brickprof.tile cimport bp_brick, bp_cell, bp_frame, bp_grid, bp_recorder, bp_row, bp_usage


cdef extern from "profiler/requests.h":
    ctypedef struct bp_row_copy:
        bp_row row
        bp_usage usage
        uint32_t first, last
        uint64_t *histogram
        bp_grid grid


cdef enum:                          # why nobody can stop a tile any more: bp_frame.orphan
    TIMER_DROPPED = 1
    LEFT_ELSEWHERE
    LEFT_AROUND_BRICK
    LEFT_BY_GENERATOR
    LEFT_BY_FUNCTION


cdef class Recorder:
    cdef bp_recorder *c
    cdef int lent                   # to so many RecorderSets, so that it may be in use now
    cdef uint64_t owner             # id of its profiler
    cdef uint64_t holder            # unique for each thread that it was given to; 0 for none
    cdef readonly int index
    cdef int thread_index           # that of its thread's first recorder; else its own
    cdef unsigned long thread_ident # of the thread that has it; 0 for none, and for nogil threads
    cdef PyObject *context          # that its tiles are started in; NULL to look again
    cdef object kept_context        # keeps `context` alive
    cdef str thread
    cdef double step_ticks          # of the clock
    cdef uint64_t grid_size         # cells along an edge of each row's grid; 0 without grids
    cdef bp_cell *cells             # memory for a copy of a grid's; NULL without grids
    cdef PathNode node              # of the innermost brick that this thread entered; None of none
    cdef uint64_t inside            # ticks that were spent in bricks inside that one so far
    cdef list entered               # BrickVisits of this thread that go on, outermost first

    cdef void enter_path(self, PathNode outer, PathNode node, path_frame *frame)
    cdef void leave_path(self, const path_frame *frame, uint64_t ticks, bint counts)
    cdef bp_brick *brick(self, uint32_t brick_id, uint32_t itemsize) except NULL
    cdef void sample(self, uint64_t every)
    cdef void meet_thread(self, bint named)
    cdef void observe(self)
    cdef tuple usage(self, uint32_t brick_id)
    cdef Py_ssize_t depth(self)
    cdef Py_ssize_t stoppable(self)
    cdef Py_ssize_t in_the_way(self)
    cdef int find_lost(self) except -1
    cdef bint is_busy(self)
    cdef bint is_of_this_thread(self)
    cdef dict unstopped(self, bp_frame *frame, str reason)
    cdef dict orphans(self)
    cdef dict drop_to(self, bp_frame *frame, str reason)
    cdef dict drop_orphans(self)
    cdef str open_tiles(self)
    cdef bint has_tiles(self, uint32_t brick_id)
    cdef object stats(self, uint32_t brick_id, int level, str name, uint64_t origin, bint grid)
    cdef object grid_of(self, const bp_grid *grid, uint64_t origin)
    cdef size_t cell_bytes(self) noexcept
    cdef size_t brick_bytes(self) noexcept
    cdef void add_grids(self, bp_brick *brick) noexcept
    cdef bint holds(self, uint32_t brick_id) noexcept
    cdef int read_row(self, uint32_t brick_id, int level, bp_row_copy *to,
                      bp_cell *cells=*) except -1
    cdef tuple errors(self, const bp_row *row, uint64_t count, tuple histogram)
    cdef object outer_ticks(self, uint32_t brick_id)
    cdef void free_bricks(self, const bp_brick *kept) noexcept
    cdef void advance(self, uint64_t ticks) noexcept
    cdef bytes events_kept(self)
    cdef uint64_t events_lost(self) noexcept
    cdef uint64_t steps_back(self) noexcept
    cdef void forget(self)


cdef str misuse_text(uint32_t misuse)
