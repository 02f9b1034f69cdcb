"""Checksums of arrays, at the place where a thread is."""

from libc.stdint cimport uint64_t

from brickprof.profiler.bricks cimport Brick, BrickVisit, inherited_visit
from brickprof.profiler.external_calls cimport begin_call, drop_call, end_call, external_call
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.tile cimport BP_MACRO, bp_frame, bp_now

from brickprof.core.checks import short_repr
from brickprof.profiler.checksums import described
from brickprof.recording.checksums import CHECKSUM_BRICK


cdef int add_checksum(ProfilerState profiler, object array, object name) except -1:
    """Keep the checksum of an array, with the brick, call and tile that the thread is in."""
    cdef Recorder recorder, inside
    cdef BrickVisit visit = None
    cdef Brick brick
    cdef external_call call
    cdef bp_frame *frame
    cdef uint64_t number = 0, row = 0, col = 0
    if not isinstance(name, str) or not name:
        raise TypeError(f"name must be a name, got {short_repr(name)}")
    recorder = current_recorder(profiler)
    if recorder.entered:
        visit = recorder.entered[len(recorder.entered) - 1]
    else:
        visit = inherited_visit(profiler.id)
    brick = profiler.bricks[recorder.c.brick.rows[0].brick]
    level = None
    frame = recorder.c.top
    if frame != recorder.c.base:
        level, row, col = frame.level, frame.row, frame.col
    if visit is not None:
        number = visit.call
    inside = begin_call(profiler, profiler.brick_id(CHECKSUM_BRICK, "float32"), BP_MACRO, &call,
                        "")
    try:
        content, size, nbytes = described(array)
    except BaseException:
        if inside is not None:
            drop_call(profiler, inside, &call)
        raise
    if inside is not None:
        end_call(profiler, inside, &call, bp_now(inside.c), size, 0, nbytes, 0)
    profiler.checksums.add(content, brick.name, number, level, row, col, str(name))
    return 0
