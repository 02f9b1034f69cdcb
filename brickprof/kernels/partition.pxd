"""How extents are cut into blocks and parts: arithmetic that all kernels share."""

cdef enum:
    MIN_FLOPS_PER_THREAD = 1 << 20                  # less is not worth waking another thread


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline Py_ssize_t round_up(Py_ssize_t a, Py_ssize_t unit) noexcept nogil:
    return ceil_div(a, unit) * unit


cdef inline Py_ssize_t balanced(Py_ssize_t extent, Py_ssize_t block,
                                Py_ssize_t unit) noexcept nogil:
    """Shrink a block so that the blocks of an extent are even; a multiple of `unit`."""
    cdef Py_ssize_t blocks = max(ceil_div(extent, block), 1)
    return max(round_up(ceil_div(extent, blocks), unit), unit)


cdef inline Py_ssize_t part_begin(Py_ssize_t extent, Py_ssize_t part,
                                  Py_ssize_t parts) noexcept nogil:
    """Return where a part begins of an extent that is cut into even parts."""
    return extent * part // parts


cdef inline Py_ssize_t evicted(Py_ssize_t elements, Py_ssize_t footprint,
                               Py_ssize_t cache) noexcept nogil:
    """Return how many of some elements a cache loses before they are used again.

    None up to 0.77 of its size, all from 1.2 on, since sets fill unevenly; fitted to simulations.
    """
    return elements * min(max(100 * footprint - 77 * cache, 0), 43 * cache) // (43 * cache)
