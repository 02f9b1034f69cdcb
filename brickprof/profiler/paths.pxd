"""Which bricks were entered inside which; see paths.pyx."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t


cdef class PathNode:
    cdef str name                   # of the innermost brick; None of the root
    cdef str category               # declared for it or else for one around it; ""
    cdef int depth                  # bricks around it and itself
    cdef dict inside                # (name, category as declared) -> PathNode
    cdef uint64_t calls, ticks, own_ticks       # own: less the bricks inside on the same thread

    cdef void add(self, uint64_t ticks, uint64_t inside) noexcept
    cdef void clear(self)


cdef class PathTree:
    cdef PathNode root
    cdef Py_ssize_t nodes
    cdef uint64_t dropped           # entries that found no room

    cdef PathNode entered(self, PathNode outer, str name, str category)
    cdef list read(self)
    cdef void clear(self)


# Where a thread is, and what was inside of it; in it while a brick is open.
cdef struct path_frame:
    PyObject *outer                 # a PathNode, which its tree keeps alive; NULL of none
    PyObject *node                  # NULL where the call has none
    uint64_t outer_inside           # ticks that were inside `outer` so far
