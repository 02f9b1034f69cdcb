"""What was recorded, read out: tiles, bricks, events and the Recording of all."""

from brickprof.profiler.state cimport ProfilerState

cdef list tiles_of(ProfilerState profiler, int level)
cdef object recording_of(ProfilerState profiler, object roofs, bint single_tiles)
