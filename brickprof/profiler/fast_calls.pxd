"""The fast path of start_tile and stop_tile."""

from brickprof.profiler.tiles cimport TileTimer

cdef TileTimer make_timer()
cdef int install(object profiler_class) except -1
