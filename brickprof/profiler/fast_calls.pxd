"""The fast path of start_tile and stop_tile."""

from brickprof.profiler.tiles cimport TileTimer

cdef TileTimer make_timer()
cdef void free_timers() noexcept
cdef int install(object profiler_class) except -1
