/* small_int.h: read a small Python int, or NumPy's, without a call. */
#ifndef BRICKPROF_SMALL_INT_H
#define BRICKPROF_SMALL_INT_H

#include <Python.h>
#include <stdint.h>

/* NumPy's signed integers of 8 and 4 bytes, once a module has asked for them: a scalar is an object
 * header and the value. They take 185 ns by operator.index. */
static PyTypeObject *bp_numpy_int64 = NULL, *bp_numpy_int32 = NULL;

static inline void bp_take_numpy_ints(PyObject *int64, PyObject *int32) {
    bp_numpy_int64 = (PyTypeObject *)int64;
    bp_numpy_int32 = (PyTypeObject *)int32;
}

static inline int bp_numpy_int(PyObject *x, uint64_t *value) {
    const void *at = (const char *)x + sizeof(PyObject);
    int64_t number;
    if (Py_TYPE(x) == bp_numpy_int64) {
        number = *(const int64_t *)at;
    } else if (Py_TYPE(x) == bp_numpy_int32) {
        number = *(const int32_t *)at;
    } else {
        return 0;
    }
    *value = (uint64_t)number;
    return number >= 0;
}

/* The value of a small int that is not negative; 0 where the slow path is needed. */
static inline int bp_small_int(PyObject *x, uint64_t *value) {
    if (!PyLong_CheckExact(x)) return bp_numpy_int(x, value);
#if PY_VERSION_HEX >= 0x030C0000
    if (!PyUnstable_Long_IsCompact((PyLongObject *)x)) return 0;
    Py_ssize_t compact = PyUnstable_Long_CompactValue((PyLongObject *)x);
    *value = (uint64_t)compact;
    return compact >= 0;
#else
    Py_ssize_t digits = Py_SIZE(x);
    if (digits != 1 && digits != 0) return 0;
    *value = digits ? ((PyLongObject *)x)->ob_digit[0] : 0;
    return 1;
#endif
}

#endif
