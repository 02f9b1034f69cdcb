"""A matrix packed once and used many times."""

from brickprof.kernels.runtime.runtime cimport bp_isa


cdef class PackedMatrix:
    cdef char *micropanels
    cdef object memory                              # the array that the micropanels lie in
    cdef const bp_isa *packed_for
    cdef int dtype_number
    cdef Py_ssize_t k, n, kc
