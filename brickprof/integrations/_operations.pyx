"""Operations of PyTorch as a dispatch mode sees them, each a tile if its flops are known.

It is compiled, since a mode costs each operation a call of Python code, and knows PyTorch only by the
Python objects that it is given.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport uint32_t, uint64_t, uintptr_t

from brickprof.integrations._hooks cimport CallRecorder, active_recorder, inside_hook
from brickprof.profiler.external_calls cimport begin_call, drop_call, end_call, external_call
from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport bp_now


cdef extern from "Python.h":
    ctypedef struct PyFrameObject:
        pass
    PyObject *PyObject_Call(PyObject *callable, PyObject *args, PyObject *kwargs) noexcept
    void PyErr_Fetch(PyObject **kind, PyObject **value, PyObject **traceback) noexcept
    void PyErr_Restore(PyObject *kind, PyObject *value, PyObject *traceback) noexcept
    PyFrameObject *PyEval_GetFrame() noexcept
    PyFrameObject *PyFrame_GetBack(PyFrameObject *frame) noexcept
    int PyFrame_GetLineNumber(PyFrameObject *frame) noexcept
    void Py_XINCREF(PyFrameObject *frame) noexcept
    void Py_XDECREF(PyFrameObject *frame) noexcept

cdef extern from "integrations/frames.h":
    int bp_frame_place(PyFrameObject *frame) noexcept
    PyObject *bp_frame_code(PyFrameObject *frame) noexcept


cdef extern from "integrations/dlpack.h":
    ctypedef int (*bp_dl_view)(void *object, void *view) noexcept
    bp_dl_view bp_dl_view_of(object capsule) noexcept
    PyObject *bp_dl_signature(bp_dl_view view_of, object tensor) noexcept

cdef enum:
    MAX_KEPT = 20000        # code objects, and places with shapes, that are kept


@cython.final
cdef class Library:
    """What is known of PyTorch, for all threads.

    Parameters
    ----------
    recorder : CallRecorder
        What records operations.
    tensor : type
        The class of tensors.
    folder : str
        Files in it are the library's own: a caller is outside of it.
    describe : callable
        ``describe(func)`` returns what calls an operation, its name, whether it is recorded, and
        what calls the operations that it is made of, or None.
    push, pop : callable
        They put a mode on the calling thread's stack, and take the topmost off it.
    is_plain : callable
        ``is_plain(args)`` tells whether operations of such tensors are made of others.
    work_of : callable
        ``work_of(func, args, kwargs, result)`` returns elements, flops, loaded and stored bytes.
    operands_of : callable
        ``operands_of(args, kwargs)`` returns the name of the element type, bytes that are read, and
        threads; None of operands without memory, such as those of meta tensors.
    """

    cdef CallRecorder recorder
    cdef object tensor, describe, work_of, operands_of, push, pop, is_plain
    cdef bp_dl_view view_of         # describes a tensor; NULL where PyTorch has no such function
    cdef str folder
    cdef dict operations    # address of an operation -> Operation
    cdef dict is_own        # address of code -> whether it is the library's, and the code
    cdef dict sites         # place and operands of a call -> Site
    cdef uint64_t resets

    def __init__(self, CallRecorder recorder not None, tensor, str folder not None, describe, work_of,
                 operands_of, push, pop, is_plain):
        self.push, self.pop, self.is_plain = push, pop, is_plain
        self.recorder, self.tensor, self.folder = recorder, tensor, folder
        self.describe, self.work_of, self.operands_of = describe, work_of, operands_of
        self.operations, self.is_own, self.sites = {}, {}, {}
        self.view_of = bp_dl_view_of(getattr(tensor, "__dlpack_c_exchange_api__", None))
        self.resets = recorder.profiler.resets

    cdef Operation operation(self, func):
        """Return what is known of an operation."""
        cdef Operation found = Operation.__new__(Operation)
        found.func = func       # which keeps its address its own
        found.call, found.name, found.is_recorded, found.parts = self.describe(func)
        self.operations[<uintptr_t> <PyObject *> func] = found
        return found

    cdef bint owns(self, PyObject *code):
        """Tell whether code is of the library's files."""
        cdef tuple found = self.is_own.get(<uintptr_t> code)
        if found is None:
            if len(self.is_own) >= MAX_KEPT:
                self.is_own = {}
            path = (<object> code).co_filename
            found = path.startswith(self.folder), <object> code
            self.is_own[<uintptr_t> code] = found
        return found[0]

    cdef PyFrameObject *caller(self):
        """Return the innermost frame outside of the library, a new reference; NULL if there is none."""
        cdef PyFrameObject *frame = PyEval_GetFrame()
        cdef PyFrameObject *inner
        cdef PyObject *code
        Py_XINCREF(frame)
        while frame != NULL:
            code = bp_frame_code(frame)
            Py_DECREF(<object> code)            # the frame keeps it
            if not self.owns(code):
                break
            inner, frame = frame, PyFrame_GetBack(frame)
            Py_XDECREF(inner)
        return frame

    cdef Site site(self, Operation operation, tuple args, PyObject *kwargs):
        """Return what is known of a call, by its place and operands; None if it is not recorded."""
        cdef PyFrameObject *frame = self.caller()
        try:
            return self.site_of(frame, operation, args, kwargs)
        finally:
            Py_XDECREF(frame)

    cdef Site site_of(self, PyFrameObject *frame, Operation operation, tuple args, PyObject *kwargs):
        """Return what is known of a call that a frame makes."""
        cdef PyObject *code = NULL
        cdef Site found = None
        cdef list key = [<uintptr_t> <PyObject *> operation.func]
        if frame != NULL:
            code = bp_frame_code(frame)
            Py_DECREF(<object> code)
            key.append(<uintptr_t> code)        # the site keeps it, and so its address
            key.append(bp_frame_place(frame))
        for one in args:
            key.append(self.signature(one))
        if kwargs != NULL:
            for name, one in (<dict> kwargs).items():
                key.append(name)
                key.append(self.signature(one))
        if self.resets != self.recorder.profiler.resets:    # bricks may have other numbers now
            self.sites, self.resets = {}, self.recorder.profiler.resets
        place = tuple(key)
        try:
            found = self.sites.get(place)
        except TypeError:                       # what cannot be hashed is looked at each time
            place = None
        if found is None:
            found = self.new_site(operation, args, {} if kwargs == NULL else <object> kwargs,
                                  None if code == NULL else <object> code,
                                  0 if frame == NULL else PyFrame_GetLineNumber(frame))
            if place is not None and found is not None:
                if len(self.sites) >= MAX_KEPT:
                    self.sites = {}
                self.sites[place] = found
        return found

    cdef signature(self, one):
        """Return what the work of an operation depends on, of one of its arguments."""
        cdef PyObject *described
        if isinstance(one, self.tensor):
            if self.view_of != NULL:
                described = bp_dl_signature(self.view_of, one)
                if described != NULL:
                    made = <object> described
                    Py_DECREF(made)
                    return made
            return one.shape, one.stride(), one.dtype, one.is_meta
        if type(one) is list or type(one) is tuple:
            return tuple([self.signature(part) for part in one])
        return one

    cdef Site new_site(self, Operation operation, args, kwargs, code, int line):
        """Return what is known of a call that was not made before, before it is made."""
        cdef Site made = Site.__new__(Site)
        operands = self.operands_of(args, kwargs)
        if operands is None:
            return None
        dtype, read, threads = operands
        made.code = code
        made.brick = self.recorder.brick(code, line, operation.name, dtype, threads)
        made.level = self.recorder.level(read)
        made.is_known = False
        return made


