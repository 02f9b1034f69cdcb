/* handle.h: take recorders out of the handles of BrickProfiler.recorders(), in extension modules.
 *
 * For the C API of Python, limited or not, and what is above it: pybind11, nanobind, Cython.
 */
#ifndef BRICKPROF_HANDLE_H
#define BRICKPROF_HANDLE_H

#ifndef Py_PYTHON_H
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>
#endif

#include "brickprof/tile.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BP_CAPSULE_FAMILY "brickprof.recorder."     /* what BP_CAPSULE of any version begins with */
#define BP_CLOSED_CAPSULE "brickprof.recorder.closed"

/* Set the ValueError of what is no handle of this version. */
BP_COLD void bp_refuse_handle(PyObject *handle) {
    const char *name = PyCapsule_CheckExact(handle) ? PyCapsule_GetName(handle) : NULL;
    if (name != NULL && strcmp(name, BP_CLOSED_CAPSULE) == 0)
        PyErr_SetString(PyExc_ValueError, "handle must be one whose with block has not been left");
    else if (name != NULL && strncmp(name, BP_CAPSULE_FAMILY, sizeof BP_CAPSULE_FAMILY - 1) == 0)
        PyErr_Format(PyExc_ValueError,
                     "handle must be a " BP_CAPSULE ", got a %.100s: build this kernel again, with "
                     "the brickprof that is installed", name);
    else
        PyErr_SetString(PyExc_ValueError,
                        "handle must be one that BrickProfiler.recorders gave, or None");
}

/* Return the recorder behind a handle; NULL for None, which is that of a profiler that is off. NULL
 * with a ValueError for all else. It holds for one thread at a time, and until the handle's `with`
 * block is left. */
BP_INLINE bp_recorder *bp_recorder_of(PyObject *handle) {
    if (handle == Py_None) return NULL;
    if (PyCapsule_IsValid(handle, BP_CAPSULE))
        return (bp_recorder *)PyCapsule_GetPointer(handle, BP_CAPSULE);
    bp_refuse_handle(handle);
    return NULL;
}

#ifdef __cplusplus
}
#endif
#endif
