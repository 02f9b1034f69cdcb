# The bytes that a tile of GEMM moves; mirrors brickprof.planning.traffic, whose docstrings say why.

cdef enum:
    LINE_BYTES = 64


cdef inline Py_ssize_t lost(Py_ssize_t elements, Py_ssize_t footprint,
                            Py_ssize_t cache) noexcept nogil:
    """Return how many of some elements a cache loses before they are used again."""
    return elements * min(max(100 * footprint - 77 * cache, 0), 43 * cache) // (43 * cache)


cdef uint64_t gemm_micro_bytes(const gemm_job *job, const gemm_step *at,
                               Py_ssize_t width) noexcept nogil:
    """Loads and stores of a strip's sweep."""
    cdef Py_ssize_t padded = round_up(width, job.ukr.lanes), b = at.panels * padded
    cdef int mode = at.mode
    if mode == TURNED:
        b += width + padded
    elif mode == COPIED:
        b += width
    elif mode != PANEL:
        b = at.panels * width
    return job.itemsize * (at.mb * at.kb + b * at.kb + (2 if at.p0 else 1) * at.mb * width)


cdef uint64_t gemm_midi_bytes(const gemm_job *job, const gemm_step *at,
                              Py_ssize_t wide) noexcept nogil:
    """What L2 gives and takes: A for each strip unless it stays in L1, each strip, and C."""
    cdef Py_ssize_t columns = at.j1 - at.j0, panels = at.panels
    cdef Py_ssize_t full = columns // wide, rest = columns % wide
    cdef Py_ssize_t sweeps = full + ceil_div(rest, job.ukr.nr)
    cdef Py_ssize_t padded = full * wide + round_up(rest, job.ukr.lanes)
    cdef int mode = at.mode
    cdef bint in_place = mode == NEAR or mode == IN_PLACE
    cdef Py_ssize_t more = (LINE_BYTES - 16) // job.itemsize, ragged = columns + sweeps * more
    cdef Py_ssize_t strip = job.ukr.nr + in_place * more
    cdef Py_ssize_t again = panels - 1 + (mode == COPIED or mode == TURNED)
    cdef Py_ssize_t held = at.kb * (strip + job.ukr.mr) * job.itemsize
    cdef Py_ssize_t b = padded if mode == PANEL else columns
    cdef Py_ssize_t a = at.mb
    if in_place or mode == COPIED:
        b += lost(sweeps * more, held, job.blocks.l1_bytes)
    b += lost(again * (ragged if in_place else padded), held, job.blocks.l1_bytes)
    a += lost((sweeps - 1) * at.mb, at.kb * (at.mb + strip) * job.itemsize, job.blocks.l1_bytes)
    if at.packed:
        a += 2 * at.mb
    return job.itemsize * ((a + b) * at.kb + (2 if at.p0 else 1) * at.mb * ragged)


cdef uint64_t gemm_macro_bytes(const gemm_job *job, const gemm_step *at,
                               Py_ssize_t rows) noexcept nogil:
    """What L3 gives and takes: A once, B for each block of A unless it stays in L2, and C."""
    cdef Py_ssize_t columns = at.j1 - at.j0, b = columns, block = min(job.mc, rows), again
    if job.prepacked or job.in_panels:
        b = round_up(columns, job.ukr.lanes)
    again = lost((ceil_div(rows, job.mc) + (1 if job.in_panels else -1)) * b,
                 ((7 * block // 4 + b) * at.kb + block * columns) * job.itemsize,
                 job.blocks.l2_bytes)
    b = (columns if job.in_panels else b) + again
    return job.itemsize * ((rows + b) * at.kb + (2 if at.p0 else 1) * rows * columns)


cdef uint64_t dots_micro_bytes(const gemm_job *job, Py_ssize_t vectors, Py_ssize_t count,
                               Py_ssize_t kb, bint add) noexcept nogil:
    return job.itemsize * ((count + ceil_div(count, DOT_ROWS) * vectors) * kb
                           + (2 if add else 1) * vectors * count)


cdef uint64_t dots_midi_bytes(const gemm_job *job, Py_ssize_t count, Py_ssize_t kb,
                              bint add) noexcept nogil:
    cdef Py_ssize_t groups = ceil_div(job.vectors, job.ukr.dots)
    return job.itemsize * ((count * groups + job.vectors) * kb
                           + (2 if add else 1) * job.vectors * count)


cdef uint64_t dots_macro_bytes(const gemm_job *job, Py_ssize_t count, Py_ssize_t kb,
                               bint add) noexcept nogil:
    return job.itemsize * ((count + job.vectors) * kb + (2 if add else 1) * job.vectors * count)


cdef uint64_t axpy_micro_bytes(const gemm_job *job, Py_ssize_t columns) noexcept nogil:
    return job.itemsize * (job.k * columns + job.k + (
        2 * ceil_div(job.k, AXPY_ROWS) - 1) * columns)


cdef uint64_t axpy_outer_bytes(const gemm_job *job, Py_ssize_t columns) noexcept nogil:
    return job.itemsize * (job.k * columns + job.k + columns)
