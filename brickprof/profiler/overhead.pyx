"""What a start/stop pair costs through each entry point, calibrated once in a process."""

from libc.stdint cimport UINT64_MAX, uint64_t

from brickprof.profiler.clocks cimport ns_per_tick
from brickprof.profiler.recorder cimport Recorder, measure_nogil_pair
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.tile cimport BP_CLOCK_MANUAL, BP_MICRO, bp_cost, bp_read_clock

from brickprof.profiler import empty_pairs
from brickprof.recording import Overhead


cdef dict costs_known = {}          # clock -> the costs of the three entry points


cdef bp_cost cost_of(ProfilerState profiler, str entry_point):
    """Turn an Overhead's nanoseconds for one entry point into ticks."""
    cdef bp_cost cost
    info = profiler.overhead_info
    cost.inside = round(getattr(info, entry_point + "_inside") / profiler.ns_per_tick)
    cost.pair = round(getattr(info, entry_point + "_pair") / profiler.ns_per_tick)
    cost.skipped = 0
    return cost


cdef object overhead_of(ProfilerState profiler):
    """Turn the measured ticks of all entry points into an Overhead in nanoseconds."""
    cdef double ns = profiler.ns_per_tick
    return Overhead(
        c_pair=profiler.c_cost.pair * ns, c_inside=profiler.c_cost.inside * ns,
        python_pair=profiler.call_cost.pair * ns, python_inside=profiler.call_cost.inside * ns,
        block_pair=profiler.block_cost.pair * ns, block_inside=profiler.block_cost.inside * ns)


cdef uint64_t min_ticks_of(ProfilerState profiler, object function):
    """Return the shortest time of many calls of a function of a profiler, in ticks."""
    cdef uint64_t fastest = UINT64_MAX, before
    cdef int batch
    for batch in range(1000):
        before = bp_read_clock(profiler.clock)
        function(profiler)
        fastest = min(fastest, bp_read_clock(profiler.clock) - before)
    return fastest


cdef bp_cost measure_python_pair(ProfilerState profiler, object pairs):
    """Return the least that an empty pair from Python costs, in ticks."""
    cdef Recorder recorder = current_recorder(profiler)
    cdef uint64_t baseline = min_ticks_of(profiler, empty_pairs.no_pairs)
    cdef bp_cost cost
    recorder.clear()
    recorder.sample(1)
    cost.pair = (min_ticks_of(profiler, pairs) - baseline) // empty_pairs.PAIRS
    cost.inside = recorder.c.brick.rows[<int> BP_MICRO].min_ticks
    recorder.sample(UINT64_MAX)
    recorder.c.brick.rows[<int> BP_MICRO].started = 1
    cost.skipped = (min_ticks_of(profiler, pairs) - baseline) // empty_pairs.PAIRS
    return cost


cdef tuple measure_costs(ProfilerState profiler, object make):
    """Measure what a pair costs through each entry point, on a profiler of its own."""
    cdef ProfilerState scratch = make(clock=profiler.clock_name, overhead=Overhead())
    prepare(scratch, make)
    scratch.on = True
    nogil = measure_nogil_pair(scratch.take_recorder())
    call = measure_python_pair(scratch, empty_pairs.call_pairs)
    block = measure_python_pair(scratch, empty_pairs.block_pairs)
    return nogil, call, block


cdef int prepare(ProfilerState profiler, object make) except -1:
    """Calibrate the clock and the cost of a pair, once in a process for each clock.

    `make` returns a profiler that has the methods to measure.
    """
    if profiler.ns_per_tick > 0:
        return 0
    profiler.ns_per_tick = ns_per_tick(profiler.clock)
    profiler.ns_per_tick_q32 = <uint64_t> (profiler.ns_per_tick * 4294967296.0 + 0.5)
    if profiler.overhead_info is None and profiler.clock != BP_CLOCK_MANUAL:
        if profiler.clock not in costs_known:
            costs_known[profiler.clock] = measure_costs(profiler, make)
        profiler.c_cost, profiler.call_cost, profiler.block_cost = costs_known[profiler.clock]
        profiler.overhead_info = overhead_of(profiler)
    else:
        profiler.overhead_info = profiler.overhead_info or Overhead()
        profiler.c_cost = cost_of(profiler, "c")
        profiler.call_cost = cost_of(profiler, "python")
        profiler.block_cost = cost_of(profiler, "block")
    return 0
