"""Work that was timed elsewhere, recorded as a tile and a call of a brick."""

from brickprof.profiler.arguments cimport tile_bytes
from brickprof.profiler.state cimport ProfilerState

cdef int add_elapsed(ProfilerState profiler, object name, object ns, object elements, object flops,
                     tile_bytes nbytes, int level, object dtype, object isa,
                     object category=*, object work_source=*) except -1
