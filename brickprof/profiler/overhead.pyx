"""What a start/stop pair costs through each entry point, calibrated once in a process."""

from statistics import median

from libc.stdint cimport UINT64_MAX, uint64_t
from libc.string cimport memset

from brickprof.profiler.clocks cimport ns_per_tick, step_ns
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState, current_recorder
from brickprof.tile cimport BP_CLOCK_MANUAL, BP_MICRO, bp_cost, bp_read_clock, bp_recorder, bp_row

from brickprof.machine import LostTime
from brickprof.profiler import empty_pairs
from brickprof.recording import Overhead


cdef extern from "profiler/pair_cost.h":
    const int BP_ALONE
    const int BP_CONTEXTS
    ctypedef struct bp_work:
        pass
    uint64_t bp_time_context(bp_recorder *recorder, bp_work *work, int context, int pairs,
                             bint timed) noexcept


# Contexts that were not tried lie outside those that were: pairs around 1,024 to 4,096 elements of a
# daxpy cost 19 to 28 ns, where the contexts here give 1 to 18, and pairs around a call of NumPy in a
# loop of the user's up to 100 ns, where those here give 45 to 90.
cdef double NOGIL_MARGIN = 2.0
cdef double PYTHON_MARGIN = 1.5
cdef int CALLS = 4
cdef int GRID = 64                  # cells along an edge, where pairs with a grid are measured
cdef dict overheads_known = {}      # (clock, grid) -> Overhead, ticks of a skipped pair by entry point


cdef uint64_t ticks_of(ProfilerState profiler, str field):
    """Return a field of the profiler's Overhead in ticks."""
    return round(getattr(profiler.overhead_info, field) / profiler.ns_per_tick)


cdef bp_cost cost_of(ProfilerState profiler, str entry_point, double skipped):
    """Turn an Overhead's nanoseconds for one entry point into ticks."""
    cdef bp_cost cost
    cost.inside = ticks_of(profiler, entry_point + "_inside")
    cost.pair = ticks_of(profiler, entry_point + "_pair")
    cost.skipped = round(skipped)
    cost.inside_error = ticks_of(profiler, entry_point + "_inside_error")
    cost.pair_error = ticks_of(profiler, entry_point + "_pair_error")
    return cost


cdef tuple least_ticks(ProfilerState profiler, object function, object work, int calls):
    """Return the shortest time of CALLS calls of a function, and the tiles' own time in it.

    A clock that moves in steps is then known to a fraction of one.
    """
    cdef uint64_t fastest = UINT64_MAX, inside = 0, before, took, raw_before
    cdef Recorder recorder = current_recorder(profiler)
    cdef bp_row *row = &recorder.c.brick.rows[<int> BP_MICRO]
    cdef int call
    for call in range(calls):
        raw_before = row.raw_ticks
        before = bp_read_clock(profiler.clock)
        for _ in range(CALLS):
            function(profiler, work)
        took = bp_read_clock(profiler.clock) - before
        if took < fastest:
            fastest, inside = took, row.raw_ticks - raw_before
    return fastest, inside


cdef tuple python_context(ProfilerState profiler, object pairs, object baseline, object work):
    """Return the ticks of a pair from Python, in all and between its clock readings."""
    cdef int calls = 100
    work_ticks, _ = least_ticks(profiler, baseline, work, calls)
    ticks, inside = least_ticks(profiler, pairs, work, calls)
    pairs_timed = <double> CALLS * empty_pairs.PAIRS
    own_work = work_ticks if baseline is empty_pairs.work_alone else 0
    return (ticks - work_ticks) / pairs_timed, (inside - own_work) / pairs_timed


cdef double python_skipped(ProfilerState profiler, object pairs):
    """Return the ticks of a pair from Python that sampling skips."""
    cdef Recorder recorder = current_recorder(profiler)
    baseline, _ = least_ticks(profiler, empty_pairs.no_pairs, None, 100)
    recorder.sample(UINT64_MAX)
    recorder.c.brick.rows[<int> BP_MICRO].started = 1
    ticks, _ = least_ticks(profiler, pairs, None, 100)
    recorder.sample(1)
    return max((ticks - baseline) / <double> (CALLS * empty_pairs.PAIRS), 0.0)


cdef tuple nogil_context(Recorder recorder, int context):
    """Return the ticks of a nogil pair in a context, in all and between its clock readings.

    The medians of a few measurements: a single one may be of a moment when something else ran.
    """
    measured = [measure_nogil(recorder, context) for _ in range(5)]
    return tuple([median(costs) for costs in zip(*measured)])


