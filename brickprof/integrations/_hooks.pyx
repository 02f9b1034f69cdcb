"""Hooks into callables of other libraries, which make each of their calls a tile.

A callable with a vectorcall (PEP 590) holds the pointer of the function that does its work. A hook
replaces it in the object, so that a call is seen whoever makes it, by whatever name and operator, and
puts it back.
"""

import os
from contextvars import ContextVar

import numpy as np

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

cimport numpy as cnp

from brickprof.integrations._operands cimport (
    call_work, dtype_name, look, operands, result_of_product, result_of_ufunc, signature_of,
    work_of_product, work_of_ufunc,
)
from brickprof.profiler.bricks cimport BrickUsage
from brickprof.profiler.external_calls cimport begin_call, drop_call, end_call, external_call
from brickprof.profiler.recorder cimport Recorder
from brickprof.profiler.state cimport ProfilerState
from brickprof.tile cimport BP_MACRO, BP_MICRO, BP_MIDI, bp_now

cnp.import_array()


cdef extern from "Python.h":
    ctypedef PyObject *(*vectorcallfunc)(PyObject *callable, PyObject *const *args, size_t nargsf,
                                         PyObject *kwnames) noexcept
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept
    ctypedef struct PyFrameObject:
        pass
    PyFrameObject *PyEval_GetFrame() noexcept
    int PyFrame_GetLineNumber(PyFrameObject *frame) noexcept
    PyFrameObject *PyFrame_GetBack(PyFrameObject *frame) noexcept
    void PyErr_Fetch(PyObject **kind, PyObject **value, PyObject **traceback) noexcept
    void PyErr_Restore(PyObject *kind, PyObject *value, PyObject *traceback) noexcept


cdef extern from "integrations/frames.h":
    int bp_frame_place(PyFrameObject *frame) noexcept
    PyObject *bp_frame_code(PyFrameObject *frame) noexcept

cdef extern from *:
    """
    static __thread int bp_inside_hook;

    /* Methods in C have no vectorcall of their own that all calls take: the interpreter calls what
     * their definition points to. Each has a function of its own here, which knows its number. */
    typedef PyObject *(*bp_method)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
    enum { BP_METHODS = 16 };

    typedef PyObject *(*bp_method_hook)(int, PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
    static bp_method_hook bp_on_method;

    #define BP_NUMBERED(n) static PyObject *bp_method_##n( \
        PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) { \
        return bp_on_method(n, self, args, count, names); \
    }
    BP_NUMBERED(0) BP_NUMBERED(1) BP_NUMBERED(2) BP_NUMBERED(3) BP_NUMBERED(4) BP_NUMBERED(5)
    BP_NUMBERED(6) BP_NUMBERED(7) BP_NUMBERED(8) BP_NUMBERED(9) BP_NUMBERED(10) BP_NUMBERED(11)
    BP_NUMBERED(12) BP_NUMBERED(13) BP_NUMBERED(14) BP_NUMBERED(15)

    static const bp_method bp_numbered[BP_METHODS] = {
        bp_method_0, bp_method_1, bp_method_2, bp_method_3, bp_method_4, bp_method_5,
        bp_method_6, bp_method_7, bp_method_8, bp_method_9, bp_method_10, bp_method_11,
        bp_method_12, bp_method_13, bp_method_14, bp_method_15,
    };

    /* Return where the function of a method of C is kept; NULL of others. */
    static inline bp_method *bp_method_place(PyObject *descriptor) {
        if (!Py_IS_TYPE(descriptor, &PyMethodDescr_Type)) return NULL;
        PyMethodDef *definition = ((PyMethodDescrObject *)descriptor)->d_method;
        if (definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return NULL;
        return (bp_method *)(void *)&definition->ml_meth;
    }

    static inline Py_ssize_t bp_vectorcall_offset(PyObject *callable) {
        PyTypeObject *type = Py_TYPE(callable);
        return PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL) ? type->tp_vectorcall_offset : 0;
    }
    """
    int bp_inside_hook
    Py_ssize_t bp_vectorcall_offset(PyObject *callable) noexcept
    ctypedef PyObject *(*bp_method)(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                    PyObject *names) noexcept
    ctypedef PyObject *(*bp_method_hook)(int number, PyObject *self, PyObject *const *args,
                                         Py_ssize_t count, PyObject *names) noexcept
    bp_method_hook bp_on_method
    const bp_method *bp_numbered
    bp_method *bp_method_place(PyObject *descriptor) noexcept
    enum:
        BP_METHODS


