# The bytes that a tile of GEMM moves; mirrors brickprof.gemm_traffic, whose docstrings say why.

cdef inline Py_ssize_t strip_copies(const gemm_job *job, Py_ssize_t panels) noexcept nogil:
    """Return the stores of a strip's packed copy, 0 where there is none."""
    if job.prepacked:
        return 0
    if job.b_layout == ROWS:
        return panels > 1 and (job.streams or not gemm_strip_is_near(job))
    return 1


cdef uint64_t gemm_micro_bytes(const gemm_job *job, const gemm_step *at, Py_ssize_t panels,
                               Py_ssize_t width) noexcept nogil:
    """Loads and stores of a strip's sweep."""
    cdef Py_ssize_t padded = round_up(width, job.ukr.lanes), b
    cdef Py_ssize_t copies = strip_copies(job, panels)
    if job.prepacked:
        b = panels * padded
    elif job.b_layout != ROWS:
        b = width + padded + panels * padded
    elif copies:
        b = width + panels * padded
    else:
        b = panels * width
    return job.itemsize * (at.mb * at.kb + b * at.kb + (2 if at.p0 else 1) * at.mb * width)


cdef uint64_t gemm_midi_bytes(const gemm_job *job, const gemm_step *at,
                              Py_ssize_t wide) noexcept nogil:
    """What L2 gives and takes: A for each strip unless it stays in L1, each strip, and C."""
    cdef Py_ssize_t columns = at.j1 - at.j0, lanes = job.ukr.lanes
    cdef Py_ssize_t panels = ceil_div(at.mb, job.ukr.mr), full = columns // wide
    cdef Py_ssize_t rest = columns - full * wide
    cdef Py_ssize_t sweeps = full + ceil_div(rest, job.ukr.nr)
    cdef Py_ssize_t padded = full * wide + round_up(rest, lanes)
    cdef Py_ssize_t b = columns, a = at.mb
    if job.prepacked:
        b = padded
    if at.kb * (job.ukr.nr + 2 * job.ukr.mr) * job.itemsize > job.blocks.l1_bytes:
        b += (panels - 1 + strip_copies(job, panels)) * (
            padded if job.prepacked or strip_copies(job, panels) else columns)
    if 2 * at.mb * at.kb * job.itemsize > job.blocks.l1_bytes:
        a *= sweeps
    if at.packed:
        a += 2 * at.mb
    return job.itemsize * ((a + b) * at.kb + (2 if at.p0 else 1) * at.mb * columns)


cdef uint64_t gemm_macro_bytes(const gemm_job *job, const gemm_step *at,
                               Py_ssize_t rows) noexcept nogil:
    """What L3 gives and takes: A once, B for each block of A, and C."""
    cdef Py_ssize_t columns = at.j1 - at.j0
    cdef Py_ssize_t b = round_up(columns, job.ukr.lanes) if job.prepacked else columns
    return job.itemsize * ((rows + ceil_div(rows, job.mc) * b) * at.kb
                           + (2 if at.p0 else 1) * rows * columns)


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
