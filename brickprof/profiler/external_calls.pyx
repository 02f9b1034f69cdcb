"""Calls of other libraries, each recorded as a tile and a call of a brick.

It does what a brick's with statement and a tile inside do, at a tenth of their cost: nothing is asked
of the operating system, and all calls go on on the thread that makes them.
"""

from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.bricks cimport Brick
from brickprof.profiler.paths cimport PathNode
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.profiler.tiles cimport may_start
from brickprof.tile cimport (
    bp_flush_pending, bp_now, bp_ns, bp_pop, bp_push, bp_recorder, bp_split,
)


cdef Recorder begin_call(ProfilerState profiler, uint32_t brick_id, int level, external_call *call,
                         str category=None):
    """Start a tile of a brick on the calling thread; None where no tile may be started now.

    Inside a finer tile it is as fine. None is the category of the brick around, "" none at all.
    """
    cdef Recorder recorder = current_recorder(profiler)
    cdef bp_recorder *c = recorder.c
    cdef Brick brick = profiler.bricks[brick_id]
    cdef PathNode around, node
    if c.top != c.frames and c.top.level > level:
        level = c.top.level
    if not may_start(c, level):
        return None
    if brick_id >= c.bricks_len or c.bricks[brick_id] == NULL:
        recorder.brick(brick_id, brick.itemsize)
    around = profiler.path_around(recorder)
    node = profiler.paths.entered(around, brick.name, category)
    call.outer = c.brick
    call.brick_id, call.level = brick_id, level
    call.resets = brick.usage.resets
    recorder.lent += 1              # a reset keeps the bricks that there are
    brick.usage.enter_one(recorder.thread_index, profiler.now())
    brick.usage.count_recorders()
    recorder.enter_path(around, node, &call.path)
    c.brick = c.bricks[brick_id]
    bp_push(c, level, 0, 0)
    c.top.timer = NULL
    call.frame = c.top
    call.opened = bp_now(c)
    c.top.start = call.opened
    return recorder


cdef int end_call(ProfilerState profiler, Recorder recorder, const external_call *call,
                  uint64_t now, uint64_t elements, uint64_t flops, uint64_t loaded,
                  uint64_t stored) except -1:
    """Stop the tile of a call that returned at a time, and add the call to its brick."""
    cdef bp_recorder *c = recorder.c
    if c.top != call.frame:         # code that the call ran left a tile open
        return drop_call(profiler, recorder, call)
    bp_split(c, loaded, stored)
    bp_flush_pending(c)
    bp_pop(c, now, elements, flops, loaded + stored, &profiler.block_cost)
    c.brick = call.outer
    recorder.lent -= 1
    return leave(profiler, recorder, call, now, flops)


cdef int drop_call(ProfilerState profiler, Recorder recorder, const external_call *call) except -1:
    """Forget the tile of a call that raised."""
    cdef bp_recorder *c = recorder.c
    cdef uint64_t now = bp_now(c)
    if c.top >= call.frame:
        profiler.note_abandoned(recorder.drop_to(call.frame - 1, "left by an exception"))
    c.brick = call.outer
    recorder.lent -= 1
    return leave(profiler, recorder, call, now, 0)


cdef int leave(ProfilerState profiler, Recorder recorder, const external_call *call, uint64_t now,
               uint64_t flops) except -1:
    """Let a thread out of the brick of a call, and note what the call took."""
    cdef Brick brick = profiler.bricks[call.brick_id]
    cdef uint64_t wall = now - min(call.opened, now)
    brick.usage.leave_one(recorder.thread_index, now)
    brick.calls += 1
    recorder.leave_path(&call.path, wall, call.resets == brick.usage.resets)
    if call.resets != brick.usage.resets:
        return 0
    return brick.usage.add_tile_call(call.level, wall, bp_ns(recorder.c, wall), flops)
