"""What calls of NumPy are given and return, as C code sees it: sizes, element types and work.

It is what `numpy_work` finds of the calls that are made most, without making a Python object.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

cimport numpy as cnp

cnp.import_array()

cdef enum:
    LARGE = 10000           # integers from which values are not told apart

cdef dict NAMES = {
    cnp.NPY_FLOAT64: "float64", cnp.NPY_COMPLEX128: "float64", cnp.NPY_LONGDOUBLE: "float64",
    cnp.NPY_CLONGDOUBLE: "float64", cnp.NPY_FLOAT16: "float16", cnp.NPY_INT8: "int8",
}


cdef str dtype_name(int number):
    """Return the element type that roofs are of, of a NumPy type's number."""
    return NAMES.get(number, "float32")


cdef object OF_ARRAYS = cnp.ndarray.__array_ufunc__


cdef bint is_array(PyObject *one) noexcept:
    """Tell whether an object is an array that NumPy computes with itself, as it does with memmaps."""
    if cnp.PyArray_CheckExact(<object> one):
        return True
    if not cnp.PyArray_Check(<object> one):
        return False
    try:
        return type(<object> one).__array_ufunc__ is OF_ARRAYS
    except Exception:
        return False


cdef bint is_real(int number) noexcept:
    """Tell whether a type is of floating-point numbers that are not complex."""
    return (number in (cnp.NPY_FLOAT16, cnp.NPY_FLOAT32, cnp.NPY_FLOAT64, cnp.NPY_LONGDOUBLE))


cdef bint is_complex(int number) noexcept:
    """Tell whether a type is of complex numbers."""
    return (number in (cnp.NPY_COMPLEX64, cnp.NPY_COMPLEX128, cnp.NPY_CLONGDOUBLE))


cdef bint is_number(int number) noexcept:
    """Tell whether a type is of numbers or booleans."""
    return number <= cnp.NPY_CLONGDOUBLE or number == cnp.NPY_FLOAT16


cdef bint is_scalar(PyObject *one) noexcept:
    """Tell whether an object is a number, a list of some, or None."""
    return (<object> one is None or type(<object> one) is list or type(<object> one) is tuple
            or cnp.PyArray_IsAnyScalar(<object> one))


cdef operands look(PyObject *const *args, Py_ssize_t count, Py_ssize_t total) noexcept:
    """Return what the arguments of a call are, so many of them positional."""
    cdef operands found
    cdef Py_ssize_t i
    cdef int number
    cdef bint computed = False      # whether the type is one of floating-point numbers
    found.elements, found.nbytes, found.dtype, found.plain = 0, 0, -1, True
    for i in range(total):
        if not is_array(args[i]):
            found.plain = found.plain and (i >= count or is_scalar(args[i]))
            continue
        number = cnp.PyArray_TYPE(<cnp.ndarray> args[i])
        found.plain = found.plain and is_number(number)
        found.elements = max(found.elements, <uint64_t> cnp.PyArray_SIZE(<cnp.ndarray> args[i]))
        found.nbytes += <uint64_t> cnp.PyArray_NBYTES(<cnp.ndarray> args[i])
        if found.dtype < 0 or not computed and (is_real(number) or is_complex(number)):
            found.dtype = number
            computed = is_real(number) or is_complex(number)
    return found


cdef uint64_t result_of_ufunc(PyObject *const *args, Py_ssize_t count) noexcept:
    """Return the elements that two arrays become when they are broadcast; 0 of other arguments."""
    cdef cnp.ndarray a, b
    cdef int axis, most
    cdef uint64_t elements = 1
    if count < 2 or not is_array(args[0]) or not is_array(args[1]):
        return 0
    a, b = <cnp.ndarray> args[0], <cnp.ndarray> args[1]
    most = max(cnp.PyArray_NDIM(a), cnp.PyArray_NDIM(b))
    for axis in range(1, most + 1):
        elements *= <uint64_t> max(length_of(a, axis), length_of(b, axis))
    return elements


cdef inline int64_t length_of(cnp.ndarray array, int axis) noexcept:
    """Return the length of an axis, counted from the last one, 1."""
    cdef int dimensions = cnp.PyArray_NDIM(array)
    return cnp.PyArray_DIM(array, dimensions - axis) if axis <= dimensions else 1


cdef uint64_t result_of_product(PyObject *const *args, Py_ssize_t count) noexcept:
    """Return the elements of the product of two vectors or matrices; 0 of other arguments."""
    cdef cnp.ndarray a, b
    cdef uint64_t summed
    if count < 2 or not is_array(args[0]) or not is_array(args[1]):
        return 0
    a, b = <cnp.ndarray> args[0], <cnp.ndarray> args[1]
    if not 1 <= cnp.PyArray_NDIM(a) <= 2 or not 1 <= cnp.PyArray_NDIM(b) <= 2:
        return 0
    summed = <uint64_t> cnp.PyArray_DIM(a, cnp.PyArray_NDIM(a) - 1)
    if summed == 0:
        return 0
    return <uint64_t> cnp.PyArray_SIZE(a) // summed * (<uint64_t> cnp.PyArray_SIZE(b) // summed)


