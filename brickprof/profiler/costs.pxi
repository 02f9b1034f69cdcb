# The length of a tick, and what a start/stop pair costs through each door.

cdef int check_overhead(object overhead) except -1:
    """Raise unless this is None or an Overhead of costs that fit the clock's ticks."""
    if overhead is None:
        return 0
    if not isinstance(overhead, Overhead):
        raise TypeError(f"overhead must be an Overhead or None, got {overhead!r}")
    for field in fields(overhead):
        cost = getattr(overhead, field.name)
        if not isinstance(cost, (int, float)):
            raise TypeError(f"overhead.{field.name} must be a number, got {cost!r}")
        if not 0 <= cost <= 1e18:
            raise ValueError(f"overhead.{field.name} must be in [0, 1e18] ns, got {cost!r}")
    return 0


cdef bp_cost cost_of(BrickProfiler profiler, str door):
    """Turn an Overhead's nanoseconds for one door into ticks."""
    cdef bp_cost cost
    info = profiler.overhead_info
    cost.inside = round(getattr(info, door + "_inside") / profiler.ns_per_tick)
    cost.pair = round(getattr(info, door + "_pair") / profiler.ns_per_tick)
    cost.skipped = 0
    return cost


cdef object overhead_of(BrickProfiler profiler):
    """Turn the measured ticks of all doors into an Overhead in nanoseconds."""
    cdef double ns = profiler.ns_per_tick
    return Overhead(
        c_pair=profiler.c_cost.pair * ns, c_inside=profiler.c_cost.inside * ns,
        python_pair=profiler.call_cost.pair * ns, python_inside=profiler.call_cost.inside * ns,
        block_pair=profiler.block_cost.pair * ns, block_inside=profiler.block_cost.inside * ns)


cdef uint64_t least_ticks(BrickProfiler profiler, object function):
    """Return the least time of many calls of a function of a profiler, in ticks."""
    cdef uint64_t least = UINT64_MAX, before
    cdef int batch
    for batch in range(1000):
        before = bp_read_clock(profiler.clock)
        function(profiler)
        least = min(least, bp_read_clock(profiler.clock) - before)
    return least


cdef bp_cost measure_python_pair(BrickProfiler profiler, object pairs):
    """Return the least that an empty pair from Python costs, in ticks."""
    cdef Recorder recorder = recorder_here(profiler)
    cdef uint64_t idle = least_ticks(profiler, pairs_module.no_pairs)
    cdef bp_cost cost
    recorder.clear()
    recorder.sample(1)
    cost.pair = (least_ticks(profiler, pairs) - idle) // pairs_module.PAIRS
    cost.inside = recorder.c.brick.rows[<int> BP_MICRO].min_ticks
    recorder.sample(UINT64_MAX)
    recorder.c.brick.rows[<int> BP_MICRO].started = 1
    cost.skipped = (least_ticks(profiler, pairs) - idle) // pairs_module.PAIRS
    return cost


cdef tuple measure_costs(BrickProfiler profiler):
    """Measure what a pair costs through each door, on a profiler of its own."""
    cdef BrickProfiler scratch = BrickProfiler(clock=profiler.clock_name, overhead=Overhead())
    prepare(scratch)
    scratch.on = True
    nogil = measure_nogil_pair(scratch.take_recorder())
    call = measure_python_pair(scratch, pairs_module.call_pairs)
    block = measure_python_pair(scratch, pairs_module.block_pairs)
    return nogil, call, block


cdef int prepare(BrickProfiler profiler) except -1:
    """Calibrate the clock and the cost of a pair, once in a process for each clock."""
    cdef double ns
    if profiler.ns_per_tick > 0:
        return 0
    if profiler.clock not in ticks_known:
        ticks_known[profiler.clock] = bp_clock_ns_per_tick(profiler.clock)
    ns = ticks_known[profiler.clock]
    profiler.ns_per_tick_q32 = <uint64_t> (ns * 4294967296.0 + 0.5)
    profiler.ns_per_tick = ns
    if profiler.overhead_info is None and profiler.clock != BP_CLOCK_MANUAL:
        if profiler.clock not in costs_known:
            costs_known[profiler.clock] = measure_costs(profiler)
        profiler.c_cost, profiler.call_cost, profiler.block_cost = costs_known[profiler.clock]
        profiler.overhead_info = overhead_of(profiler)
    else:
        profiler.overhead_info = profiler.overhead_info or Overhead()
        profiler.c_cost = cost_of(profiler, "c")
        profiler.call_cost = cost_of(profiler, "python")
        profiler.block_cost = cost_of(profiler, "block")
    return 0
