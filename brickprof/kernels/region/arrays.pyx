"""What a parallel region asks of the arrays that it keeps."""

import numpy as np

cimport numpy as cnp

from brickprof.kernels.arrays cimport as_input, as_output, check_overlap, step
from brickprof.kernels.runtime.runtime cimport BP_FLOAT32

cnp.import_array()

cdef enum:
    FLOAT32 = 1 << BP_FLOAT32


cdef cnp.ndarray region_array(object given, str name, int dims, bint written):
    """Return an array that a region may keep: float32, its rows contiguous, used where it is."""
    cdef cnp.ndarray array
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{name} must be a numpy array, got {type(given).__name__}")
    array = as_input(given, name, dims, dims, FLOAT32)
    if array is not given:
        raise ValueError(f"{name} must be aligned, native, its strides whole elements")
    if cnp.PyArray_DIM(array, dims - 1) > 1 and step(array, dims - 1) != 1:
        raise ValueError(f"{name} must have contiguous elements along its last axis, got strides "
                         f"{given.strides}")
    if written:
        as_output(array, array, dims, cnp.PyArray_DIMS(array))
    return array


cdef cnp.ndarray region_shaped(object given, str name, tuple shape, bint written):
    """Return a contiguous array of one shape."""
    cdef cnp.ndarray array = region_array(given, name, len(shape), written)
    if np.shape(array) != shape:
        raise ValueError(f"{name} must have shape {shape}, got {np.shape(array)}")
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ValueError(f"{name} must be contiguous, got strides {given.strides}")
    return array


cdef cnp.ndarray region_cache(object given, str name, Py_ssize_t heads, Py_ssize_t dim,
                              Py_ssize_t context):
    """Return an array of all positions' keys or values; -1 where a size is open."""
    cdef cnp.ndarray array = region_array(given, name, 3, True)
    cdef tuple shape = np.shape(array)
    wanted = (shape[0] if heads < 0 else heads, shape[1] if context < 0 else context, dim)
    if shape != wanted:
        raise ValueError(f"{name} must have shape {wanted}, got {shape}")
    if shape[1] < 1:
        raise ValueError(f"{name} must have room for at least one position, got shape {shape}")
    return array


cdef int region_apart(cnp.ndarray written, str name, cnp.ndarray array, str other) except -1:
    """Raise if an array that is written to shares memory with another."""
    try:
        check_overlap(written, array, other)
    except ValueError:
        raise ValueError(f"{name} must not overlap {other}") from None
    return 0
