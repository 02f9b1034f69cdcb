"""GEMM with a single row of A: a fused sum of B's rows (axpyf)."""

from brickprof.kernels.gemm.shape cimport gemm_job
from brickprof.kernels.gemm.traffic cimport axpyf_micro_bytes, axpyf_outer_bytes
from brickprof.kernels.partition cimport ceil_div, part_begin
from brickprof.kernels.runtime.runtime cimport STORE_FLOPS, bp_axpyf, bp_leave_off
from brickprof.tile cimport BP_MACRO, BP_MICRO, BP_MIDI, bp_recorder, bp_start, bp_stop


cdef inline void axpyf_part(const gemm_job *job, Py_ssize_t part, int thread,
                            bp_recorder *recorder) noexcept nogil:
    """Work through a part of the columns: a Macro tile of Midi tiles that stay in L1."""
    cdef Py_ssize_t nr = job.micro.nr, units = ceil_div(job.n, nr), j, block, size = job.itemsize
    cdef Py_ssize_t first = part_begin(units, part, job.across) * nr
    cdef Py_ssize_t last = min(part_begin(units, part + 1, job.across) * nr, job.n)
    cdef bp_axpyf axpyf
    axpyf.k, axpyf.x, axpyf.incx, axpyf.ldb = job.k, job.a, job.a_col, job.b_row
    bp_start(recorder, BP_MACRO, 0, part)
    for block in range(ceil_div(last - first, job.block)):
        j = first + block * job.block
        axpyf.n = min(job.block, last - j)
        axpyf.b, axpyf.c = job.b + j * size, job.c + j * size
        if bp_leave_off(job.interrupt, thread, axpyf.n * (2 * job.k + STORE_FLOPS)):
            return
        bp_start(recorder, BP_MIDI, 0, block)
        bp_start(recorder, BP_MICRO, 0, 0)
        job.micro.axpyf(&axpyf)
        bp_stop(recorder, axpyf.n, 2 * axpyf.n * job.k, axpyf_micro_bytes(job, axpyf.n))
        bp_stop(recorder, axpyf.n, 2 * axpyf.n * job.k, axpyf_outer_bytes(job, axpyf.n))
    bp_stop(recorder, last - first, 2 * (last - first) * job.k,
            axpyf_outer_bytes(job, last - first))