LIBRARY_FOLDERS = tuple([os.path.join(os.path.dirname(os.path.dirname(np.__file__)), name) + os.sep
                         for name in ("numpy", "scipy")])
"""Where the files of NumPy and SciPy are."""

cdef enum:
    UFUNC = 0
    PRODUCT = 1             # of matrices: matmul, dot and their like of two arrays
    OTHER = 2               # whose work a Python function knows

cdef enum:
    SLOTS = 4096            # of a table of hooks, a power of two
    MAX_SIGNATURES = 10000  # calls of other shapes whose work is kept


@cython.final
cdef class Hook:
    """A callable whose calls are seen.

    Parameters
    ----------
    callable_ : object
        It has a vectorcall.
    name : str
        What its calls are called.
    kind : int
        `UFUNC`, `PRODUCT` or `OTHER`.
    inputs : int
        Arguments that a ufunc reads.
    uses_blas : bool
        Whether it shares its work out to the threads of BLAS.
    flops, complex_flops : int
        Operations for an element of a real and of a complex result of a ufunc.
    """

    cdef object callable
    cdef readonly str name
    cdef vectorcallfunc *place
    cdef vectorcallfunc original
    cdef bp_method *method_place    # of a method of C, which has no vectorcall; else NULL
    cdef bp_method method
    cdef int kind, inputs
    cdef bint uses_blas
    cdef bint in_list               # its arrays are in a list
    cdef uint64_t flops, complex_flops

    def __init__(self, callable_, str name, int kind, *, int inputs=2, bint uses_blas=False,
                 uint64_t flops=0, uint64_t complex_flops=0):
        cdef Py_ssize_t offset = bp_vectorcall_offset(<PyObject *> callable_)
        self.method_place = bp_method_place(<PyObject *> callable_)
        if not offset and self.method_place == NULL:
            raise TypeError(f"{name} has no vectorcall")
        self.callable, self.name, self.kind, self.inputs = callable_, name, kind, inputs
        self.uses_blas, self.flops, self.complex_flops = uses_blas, flops, complex_flops
        self.in_list = name == "linalg.multi_dot"
        if self.method_place != NULL:
            self.method = self.method_place[0]
            return
        self.place = <vectorcallfunc *> (<char *> <PyObject *> callable_ + offset)
        self.original = self.place[0]
        if self.original == NULL or self.original == <vectorcallfunc> <void *> seen:
            raise TypeError(f"{name} cannot be seen, or is already")


cdef PyObject *KEYS[SLOTS]
cdef PyObject *HOOKS[SLOTS]
cdef PyObject *METHODS[BP_METHODS]      # hooks of methods by their numbers
cdef list OPEN = []             # CallRecorders that are installed, the first one first
cdef CallRecorder ACTIVE = None     # the first of them
cdef bint SEVERAL = False       # whether there are more
cdef object CURRENT = ContextVar("brickprof_calls", default=None)  # that installed last in a context
cdef list IN_PLACE = []         # hooks that replace something now
cdef dict IS_LIBRARY = {}       # address of a code object, which is kept -> it, and whether it is NumPy's


cdef CallRecorder installed(CallRecorder recorder):
    """Return a recorder or the nearest one around it that is installed; None if there is none."""
    while recorder is not None and not recorder.is_installed:
        recorder = recorder.outer
    return recorder


