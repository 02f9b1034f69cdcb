"""GEMM as it is called from Python: arguments, tiling, result."""

import numpy as np

cimport numpy as cnp

from brickprof.kernels.arrays cimport as_input, as_output, check_overlap, dtype_of, step
from brickprof.kernels.gemm.loops cimport gemm_run
from brickprof.kernels.gemm.packed cimport PackedMatrix
from brickprof.kernels.gemm.plan cimport gemm_machine_blocks, gemm_take_plan
from brickprof.kernels.gemm.shape cimport ROWS, TILES, gemm_job, gemm_shape, layout_of
from brickprof.kernels.runtime.runtime cimport (
    bp_isa, bp_pool, checked_threads, dtype_name, give_pool, isa_of, kernel_dtypes, open_recorders,
    take_pool,
)
from brickprof.profiler.recorder_set cimport RecorderSet


cdef object gemm_right(object b, cnp.ndarray left, const bp_isa *isa):
    """Check the right side of a product against the left."""
    cdef PackedMatrix packed
    cdef cnp.ndarray array
    cdef Py_ssize_t rows
    cdef int dtype = dtype_of(left)
    if isinstance(b, PackedMatrix):
        packed = b
        if packed.dtype_number != dtype:
            raise TypeError(f"b must be packed from a's dtype {left.dtype}, got {packed.dtype}")
        if packed.packed_for != isa:
            raise ValueError(
                f"b must be packed for the instruction set that is used, {isa.name.decode()}, "
                f"got {packed.isa}")
        rows = packed.k
    else:
        b = array = as_input(b, "b", 2, 2, 1u << dtype)
        rows = cnp.PyArray_DIM(array, 0)
    if cnp.PyArray_DIM(left, 1) != rows:
        raise ValueError(
            f"b must have as many rows as a has columns, got shapes "
            f"{np.shape(left)} and {b.shape}")
    return b


cdef cnp.ndarray gemm_output(object out, cnp.ndarray left, object b):
    """Return `out` once it is fit to be written, or a new array for None."""
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray result
    shape[0] = cnp.PyArray_DIM(left, 0)
    if isinstance(b, PackedMatrix):
        shape[1] = (<PackedMatrix> b).n
    else:
        shape[1] = cnp.PyArray_DIM(<cnp.ndarray> b, 1)
    result = as_output(out, left, 2, shape)
    if out is not None:
        check_overlap(result, left, "a")
        if not isinstance(b, PackedMatrix):
            check_overlap(result, b, "b")
    return result


cdef inline void gemm_transpose(gemm_job *job) noexcept nogil:
    """Compute C = A B as its transpose, B^T A^T."""
    job.a, job.b = job.b, job.a
    job.a_row, job.b_col = job.b_col, job.a_row
    job.a_col, job.b_row = job.b_row, job.a_col
    job.m, job.n = job.n, job.m


cdef int gemm_geometry(gemm_job *job, cnp.ndarray left, object b, cnp.ndarray target,
                       bint keep_sides) except -1:
    """Fill in sizes, strides, pointers and layouts; False where `target` cannot be written to.

    A result by columns is computed as its transpose, and so is one of a single column, so that A
    need not be packed; not where a plan or a packed B fixes the sides.
    """
    cdef Py_ssize_t row = step(target, 0), col = step(target, 1)
    job.m, job.n = cnp.PyArray_DIM(target, 0), cnp.PyArray_DIM(target, 1)
    job.k = cnp.PyArray_DIM(left, 1)
    job.itemsize = cnp.PyArray_ITEMSIZE(left)
    job.c = <char *> cnp.PyArray_DATA(target)
    job.c_row = row
    job.a, job.a_row, job.a_col = <char *> cnp.PyArray_DATA(left), step(left, 0), step(left, 1)
    job.prepacked = isinstance(b, PackedMatrix)
    if job.prepacked:
        keep_sides = True
        job.b, job.b_row, job.b_col = (<PackedMatrix> b).micropanels, 0, 0
    else:
        job.b = <char *> cnp.PyArray_DATA(<cnp.ndarray> b)
        job.b_row, job.b_col = step(b, 0), step(b, 1)
    if job.n > 1 and col != 1:
        if keep_sides or (job.m > 1 and row != 1):
            return False
        gemm_transpose(job)
        job.c_row = col
    elif job.n == 1 and row == 1 and job.a_row == 1 and job.a_col != 1 and not keep_sides:
        gemm_transpose(job)
        job.c_row = 0
    job.a_layout = layout_of(job.m, job.k, job.a_row, job.a_col)
    job.b_layout = ROWS if job.prepacked else layout_of(job.k, job.n, job.b_row, job.b_col)
    job.a_stride = job.a_row if job.a_layout == ROWS else job.a_col
    job.b_stride, job.c_stride = job.b_row, job.c_row
    return True


