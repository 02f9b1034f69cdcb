"""Tiles from Python: timers and blocks, and the checks that both make."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from brickprof.profiler.arguments cimport tile_bytes
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState
from brickprof.tile cimport BP_MAX_DEPTH, bp_frame, bp_recorder


cdef class TileTimer:
    cdef PyObject *recorder         # a Recorder, kept alive by hand; NULL in OFF
    cdef bp_frame *frame
    cdef uint64_t serial
    cdef bint live


cdef class TileBlock:
    cdef ProfilerState profiler
    cdef Recorder recorder
    cdef bp_frame *frame
    cdef uint64_t row, col, elements, flops, serial
    cdef tile_bytes nbytes
    cdef str work_source            # of its work; None where that is declared by hand
    cdef int level
    cdef bint live


cdef TileTimer OFF                  # what start_tile returns while profiling is off

cdef int refuse_start(ProfilerState profiler, Recorder recorder, int level) except -1
cdef int check_stop(ProfilerState profiler, TileTimer timer) except -1


cdef inline bint may_start(const bp_recorder *c, int level) noexcept:
    """Tell whether a tile of a level may be started just as things are."""
    return not (c.top.orphan or c.top.level > level or c.top == &c.frames[BP_MAX_DEPTH])


cdef inline int check_start(ProfilerState profiler, Recorder recorder, int level) except -1:
    """Raise where a tile of this level may not be started."""
    return 0 if may_start(recorder.c, level) else refuse_start(profiler, recorder, level)


cdef inline uint64_t number_tile(bp_recorder *c) noexcept:
    """Give the innermost tile a number, by which its timer knows it again."""
    c.serial += 1
    c.top.serial = c.serial
    return c.serial