cdef int note_open() except -1:
    """Note what is installed."""
    global ACTIVE, SEVERAL
    ACTIVE = OPEN[0] if OPEN else None
    SEVERAL = len(OPEN) > 1
    return 0


cdef CallRecorder active_recorder():
    """Return what sees the calls of this context; None if nothing does."""
    cdef CallRecorder found
    if not SEVERAL:
        return ACTIVE
    found = installed(CURRENT.get())
    return ACTIVE if found is None else found


cdef int *inside_hook() noexcept:
    """Return where it is kept whether the calling thread is in a call that is recorded."""
    return &bp_inside_hook


cdef inline size_t slot_of(const void *key) noexcept:
    """Return where the search for a callable begins."""
    return (<uintptr_t> key >> 4) * <uint64_t> 0x9E3779B97F4A7C15 >> 52


cdef PyObject *hook_of(PyObject *callable) noexcept:
    """Return the hook of a callable, borrowed, or NULL."""
    cdef size_t slot = slot_of(callable) % SLOTS
    while KEYS[slot] != NULL:
        if KEYS[slot] == callable:
            return HOOKS[slot]
        slot = (slot + 1) % SLOTS
    return NULL


@cython.final
cdef class CallRecorder:
    """What calls are recorded with while hooks are installed.

    Parameters
    ----------
    profiler : BrickProfiler
        It is on.
    hooks : list of Hook
        What to see.
    min_elements : int
        Elements of the largest operand or result from which a call is recorded.
    work_of : callable
        ``work_of(name, args, kwargs, result)`` returns elements, flops, loaded and stored bytes.
    name_of : callable
        ``name_of(code, line, operation)`` returns the name of a brick.
    caches : tuple of int
        Bytes up to which operands fit L1 and L2.
    threads : int
        Threads that products are shared out to.
    """

    def __init__(self, ProfilerState profiler not None, list hooks, uint64_t min_elements,
                 work_of, name_of, tuple caches, int threads=1):
        self.profiler, self.hooks, self.min_elements = profiler, hooks, min_elements
        self.work_of, self.name_of = work_of, name_of
        self.l1_bytes, self.l2_bytes = caches
        self.threads = threads
        self.resets = profiler.resets
        self.sites, self.known = {}, {}

    def install(self):
        """See the calls from now on: of this context, and of those that have no other one."""
        self.outer = installed(CURRENT.get())
        if not OPEN:
            self.place_hooks()
        self.is_installed = True
        OPEN.append(self)
        CURRENT.set(self)
        note_open()

    cdef int place_hooks(self) except -1:
        """Replace what the hooks are for."""
        global IN_PLACE
        cdef Hook hook
        cdef size_t slot
        cdef int methods = 0
        if 2 * len(self.hooks) > SLOTS:
            raise ValueError(f"too many callables: {len(self.hooks)}")
        if len([hook for hook in self.hooks if (<Hook> hook).method_place != NULL]) > BP_METHODS:
            raise ValueError("too many methods")
        memset(KEYS, 0, sizeof(KEYS))
        for hook in self.hooks:
            if hook.method_place != NULL:
                continue
            slot = slot_of(<PyObject *> hook.callable) % SLOTS
            while KEYS[slot] != NULL:
                slot = (slot + 1) % SLOTS
            KEYS[slot], HOOKS[slot] = <PyObject *> hook.callable, <PyObject *> hook
        IN_PLACE = self.hooks
        for hook in self.hooks:
            if hook.method_place == NULL:
                hook.place[0] = <vectorcallfunc> <void *> seen
                continue
            METHODS[methods] = <PyObject *> hook
            hook.method_place[0] = bp_numbered[methods]
            methods += 1
        return 0

    def remove(self):
        """See no more calls, and put everything back if nothing else sees them."""
        self.is_installed = False
        OPEN.remove(self)
        if CURRENT.get() is self:
            CURRENT.set(self.outer)
        note_open()
        if not OPEN:
            self.put_back()

    cdef int put_back(self) except -1:
        """Put back what the hooks replaced."""
        global IN_PLACE
        cdef Hook hook
        for hook in IN_PLACE:
            if hook.method_place == NULL:
                hook.place[0] = hook.original
            else:
                hook.method_place[0] = hook.method
        IN_PLACE = []
        IS_LIBRARY.clear()          # with all recorders that know code by its address
        return 0

    cdef object known_site(self, tuple key):
        """Return the number of the brick of a place that called before, or None."""
        if self.resets != self.profiler.resets:     # bricks may have other numbers now
            self.sites, self.resets = {}, self.profiler.resets
        return self.sites.get(key)

    cdef uint32_t brick(self, code, int line, str operation, str dtype, int threads) except? 0xFFFFFFFF:
        """Return the number of the brick of a line, which a library shares out to some threads."""
        cdef BrickUsage usage
        name = self.name_of(code, line, operation)
        found = self.profiler.brick_id(name, dtype)
        usage = self.profiler.usage_by_name[name]
        usage.threads_inside = max(usage.threads_inside, threads)
        usage.work_sources.add("counted")
        return found

    def begin(self, code, int line, str operation, str dtype, uint64_t nbytes, int threads=1):
        """Start a call that Python code makes; None inside of another one, or where none may be."""
        global bp_inside_hook
        cdef OpenCall call
        cdef Recorder recorder
        if bp_inside_hook or not self.profiler.on or active_recorder() is not self:
            return None
        key = (code, line, dtype, operation)
        found = self.known_site(key)
        if found is None:
            found = self.sites[key] = self.brick(code, line, operation, dtype, threads)
        call = OpenCall.__new__(OpenCall)
        recorder = begin_call(self.profiler, found, self.level(nbytes), &call.call)
        if recorder is None:
            return None
        call.profiler, call.recorder = self.profiler, recorder
        bp_inside_hook = True
        return call

    cdef int level(self, uint64_t nbytes) noexcept:
        """Return the level of a call, by the cache that its operands fit."""
        if nbytes <= self.l1_bytes:
            return BP_MICRO
        return BP_MIDI if nbytes <= self.l2_bytes else BP_MACRO


