"""What a profiler holds: its clock and costs, its recorders and bricks, and whose each one is."""

from cpython.object cimport PyObject
from cpython.pystate cimport PyThreadState, PyThreadState_Get
from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.paths cimport PathNode, PathTree
from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport bp_cost, bp_recorder


cdef extern from "profiler/last_recorder.h":
    ctypedef struct bp_last_recorder:
        uint64_t profiler, holder
        PyThreadState *thread
        PyObject *recorder
    bp_last_recorder bp_last
    bint bp_in_context(const void *context) noexcept


cdef class ProfilerState:
    cdef bint on
    cdef uint64_t id
    cdef uint32_t clock
    cdef uint64_t ns_per_tick_q32, manual_ticks
    cdef double ns_per_tick, step_ns
    cdef bp_cost c_cost, call_cost, block_cost
    cdef str clock_name, clock_reason
    cdef object overhead_info, local, lost_time
    cdef Py_ssize_t brickless_threads
    cdef list recorders_made, idle, bricks
    cdef dict brick_ids             # by name and element type
    cdef dict usage_by_name, abandoned      # abandoned: reason -> tiles
    cdef PathTree paths
    cdef object checksums           # a ChecksumList
    cdef dict budgets               # (of, name, percentile) -> Budget
    cdef set bricks_known           # names of all that were ever entered
    cdef uint64_t resets
    cdef uint64_t origin            # ticks when first switched on, or last reset
    cdef uint64_t reference_at      # ticks when the reference work is due
    cdef readonly object sample_every, events, grid, live
    cdef list outside_blocks        # whether it was on outside each with statement
    cdef object __weakref__

    cdef Recorder adopt(self)
    cdef Recorder take_recorder(self)
    cdef Recorder give_recorder(self, object handle)
    cdef int enter_context(self, Recorder recorder, object context) except -1
    cdef int note_abandoned(self, dict tiles) except -1
    cdef uint32_t brick_id(self, str name, str dtype) except? 0xFFFFFFFF
    cdef Py_ssize_t tiles_in_the_way(self) except -1
    cdef int forget_all(self) except -1
    cdef tuple clear_recorders(self, list bricks, dict brick_ids, dict usage_by_name,
                               PathTree paths)
    cdef PathNode path_around(self, Recorder recorder)
    cdef uint64_t now(self)
    cdef Py_ssize_t open_tiles(self) except -1


cdef inline bp_recorder *cached_recorder(ProfilerState profiler) noexcept:
    """Return what `current_recorder` does if the thread used it last, or NULL."""
    if bp_last.profiler != profiler.id:
        return NULL
    if (<Recorder> bp_last.recorder).holder != bp_last.holder:
        return NULL
    if not bp_in_context((<Recorder> bp_last.recorder).context):
        return NULL
    return (<Recorder> bp_last.recorder).c


cdef inline Recorder current_recorder(ProfilerState profiler):
    """Return the recorder of the calling thread and context of a profiler."""
    cdef Recorder recorder
    if cached_recorder(profiler) != NULL:
        return <Recorder> bp_last.recorder
    recorder = profiler.adopt()
    bp_last.profiler = profiler.id
    bp_last.holder = recorder.holder
    bp_last.thread = PyThreadState_Get()
    bp_last.recorder = <PyObject *> recorder
    return recorder