cdef call_work work_of_ufunc(PyObject *const *args, Py_ssize_t count, PyObject *result,
                             uint64_t flops, uint64_t complex_flops) noexcept:
    """Return the work of a ufunc with so many inputs, whose result is an array.

    Each of its elements takes so many operations, if it is of floating-point numbers.
    """
    cdef call_work work
    cdef Py_ssize_t i
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray> result)
    work.elements = <uint64_t> cnp.PyArray_SIZE(<cnp.ndarray> result)
    work.stored = <uint64_t> cnp.PyArray_NBYTES(<cnp.ndarray> result)
    work.flops = work.loaded = 0
    if is_real(number):
        work.flops = work.elements * flops
    elif is_complex(number):
        work.flops = work.elements * complex_flops
    for i in range(count):
        if is_array(args[i]):
            work.loaded += <uint64_t> cnp.PyArray_NBYTES(<cnp.ndarray> args[i])
    return work


cdef bint is_transpose(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Tell whether a matrix is another one's transpose, in the same memory."""
    return (cnp.PyArray_NDIM(a) == 2 and cnp.PyArray_NDIM(b) == 2
            and cnp.PyArray_DATA(a) == cnp.PyArray_DATA(b)
            and cnp.PyArray_TYPE(a) == cnp.PyArray_TYPE(b)
            and cnp.PyArray_TYPE(a) in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64, cnp.NPY_COMPLEX64,
                                        cnp.NPY_COMPLEX128)
            and cnp.PyArray_DIM(a, 0) == cnp.PyArray_DIM(b, 1)
            and cnp.PyArray_DIM(a, 1) == cnp.PyArray_DIM(b, 0)
            and cnp.PyArray_STRIDE(a, 0) == cnp.PyArray_STRIDE(b, 1)
            and cnp.PyArray_STRIDE(a, 1) == cnp.PyArray_STRIDE(b, 0))


cdef bint work_of_product(PyObject *const *args, Py_ssize_t count, PyObject *result,
                          call_work *work) noexcept:
    """Find the work of a product, whose elements are sums along the last axis of its first factor."""
    cdef cnp.ndarray a, b
    cdef int one, other
    if count < 2 or not is_array(args[0]) or not is_array(args[1]):
        return False
    a, b = <cnp.ndarray> args[0], <cnp.ndarray> args[1]
    if cnp.PyArray_NDIM(a) == 0 or cnp.PyArray_NDIM(b) == 0:
        return False
    work.elements, work.stored = 1, <uint64_t> cnp.PyArray_ITEMSIZE(a)
    if cnp.PyArray_Check(<object> result):
        work.elements = <uint64_t> cnp.PyArray_SIZE(<cnp.ndarray> result)
        work.stored = <uint64_t> cnp.PyArray_NBYTES(<cnp.ndarray> result)
    work.loaded = <uint64_t> (cnp.PyArray_NBYTES(a) + cnp.PyArray_NBYTES(b))
    work.flops = 2 * work.elements * <uint64_t> cnp.PyArray_DIM(a, cnp.PyArray_NDIM(a) - 1)
    if is_transpose(a, b):          # half of the result, and its diagonal, are computed (syrk)
        work.flops = work.flops // 2 + <uint64_t> (cnp.PyArray_DIM(a, 0) * cnp.PyArray_DIM(a, 1))
    one, other = cnp.PyArray_TYPE(a), cnp.PyArray_TYPE(b)
    if is_complex(one) or is_complex(other):
        work.flops *= 4             # six and two operations for a product and a sum of two
    elif not (is_real(one) or is_real(other)):
        work.flops = 0
    return True


cdef inline uint64_t mixed(uint64_t signature, uint64_t value) noexcept:
    """Add a number to a signature; G. Fowler, L. C. Noll and K.-P. Vo, FNV-1a, by words."""
    return (signature ^ value) * <uint64_t> 0x100000001B3


cdef uint64_t signature_of(uint64_t what, PyObject *const *args, Py_ssize_t count,
                           PyObject *kwnames, PyObject *result) except? 0:
    """Return a number that calls of the same work have in common; 0 where that is not known."""
    cdef Py_ssize_t i, total = count
    cdef int axis
    cdef uint64_t signature = mixed(<uint64_t> 0xCBF29CE484222325, what)
    if kwnames != NULL:
        total += len(<tuple> kwnames)
    for i in range(total + 1):
        one = <object> (args[i] if i < total else result)
        if count <= i < total:
            name = (<tuple> kwnames)[i - count]
            signature = mixed(signature, <uint64_t> <Py_hash_t> hash(name))
        if cnp.PyArray_CheckExact(one):
            signature = mixed(signature, cnp.PyArray_TYPE(<cnp.ndarray> one))
            signature = mixed(signature, cnp.PyArray_NDIM(<cnp.ndarray> one))
            for axis in range(cnp.PyArray_NDIM(<cnp.ndarray> one)):
                signature = mixed(signature, <uint64_t> cnp.PyArray_DIM(<cnp.ndarray> one, axis))
        elif type(one) is int and -LARGE < one < LARGE:
            signature = mixed(mixed(signature, 1), <uint64_t> <int64_t> one)
        elif one is None or type(one) is bool or type(one) is str:
            signature = mixed(mixed(signature, 2), <uint64_t> <Py_hash_t> hash(one))
        elif i == total and cnp.PyArray_CheckScalar(one):
            signature = mixed(signature, <uint64_t> <Py_hash_t> hash(type(one)))
        else:
            return 0
    return signature | 1