@cython.final
cdef class OpenCall:
    """A call that goes on; see `CallRecorder.begin`."""

    cdef ProfilerState profiler
    cdef Recorder recorder          # None when it ended
    cdef external_call call
    cdef uint64_t stopped           # 0 before the end

    def stop(self):
        """Note that the call returned now: what follows is not timed."""
        global bp_inside_hook
        self.stopped = bp_now(self.recorder.c)
        bp_inside_hook = False

    def end(self, uint64_t elements, uint64_t flops, uint64_t loaded_bytes, uint64_t stored_bytes):
        """Add the call, which returned just now or at `stop`."""
        if not self.stopped:
            self.stop()
        recorder, self.recorder = self.recorder, None
        end_call(self.profiler, recorder, &self.call, self.stopped, elements, flops, loaded_bytes,
                 stored_bytes)

    def drop(self):
        """Forget the call, which raised."""
        global bp_inside_hook
        bp_inside_hook = False
        recorder, self.recorder = self.recorder, None
        drop_call(self.profiler, recorder, &self.call)


# An error that passes has no frames of this file, as long as nothing here looks for it.
ctypedef PyObject *(*recording_call)(CallRecorder active, Hook hook, PyObject *callable,
                                     PyObject *const *args, size_t nargsf,
                                     PyObject *kwnames) noexcept
cdef recording_call unchecked = <recording_call> <void *> recorded


