"""The fast path of start_tile and stop_tile: nothing but what a tile needs.

Cython's wrappers take references to all arguments and set up for exceptions, which is a quarter of
what a pair costs. The functions here do the same where nothing is out of the ordinary. They find
that out before they change anything, and in all other cases call the methods that Cython made.
"""

import numpy as np

from cpython.object cimport PyObject, Py_TYPE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint64_t

from brickprof.core.checks import short_repr
from brickprof.profiler.arguments cimport MACRO, MICRO, MIDI, bp_small_int, bp_take_numpy_ints
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState, bp_last, cached_recorder, current_recorder
from brickprof.profiler.tiles cimport OFF, TileTimer, may_start, number_tile
from brickprof.tile cimport (
    BP_MACRO, BP_MICRO, BP_MIDI, BP_UNDECLARED, bp_frame, bp_now, bp_pop, bp_push, bp_recorder,
    bp_flush_pending,
)


cdef extern from "profiler/methods.h":
    ctypedef PyObject *(*bp_fastcall)(
        PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names) except NULL
    ctypedef struct PyMethodDef:
        pass
    PyMethodDef *bp_method_of(object type, const char *name) except NULL
    bp_fastcall bp_fastcall_of(const PyMethodDef *method) noexcept
    PyMethodDef bp_method_like(const PyMethodDef *method, bp_fastcall call) noexcept
    int bp_set_method(object type, PyMethodDef *method) except -1

cdef extern from *:
    """
    /* Without the GIL two threads could take the same timer off the list; a free-threaded build
     * has none, where the allocator makes and frees each timer for 15 ns more a pair. */
    #ifdef Py_GIL_DISABLED
    #define BP_FREELIST_CAPACITY 0
    #else
    #define BP_FREELIST_CAPACITY 64
    #endif
    """
    const int BP_FREELIST_CAPACITY
    ctypedef void (*destructor)(PyObject *) noexcept
    ctypedef struct PyTypeObject:
        destructor tp_dealloc
    PyObject *PyObject_Init(PyObject *memory, PyTypeObject *type) noexcept


bp_take_numpy_ints(np.int64, np.int32)

cdef PyMethodDef fast_start, fast_stop
cdef bp_fastcall slow_start, slow_stop
cdef PyObject *off = <PyObject *> OFF
cdef PyTypeObject *TIMER = <PyTypeObject *> TileTimer

# Timers that ended: memory for the next ones. The GIL guards the list, and there is one
# interpreter: Cython's modules refuse to be loaded into a second one.
cdef PyObject *freelist[64]
cdef int freelist_len = 0
cdef destructor free_timer = TIMER.tp_dealloc


cdef inline PyObject *new_timer() except NULL:
    """Return a new reference to a timer that is still to be filled in."""
    global freelist_len
    if freelist_len:
        freelist_len -= 1
        return PyObject_Init(freelist[freelist_len], TIMER)
    timer = TileTimer.__new__(TileTimer)
    Py_INCREF(timer)
    return <PyObject *> timer


cdef TileTimer make_timer():
    """Return a timer that is still to be filled in."""
    cdef PyObject *timer = new_timer()
    made = <TileTimer> timer
    Py_DECREF(made)
    return made


cdef void keep_timer(PyObject *timer) noexcept:
    """End a timer that nobody refers to any more, and keep its memory if it was stopped."""
    global freelist_len
    if (<TileTimer> timer).live or freelist_len == BP_FREELIST_CAPACITY:
        free_timer(timer)
        return
    if (<TileTimer> timer).recorder != NULL:
        Py_DECREF(<Recorder> (<TileTimer> timer).recorder)
        (<TileTimer> timer).recorder = NULL
    freelist[freelist_len] = timer
    freelist_len += 1


cdef void free_timers() noexcept:
    """Give back the memory that is kept for the next timers."""
    global freelist_len
    while freelist_len:
        freelist_len -= 1
        free_timer(freelist[freelist_len])


