/* Frames of Python code, in all versions of CPython. */
#ifndef BRICKPROF_INTEGRATIONS_FRAMES_H
#define BRICKPROF_INTEGRATIONS_FRAMES_H

#include <Python.h>
#include <frameobject.h>

/* Return the place of a frame in its code. */
static inline int bp_frame_place(PyFrameObject *frame) {
#if PY_VERSION_HEX >= 0x030B0000
    return PyFrame_GetLasti(frame);
#else
    return frame->f_lasti;
#endif
}

/* Return the code of a frame, a new reference. */
static inline PyObject *bp_frame_code(PyFrameObject *frame) {
    return (PyObject *)PyFrame_GetCode(frame);
}

#endif