cdef int gemm_tile(gemm_job *job, object right, object plan, const bp_isa *isa, int dtype,
                   int threads) except -1:
    """Tile a product for this machine, or as a plan says."""
    cdef Py_ssize_t depth = max((<PackedMatrix> right).kc, 1) if job.prepacked else 0
    if plan is not None:
        gemm_take_plan(job, plan, isa, dtype)
        if job.prepacked and job.kc != depth:
            raise ValueError(
                f"plan must have the depth that b was packed in, {depth}, got {plan.kc}")
        return 0
    gemm_machine_blocks(isa, dtype, &job.blocks)
    if job.prepacked:
        job.blocks.kc = depth
    gemm_shape(job, threads)
    return 0


cdef int gemm_compute(gemm_job *job, bp_pool *pool) except -1:
    """Run a product, without the GIL where it takes longer than letting go of it."""
    if <double> job.m * job.n * job.k < 1 << 15:
        gemm_run(job, pool)
    else:
        with nogil:
            gemm_run(job, pool)
    return 0


cdef int gemm_profiled(gemm_job *job, bp_pool *pool, object profiler, const bp_isa *isa,
                       int dtype, object plan) except -1:
    """Run a product in a brick of a profiler that is on."""
    # Dot products hold less than they are planned to: L2 feeds their Micro tiles.
    cdef object holds = plan if job.kind == TILES else None
    cdef RecorderSet recorders = open_recorders(
        profiler, "gemm", job.threads, dtype_name(dtype), isa, holds)
    job.recorders = NULL if recorders is None else recorders.c
    failed = True
    try:
        if job.m and job.n and job.k:
            gemm_compute(job, pool)
        failed = False
    finally:
        if recorders is not None:
            recorders.close(failed)
    return 0


def gemm(a, b, out=None, threads=None, profiler=None, plan=None, isa=None):
    """Matrix product ``a @ b`` in cache-blocked tiles.

    Parameters
    ----------
    a : array_like, shape (m, k)
        float32 or float64, of any strides.
    b : array_like, shape (k, n), or PackedMatrix
        Of the same dtype; `pack` prepares one that is used many times.
    out : ndarray, shape (m, n), optional
        Where to write the product; may not overlap `a`, `b` or itself.
    threads : int, optional
        Threads to use at most; by default as many as this process may use.
    profiler : BrickProfiler, optional
        Records the tiles of all three levels in the brick ``"gemm"``.
    plan : GemmPlan, optional
        The tiling to run in place of the one that suits this machine; see `plan_gemm`. Brings its
        own thread count.
    isa : str, optional
        Instruction set to use; by default the best one, or what BRICKPROF_ISA says.

    Returns
    -------
    ndarray, shape (m, n)
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, rank, shape or range, or a plan was made for arrays
        that lie otherwise or another depth than that of a packed `b`; nothing is written then.
    TileNestingError
        If a tile finer than Macro is open on this thread.
    MemoryError, RuntimeError
        If there is no memory to pack into, or the threads cannot be started.

    Notes
    -----
    The loop nest is that of K. Goto and R. van de Geijn, "Anatomy of high-performance matrix
    multiplication", ACM TOMS 34(3), 2008.
    """
    cdef gemm_job job
    cdef cnp.ndarray left = as_input(a, "a", 2, 2, kernel_dtypes)
    cdef int dtype = dtype_of(left)
    cdef const bp_isa *chosen = isa_of(isa)
    cdef object right = gemm_right(b, left, chosen)
    cdef cnp.ndarray result = gemm_output(out, left, right), target = result
    cdef int count = checked_threads(threads)
    cdef bp_pool *pool
    job.micro = chosen.micro[dtype]
    if not gemm_geometry(&job, left, right, target, plan is not None):
        target = np.empty(np.shape(result), result.dtype)
        gemm_geometry(&job, left, right, target, plan is not None)
    gemm_tile(&job, right, plan, chosen, dtype, count)
    pool = take_pool(job.threads)
    job.recorders = NULL
    try:
        if profiler is not None:
            gemm_profiled(&job, pool, profiler, chosen, dtype, plan)
        elif job.m and job.n and job.k:
            gemm_compute(&job, pool)
        if job.k == 0:
            target[...] = 0
        if target is not result:
            result[...] = target
    finally:
        give_pool(pool)
    return result