cdef PyObject *seen(PyObject *callable, PyObject *const *args, size_t nargsf,
                    PyObject *kwnames) except? NULL:
    """Do what a callable does, and record it."""
    # Kept alive by these references while other threads remove the hooks. Between a look at the pointer
    # in the object and this line nobody else has the GIL, so that the hook is there.
    cdef Hook hook = <Hook> hook_of(callable)
    cdef CallRecorder active = active_recorder()
    if bp_inside_hook or active is None or not active.profiler.on:
        return hook.original(callable, args, nargsf, kwnames)
    return unchecked(active, hook, callable, args, nargsf, kwnames)


cdef PyObject *method_seen(int number, PyObject *self, PyObject *const *args, Py_ssize_t count,
                           PyObject *names) except? NULL:
    """Do what a method of C does, and record it."""
    cdef Hook hook = <Hook> METHODS[number]
    cdef CallRecorder active = active_recorder()
    cdef PyObject *whole[MAX_ARGUMENTS]
    cdef Py_ssize_t i, named = 0
    if names != NULL:
        named = len(<tuple> names)
    if bp_inside_hook or active is None or not active.profiler.on or count + named >= MAX_ARGUMENTS:
        return hook.method(self, args, count, names)
    whole[0] = self
    for i in range(count + named):
        whole[1 + i] = args[i]
    return unchecked(active, hook, NULL, whole, count + 1, names)


cdef enum:
    MAX_ARGUMENTS = 10              # of a method that is recorded, itself included


cdef bint is_library(PyObject *code) except -1:
    """Tell whether code is of NumPy's or SciPy's files, whose callers are what a reader can change."""
    known = IS_LIBRARY.get(<uintptr_t> code)
    if known is None:
        name = (<object> code).co_filename
        known = IS_LIBRARY[<uintptr_t> code] = (<object> code, name.startswith(LIBRARY_FOLDERS))
    return known[1]


cdef uint32_t site_of(CallRecorder active, Hook hook, int dtype) except? 0xFFFFFFFF:
    """Return the number of the brick of the calling line."""
    cdef PyFrameObject *frame = PyEval_GetFrame()
    cdef PyFrameObject *back
    cdef PyObject *code = NULL
    cdef int place = -1
    held = None                     # keeps a frame further out alive
    while frame != NULL:
        code = bp_frame_code(frame)
        Py_DECREF(<object> code)    # it was a new reference; the frame has another
        if not is_library(code):
            break
        back = PyFrame_GetBack(frame)
        if back == NULL:
            break
        frame = back
        held = <object> <PyObject *> back
        Py_DECREF(held)             # it was a new reference
    if frame != NULL:
        place = bp_frame_place(frame)
    key = (<uintptr_t> code, place, dtype, hook.name)
    found = active.known_site(key)
    if found is None:
        line = 0 if frame == NULL else PyFrame_GetLineNumber(frame)
        threads = active.threads if hook.uses_blas else 1
        found = active.sites[key] = active.brick(None if code == NULL else <object> code, line,
                                                 hook.name, dtype_name(dtype), threads)
    return found


cdef inline PyObject *call_original(Hook hook, PyObject *callable, PyObject *const *args,
                                    size_t nargsf, PyObject *kwnames) noexcept:
    """Do what a callable does."""
    if hook.method_place != NULL:
        return hook.method(args[0], args + 1, <Py_ssize_t> nargsf - 1, kwnames)
    return hook.original(callable, args, nargsf, kwnames)


cdef inline bint is_large(CallRecorder active, Hook hook, PyObject *const *args, Py_ssize_t count,
                          const operands *found) noexcept:
    """Tell whether a call without a large operand is recorded: its arrays are in a list, or make one."""
    if hook.kind == OTHER:
        return hook.in_list and count
    # No array that two others make is larger than their product.
    if found.elements * found.elements < active.min_elements:
        return False
    if hook.kind == PRODUCT:
        return result_of_product(args, count) >= active.min_elements
    return result_of_ufunc(args, min(count, hook.inputs)) >= active.min_elements


