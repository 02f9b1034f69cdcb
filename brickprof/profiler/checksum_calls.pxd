"""Checksums of arrays, at the place where a thread is; see checksum_calls.pyx."""

from brickprof.profiler.state cimport ProfilerState

cdef int add_checksum(ProfilerState profiler, object array, object name) except -1
