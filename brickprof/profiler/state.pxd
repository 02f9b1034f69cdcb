"""What a profiler holds: its clock and costs, its recorders and bricks, and whose each one is."""

from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport bp_cost, bp_recorder


cdef extern from "profiler/last_recorder.h":
    ctypedef struct bp_last_recorder:
        uint64_t profiler, holder
        PyObject *recorder
    bp_last_recorder bp_last


cdef class ProfilerState:
    cdef bint on
    cdef uint64_t id
    cdef uint32_t clock
    cdef uint64_t ns_per_tick_q32, manual_ticks, abandoned
    cdef double ns_per_tick, step_ns
    cdef bp_cost c_cost, call_cost, block_cost
    cdef str clock_name, clock_reason
    cdef object overhead_info, local
    cdef list recorders_made, idle, bricks
    cdef dict brick_ids             # by name and element type
    cdef dict usage_by_name
    cdef readonly object sample_every, events
    cdef object __weakref__

    cdef Recorder adopt(self)
    cdef Recorder take_recorder(self)
    cdef uint32_t brick_id(self, str name, str dtype) except? 0xFFFFFFFF
    cdef uint64_t now(self)
    cdef Py_ssize_t orphans(self) except -1
    cdef Py_ssize_t open_tiles(self) except -1


cdef inline Recorder current_recorder(ProfilerState profiler):
    """Return the calling thread's recorder of a profiler."""
    cdef Recorder recorder
    if bp_last.profiler == profiler.id:
        recorder = <Recorder> bp_last.recorder
        if recorder.holder == bp_last.holder:
            return recorder
    recorder = profiler.adopt()
    bp_last.profiler = profiler.id
    bp_last.holder = recorder.holder
    bp_last.recorder = <PyObject *> recorder
    return recorder


cdef inline bp_recorder *cached_recorder(ProfilerState profiler) noexcept:
    """Return the calling thread's recorder of a profiler if the thread used it last, or NULL."""
    if bp_last.profiler != profiler.id:
        return NULL
    if (<Recorder> bp_last.recorder).holder != bp_last.holder:
        return NULL
    return (<Recorder> bp_last.recorder).c
