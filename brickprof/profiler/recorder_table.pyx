"""What a kernel's threads are handed for their recorders: handles, addresses, and tables of them."""

cimport cython
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.object cimport PyObject
from cpython.pycapsule cimport (
    PyCapsule_CheckExact, PyCapsule_GetContext, PyCapsule_GetPointer, PyCapsule_IsValid,
    PyCapsule_New, PyCapsule_SetContext, PyCapsule_SetName,
)
from cpython.ref cimport Py_DECREF, Py_INCREF

from brickprof.profiler.recorder cimport Recorder
from brickprof.tile cimport BP_CAPSULE, BP_CLOSED_CAPSULE, bp_recorder

from brickprof.core.checks import short_repr


cdef void free_handle(object capsule) noexcept:
    """Let go of the table that a handle kept alive."""
    Py_DECREF(<object> PyCapsule_GetContext(capsule))


cdef object handle_of(bp_recorder *recorder, RecorderTable table):
    """Wrap a recorder's pointer for C and Cython; the handle keeps its table alive."""
    capsule = PyCapsule_New(recorder, BP_CAPSULE, free_handle)
    Py_INCREF(table)
    PyCapsule_SetContext(capsule, <void *> table)
    return capsule


@cython.final
cdef class RecorderTable:
    """The recorders of a call by number of thread, for compiled code; see `recorder_table`.

    Code that looks a recorder up gets none once the ``with`` block was left, and one that it found
    before stays memory that may be written to as long as this object lives.
    """

    def __cinit__(self):
        self.recorders = []

    def __dealloc__(self):
        PyMem_RawFree(self.c.recorders)

    def __reduce__(self):
        raise TypeError("recorders can be neither copied nor pickled")

    def __len__(self):
        """Return the number of threads, 0 once the ``with`` block was left."""
        return self.c.count

    @property
    def address(self):
        """Address of its bp_recorder_table."""
        return <size_t> &self.c

    cdef tuple handles(self):
        """Return a handle for each recorder."""
        return tuple([handle_of((<Recorder> recorder).c, self) for recorder in self.recorders])

    cdef str complaint(self):
        """Say which thread asked for a recorder in vain; None if all was well."""
        if not self.c.threads:
            return None
        return (f"thread {self.c.threads - 1} has no recorder: "
                f"these are of threads={len(self.recorders)}")

    cdef void close(self, tuple handles) noexcept:
        """Make it and its handles useless: the recorders may soon be another thread's."""
        cdef size_t i
        for i in range(self.c.count):
            self.c.recorders[i] = NULL
        self.c.count = 0
        for handle in handles:
            PyCapsule_SetName(handle, BP_CLOSED_CAPSULE)


cdef RecorderTable new_table(list recorders):
    """Return the table of some Recorders; None is one of a profiler that is off."""
    cdef RecorderTable table = RecorderTable.__new__(RecorderTable)
    cdef size_t i, count = len(recorders)
    table.c.recorders = <bp_recorder **> PyMem_RawCalloc(count, sizeof(bp_recorder *))
    if table.c.recorders == NULL:
        raise MemoryError(f"no memory for threads={count} recorders")
    for i in range(count):
        if recorders[i] is not None:
            table.recorders.append(recorders[i])
            table.c.recorders[i] = (<Recorder> recorders[i]).c
    table.c.count = count
    return table


cdef int check_handle(str name, object handle) except -1:
    """Refuse what is no handle, and one whose ``with`` block was left."""
    if (not PyCapsule_CheckExact(handle)
            or (<const void *> PyCapsule_GetContext(handle)) == NULL
            or not (PyCapsule_IsValid(handle, BP_CAPSULE)
                    or PyCapsule_IsValid(handle, BP_CLOSED_CAPSULE))):
        raise TypeError(f"{name} must be what BrickProfiler.recorders gave, "
                        f"got {short_repr(handle)}")
    if not PyCapsule_IsValid(handle, BP_CAPSULE):
        raise ValueError(f"{name} must be of a with block that has not been left")
    return 0


def recorder_address(handle):
    """Return the address of the recorder behind a handle, for the functions of other languages.

    Parameters
    ----------
    handle : object
        One of those that ``with BrickProfiler.recorders(...)`` gives.

    Returns
    -------
    int
        What `get_shared_library` calls `recorder`, for one thread at a time and until the ``with``
        block is left; 0 where the profiler is off.

    Raises
    ------
    TypeError
        If `handle` is something else.
    ValueError
        If the ``with`` block that gave it was left.
    """
    if handle is None:
        return 0
    check_handle("handle", handle)
    return <size_t> PyCapsule_GetPointer(handle, BP_CAPSULE)


def recorder_table(handles):
    """Return the recorders of all threads as one object, from which compiled code takes each.

    Parameters
    ----------
    handles : tuple of object
        All that ``with BrickProfiler.recorders(...)`` gives.

    Returns
    -------
    RecorderTable
        Its `address` is what `get_shared_library` calls `table`, as long as this object lives. When
        the ``with`` block is left it becomes empty.

    Raises
    ------
    TypeError
        If `handles` is something else.
    ValueError
        If `handles` are not all of them in their order, or the ``with`` block was left.
    """
    cdef RecorderTable table
    cdef size_t i
    if not isinstance(handles, (tuple, list)):
        raise TypeError("handles must be the tuple that BrickProfiler.recorders gave, "
                        f"got {short_repr(handles)}")
    given = tuple(handles)
    if not given:
        raise ValueError("handles must be at least one")
    if all([handle is None for handle in given]):
        return new_table(list(given))
    for handle in given:
        check_handle("handles", handle)
    table = <RecorderTable> <object> PyCapsule_GetContext(given[0])
    for i in range(len(given)):
        if (table.c.count != <size_t> len(given)
                or PyCapsule_GetPointer(given[i], BP_CAPSULE) != table.c.recorders[i]):
            raise ValueError("handles must be all that a with block gave, in their order")
    return table
