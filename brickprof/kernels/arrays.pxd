"""What the kernels ask of the arrays that they are given."""

cimport numpy as cnp

from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT16, BP_FLOAT32, BP_FLOAT64, BP_INT8,
)


cdef enum:
    MIN_WORK_TO_KEEP = 1 << 21                      # multiply-adds that `keep_memory` is worth


cdef tuple shape_of(cnp.ndarray array)
cdef tuple strides_of(cnp.ndarray array)
cdef cnp.ndarray plain(cnp.ndarray array, str name)
cdef object keep_memory(cnp.ndarray array)
cdef cnp.ndarray private_view(cnp.ndarray array, list kept)
cdef cnp.ndarray checked_input(object array, str name, int min_dims, int max_dims,
                               unsigned accepted)
cdef cnp.ndarray as_output(object out, cnp.ndarray like, int dims, const cnp.npy_intp *shape)
cdef int assign(cnp.ndarray target, object values) except -1
cdef int check_overlap(cnp.ndarray out, cnp.ndarray array, str name) except -1


cdef inline int dtype_of(cnp.ndarray array) noexcept:
    """Return the bp_dtype of an array's elements, -1 for others."""
    cdef int kind = cnp.PyArray_TYPE(array)
    if kind == cnp.NPY_FLOAT32:
        return BP_FLOAT32
    if kind == cnp.NPY_FLOAT64:
        return BP_FLOAT64
    if kind == cnp.NPY_FLOAT16:
        return BP_FLOAT16
    return BP_INT8 if kind == cnp.NPY_INT8 else -1


cdef inline bint is_accepted(cnp.ndarray array, unsigned accepted) noexcept:
    """Tell whether an array is of one of some dtypes, a bit for each."""
    cdef int dtype = dtype_of(array)
    return dtype >= 0 and accepted >> dtype & 1


cdef inline bint is_regular(cnp.ndarray array) noexcept:
    """Tell whether elements are aligned, native, and whole elements apart."""
    cdef int axis
    if not cnp.PyArray_ISBEHAVED_RO(array):
        return False
    for axis in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIM(array, axis) > 1:
            if cnp.PyArray_STRIDE(array, axis) % cnp.PyArray_ITEMSIZE(array):
                return False
    return True


cdef inline cnp.ndarray as_input(object array, str name, int min_dims, int max_dims,
                                 unsigned accepted):
    """Return an array of the right rank and of one of the accepted dtypes.

    An array of odd strides or foreign byte order is copied; any other is used where it is. What is
    returned is no subclass, whose attributes could say anything; but nothing here stays true
    through the next call of Python code, which may reshape it.
    """
    if type(array) is cnp.ndarray and is_accepted(<cnp.ndarray> array, accepted) and (
            min_dims <= cnp.PyArray_NDIM(<cnp.ndarray> array) <= max_dims) and (
            is_regular(<cnp.ndarray> array)):
        return <cnp.ndarray> array
    return checked_input(array, name, min_dims, max_dims, accepted)


cdef inline Py_ssize_t step(cnp.ndarray array, int axis) noexcept:
    """Return a stride in elements; 0 where it does not matter."""
    if cnp.PyArray_DIM(array, axis) <= 1:
        return 0
    return cnp.PyArray_STRIDE(array, axis) // cnp.PyArray_ITEMSIZE(array)