@cython.final
cdef class Operation:
    """An operation of PyTorch."""

    cdef object func, call, parts
    cdef str name
    cdef bint is_recorded


@cython.final
cdef class Site:
    """A place that calls an operation, with operands of some shapes: what is known of its calls."""

    cdef object code                # that its key has the address of
    cdef uint32_t brick
    cdef int level
    cdef bint is_known              # whether a call returned, so that its work is known
    cdef uint64_t elements, flops, loaded, stored


cdef extern from *:
    """
    typedef PyObject *(*bp_dispatch)(PyObject *, PyObject *const *, Py_ssize_t);
    static PyMethodDef bp_dispatch_method = {"__torch_dispatch__", NULL, METH_FASTCALL, NULL};

    static PyObject *bp_dispatcher(PyObject *mode, bp_dispatch function) {
        bp_dispatch_method.ml_meth = (PyCFunction)(void (*)(void))function;
        return PyDescr_NewMethod((PyTypeObject *)mode, &bp_dispatch_method);
    }
    """
    ctypedef PyObject *(*bp_dispatch)(PyObject *mode, PyObject *const *args,
                                      Py_ssize_t count) noexcept
    object bp_dispatcher(object mode, bp_dispatch function)


cdef class OperationRecorder:
    """The state of a dispatch mode.

    Parameters
    ----------
    library : Library
        What is known of PyTorch, for the modes of all threads.
    """

    cdef Library torch_library

    def __init__(self, Library library not None):
        self.torch_library = library


