/* small_int.h: read a small Python int without a call. */
#ifndef BRICKPROF_SMALL_INT_H
#define BRICKPROF_SMALL_INT_H

#include <Python.h>
#include <stdint.h>

/* The value of a small exact int that is not negative; 0 where the slow path is needed. */
static inline int bp_small_int(PyObject *x, uint64_t *value) {
    if (!PyLong_CheckExact(x)) return 0;
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
