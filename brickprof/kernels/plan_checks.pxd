"""Checks on what plans hold, before C computes with it: for plans to make and plans handed in."""

from brickprof.kernels.runtime.runtime cimport bp_isa, bp_micro_kernels


cdef Py_ssize_t checked_size(str owner, str name, object value, Py_ssize_t minimum,
                             Py_ssize_t maximum) except? -1
cdef int take_micro(str name, object micro, bp_micro_kernels *shape) except -1
cdef int check_micro(object micro, const bp_isa *isa, int dtype) except -1
cdef int check_decisions(str maker, object plan, tuple names, tuple made) except -1
cdef bint levels_are_known(object plan)
cdef int check_levels(str maker, object plan, tuple made) except -1
