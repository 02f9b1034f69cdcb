"""Which clock a profiler times tiles with, and how long its tick is."""

from libc.stdint cimport uint32_t

from brickprof.core.checks import short_repr
from brickprof.tile cimport BP_CLOCK_CNTVCT, BP_CLOCK_GETTIME, BP_CLOCK_MANUAL, BP_CLOCK_TSC


cdef extern from "profiler/clock.h":
    uint32_t bp_clock_choose(const char **reason)
    bint bp_clock_usable(uint32_t clock)
    double bp_clock_ns_per_tick(uint32_t clock)
    double bp_clock_step_ns(uint32_t clock, double ns_per_tick)


cdef dict CLOCKS = {
    "tsc": BP_CLOCK_TSC, "cntvct": BP_CLOCK_CNTVCT, "clock_gettime": BP_CLOCK_GETTIME,
    "manual": BP_CLOCK_MANUAL,
}
cdef dict ticks_known = {}          # clock -> ns per tick, measured once in a process
cdef dict steps_known = {}          # clock -> ns of its least step


cdef tuple choose_clock(object name):
    """Return the number and name of a clock and why it is that one; ``"auto"`` is the best."""
    cdef const char *reason = b""
    cdef uint32_t clock
    if isinstance(name, str) and name == "auto":
        clock = bp_clock_choose(&reason)
        return clock, next(key for key in CLOCKS if CLOCKS[key] == clock), reason.decode()
    if isinstance(name, str) and name in CLOCKS and bp_clock_usable(CLOCKS[name]):
        return CLOCKS[name], str(name), "asked for"
    raise ValueError(
        f"clock must be 'auto' or one that this machine has of "
        f"{', '.join(map(repr, CLOCKS))}, got {short_repr(name)}")


cdef double ns_per_tick(uint32_t clock) except -1:
    """Return the length of a clock's tick; the first time in a process this may take 20 ms."""
    if clock not in ticks_known:
        ticks_known[clock] = bp_clock_ns_per_tick(clock)
    return ticks_known[clock]


cdef double step_ns(uint32_t clock) except -1:
    """Return the resolution of a clock in nanoseconds; 0 for the manual one."""
    if clock not in steps_known:
        steps_known[clock] = bp_clock_step_ns(clock, ns_per_tick(clock))
    return steps_known[clock]
