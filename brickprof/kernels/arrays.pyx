"""What the kernels ask of the arrays that they are given."""

import numpy as np

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.weakref cimport PyWeakref_NewRef
from libc.stdint cimport uintptr_t

from brickprof.kernels.runtime.runtime cimport dtype_names

cnp.import_array()


cdef Py_ssize_t ASSIGNED_AT_ONCE = 1 << 23          # bytes, up to 40 ms of fresh memory


cdef tuple shape_of(cnp.ndarray array):
    """Return the shape, for a message; a subclass may say another."""
    cdef int axis
    return tuple([cnp.PyArray_DIM(array, axis) for axis in range(cnp.PyArray_NDIM(array))])


cdef cnp.ndarray plain(cnp.ndarray array, str name):
    """Return an array without what a subclass makes of it; refuse a mask, not to ignore it."""
    if type(array) is cnp.ndarray:
        return array
    if issubclass(type(array), np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: fill or compress it")
    return np.asarray(array)


cdef cnp.ndarray checked_input(object array, str name, int min_dims, int max_dims,
                               unsigned accepted):
    """Do what `as_input` does, for whatever it is given."""
    cdef cnp.ndarray result
    cdef int dims
    if isinstance(array, cnp.ndarray):
        result = plain(array, name)
    else:
        try:
            result = np.asanyarray(array)
        except ValueError as error:
            raise ValueError(f"{name} must be an array of one shape: {error}") from None
        result = plain(result, name)
    dims = cnp.PyArray_NDIM(result)
    if not min_dims <= dims <= max_dims:
        wanted = f"{min_dims}-D" if min_dims == max_dims else f"{min_dims}-D or {max_dims}-D"
        raise ValueError(f"{name} must be {wanted}, got shape {shape_of(result)}")
    if not is_accepted(result, accepted):
        raise TypeError(f"{name} must be {dtype_names(accepted)}, got dtype {result.dtype}")
    if not is_regular(result):
        copied = np.empty(shape_of(result), result.dtype.newbyteorder("="))
        assign(copied, result)
        return copied
    return result


cdef int assign(cnp.ndarray target, object values) except -1:
    """Write a number, or an array of the same shape, and look for signals between parts of it."""
    cdef int axis, longest = 0
    cdef Py_ssize_t start, parts, rows
    if cnp.PyArray_NBYTES(target) <= ASSIGNED_AT_ONCE:
        target[...] = values
        return 0
    for axis in range(cnp.PyArray_NDIM(target)):
        if cnp.PyArray_DIM(target, axis) > cnp.PyArray_DIM(target, longest):
            longest = axis
    parts = cnp.PyArray_NBYTES(target) // ASSIGNED_AT_ONCE + 1
    rows = max(cnp.PyArray_DIM(target, longest) // parts, 1)
    for start in range(0, cnp.PyArray_DIM(target, longest), rows):
        place = (slice(None),) * longest + (slice(start, start + rows),)
        target[place] = values[place] if isinstance(values, cnp.ndarray) else values
        if PyErr_CheckSignals() != 0:
            return -1
    return 0


cdef object keep_memory(cnp.ndarray array):
    """Return what keeps the memory of an array where it is.

    NumPy resizes no array that a weak reference is made to, not even with ``refcheck=False``.
    """
    cdef object owner = array
    while not cnp.PyArray_CHKFLAGS(<cnp.ndarray> owner, cnp.NPY_ARRAY_OWNDATA):
        base = cnp.PyArray_BASE(<cnp.ndarray> owner)
        if base == NULL or not cnp.PyArray_Check(<object> base):
            break
        owner = <object> base
    return PyWeakref_NewRef(owner, None), owner


cdef cnp.ndarray private_view(cnp.ndarray array, list kept):
    """Return a view that nobody else can reshape, of memory that stays while `kept` does."""
    kept.append(keep_memory(array))
    return array[...]


cdef tuple strides_of(cnp.ndarray array):
    """Return the strides in bytes, for a message."""
    return tuple([array.strides[axis] for axis in range(array.ndim)])


cdef bint share_memory(object one, object other) except -1:
    """Tell whether two arrays share an element; True where that takes too long to find out."""
    try:
        return np.shares_memory(one, other, max_work=100_000)
    except (np.exceptions.TooHardError if hasattr(np, "exceptions") else np.TooHardError):
        return True


cdef bint overlaps_itself(cnp.ndarray array) except -1:
    """Tell whether elements share memory, as in an array made by broadcasting."""
    cdef int axis, dims = cnp.PyArray_NDIM(array)
    if cnp.PyArray_SIZE(array) == 0:
        return False
    extent = cnp.PyArray_ITEMSIZE(array)
    for stride, size in sorted([(abs(array.strides[axis]), array.shape[axis])
                                for axis in range(dims)]):
        if size > 1:
            if stride < extent:
                break
            extent += stride * (size - 1)
    else:
        return False
    # Where two elements that differ first in an axis share memory, so do such of its first index.
    for axis in range(dims):
        first = (0,) * axis
        if share_memory(array[(*first, slice(1))], array[(*first, slice(1, None))]):
            return True
    return False


cdef cnp.ndarray as_output(object out, cnp.ndarray like, int dims, const cnp.npy_intp *shape):
    """Return `out`, as a plain array, once it is fit to be written; a new one for None."""
    cdef cnp.ndarray result
    cdef bint same
    cdef int axis
    if out is None:
        return cnp.PyArray_EMPTY(dims, <cnp.npy_intp *> shape, cnp.PyArray_TYPE(like), 0)
    if not isinstance(out, cnp.ndarray):
        raise TypeError(f"out must be a numpy array or None, got {type(out).__name__}")
    result = plain(out, "out")
    same = cnp.PyArray_NDIM(result) == dims
    if same:
        for axis in range(dims):
            same = same and cnp.PyArray_DIM(result, axis) == shape[axis]
    if not same:
        wanted = tuple([shape[axis] for axis in range(dims)])
        raise ValueError(f"out must have shape {wanted}, got {shape_of(result)}")
    if cnp.PyArray_TYPE(result) != cnp.PyArray_TYPE(like) or not cnp.PyArray_ISNOTSWAPPED(result):
        raise TypeError(f"out must be {like.dtype.newbyteorder('=')}, got dtype {result.dtype}")
    if not cnp.PyArray_ISWRITEABLE(result):
        raise ValueError("out must be writeable, got a read-only array")
    if not is_regular(result):
        raise ValueError("out must be aligned, its strides whole elements, got strides "
                         f"{strides_of(result)}")
    if not cnp.PyArray_IS_C_CONTIGUOUS(result) and overlaps_itself(result):
        raise ValueError(f"out must not overlap itself, got strides {strides_of(result)}")
    return result


cdef void bounds(cnp.ndarray array, uintptr_t *low, uintptr_t *high):
    """Find the first byte of an array and the one behind its last."""
    cdef Py_ssize_t reach
    cdef int axis
    low[0] = <uintptr_t> cnp.PyArray_DATA(array)
    high[0] = low[0] + cnp.PyArray_ITEMSIZE(array)
    for axis in range(cnp.PyArray_NDIM(array)):
        reach = (cnp.PyArray_DIM(array, axis) - 1) * cnp.PyArray_STRIDE(array, axis)
        if reach < 0:
            low[0] += reach
        else:
            high[0] += reach


cdef int check_overlap(cnp.ndarray out, cnp.ndarray array, str name) except -1:
    """Raise if `out` shares memory with an input."""
    cdef uintptr_t out_low, out_high, low, high
    if cnp.PyArray_SIZE(out) == 0 or cnp.PyArray_SIZE(array) == 0:
        return 0
    bounds(out, &out_low, &out_high)
    bounds(array, &low, &high)
    if out_low >= high or low >= out_high:
        return 0
    if share_memory(out, array):
        raise ValueError(f"out must not overlap {name}")
    return 0