cdef PyObject *start_fast(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *names) except NULL:
    """Do what start_tile does."""
    cdef bp_recorder *c
    cdef PyObject *timer
    cdef uint64_t row, col
    cdef int level
    if names != NULL or nargs != 3:
        return slow_start(self, args, nargs, names)
    if not (<ProfilerState> self).on:
        Py_INCREF(<object> off)
        return off
    level = BP_MICRO if args[0] == MICRO else BP_MIDI if args[0] == MIDI else BP_MACRO
    c = cached_recorder(<ProfilerState> self)
    if c == NULL:
        timer = slow_start(self, args, nargs, names)
        current_recorder(<ProfilerState> self)  # so that this module's cache holds it next time
        return timer
    if ((level == BP_MACRO and args[0] != MACRO)
            or not bp_small_int(args[1], &row) or not bp_small_int(args[2], &col)
            or not may_start(c, level)):
        return slow_start(self, args, nargs, names)
    timer = new_timer()
    Py_INCREF(<Recorder> bp_last.recorder)
    (<TileTimer> timer).recorder = bp_last.recorder
    (<TileTimer> timer).live = True
    bp_push(c, level, row, col)
    c.top.timer = <void *> timer
    (<TileTimer> timer).frame = c.top
    (<TileTimer> timer).serial = number_tile(c)
    if c.top.timed:
        c.top.start = bp_now(c)
    return timer


cdef PyObject *stop_fast(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *names) except NULL:
    """Do what stop_tile does."""
    cdef bp_recorder *c
    cdef bp_frame *frame
    cdef uint64_t stop, elements, flops, nbytes = BP_UNDECLARED
    if names != NULL or nargs < 3 or nargs > 4 or Py_TYPE(<object> args[0]) != TIMER:
        return slow_stop(self, args, nargs, names)
    if args[0] == off:
        Py_INCREF(None)
        return <PyObject *> None
    c = cached_recorder(<ProfilerState> self)
    if c == NULL:
        return slow_stop(self, args, nargs, names)
    stop = bp_now(c)
    frame = c.top
    # Only the timer of the innermost open tile of this recorder has that frame and its number.
    if (not bp_small_int(args[1], &elements) or not bp_small_int(args[2], &flops)
            or (nargs == 4 and args[3] != <PyObject *> None
                and not bp_small_int(args[3], &nbytes))
            or (<TileTimer> args[0]).frame != frame
            or (<TileTimer> args[0]).serial != frame.serial or frame == c.base):
        return slow_stop(self, args, nargs, names)
    (<TileTimer> args[0]).live = False
    bp_flush_pending(c)
    bp_pop(c, stop, elements, flops, nbytes, &(<ProfilerState> self).call_cost)
    Py_INCREF(None)
    return <PyObject *> None


cdef int install(object profiler_class) except -1:
    """Put the fast path before start_tile and stop_tile of the class that defines them."""
    global slow_start, slow_stop, fast_start, fast_stop
    cdef PyMethodDef *start = bp_method_of(profiler_class, b"start_tile")
    cdef PyMethodDef *stop = bp_method_of(profiler_class, b"stop_tile")
    slow_start = bp_fastcall_of(start)
    slow_stop = bp_fastcall_of(stop)
    if slow_start == NULL or slow_stop == NULL:
        return 0
    # No timer was made yet that could be freed: OFF lives as long as its module.
    if BP_FREELIST_CAPACITY:
        TIMER.tp_dealloc = keep_timer
    fast_start = bp_method_like(start, start_fast)
    fast_stop = bp_method_like(stop, stop_fast)
    bp_set_method(profiler_class, &fast_start)
    return bp_set_method(profiler_class, &fast_stop)


def with_own_methods(profiler_class):
    """Give a subclass of BrickProfiler descriptors of its own for what is called for each tile.

    CPython 3.11 and later specialize a call of a compiled method only where the object's type is
    exactly the one that the descriptor was made for: inherited ones cost 20 ns more a pair.

    Parameters
    ----------
    profiler_class : type
        A subclass that does not override these methods.

    Returns
    -------
    type
        The same class.

    Raises
    ------
    TypeError
        If it is no such class.
    """
    # These descriptors take any instance of the class for a profiler, without another check.
    if not isinstance(profiler_class, type) or not issubclass(profiler_class, ProfilerState):
        raise TypeError(f"profiler_class must be a BrickProfiler, got {short_repr(profiler_class)}")
    for name in (b"start_tile", b"stop_tile", b"tile"):
        bp_set_method(profiler_class, bp_method_of(profiler_class, name))
    return profiler_class
