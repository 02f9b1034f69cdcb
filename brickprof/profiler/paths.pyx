"""Which bricks were entered inside which: a tree of calls, times and own times, in bounded memory.

A node is found when a brick is entered, by one look into a dict; tiles cost nothing more.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t


cdef enum:
    MAX_NODES = 4096
    MAX_DEPTH = 64


@cython.final
cdef class PathNode:
    """A brick inside the bricks around it."""

    def __cinit__(self, str name, str category, int depth):
        self.name, self.category, self.depth = name, category, depth
        self.inside = {}

    cdef void add(self, uint64_t ticks, uint64_t inside) noexcept:
        """Add a call, of which so much was spent in bricks inside it."""
        self.calls += 1
        self.ticks += ticks
        self.own_ticks += ticks - min(inside, ticks)

    cdef void clear(self):
        """Forget the calls of it and of all inside it, but not where they are."""
        self.calls = self.ticks = self.own_ticks = 0
        for node in list(self.inside.values()):
            (<PathNode> node).clear()


@cython.final
cdef class PathTree:
    """All paths of a profiler."""

    def __cinit__(self):
        self.root = PathNode(None, "", 0)

    cdef PathNode entered(self, PathNode outer, str name, str category):
        """Return the node of a brick that is entered inside another one; None in the root.

        It is `outer` where a brick is entered inside itself, which is no call of it, and where the
        tree is full.
        """
        cdef PathNode node
        if outer is None:
            outer = self.root
        if outer.name == name:
            return outer
        key = name, category
        found = outer.inside.get(key)
        if found is not None:
            return found
        if outer.depth >= MAX_DEPTH or self.nodes >= MAX_NODES:
            self.dropped += 1
            return outer
        node = PathNode(name, outer.category if category is None else category, outer.depth + 1)
        found = outer.inside.setdefault(key, node)
        self.nodes += found is node
        return found

    cdef list read(self):
        """Return (path, category, calls, ticks, own ticks) of all nodes with calls."""
        cdef PathNode node
        found = []
        waiting = [((), self.root)]
        while waiting:
            path, node = waiting.pop()
            if node.calls:
                found.append((path, node.category, node.calls, node.ticks, node.own_ticks))
            for inner in list(node.inside.values()):
                waiting.append(((*path, (<PathNode> inner).name), inner))
        return found

    cdef void clear(self):
        """Forget all calls."""
        self.root.clear()
        self.dropped = 0
