/* A user's sum of squares in plain C that records three levels of tiles without the GIL, and tiles as
 * they are asked for, right or wrong. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <brickprof/handle.h>
#include <brickprof/tile.h>

enum { MACRO_LENGTH = 64, MIDI_LENGTH = 16, MICRO_LENGTH = 4 };

static void stop(bp_recorder *r, uint64_t length) {
    bp_stop(r, length, 2 * length, length * sizeof(double));
}

static double sum_squares(bp_recorder *r, const double *x, size_t length) {
    double sum = 0;
    for (size_t i = 0; i < length; i += MACRO_LENGTH) {
        bp_start(r, BP_MACRO, 0, i / MACRO_LENGTH);
        for (size_t j = i; j < i + MACRO_LENGTH; j += MIDI_LENGTH) {
            bp_start(r, BP_MIDI, 0, (j - i) / MIDI_LENGTH);
            for (size_t k = j; k < j + MIDI_LENGTH; k += MICRO_LENGTH) {
                bp_start(r, BP_MICRO, 0, (k - j) / MICRO_LENGTH);
                for (size_t l = k; l < k + MICRO_LENGTH; l++) sum += x[l] * x[l];
                stop(r, MICRO_LENGTH);
            }
            stop(r, MIDI_LENGTH);
        }
        stop(r, MACRO_LENGTH);
    }
    return sum;
}

static PyObject *sum_squares_py(PyObject *module, PyObject *args) {
    PyObject *handle;
    Py_buffer x;
    bp_recorder *r;
    double sum = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "Oy*", &handle, &x)) return NULL;
    r = bp_recorder_of(handle);
    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        sum = sum_squares(r, (const double *)x.buf, (size_t)x.len / sizeof(double));
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&x);
    return PyErr_Occurred() ? NULL : PyFloat_FromDouble(sum);
}

/* Start a tile for each digit, its level, and stop one for each dot. */
static PyObject *play_py(PyObject *module, PyObject *args) {
    PyObject *handle;
    const char *move;
    bp_recorder *r;
    (void)module;
    if (!PyArg_ParseTuple(args, "Oy", &handle, &move)) return NULL;
    r = bp_recorder_of(handle);
    if (r == NULL && PyErr_Occurred()) return NULL;
    for (; *move != 0; move++)
        if (*move == '.')
            bp_stop(r, 1, 2, BP_UNDECLARED);
        else
            bp_start(r, *move - '0', 0, 0);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"play", play_py, METH_VARARGS, "play(handle, moves)"},
    {"sum_squares", sum_squares_py, METH_VARARGS, "sum_squares(handle, doubles) -> float"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "c_kernel",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_c_kernel(void) { return PyModule_Create(&module); }
