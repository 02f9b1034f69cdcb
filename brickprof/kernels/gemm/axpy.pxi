# GEMM with a single row of A: a sum of B's rows.

cdef void axpy_part(const gemm_job *job, Py_ssize_t part, bp_recorder *recorder) noexcept nogil:
    """Work through a part of the columns: a Macro tile of Midi tiles that stay in L1."""
    cdef Py_ssize_t strips = ceil_div(job.n, job.ukr.nr), j, block, size = job.itemsize
    cdef Py_ssize_t first = share_of(strips, part, job.across) * job.ukr.nr
    cdef Py_ssize_t last = min(share_of(strips, part + 1, job.across) * job.ukr.nr, job.n)
    cdef bp_axpy sum
    sum.k, sum.x, sum.along, sum.ldb = job.k, job.a, job.a_col, job.b_row
    bp_start(recorder, BP_MACRO, 0, part)
    for block in range(ceil_div(last - first, job.block)):
        j = first + block * job.block
        sum.n = min(job.block, last - j)
        sum.b, sum.c = job.b + j * size, job.c + j * size
        bp_start(recorder, BP_MIDI, 0, block)
        bp_start(recorder, BP_MICRO, 0, 0)
        job.ukr.axpy(&sum)
        bp_stop(recorder, sum.n, 2 * sum.n * job.k, axpy_micro_bytes(job, sum.n))
        bp_stop(recorder, sum.n, 2 * sum.n * job.k, axpy_outer_bytes(job, sum.n))
    bp_stop(recorder, last - first, 2 * (last - first) * job.k,
            axpy_outer_bytes(job, last - first))