# What a mode calls for each operation: it runs it, as a tile if it is recorded. It is a method of C, so
# that an error of the operation has no frames of this file.
torch_dispatch = bp_dispatcher(OperationRecorder, <bp_dispatch> <void *> dispatch)


cdef PyObject *dispatch(PyObject *mode, PyObject *const *args, Py_ssize_t count) except? NULL:
    """Run an operation: its function, types, arguments, and arguments by name where there are any."""
    cdef Library library = (<OperationRecorder> mode).torch_library
    cdef Operation operation
    cdef Recorder recorder = None
    cdef Site site = None
    cdef external_call call
    cdef PyObject *kwargs = args[3] if count > 3 and <object> args[3] is not None else NULL
    cdef PyObject *result
    cdef int *inside = inside_hook()
    cdef uint64_t now
    known = library.operations.get(<uintptr_t> args[0])
    operation = <Operation> known if known is not None else library.operation(<object> args[0])
    if (not operation.is_recorded or inside[0] or not library.recorder.profiler.on
            or active_recorder() is not library.recorder):
        if operation.parts is not None and not inside[0] and library.is_plain(<object> args[2]):
            return call_parts(library, operation, mode, args[2], kwargs)
        return PyObject_Call(<PyObject *> operation.call, args[2], kwargs)
    try:
        site = library.site(operation, <tuple> args[2], kwargs)
        if site is not None:
            recorder = begin_call(library.recorder.profiler, site.brick, site.level, &call)
    except Exception:
        recorder = None             # what cannot be recorded is done all the same
    if recorder is None:
        return PyObject_Call(<PyObject *> operation.call, args[2], kwargs)
    inside[0] = True
    result = PyObject_Call(<PyObject *> operation.call, args[2], kwargs)
    now = bp_now(recorder.c)
    inside[0] = False
    try:
        finish(library, site, recorder, &call, now, args, kwargs, result)
    except:                         # such as by Ctrl-C meanwhile
        if result != NULL:
            Py_DECREF(<object> result)
        raise
    return result


cdef PyObject *call_parts(Library library, Operation operation, PyObject *mode, PyObject *args,
                          PyObject *kwargs) except? NULL:
    """Run what an operation is made of, so that the mode sees it: autograd, which else does so, is off."""
    cdef PyObject *kind = NULL
    cdef PyObject *value = NULL
    cdef PyObject *traceback = NULL
    cdef PyObject *result
    library.push(<object> mode)
    result = PyObject_Call(<PyObject *> operation.parts, args, kwargs)
    PyErr_Fetch(&kind, &value, &traceback)
    library.pop(None)
    PyErr_Restore(kind, value, traceback)
    return result


cdef int finish(Library library, Site site, Recorder recorder, const external_call *call,
                uint64_t now, PyObject *const *args, PyObject *kwargs, PyObject *result) except -1:
    """Add an operation that returned or raised, and leave an exception that is on its way as it is."""
    cdef PyObject *kind = NULL
    cdef PyObject *value = NULL
    cdef PyObject *traceback = NULL
    if result == NULL:
        PyErr_Fetch(&kind, &value, &traceback)
        drop_call(library.recorder.profiler, recorder, call)
        PyErr_Restore(kind, value, traceback)
        return 0
    try:
        if not site.is_known:
            site.elements, site.flops, site.loaded, site.stored = library.work_of(
                <object> args[0], <object> args[2], {} if kwargs == NULL else <object> kwargs,
                <object> result)
            site.is_known = True
    except Exception:
        pass                        # what it did is not known, but how long it took
    finally:
        end_call(library.recorder.profiler, recorder, call, now, site.elements, site.flops,
                 site.loaded, site.stored)
    return 0
