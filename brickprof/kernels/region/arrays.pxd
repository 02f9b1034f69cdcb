"""What a parallel region asks of its arguments, above all of the arrays that it keeps."""

cimport numpy as cnp


cdef cnp.ndarray region_array(object given, str name, int dims, bint written, list kept)
cdef cnp.ndarray region_shaped(object given, str name, tuple shape, bint written, list kept)
cdef cnp.ndarray region_cache(object given, str name, Py_ssize_t heads, Py_ssize_t dim,
                              Py_ssize_t context, list kept)
cdef int region_apart(cnp.ndarray written, str name, cnp.ndarray array, str other) except -1
cdef double checked_eps(object eps) except -1


cdef inline float *floats(cnp.ndarray array):
    return <float *> cnp.PyArray_DATA(array)
