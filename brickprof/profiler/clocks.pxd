"""Which clock a profiler times tiles with, and how long its tick is."""

from libc.stdint cimport uint32_t

cdef tuple choose_clock(object name)
cdef double ns_per_tick(uint32_t clock) except -1
cdef double step_ns(uint32_t clock) except -1
