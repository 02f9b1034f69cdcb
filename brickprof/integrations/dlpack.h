/* What a tensor is, by DLPack's table of C functions, without a Python object for each of its parts.
 *
 * The layout is that of version 1 of its ABI; https://dmlc.github.io/dlpack/latest/c_api.html. */
#ifndef BRICKPROF_INTEGRATIONS_DLPACK_H
#define BRICKPROF_INTEGRATIONS_DLPACK_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} bp_dl_tensor;

typedef int (*bp_dl_view)(void *object, bp_dl_tensor *view);

typedef struct {
    struct {
        uint32_t major, minor;
    } version;
    void *older;
    void *allocate, *from_object, *to_object;
    bp_dl_view view_of_object;
    void *current_stream;
} bp_dl_table;

/* Return the function that describes a tensor; NULL where a capsule holds none that is known. */
static inline bp_dl_view bp_dl_view_of(PyObject *capsule) {
    if (!PyCapsule_IsValid(capsule, "dlpack_exchange_api")) return NULL;
    const bp_dl_table *table = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
    return table->version.major == 1 ? table->view_of_object : NULL;
}

/* Return device, type, lengths and strides of a tensor as bytes; NULL, and no error, of one that it
 * cannot describe. */
static inline PyObject *bp_dl_signature(bp_dl_view view_of, PyObject *tensor) {
    bp_dl_tensor view;
    memset(&view, 0, sizeof view);
    if (view_of(tensor, &view) != 0) {
        PyErr_Clear();
        return NULL;
    }
    if (view.ndim < 0 || view.ndim > 64 || (view.ndim && (!view.shape || !view.strides))) return NULL;
    const Py_ssize_t axes = (Py_ssize_t)view.ndim * (Py_ssize_t)sizeof(int64_t);
    PyObject *made = PyBytes_FromStringAndSize(NULL, 8 + 2 * axes);
    if (!made) {
        PyErr_Clear();
        return NULL;
    }
    char *at = PyBytes_AS_STRING(made);
    memcpy(at, &view.dtype, 4);
    memcpy(at + 4, &view.device_type, 4);
    if (axes) {
        memcpy(at + 8, view.shape, (size_t)axes);
        memcpy(at + 8 + axes, view.strides, (size_t)axes);
    }
    return made;
}

#endif
