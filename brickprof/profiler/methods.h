/* methods.h: method descriptors of extension classes, read and made by the public C API. */
#ifndef BRICKPROF_METHODS_H
#define BRICKPROF_METHODS_H

#include <Python.h>

typedef PyObject *(*bp_fastcall)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

/* The definition behind a method of a class or of one of its bases; NULL with a TypeError where
 * it is no method written in C. */
static PyMethodDef *bp_method_of(PyObject *type, const char *name) {
    PyMethodDef *method = NULL;
    PyObject *found = PyObject_GetAttrString(type, name);
    if (found == NULL) return NULL;
    if (Py_TYPE(found) == &PyMethodDescr_Type) {
        method = ((PyMethodDescrObject *)found)->d_method; /* outlives found: it is static */
    } else {
        PyErr_Format(PyExc_TypeError, "%R has no compiled method %s", type, name);
    }
    Py_DECREF(found);
    return method;
}

/* How a method is called without a tuple; NULL where it is called in another way. */
static bp_fastcall bp_fastcall_of(const PyMethodDef *method) {
    if (method->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return NULL;
    return (bp_fastcall)(void (*)(void))method->ml_meth;
}

/* A definition under the same name and with the same docstring that calls another function. */
static PyMethodDef bp_method_like(const PyMethodDef *method, bp_fastcall call) {
    PyMethodDef like = {method->ml_name, (PyCFunction)(void (*)(void))call,
                        METH_FASTCALL | METH_KEYWORDS, method->ml_doc};
    return like;
}

/* Make a method of a class of a definition that lives as long as the process. The class is new
 * and nobody else has it yet: the dict of a static type cannot be set through setattr. */
static int bp_set_method(PyObject *type, PyMethodDef *method) {
    PyObject *descriptor = PyDescr_NewMethod((PyTypeObject *)type, method);
    int failed;
    if (descriptor == NULL) return -1;
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *dict = PyType_GetDict((PyTypeObject *)type);
    failed = dict == NULL || PyDict_SetItemString(dict, method->ml_name, descriptor) < 0;
    Py_XDECREF(dict);
#else
    failed = PyDict_SetItemString(((PyTypeObject *)type)->tp_dict, method->ml_name, descriptor) < 0;
#endif
    Py_DECREF(descriptor);
    if (failed) return -1;
    PyType_Modified((PyTypeObject *)type);
    return 0;
}

#endif
