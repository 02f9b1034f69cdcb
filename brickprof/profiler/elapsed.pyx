"""Work that was timed elsewhere, recorded as a tile and a call of a brick."""

from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t
from libc.string cimport memset

from brickprof.profiler.arguments cimport (
    as_brick, as_category, as_count, as_dtype, as_isa, as_work_source, tile_bytes,
)
from brickprof.profiler.bricks cimport Brick, BrickUsage
from brickprof.profiler.paths cimport PathNode
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState
from brickprof.tile cimport (
    bp_cost, bp_flush_pending, bp_ns, bp_pop, bp_push, bp_recorder, bp_split,
)

from brickprof.core.checks import checked_number, short_repr

MAX_NS = 1e18
"""Thirty years; ticks of any clock fit into 63 bits."""

cdef double MOST = 9.2e18
"""Ticks and nanoseconds of all calls of a brick: sums of tiles are of 63 bits and a sign."""


cdef int add_elapsed(ProfilerState profiler, object name, object ns, object elements, object flops,
                     tile_bytes nbytes, int level, object dtype, object isa,
                     object category=None, object work_source=None) except -1:
    """Add a tile of a brick that took so many nanoseconds, on a recorder that no thread holds."""
    cdef Recorder recorder
    cdef Brick brick
    cdef uint64_t n_elements = as_count(elements, "elements"), n_flops = as_count(flops, "flops")
    cdef uint64_t ticks
    cdef str brick_name = as_brick(name), brick_dtype = as_dtype(dtype), brick_isa = as_isa(isa)
    cdef str source = as_work_source(work_source)
    cdef str brick_category = as_category(category)
    cdef PathNode node
    cdef double taken = checked_number("ns", ns, zero=True)
    cdef uint32_t brick_id
    if taken > MAX_NS:
        raise ValueError(f"ns must be at most {MAX_NS:g}, got {taken:g}")
    if not profiler.on:
        return 0
    ticks = <uint64_t> (taken / profiler.ns_per_tick + 0.5)
    check_sum(profiler, brick_name, ticks)
    recorder = profiler.take_recorder()
    recorder.lent += 1      # from here on a reset keeps the bricks that there are
    try:
        brick_id = profiler.brick_id(brick_name, brick_dtype)
        brick = profiler.bricks[brick_id]
        recorder.brick(brick_id, brick.itemsize)
        add_tile(recorder.c, brick_id, level, ticks, profiler, n_elements, n_flops, nbytes)
        brick.calls += 1
        node = profiler.paths.entered(None, brick_name, brick_category)
        if node is not profiler.paths.root:
            node.add(ticks, 0)
        brick.usage.ticks += ticks
        brick.usage.max_recorders = max(brick.usage.max_recorders, 1)
        brick.usage.add_tile_call(level, ticks, bp_ns(recorder.c, ticks), n_flops)
        if brick_isa is not None:
            brick.usage.isas.add(brick_isa)
        if source is not None:
            brick.usage.work_sources.add(source)
    finally:
        recorder.lent -= 1
        profiler.idle.append(recorder)
    return 0


cdef int check_sum(ProfilerState profiler, str name, uint64_t ticks) except -1:
    """Raise ValueError where the times of a brick would no longer fit into its sum."""
    cdef double before
    cdef BrickUsage usage = profiler.usage_by_name.get(name)
    if usage is None:
        return 0
    before = <double> usage.ticks
    if (before + <double> ticks) * max(1.0, profiler.ns_per_tick) > MOST:
        raise ValueError(
            f"ns is too long: the calls of {short_repr(name)} took {before * profiler.ns_per_tick:g} "
            "ns already, and their sum would not fit into 63 bits"
        )
    return 0


cdef void add_tile(bp_recorder *c, uint32_t brick_id, int level, uint64_t ticks,
                   ProfilerState profiler, uint64_t elements, uint64_t flops,
                   tile_bytes nbytes) noexcept:
    """Add a tile that stopped just now, or that is as long as all since profiling began."""
    cdef bp_cost nothing
    cdef uint64_t now = profiler.now()
    cdef uint64_t start = now - min(ticks, now - min(profiler.origin, now))
    cdef uint64_t observe_at = c.observe_at
    memset(&nothing, 0, sizeof(nothing))
    c.brick = c.bricks[brick_id]
    c.observe_at = UINT64_MAX       # what the calling thread did meanwhile is no part of it
    bp_push(c, level, 0, 0)
    c.top.timed = True
    c.top.start = start
    if nbytes.split:
        bp_split(c, nbytes.loaded, nbytes.stored)
    bp_flush_pending(c)
    bp_pop(c, start + ticks, elements, flops, nbytes.total, &nothing)
    c.observe_at = observe_at
    c.brick = c.bricks[0]
