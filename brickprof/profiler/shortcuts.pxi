# The short way of start_tile and stop_tile: nothing but what a tile needs.
#
# Cython's wrappers take references to all arguments and set up for exceptions, and its constructor
# and destructor do the like for a timer; together that is a quarter of what a pair costs. The
# entries here stand before the methods and do the same where nothing is out of the ordinary. They
# find that out before they change anything; in all other cases they call the methods.

cdef extern from *:
    """
    typedef PyObject *(*bp_method)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

    /* Put an entry before a method of a class. Return the method; NULL where it is called in
     * another way than expected, and stays as it is. */
    static bp_method bp_shortcut(PyObject *type, const char *name, bp_method entry) {
        PyObject *method = PyDict_GetItemString(((PyTypeObject *)type)->tp_dict, name);
        PyMethodDef *def;
        bp_method before;
        if (method == NULL || Py_TYPE(method) != &PyMethodDescr_Type) return NULL;
        def = ((PyMethodDescrObject *)method)->d_method;
        if (def->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return NULL;
        before = (bp_method)(void (*)(void))def->ml_meth;
        def->ml_meth = (PyCFunction)(void (*)(void))entry;
        return before;
    }
    """
    ctypedef void (*destructor)(PyObject *) noexcept
    ctypedef struct PyTypeObject:
        destructor tp_dealloc
    ctypedef PyObject *(*bp_method)(
        PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names) except NULL
    PyObject *PyObject_Init(PyObject *memory, PyTypeObject *type) noexcept
    bp_method bp_shortcut(object type, const char *name, bp_method entry) noexcept


cdef enum:
    MOST_SPARES = 64

cdef PyTypeObject *TIMER = <PyTypeObject *> TileTimer
cdef PyObject *spares[MOST_SPARES]      # timers that ended: memory for the next ones
cdef int spares_len = 0
cdef destructor end_timer
cdef bp_method start_method, stop_method


cdef inline PyObject *new_timer() except NULL:
    """Return a new reference to a timer that is still to be filled in."""
    global spares_len
    if spares_len:
        spares_len -= 1
        return PyObject_Init(spares[spares_len], TIMER)
    timer = TileTimer.__new__(TileTimer)
    Py_INCREF(timer)
    return <PyObject *> timer


cdef void keep_timer(PyObject *timer) noexcept:
    """End a timer that nobody refers to any more, and keep its memory if it was stopped."""
    global spares_len
    if (<TileTimer> timer).live or spares_len == MOST_SPARES:
        end_timer(timer)
        return
    if (<TileTimer> timer).recorder != NULL:
        Py_DECREF(<Recorder> (<TileTimer> timer).recorder)
        (<TileTimer> timer).recorder = NULL
    spares[spares_len] = timer
    spares_len += 1


cdef inline bp_recorder *recorder_at_hand(BrickProfiler profiler) noexcept:
    """Return the calling thread's recorder of a profiler if the thread used it last, or NULL."""
    if bp_last.profiler != profiler.id:
        return NULL
    if (<Recorder> bp_last.recorder).holder != bp_last.holder:
        return NULL
    return (<Recorder> bp_last.recorder).c


cdef PyObject *start_entry(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *names) except NULL:
    """Do what start_tile does."""
    cdef bp_recorder *c
    cdef PyObject *timer
    cdef uint64_t row, col
    cdef int level
    if names != NULL or nargs != 3:
        return start_method(self, args, nargs, names)
    if not (<BrickProfiler> self).on:
        Py_INCREF(OFF)
        return <PyObject *> OFF
    level = BP_MICRO if args[0] == MICRO else BP_MIDI if args[0] == MIDI else BP_MACRO
    c = recorder_at_hand(<BrickProfiler> self)
    if (c == NULL or (level == BP_MACRO and args[0] != MACRO)
            or not bp_small_int(args[1], &row) or not bp_small_int(args[2], &col)
            or c.top.orphan or c.top.level > level or c.top == &c.frames[BP_MAX_DEPTH]):
        return start_method(self, args, nargs, names)
    timer = new_timer()
    Py_INCREF(<Recorder> bp_last.recorder)
    (<TileTimer> timer).recorder = bp_last.recorder
    (<TileTimer> timer).live = True
    bp_push(c, level, row, col)
    (<TileTimer> timer).frame = c.top
    (<TileTimer> timer).serial = number_tile(c)
    if c.top.timed:
        c.top.start = bp_now(c)
    return timer


cdef PyObject *stop_entry(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *names) except NULL:
    """Do what stop_tile does."""
    cdef bp_recorder *c
    cdef bp_frame *frame
    cdef uint64_t stop, elements, flops, nbytes = BP_UNDECLARED
    if names != NULL or nargs < 3 or nargs > 4 or Py_TYPE(<object> args[0]) != TIMER:
        return stop_method(self, args, nargs, names)
    if args[0] == <PyObject *> OFF:
        Py_INCREF(None)
        return <PyObject *> None
    c = recorder_at_hand(<BrickProfiler> self)
    if c == NULL:
        return stop_method(self, args, nargs, names)
    stop = bp_now(c)
    frame = c.top
    # Only the timer of the innermost open tile of this recorder has that frame and its number.
    if (not bp_small_int(args[1], &elements) or not bp_small_int(args[2], &flops)
            or (nargs == 4 and args[3] != <PyObject *> None
                and not bp_small_int(args[3], &nbytes))
            or (<TileTimer> args[0]).frame != frame
            or (<TileTimer> args[0]).serial != frame.serial or frame == c.base):
        return stop_method(self, args, nargs, names)
    (<TileTimer> args[0]).live = False
    bp_settle(c)
    bp_pop(c, stop, elements, flops, nbytes, &(<BrickProfiler> self).call_cost)
    Py_INCREF(None)
    return <PyObject *> None


end_timer = TIMER.tp_dealloc
TIMER.tp_dealloc = keep_timer
start_method = bp_shortcut(BrickProfiler, b"start_tile", start_entry)
stop_method = bp_shortcut(BrickProfiler, b"stop_tile", stop_entry)
