"""The class that times tiles, for the kernels of this package."""

from brickprof.profiler.state cimport ProfilerState


cdef class BrickProfiler(ProfilerState):
    pass
