"""What a parallel region asks of its arguments, above all of the arrays that it keeps."""

import numpy as np

cimport numpy as cnp
from libc.math cimport INFINITY

from brickprof.core.checks import short_repr
from brickprof.kernels.arrays cimport (
    as_output, check_overlap, is_accepted, is_regular, plain, private_view, shape_of, step,
    strides_of,
)
from brickprof.kernels.runtime.runtime cimport BP_FLOAT32, dtype_names

cnp.import_array()

cdef enum:
    FLOAT32 = 1 << BP_FLOAT32


cdef cnp.ndarray region_array(object given, str name, int dims, bint written, list kept):
    """Return a view that a region may keep: float32, its rows contiguous, its memory in `kept`."""
    cdef cnp.ndarray array
    if not isinstance(given, cnp.ndarray):
        raise TypeError(f"{name} must be a numpy array, got {type(given).__name__}")
    array = private_view(plain(given, name), kept)
    if cnp.PyArray_NDIM(array) != dims:
        raise ValueError(f"{name} must be {dims}-D, got shape {shape_of(array)}")
    if not is_accepted(array, FLOAT32):
        raise TypeError(f"{name} must be {dtype_names(FLOAT32)}, got dtype {array.dtype}")
    if not is_regular(array):
        raise ValueError(f"{name} must be aligned, native, its strides whole elements")
    if cnp.PyArray_DIM(array, dims - 1) > 1 and step(array, dims - 1) != 1:
        raise ValueError(f"{name} must have contiguous elements along its last axis, got strides "
                         f"{strides_of(array)}")
    if written:
        as_output(array, array, dims, cnp.PyArray_DIMS(array))
    return array


cdef cnp.ndarray region_shaped(object given, str name, tuple shape, bint written, list kept):
    """Return a contiguous array of one shape."""
    cdef cnp.ndarray array = region_array(given, name, len(shape), written, kept)
    if shape_of(array) != shape:
        raise ValueError(f"{name} must have shape {shape}, got {shape_of(array)}")
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ValueError(f"{name} must be contiguous, got strides {strides_of(array)}")
    return array


cdef cnp.ndarray region_cache(object given, str name, Py_ssize_t heads, Py_ssize_t dim,
                              Py_ssize_t context, list kept):
    """Return an array of all positions' keys or values; -1 where a size is open."""
    cdef cnp.ndarray array = region_array(given, name, 3, True, kept)
    cdef tuple shape = shape_of(array)
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


cdef double checked_eps(object eps) except -1:
    """Return what is added to a mean of squares."""
    cdef double added
    if not isinstance(eps, (int, float, np.floating)):
        raise ValueError(f"eps must be a finite number >= 0, got {short_repr(eps)}")
    try:
        added = eps
    except OverflowError:
        added = INFINITY
    if not added >= 0 or not <float> added < INFINITY:
        raise ValueError(f"eps must be a finite number >= 0, got {short_repr(eps)}")
    return added
