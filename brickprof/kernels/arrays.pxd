"""What the kernels ask of the arrays that they are given."""

cimport numpy as cnp


cdef cnp.ndarray as_input(object array, str name, int least_dims, int most_dims, int only)
cdef cnp.ndarray as_output(object out, cnp.ndarray like, int dims, const cnp.npy_intp *shape)
cdef int check_overlap(cnp.ndarray out, cnp.ndarray array, str name) except -1
cdef Py_ssize_t step(cnp.ndarray array, int axis)
