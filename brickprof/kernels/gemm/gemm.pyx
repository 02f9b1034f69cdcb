"""GEMM as it is called from Python: arguments, tiling, result."""

cimport numpy as cnp

from brickprof.kernels.arrays cimport (
    MIN_WORK_TO_KEEP, as_input, as_output, assign, check_overlap, dtype_of, keep_memory, shape_of,
    step,
)
from brickprof.kernels.gemm.loops cimport gemm_run
from brickprof.kernels.gemm.packed cimport PackedMatrix
from brickprof.kernels.gemm.plan cimport gemm_machine_blocks, gemm_take_plan
from brickprof.kernels.gemm.shape cimport ROWS, TILES, gemm_job, gemm_shape, layout_of
from brickprof.kernels.runtime.runtime cimport (
    STORE_FLOPS, bp_interrupt, bp_isa, bp_pool, checked_threads, dtype_name, give_pool,
    interruptible, isa_of, kernel_dtypes, open_recorders, take_pool,
)
from brickprof.profiler.recorder_set cimport RecorderSet

cnp.import_array()


cdef object gemm_right(object b, int dtype, const bp_isa *isa):
    """Check the right side of a product against the left one's dtype."""
    cdef PackedMatrix packed
    if not isinstance(b, PackedMatrix):
        return as_input(b, "b", 2, 2, 1u << dtype)
    packed = b
    if packed.dtype_number != dtype:
        raise TypeError(
            f"b must be packed from a's dtype {dtype_name(dtype)}, got {packed.dtype}")
    if packed.packed_for != isa:
        raise ValueError(f"b must be packed for the instruction set that is used, "
                         f"{isa.name.decode()}, got {packed.isa}")
    return packed


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


cdef inline bint is_matrix(cnp.ndarray array, int dtype) noexcept:
    """Tell whether an array is of two axes and a dtype, whatever it was when it was checked."""
    return cnp.PyArray_NDIM(array) == 2 and dtype_of(array) == dtype


cdef int gemm_check_shapes(cnp.ndarray left, object b, cnp.ndarray target, int dtype) except -1:
    """Raise unless the arrays that were checked, one after the other, fit each other now.

    What was asked for the later ones may have reshaped the earlier ones.
    """
    cdef bint packed = isinstance(b, PackedMatrix)
    cdef Py_ssize_t rows, columns
    if not is_matrix(left, dtype) or not (packed or is_matrix(b, dtype)) or (
            target is not None and not is_matrix(target, dtype)):
        raise ValueError("a, b and out must not be changed while gemm takes its arguments")
    rows = (<PackedMatrix> b).k if packed else cnp.PyArray_DIM(<cnp.ndarray> b, 0)
    if cnp.PyArray_DIM(left, 1) != rows:
        raise ValueError(f"b must have as many rows as a has columns, got shapes {shape_of(left)} "
                         f"and {b.shape if packed else shape_of(b)}")
    if target is None:
        return 0
    columns = (<PackedMatrix> b).n if packed else cnp.PyArray_DIM(<cnp.ndarray> b, 1)
    if cnp.PyArray_DIM(target, 0) != cnp.PyArray_DIM(left, 0) or (
            cnp.PyArray_DIM(target, 1) != columns):
        raise ValueError("a, b and out must not be changed while gemm takes its arguments")
    return 0


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


cdef int gemm_check_unchanged(const gemm_job *job, cnp.ndarray left, object b, cnp.ndarray target,
                              int dtype, bint keep_sides) except -1:
    """Raise if an array is elsewhere, or of another shape, than when the job was filled in."""
    cdef gemm_job now
    gemm_check_shapes(left, b, target, dtype)
    if not gemm_geometry(&now, left, b, target, keep_sides) or (
            now.a != job.a or now.b != job.b or now.c != job.c
            or now.m != job.m or now.n != job.n or now.k != job.k
            or now.a_row != job.a_row or now.a_col != job.a_col
            or now.b_row != job.b_row or now.b_col != job.b_col or now.c_row != job.c_row):
        raise ValueError("a, b and out must not be changed while gemm takes its arguments")
    return 0


cdef int gemm_tile(gemm_job *job, object right, object plan, const bp_isa *isa, int dtype,
                   int threads) except -1:
    """Tile a product in the blocks for this machine, which it has, or as a plan says."""
    cdef Py_ssize_t depth = max((<PackedMatrix> right).kc, 1) if job.prepacked else 0
    if plan is not None:
        gemm_take_plan(job, plan, isa, dtype)
        if job.prepacked and job.kc != depth:
            raise ValueError(
                f"plan must have the depth that b was packed in, {depth}, got {plan.kc}")
        return 0
    if job.prepacked:
        job.blocks.kc = depth
    gemm_shape(job, threads)
    return 0


