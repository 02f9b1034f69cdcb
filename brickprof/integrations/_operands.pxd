"""What calls of NumPy are given and return, as C code sees it; see _operands.pyx."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t


cdef struct operands:
    uint64_t elements, nbytes       # of the largest array; of all arrays that are read
    int dtype                       # of the first array of floating-point numbers, or of any
    bint plain                      # whether all that have no name are arrays, lists or scalars of numbers

cdef struct call_work:
    uint64_t elements, flops, loaded, stored

cdef str dtype_name(int number)
cdef operands look(PyObject *const *args, Py_ssize_t count, Py_ssize_t total) noexcept
cdef uint64_t result_of_ufunc(PyObject *const *args, Py_ssize_t count) noexcept
cdef uint64_t result_of_product(PyObject *const *args, Py_ssize_t count) noexcept
cdef call_work work_of_ufunc(PyObject *const *args, Py_ssize_t count, PyObject *result,
                             uint64_t flops, uint64_t complex_flops) noexcept
cdef bint work_of_product(PyObject *const *args, Py_ssize_t count, PyObject *result,
                          call_work *work) noexcept
cdef uint64_t signature_of(uint64_t what, PyObject *const *args, Py_ssize_t count,
                           PyObject *kwnames, PyObject *result) except? 0
