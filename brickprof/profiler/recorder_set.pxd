"""Recorders handed out to a kernel's threads and taken back."""

from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.bricks cimport CALL_PARTS, Brick
from brickprof.profiler.paths cimport path_frame
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.recorder_table cimport RecorderTable
from brickprof.profiler.state cimport ProfilerState
from brickprof.tile cimport bp_brick, bp_frame, bp_recorder


cdef class RecorderSet:
    cdef ProfilerState profiler
    cdef str name, dtype
    cdef str category               # None where none is given
    cdef path_frame path
    cdef str isa                    # None where none is given
    cdef str work_source            # None where its tiles' work is declared by hand
    cdef uint32_t brick_id          # known when entered
    cdef int threads
    cdef list held                  # the Recorders, the calling thread's first; None when off
    cdef RecorderTable table        # of the handles; None where none were given
    cdef tuple handles
    cdef tuple outer_bricks         # open in the context when it was entered
    cdef bp_recorder **c            # theirs; NULL when off
    cdef bp_brick *outer
    cdef bp_frame *outer_base
    cdef bp_frame *base
    cdef object visit               # in `entered` of the calling thread's Recorder
    cdef tuple footprint_bytes      # of a tile of each level; None where nothing is declared
    cdef list before                # by thread, ticks of tiles when entered; None if not measured
    cdef list waits                 # by thread, ticks in tiles that were spent waiting, or None
    cdef bint outer_named           # of the calling thread's Recorder, when entered
    cdef uint64_t flops[3]          # by level, of all Recorders, when entered; modulo 2**64
    cdef uint64_t ticks[CALL_PARTS]     # by part of a call, of all Recorders, when entered
    cdef uint64_t opened, resets    # when entered, and how often the brick had been reset

    cdef list take_recorders(self, Recorder own)
    cdef int end_loan(self, list held) except -1
    cdef list give_back(self, list held, bint known, bint failed)
    cdef list tile_ticks(self)
    cdef uint64_t flops_of(self, int level) noexcept
    cdef void read_ticks(self, uint64_t *ticks) noexcept
    cdef int add_batch(self, Brick brick, uint64_t wall, uint64_t flops) except -1
    cdef void refer(self, Brick brick) noexcept
    cdef int add_call(self, Brick brick, uint64_t now, bint failed) except -1
    cdef list busy_ticks(self, uint64_t resets)
    cdef int note_waits(self, const uint64_t *ticks) except -1
    cdef str close_table(self)
    cdef list take_back(self, Recorder recorder, int number, bp_frame *base)
    cdef int open(self, int level) except -1
    cdef int close(self, bint failed) except -1


cdef RecorderSet new_recorder_set(ProfilerState profiler, object brick, object threads,
                                  object dtype, object footprint_bytes, object isa,
                                  object category=*, object work_source=*)