cdef tuple measure_nogil(Recorder recorder, int context):
    """Measure what a nogil pair costs in a context once."""
    cdef bp_work work
    cdef uint64_t alone = UINT64_MAX, timed = UINT64_MAX, inside = 0, took, raw_before
    cdef bp_row *row
    cdef int batch, pairs = 64
    memset(&work, 0, sizeof(bp_work))
    recorder.c.brick = recorder.brick(0, 4)
    row = &recorder.c.brick.rows[<int> BP_MICRO]
    for batch in range(40):
        alone = min(alone, bp_time_context(recorder.c, &work, context, pairs, False))
        raw_before = row.raw_ticks
        took = bp_time_context(recorder.c, &work, context, pairs, True)
        if took < timed:
            timed, inside = took, row.raw_ticks - raw_before
    # A loop without anything in it is no work that would be in the tiles.
    between = <double> inside - (0 if context == BP_ALONE else <double> alone)
    return (<double> timed - <double> alone) / pairs, between / pairs


cdef double nogil_skipped(Recorder recorder):
    """Return the ticks of a nogil pair that sampling skips."""
    cdef bp_work work
    cdef uint64_t ticks = UINT64_MAX
    cdef int batch, pairs = 64
    memset(&work, 0, sizeof(bp_work))
    recorder.sample(UINT64_MAX)
    recorder.c.brick.rows[<int> BP_MICRO].started = 1
    for batch in range(200):
        ticks = min(ticks, bp_time_context(recorder.c, &work, BP_ALONE, pairs, True))
    recorder.sample(1)
    return ticks / <double> pairs


cdef dict interval(str entry_point, list contexts, double ns, double margin):
    """Return the medians and the errors of an entry point's costs as fields of an Overhead.

    What is between the readings may be negative: the processor reads the clock ahead of work that
    is still under way, and ends that while it runs the rest of the pair.
    """
    fields = {}
    for name, costs in (("pair", [max(pair * ns, 0.0) for pair, _ in contexts]),
                        ("inside", [inside * ns for _, inside in contexts])):
        middle = max(median(costs), 0.0)
        fields[f"{entry_point}_{name}"] = middle
        fields[f"{entry_point}_{name}_error"] = (
            margin * max(max(costs) - middle, middle - min(costs)))
    return fields


cdef tuple measure_overhead(ProfilerState profiler, int grid, object make):
    """Measure what a pair costs through each entry point, on a profiler of its own."""
    cdef ProfilerState scratch = make(clock=profiler.clock_name, overhead=Overhead(), grid=grid)
    prepare(scratch, make)
    scratch.on = True
    ns = profiler.ns_per_tick
    recorder = scratch.take_recorder()
    contexts = [nogil_context(recorder, context) for context in range(BP_CONTEXTS)]
    fields, skipped = interval("c", contexts, ns, NOGIL_MARGIN), [nogil_skipped(recorder)]
    calls = empty_pairs.numpy_calls()
    for entry_point, alone, around in (
            ("python", empty_pairs.call_pairs, empty_pairs.call_pairs_around),
            ("block", empty_pairs.block_pairs, empty_pairs.block_pairs_around)):
        contexts = [python_context(scratch, alone, empty_pairs.no_pairs, None)]
        for call in calls:
            contexts.append(python_context(scratch, around, empty_pairs.work_alone, call))
        fields.update(interval(entry_point, contexts, ns, PYTHON_MARGIN))
        skipped.append(python_skipped(scratch, alone))
    return Overhead(**fields), skipped


cdef int prepare(ProfilerState profiler, object make) except -1:
    """Calibrate the clock and the cost of a pair, once in a process for each clock.

    `make` returns a profiler that has the methods to measure.
    """
    if profiler.ns_per_tick > 0:
        return 0
    profiler.ns_per_tick = ns_per_tick(profiler.clock)
    profiler.ns_per_tick_q32 = <uint64_t> (profiler.ns_per_tick * 4294967296.0 + 0.5)
    profiler.step_ns = step_ns(profiler.clock)
    skipped = [0.0] * 3
    if profiler.overhead_info is None and profiler.clock != BP_CLOCK_MANUAL:
        grid = GRID if profiler.grid else 0
        if (profiler.clock, grid) not in overheads_known:
            overheads_known[profiler.clock, grid] = measure_overhead(profiler, grid, make)
        profiler.overhead_info, skipped = overheads_known[profiler.clock, grid]
    elif profiler.overhead_info is None:
        profiler.overhead_info = Overhead()
    profiler.c_cost = cost_of(profiler, "c", skipped[0])
    profiler.call_cost = cost_of(profiler, "python", skipped[1])
    profiler.block_cost = cost_of(profiler, "block", skipped[2])
    if profiler.clock != BP_CLOCK_MANUAL:
        profiler.lost_time = LostTime()
    profiler.origin = profiler.now()
    return 0