cdef int gemm_compute_long(gemm_job *job, bp_pool *pool) except -1:
    """Run a product without the GIL, and look for signals where it takes really long."""
    cdef bp_interrupt interrupt
    job.interrupt = interruptible(
        &interrupt, <double> job.m * job.n * (2.0 * job.k + STORE_FLOPS))
    with nogil:
        gemm_run(job, pool)
    return 0


cdef int gemm_compute(gemm_job *job, bp_pool *pool, cnp.ndarray left, object right,
                      cnp.ndarray target, int dtype, bint has_plan, bint recheck) except -1:
    """Run a product, without the GIL where it takes longer than letting go of it.

    `recheck` the arrays where Python code ran since the job was filled in.
    """
    cdef double work = <double> job.m * job.n * job.k
    cdef object kept = None
    if work == 0:
        return 0
    if work >= MIN_WORK_TO_KEEP:
        kept = keep_memory(left), job.prepacked or keep_memory(right), keep_memory(target)
    if recheck or kept is not None:
        gemm_check_unchanged(job, left, right, target, dtype, has_plan)
    if work >= 1 << 15:
        return gemm_compute_long(job, pool)
    job.interrupt = NULL
    return gemm_run(job, pool)


cdef int gemm_profiled(gemm_job *job, bp_pool *pool, object profiler, const bp_isa *isa,
                       int dtype, object plan, cnp.ndarray left, object right,
                       cnp.ndarray target) except -1:
    """Run a product in a brick of a profiler that is on."""
    # Dot products hold less than they are planned to: L2 feeds their Micro tiles.
    cdef object holds = plan if job.kind == TILES else None
    cdef RecorderSet recorders = open_recorders(
        profiler, "gemm", job.threads, dtype_name(dtype), isa, holds)
    job.recorders = NULL if recorders is None else recorders.c
    failed = True
    try:
        gemm_compute(job, pool, left, right, target, dtype, plan is not None, True)
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
        float32 or float64, of any strides; no masked array.
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
        If an argument is of the wrong type, rank, shape or range, a plan was made for arrays that
        lie otherwise or another depth than that of a packed `b`, or what Python code the arguments
        run changes an array; nothing is written then.
    TileNestingError
        If a tile finer than Macro is open on this thread.
    MemoryError, RuntimeError
        If there is no memory to pack into, or the threads that were asked for cannot be started.

    Notes
    -----
    Arrays may not be resized while a call runs: the large ones refuse to be, unless their state is
    set (`ndarray.__setstate__`).

    The loop nest is that of K. Goto and R. van de Geijn, "Anatomy of high-performance matrix
    multiplication", ACM TOMS 34(3), 2008.

    On the main thread, signals are handled during long calls, too. Where a handler raises, as that
    of Ctrl-C does, the call ends with its exception and what is in `out` is undefined.

    Examples
    --------
    >>> import numpy as np
    >>> import brickprof as bp
    >>> a, b = np.eye(3, dtype=np.float32), np.ones((3, 4), np.float32)
    >>> with bp.BrickProfiler() as prof:
    ...     c = bp.gemm(a, b, profiler=prof)
    >>> c.shape, bool((c == b).all()), prof.tile_stats(bp.TileLevel.MACRO).flops
    ((3, 4), True, 72)
    """
    cdef gemm_job job
    cdef const bp_isa *chosen = isa_of(isa)
    cdef int count = checked_threads(threads)
    cdef cnp.ndarray left = as_input(a, "a", 2, 2, kernel_dtypes)
    cdef int dtype = dtype_of(left)
    cdef object right = gemm_right(b, dtype, chosen)
    cdef cnp.ndarray result, target
    cdef bp_pool *pool = NULL
    job.micro = chosen.micro[dtype]
    gemm_machine_blocks(chosen, dtype, &job.blocks)
    gemm_check_shapes(left, right, None, dtype)
    result = target = gemm_output(out, left, right)
    if out is not None:
        gemm_check_shapes(left, right, target, dtype)
    if not gemm_geometry(&job, left, right, target, plan is not None):
        target = cnp.PyArray_EMPTY(2, cnp.PyArray_DIMS(result), cnp.PyArray_TYPE(result), 0)
        gemm_geometry(&job, left, right, target, plan is not None)
    while True:
        gemm_tile(&job, right, plan, chosen, dtype, count)
        count = job.threads
        if pool == NULL:
            pool = take_pool(&count, threads is not None or plan is not None)
        if count >= job.threads:                    # else for the fewer that could be started
            break
    job.recorders = NULL
    try:
        if profiler is not None:
            gemm_profiled(&job, pool, profiler, chosen, dtype, plan, left, right, target)
        else:
            gemm_compute(&job, pool, left, right, target, dtype, plan is not None,
                         plan is not None)
        if job.k == 0:
            assign(target, 0)
        if target is not result:
            assign(result, target)
    finally:
        give_pool(pool)
    return result if out is None else out
