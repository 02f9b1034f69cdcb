"""GEMM as fused dot products (dotxf): few vectors against many rows."""

from brickprof.kernels.gemm.shape cimport DOTXF_COLUMNS, DOTXF_GRAIN, DOTXF_ROWS, gemm_job
from brickprof.kernels.gemm.traffic cimport (
    dotxf_macro_bytes, dotxf_micro_bytes, dotxf_midi_bytes,
)
from brickprof.kernels.partition cimport ceil_div, part_begin
from brickprof.kernels.runtime.runtime cimport bp_dotxf, bp_leave_off, bp_run_dotxf
from brickprof.tile cimport BP_MACRO, BP_MICRO, BP_MIDI, bp_recorder, bp_start, bp_stop


cdef inline bint dotxf_packs_vectors(const gemm_job *job) noexcept nogil:
    """Tell whether the vectors have to be packed for their elements to be contiguous."""
    if job.kind == DOTXF_ROWS:
        return job.b_row != 1
    return job.kind == DOTXF_COLUMNS and job.a_col != 1


cdef inline void dotxf_pack_vectors(gemm_job *job) noexcept nogil:
    """Make the vectors' elements contiguous."""
    cdef Py_ssize_t size = job.itemsize, x
    for x in range(job.vectors):
        if job.kind == DOTXF_ROWS:
            job.micro.pack(1, 1, job.k, job.b + x * job.b_col * size, 1, job.b_row,
                           job.memory + x * job.k * size)
        else:
            job.micro.pack(1, 1, job.k, job.a + x * job.a_row * size, 1, job.a_col,
                           job.memory + x * job.k * size)


cdef inline void dotxf_midi(const gemm_job *job, bp_dotxf *dotxf, Py_ssize_t first, Py_ssize_t p0,
                            Py_ssize_t kb, bp_recorder *recorder) noexcept nogil:
    """Midi tile: some rows against all vectors, as many at a time as there are registers for."""
    cdef Py_ssize_t size = job.itemsize, groups, g, x, x1, count = dotxf.count
    cdef bint of_rows = job.kind == DOTXF_ROWS
    cdef const char *vectors = job.memory
    cdef Py_ssize_t ldx = job.k
    groups = ceil_div(job.vectors, job.micro.max_dotxf)
    if not dotxf_packs_vectors(job):
        vectors = job.b if of_rows else job.a
        ldx = job.b_col if of_rows else job.a_row
    bp_start(recorder, BP_MIDI, first // job.block, p0 // job.kc)
    dotxf.k = kb
    dotxf.accumulate = p0 > 0
    dotxf.ldx = ldx
    if of_rows:
        dotxf.rows = job.a + (first * job.a_row + p0) * size
        dotxf.ldr, dotxf.c_vector_stride, dotxf.c_row_stride = job.a_row, 1, job.c_row
    else:
        dotxf.rows = job.b + (first * job.b_col + p0) * size
        dotxf.ldr, dotxf.c_vector_stride, dotxf.c_row_stride = job.b_col, job.c_row, 1
    for g in range(groups):
        x, x1 = part_begin(job.vectors, g, groups), part_begin(job.vectors, g + 1, groups)
        bp_start(recorder, BP_MICRO, 0, g)
        dotxf.x = vectors + (x * ldx + p0) * size
        dotxf.c = job.c + (first * dotxf.c_row_stride + x * dotxf.c_vector_stride) * size
        bp_run_dotxf(job.micro, <int> (x1 - x), dotxf)
        bp_stop(recorder, (x1 - x) * count, 2 * (x1 - x) * count * kb,
                dotxf_micro_bytes(job, x1 - x, count, kb, p0 > 0))
    bp_stop(recorder, job.vectors * count, 2 * job.vectors * count * kb,
            dotxf_midi_bytes(job, count, kb, p0 > 0))


cdef inline void dotxf_part(const gemm_job *job, Py_ssize_t part, int thread,
                            bp_recorder *recorder) noexcept nogil:
    """Work through a part of the rows: a Macro tile for each step of k."""
    cdef Py_ssize_t grains = ceil_div(job.count, DOTXF_GRAIN), p, r, kb, step_of_k, block
    cdef Py_ssize_t first = min(part_begin(grains, part, job.down) * DOTXF_GRAIN, job.count)
    cdef Py_ssize_t last = min(part_begin(grains, part + 1, job.down) * DOTXF_GRAIN, job.count)
    cdef bp_dotxf dotxf
    for step_of_k in range(ceil_div(job.k, job.kc)):
        p = step_of_k * job.kc
        kb = min(job.kc, job.k - p)
        bp_start(recorder, BP_MACRO, step_of_k, part)
        for block in range(ceil_div(last - first, job.block)):
            r = first + block * job.block
            dotxf.count = min(job.block, last - r)
            if bp_leave_off(job.interrupt, thread, 2 * job.vectors * dotxf.count * kb):
                return
            dotxf_midi(job, &dotxf, r, p, kb, recorder)
        bp_stop(recorder, job.vectors * (last - first), 2 * job.vectors * (last - first) * kb,
                dotxf_macro_bytes(job, last - first, kb, p > 0))
