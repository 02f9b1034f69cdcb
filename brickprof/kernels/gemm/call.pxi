# GEMM as it is called from Python: arguments, plan, result.

cdef gemm_blocks_t gemm_known[8][2]                 # for this machine, by ISA and element type


cdef gemm_blocks_t blocks_of(object blocks):
    """Take a Blocks apart."""
    cdef gemm_blocks_t taken
    taken.mc, taken.nc, taken.kc, taken.rows = blocks.mc, blocks.nc, blocks.kc, blocks.rows
    taken.l1_bytes, taken.l2_bytes = blocks.l1_bytes, blocks.l2_bytes
    return taken


cdef int gemm_default_blocks(const bp_isa *isa, bint single, gemm_blocks_t *blocks) except -1:
    """Give the blocks for this machine, worked out once in a process."""
    cdef int place = 0
    while bp_isas[place] != isa:
        place += 1
    if gemm_known[place][single].mc == 0:
        dtype = "float32" if single else "float64"
        gemm_known[place][single] = blocks_of(gemm_blocks(
            detect_machine(), micro_kernel(dtype, isa.name.decode()), 4 if single else 8))
    blocks[0] = gemm_known[place][single]
    return 0


cdef int gemm_take_plan(gemm_job *job, object plan, const bp_isa *isa, str dtype) except -1:
    """Take the blocks and the thread count of a plan, and return the count."""
    if not isinstance(plan, GemmPlan):
        raise TypeError(f"plan must be a GemmPlan or None, got {plan!r}")
    if (plan.m, plan.n, plan.k, plan.dtype) != (job.m, job.n, job.k, dtype):
        raise ValueError(
            f"plan must be of this product, {job.m} x {job.n} x {job.k} {dtype}, "
            f"got {plan.m} x {plan.n} x {plan.k} {plan.dtype}")
    if plan.micro != micro_kernel(dtype, isa.name.decode()):
        raise ValueError(f"plan must be for the micro-kernel that is used, got {plan.micro}")
    job.blocks = blocks_of(plan.blocks)
    return plan.threads


cdef inline void gemm_set_a(gemm_job *job, cnp.ndarray a):
    job.a, job.a_row, job.a_col = <char *> cnp.PyArray_DATA(a), step(a, 0), step(a, 1)


cdef inline void gemm_set_b(gemm_job *job, cnp.ndarray b):
    job.b, job.b_row, job.b_col = <char *> cnp.PyArray_DATA(b), step(b, 0), step(b, 1)


cdef inline void gemm_swap(gemm_job *job) noexcept nogil:
    """Turn C = A B into its transpose, B^T A^T."""
    job.a, job.b = job.b, job.a
    job.a_row, job.b_col = job.b_col, job.a_row
    job.a_col, job.b_row = job.b_row, job.a_col
    job.m, job.n = job.n, job.m


cdef int gemm_geometry(gemm_job *job, cnp.ndarray left, object b, cnp.ndarray target,
                       bint keep_sides) except -1:
    """Fill in sizes, strides, pointers and layouts; False where `target` cannot be written to.

    A result by columns is computed as its transpose, and one that is a single column, so that A
    need not be turned; not where a plan or a packed B fixes the sides.
    """
    cdef Py_ssize_t row = step(target, 0), col = step(target, 1)
    job.m, job.n = cnp.PyArray_DIM(target, 0), cnp.PyArray_DIM(target, 1)
    job.k = cnp.PyArray_DIM(left, 1)
    job.c = <char *> cnp.PyArray_DATA(target)
    job.c_row = row
    gemm_set_a(job, left)
    job.prepacked = isinstance(b, PackedMatrix)
    if job.prepacked:
        keep_sides = True
        job.b, job.b_row, job.b_col = (<PackedMatrix> b).strips, 0, 0
    else:
        gemm_set_b(job, b)
    if job.n > 1 and col != 1:
        if keep_sides or (job.m > 1 and row != 1):
            return False
        gemm_swap(job)
        job.c_row = col
    elif job.n == 1 and row == 1 and job.a_row == 1 and job.a_col != 1 and not keep_sides:
        gemm_swap(job)
        job.c_row = 0
    job.a_layout = layout_of(job.m, job.k, job.a_row, job.a_col)
    job.b_layout = ROWS if job.prepacked else layout_of(job.k, job.n, job.b_row, job.b_col)
    return True


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


cdef int gemm_compute(gemm_job *job, bp_team *team) except -1:
    """Run a product, without the GIL where it takes longer than letting go of it."""
    if <double> job.m * job.n * job.k < 1 << 15:
        gemm_run(job, team)
    else:
        with nogil:
            gemm_run(job, team)
    return 0


cdef int gemm_profiled(gemm_job *job, bp_team *team, object profiler, str dtype,
                       object plan) except -1:
    """Run a product in a brick of a profiler that is on."""
    # Dot products hold less than they are planned to: L2 feeds their Micro tiles.
    cdef object holds = plan if job.kind == TILES else None
    cdef RecorderSet recorders = open_recorders(profiler, "gemm", job.threads, dtype, holds)
    job.recorders = NULL if recorders is None else recorders.c
    failed = True
    try:
        if job.m and job.n and job.k:
            gemm_compute(job, team)
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
        Blocks to use in place of those that suit this machine; see `plan_gemm`. Brings its own
        thread count.
    isa : str, optional
        Instruction set to use; by default the best one, or what BRICKPROF_ISA says.

    Returns
    -------
    ndarray, shape (m, n)
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, rank, shape or range, or a plan's depth is not that of
        a packed `b`; nothing is written then.
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
    cdef cnp.ndarray left = as_input(a, "a", 2, 2, -1)
    cdef bint single = cnp.PyArray_TYPE(left) == cnp.NPY_FLOAT32
    cdef const bp_isa *chosen = best_isa if isa is None else find_isa(isa)
    cdef object right = gemm_right(b, left, chosen)
    cdef cnp.ndarray result = gemm_output(out, left, right), target = result
    cdef int count = checked_threads(threads)
    cdef bp_team *team
    dtype = "float32" if single else "float64"
    job.ukr = chosen.f32 if single else chosen.f64
    job.itemsize = 4 if single else 8
    if not gemm_geometry(&job, left, right, target, plan is not None):
        target = np.empty(np.shape(result), result.dtype)
        gemm_geometry(&job, left, right, target, plan is not None)
    if plan is None:
        gemm_default_blocks(chosen, single, &job.blocks)
    else:
        count = gemm_take_plan(&job, plan, chosen, dtype)
    if job.prepacked:
        gemm_keep_depth(&job, right, plan)
    gemm_shape(&job, count)
    team = take_team(job.threads)
    job.recorders = NULL
    try:
        if profiler is not None:
            gemm_profiled(&job, team, profiler, dtype, plan)
        elif job.m and job.n and job.k:
            gemm_compute(&job, team)
        if job.k == 0:
            target[...] = 0
        if target is not result:
            result[...] = target
    finally:
        give_team(team)
    return result
