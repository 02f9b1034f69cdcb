"""What a start/stop pair costs through each entry point, calibrated once in a process."""

from brickprof.profiler.state cimport ProfilerState

cdef int prepare(ProfilerState profiler, object make) except -1