cdef PyObject *recorded(CallRecorder active, Hook hook, PyObject *callable, PyObject *const *args,
                        size_t nargsf, PyObject *kwnames) except? NULL:
    """Call a callable as a tile, if its operands are large enough."""
    global bp_inside_hook
    cdef Py_ssize_t count = PyVectorcall_NARGS(nargsf)
    cdef Py_ssize_t named = 0 if kwnames == NULL else len(<tuple> kwnames)
    cdef operands operands_ = look(args, count, count + named)
    cdef Recorder recorder = None
    cdef external_call call
    cdef PyObject *result
    cdef uint64_t now
    if operands_.elements < active.min_elements and not is_large(active, hook, args, count, &operands_):
        return call_original(hook, callable, args, nargsf, kwnames)
    if not operands_.plain and hook.kind != OTHER:
        return call_original(hook, callable, args, nargsf, kwnames)
    try:
        recorder = begin_call(active.profiler, site_of(active, hook, operands_.dtype),
                              active.level(operands_.nbytes), &call)
    except Exception:
        recorder = None             # what cannot be recorded is done all the same
    if recorder is None:
        return call_original(hook, callable, args, nargsf, kwnames)
    bp_inside_hook = True
    result = call_original(hook, callable, args, nargsf, kwnames)
    now = bp_now(recorder.c)
    bp_inside_hook = False
    try:
        finish(active, hook, recorder, &call, now, args, count, kwnames, result)
    except:                         # such as by Ctrl-C meanwhile
        if result != NULL:
            Py_DECREF(<object> result)
        raise
    return result


cdef int finish(CallRecorder active, Hook hook, Recorder recorder, const external_call *call,
                uint64_t now, PyObject *const *args, Py_ssize_t count, PyObject *kwnames,
                PyObject *result) except -1:
    """Add a call that returned or raised, and leave an exception that is on its way as it is."""
    cdef PyObject *kind = NULL
    cdef PyObject *value = NULL
    cdef PyObject *traceback = NULL
    cdef call_work work
    if result == NULL:
        PyErr_Fetch(&kind, &value, &traceback)
        drop_call(active.profiler, recorder, call)
        PyErr_Restore(kind, value, traceback)
        return 0
    memset(&work, 0, sizeof(work))
    try:
        work_of_call(active, hook, args, count, kwnames, result, &work)
    except Exception:
        memset(&work, 0, sizeof(work))     # what it did is not known, but how long it took
    finally:
        end_call(active.profiler, recorder, call, now, work.elements, work.flops, work.loaded,
                 work.stored)
    return 0


cdef int work_of_call(CallRecorder active, Hook hook, PyObject *const *args, Py_ssize_t count,
                      PyObject *kwnames, PyObject *result, call_work *work) except -1:
    """Find the work of a call that returned."""
    cdef Py_ssize_t i, named = 0
    cdef uint64_t signature
    if hook.kind == UFUNC and cnp.PyArray_CheckExact(<object> result):
        work[0] = work_of_ufunc(args, min(count, hook.inputs), result, hook.flops,
                                hook.complex_flops)
        return 0
    if hook.kind == PRODUCT and work_of_product(args, count, result, work):
        return 0
    signature = signature_of(<uintptr_t> <PyObject *> hook, args, count, kwnames, result)
    found = active.known.get(signature) if signature else None
    if found is None:
        if kwnames != NULL:
            named = len(<tuple> kwnames)
        given = tuple([<object> args[i] for i in range(count)])
        by_name = {(<tuple> kwnames)[i]: <object> args[count + i] for i in range(named)}
        found = active.work_of(hook.name, given, by_name, <object> result)
        if signature and len(active.known) < MAX_SIGNATURES:
            active.known[signature] = found
    work.elements, work.flops, work.loaded, work.stored = found
    return 0


def calls_are_recorded():
    """Tell whether hooks are installed."""
    return ACTIVE is not None


bp_on_method = <bp_method_hook> <void *> method_seen
