# GEMM as dot products: few vectors against many rows.

cdef bint dots_need_copy(const gemm_job *job) noexcept nogil:
    """Tell whether the vectors have to be copied for their elements to be adjacent."""
    if job.kind == DOTS_OF_ROWS:
        return job.b_row != 1
    return job.kind == DOTS_OF_COLUMNS and job.a_col != 1


cdef void dots_vectors(gemm_job *job) noexcept nogil:
    """Make the vectors' elements adjacent."""
    cdef Py_ssize_t size = job.itemsize, x
    for x in range(job.vectors):
        if job.kind == DOTS_OF_ROWS:
            job.ukr.pack(1, 1, job.k, job.b + x * job.b_col * size, 1, job.b_row,
                         job.memory + x * job.k * size)
        else:
            job.ukr.pack(1, 1, job.k, job.a + x * job.a_row * size, 1, job.a_col,
                         job.memory + x * job.k * size)


cdef void dots_midi(const gemm_job *job, bp_dot *dot, Py_ssize_t first, Py_ssize_t p0,
                    Py_ssize_t kb, bp_recorder *recorder) noexcept nogil:
    """Midi tile: some rows against all vectors, as many at a time as there are registers for."""
    cdef Py_ssize_t size = job.itemsize, groups = ceil_div(job.vectors, job.ukr.dots), g, x, x1
    cdef Py_ssize_t count = dot.count
    cdef bint of_rows = job.kind == DOTS_OF_ROWS
    cdef const char *vectors = job.memory
    cdef Py_ssize_t ldx = job.k
    if not dots_need_copy(job):
        vectors = job.b if of_rows else job.a
        ldx = job.b_col if of_rows else job.a_row
    bp_start(recorder, BP_MIDI, first // job.block, p0 // job.kc)
    dot.k = kb
    dot.add = p0 > 0
    dot.ldx = ldx
    if of_rows:
        dot.rows = job.a + (first * job.a_row + p0) * size
        dot.ldr, dot.cx, dot.cr = job.a_row, 1, job.c_row
    else:
        dot.rows = job.b + (first * job.b_col + p0) * size
        dot.ldr, dot.cx, dot.cr = job.b_col, job.c_row, 1
    for g in range(groups):
        x, x1 = share_of(job.vectors, g, groups), share_of(job.vectors, g + 1, groups)
        bp_start(recorder, BP_MICRO, 0, g)
        dot.x = vectors + (x * ldx + p0) * size
        dot.c = job.c + (first * dot.cr + x * dot.cx) * size
        bp_run_dot(job.ukr, <int> (x1 - x), dot)
        bp_stop(recorder, (x1 - x) * count, 2 * (x1 - x) * count * kb,
                dots_micro_bytes(job, x1 - x, count, kb, p0 > 0))
    bp_stop(recorder, job.vectors * count, 2 * job.vectors * count * kb,
            dots_midi_bytes(job, count, kb, p0 > 0))


cdef void dots_part(const gemm_job *job, Py_ssize_t part, bp_recorder *recorder) noexcept nogil:
    """Work through a part of the rows: a Macro tile for each step of k."""
    cdef Py_ssize_t groups = ceil_div(job.count, 8), p, r, kb, step_of_k, block
    cdef Py_ssize_t first = min(share_of(groups, part, job.down) * 8, job.count)
    cdef Py_ssize_t last = min(share_of(groups, part + 1, job.down) * 8, job.count)
    cdef bp_dot dot
    for step_of_k in range(ceil_div(job.k, job.kc)):
        p = step_of_k * job.kc
        kb = min(job.kc, job.k - p)
        bp_start(recorder, BP_MACRO, step_of_k, part)
        for block in range(ceil_div(last - first, job.block)):
            r = first + block * job.block
            dot.count = min(job.block, last - r)
            dots_midi(job, &dot, r, p, kb, recorder)
        bp_stop(recorder, job.vectors * (last - first), 2 * job.vectors * (last - first) * kb,
                dots_macro_bytes(job, last - first, kb, p > 0))
