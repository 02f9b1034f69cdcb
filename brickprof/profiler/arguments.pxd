"""Arguments from Python: fast paths that inline, and functions for all that is unusual."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from brickprof.tile cimport BP_UNDECLARED


cdef extern from "profiler/small_int.h":
    bint bp_small_int(PyObject *x, uint64_t *value) noexcept
    void bp_take_numpy_ints(object int64, object int32) noexcept


cdef PyObject *MACRO
cdef PyObject *MIDI
cdef PyObject *MICRO

cdef int refuse_level(object level) except -1
cdef uint64_t as_count_slow(object value, str name) except? 0xFEFEFEFEFEFEFEFE
cdef tuple as_footprints(object sizes)
cdef str as_brick(object name)
cdef str as_category(object name)
cdef str as_dtype(object dtype)
cdef int as_threads(object threads) except -1
cdef str as_isa(object isa)
cdef str as_work_source(object source)
cdef tuple work_found(object work)
cdef int check_overhead(object overhead) except -1


cdef inline int level_of(object level) except -1:
    """Return a TileLevel's number."""
    if <PyObject *> level == MICRO:
        return 2
    if <PyObject *> level == MIDI:
        return 1
    if <PyObject *> level == MACRO:
        return 0
    return refuse_level(level)


cdef inline uint64_t as_count(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Return a whole number in [0, 2**64), or raise an error that names the argument."""
    cdef uint64_t number
    if bp_small_int(<PyObject *> value, &number):
        return number
    return as_count_slow(value, name)


cdef struct tile_bytes:
    bint split                      # whether loaded and stored bytes are known apart
    uint64_t loaded, stored, total


cdef inline uint64_t as_nbytes(object value) except? 0xFEFEFEFEFEFEFEFE:
    """Return bytes, or BP_UNDECLARED for None."""
    cdef uint64_t nbytes
    if value is None:
        return BP_UNDECLARED
    nbytes = as_count(value, "nbytes")
    if nbytes == BP_UNDECLARED:
        raise ValueError("nbytes must be in [0, 2**64 - 1)")
    return nbytes


cdef tile_bytes as_split_bytes(object nbytes, object loaded, object stored) except *


cdef inline tile_bytes as_tile_bytes(object nbytes, object loaded, object stored) except *:
    """Return what a tile declares of its bytes."""
    cdef tile_bytes declared
    if loaded is not None or stored is not None:
        return as_split_bytes(nbytes, loaded, stored)
    declared.split = False
    declared.loaded = declared.stored = 0
    declared.total = as_nbytes(nbytes)
    return declared
