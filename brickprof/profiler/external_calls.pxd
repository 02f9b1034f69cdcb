"""Calls of other libraries, each recorded as a tile of a brick; see external_calls.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.bricks cimport Brick
from brickprof.profiler.paths cimport path_frame
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState
from brickprof.tile cimport bp_brick, bp_frame


cdef struct external_call:
    bp_brick *outer                 # that the thread was in
    bp_frame *frame                 # the call's
    path_frame path
    uint64_t opened, resets
    uint32_t brick_id
    int level

cdef Recorder begin_call(ProfilerState profiler, uint32_t brick_id, int level, external_call *call,
                         str category=*)
cdef int end_call(ProfilerState profiler, Recorder recorder, const external_call *call,
                  uint64_t now, uint64_t elements, uint64_t flops, uint64_t loaded,
                  uint64_t stored) except -1
cdef int drop_call(ProfilerState profiler, Recorder recorder, const external_call *call) except -1
