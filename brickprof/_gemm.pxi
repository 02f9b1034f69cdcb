# GEMM: the five loops around the micro-kernel, for one thread of a team.

cdef struct gemm_job:
    const bp_ukr *ukr
    const char *a
    const char *b
    char *c
    Py_ssize_t m, n, k
    Py_ssize_t a_row, a_col, b_row, b_col, c_row    # strides in elements; C's columns are adjacent
    Py_ssize_t mc, nc, kc
    Py_ssize_t itemsize
    bint by_columns, b_stays
    int threads
    char *panel                                     # packed B, shared unless by_columns
    char *blocks                                    # packed A, one of block_bytes per thread
    Py_ssize_t block_bytes
    bp_recorder **recorders


cdef struct gemm_step:
    Py_ssize_t j0, nb, p0, kb                       # columns of C, and depth, of a Macro tile
    Py_ssize_t v0, v1                               # its micro-panels that this thread packs
    char *panel                                     # where its first micro-panel is, or would be


cdef dict gemm_defaults = {}                        # (isa, dtype) -> Blocks


cdef object gemm_default_blocks(micro, dtype):
    """Return the blocks for this machine, worked out once in a process."""
    key = (micro, dtype)
    if key not in gemm_defaults:
        gemm_defaults[key] = gemm_blocks(detect_machine(), micro, np.dtype(dtype).itemsize)
    return gemm_defaults[key]


cdef void gemm_micro(const gemm_job *job, const gemm_step *at, Py_ssize_t i0, Py_ssize_t mb,
                     Py_ssize_t v, const char *block, bp_recorder *recorder) noexcept nogil:
    """Micro tile: sweep one micro-panel of B down a packed block of A."""
    cdef const bp_ukr *ukr = job.ukr
    cdef Py_ssize_t size = job.itemsize, mr = ukr.mr, nr = ukr.nr
    cdef Py_ssize_t width = min(nr, at.nb - v * nr)
    cdef const char *b = at.panel + v * nr * at.kb * size
    cdef char *c = job.c + (i0 * job.c_row + at.j0 + v * nr) * size
    cdef bint add = at.p0 > 0
    cdef Py_ssize_t u, i
    bp_start(recorder, BP_MICRO, i0 // job.mc, v)
    for u in range(ceil_div(mb, mr)):
        i = u * mr
        ukr.packed(at.kb, block + i * at.kb * size, b, nr, c + i * job.c_row * size, job.c_row,
                   <int> min(mr, mb - i), <int> width, add)
    bp_stop(recorder, mb * width, 2 * mb * width * at.kb,
            (ceil_div(mb, mr) * (mr + nr) * at.kb + (2 if add else 1) * mb * width) * size)


cdef void gemm_midi(const gemm_job *job, const gemm_step *at, Py_ssize_t i0, char *block,
                    bp_recorder *recorder) noexcept nogil:
    """Midi tile: pack a block of A, then sweep all micro-panels of B over it."""
    cdef const bp_ukr *ukr = job.ukr
    cdef Py_ssize_t size = job.itemsize, mb = min(job.mc, job.m - i0)
    cdef Py_ssize_t first = at.v0 if job.by_columns else 0
    cdef Py_ssize_t last = at.v1 if job.by_columns else ceil_div(at.nb, ukr.nr)
    cdef Py_ssize_t padded = round_up(mb, ukr.mr), columns
    cdef Py_ssize_t b_reads = 1 if job.b_stays else padded // ukr.mr
    cdef Py_ssize_t v
    bp_start(recorder, BP_MIDI, i0 // job.mc, at.p0 // job.kc)
    ukr.pack_a(mb, at.kb, job.a + (i0 * job.a_row + at.p0 * job.a_col) * size, job.a_row,
               job.a_col, block)
    for v in range(first, last):
        gemm_micro(job, at, i0, mb, v, block, recorder)
    columns = min(last * ukr.nr, at.nb) - first * ukr.nr
    bp_stop(recorder, mb * columns, 2 * mb * columns * at.kb,
            ((mb + padded) * at.kb + (last - first) * at.kb * (padded + b_reads * ukr.nr)
             + (2 if at.p0 else 1) * mb * columns) * size)


cdef void gemm_macro(const gemm_job *job, const gemm_step *at, int thread, int threads,
                     bp_recorder *recorder) noexcept nogil:
    """Macro tile: pack this thread's part of a panel of B, then work down its blocks of A."""
    cdef const bp_ukr *ukr = job.ukr
    cdef Py_ssize_t size = job.itemsize, nr = ukr.nr
    cdef Py_ssize_t own = max(min(at.v1 * nr, at.nb) - at.v0 * nr, 0)
    cdef Py_ssize_t columns = own if job.by_columns else at.nb
    cdef Py_ssize_t panels = at.v1 - at.v0 if job.by_columns else ceil_div(at.nb, nr)
    cdef Py_ssize_t block, i0, rows = 0, blocks = 0
    cdef Py_ssize_t every = 1 if job.by_columns else threads
    bp_start(recorder, BP_MACRO, at.p0 // job.kc, at.j0 // job.nc)
    ukr.pack_b(own, at.kb,
               job.b + (at.p0 * job.b_row + (at.j0 + at.v0 * nr) * job.b_col) * size,
               job.b_col, job.b_row, at.panel + at.v0 * nr * at.kb * size)
    if not job.by_columns:
        bp_team_barrier()
    for block in range(ceil_div(job.m, job.mc)):
        if block % every != (0 if job.by_columns else thread):
            continue
        i0 = block * job.mc
        gemm_midi(job, at, i0, job.blocks + thread * job.block_bytes, recorder)
        rows += min(job.mc, job.m - i0)
        blocks += 1
    bp_stop(recorder, rows * columns, 2 * rows * columns * at.kb,
            (at.kb * (own + (at.v1 - at.v0) * nr) + blocks * panels * at.kb * nr
             + rows * at.kb + (2 if at.p0 else 1) * rows * columns) * size)


cdef void gemm_thread(const gemm_job *job, int thread, int threads) noexcept nogil:
    """Do one thread's share of a product."""
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef Py_ssize_t panels, j, p
    cdef gemm_step at
    for j in range(ceil_div(job.n, job.nc)):
        at.j0 = j * job.nc
        at.nb = min(job.nc, job.n - at.j0)
        panels = ceil_div(at.nb, job.ukr.nr)
        at.v0 = panels * thread // threads
        at.v1 = panels * (thread + 1) // threads
        for p in range(ceil_div(job.k, job.kc)):
            at.p0 = p * job.kc
            at.kb = min(job.kc, job.k - at.p0)
            at.panel = job.panel
            # No barrier parts threads that share columns: each keeps to a place of its own.
            if job.by_columns:
                at.panel += (thread * ceil_div(ceil_div(job.nc, job.ukr.nr), threads) * job.kc
                             - at.v0 * at.kb) * job.ukr.nr * job.itemsize
            gemm_macro(job, &at, thread, threads, recorder)
            if not job.by_columns:
                bp_team_barrier()


cdef int gemm_run(gemm_job *job) except -1 nogil:
    """Take the workspace and run the team."""
    cdef Py_ssize_t panel_bytes = round_up(
        (ceil_div(job.nc, job.ukr.nr) + job.threads) * job.ukr.nr * job.kc * job.itemsize, 4096)
    cdef char *memory
    if (<double> (job.nc + job.threads * (job.mc + job.ukr.nr)) * job.kc * job.itemsize
            > 2.0 ** 58):
        with gil:
            raise MemoryError("no memory for packed panels")
    job.block_bytes = round_up(job.mc * job.kc * job.itemsize, 4096)
    memory = <char *> bp_workspace(panel_bytes + job.threads * job.block_bytes)
    if memory == NULL:
        with gil:
            raise MemoryError("no memory for packed panels")
    job.panel = memory
    job.blocks = memory + panel_bytes
    if alone(job.threads):
        gemm_thread(job, 0, 1)
    else:
        with parallel(num_threads=job.threads):
            gemm_thread(job, threadid(), bp_team_size())
    return 0


cdef int gemm_plan_job(gemm_job *job, object plan, const bp_isa *isa, str dtype,
                       int threads) except -1:
    """Fill in the tiling, from a plan or from this machine's blocks."""
    cdef Py_ssize_t rows, columns
    if plan is not None:
        if not isinstance(plan, GemmPlan):
            raise TypeError(f"plan must be a GemmPlan or None, got {plan!r}")
        if (plan.m, plan.n, plan.k, plan.dtype) != (job.m, job.n, job.k, dtype):
            raise ValueError(
                f"plan must be of this product, {job.m} x {job.n} x {job.k} {dtype}, "
                f"got {plan.m} x {plan.n} x {plan.k} {plan.dtype}")
        if plan.micro != micro_kernel(dtype, isa.name.decode()):
            raise ValueError(f"plan must be for the micro-kernel that is used, got {plan.micro}")
        job.mc, job.nc, job.kc = plan.mc, plan.nc, plan.kc
        job.by_columns, job.b_stays, job.threads = plan.by_columns, plan.b_stays, plan.workers
        return 0
    blocks = gemm_default_blocks(micro_kernel(dtype, isa.name.decode()), dtype)
    rows, columns = ceil_div(job.m, job.ukr.mr), ceil_div(job.n, job.ukr.nr)
    job.by_columns = threads > 1 and rows < 8 * threads and columns > rows
    job.mc = balanced(job.m, blocks.mc, job.ukr.mr, 1 if job.by_columns else threads)
    job.nc = balanced(job.n, blocks.nc, job.ukr.nr, 1)
    job.kc = balanced(job.k, blocks.kc, 1, 1)
    job.b_stays = (
        job.kc * (job.ukr.nr + 2 * job.ukr.mr) * job.itemsize <= <Py_ssize_t> blocks.l1_bytes)
    if job.by_columns:
        rows = ceil_div((job.n - 1) % job.nc + 1, job.ukr.nr)
    else:
        rows = ceil_div(job.m, job.mc)
    job.threads = max(min(threads, rows), 1)
    return 0


def gemm(a, b, out=None, threads=None, profiler=None, plan=None, isa=None):
    """Matrix product ``a @ b`` in cache-blocked tiles.

    Parameters
    ----------
    a : array_like, shape (m, k)
        float32 or float64, of any strides.
    b : array_like, shape (k, n)
        Of the same dtype.
    out : ndarray, shape (m, n), optional
        Where to write the product; may not overlap `a`, `b` or itself.
    threads : int, optional
        Threads to use at most; by default as many as this process may use.
    profiler : BrickProfiler, optional
        Records the tiles of all three levels in the brick ``"gemm"``.
    plan : GemmPlan, optional
        Tiling to use in place of the one that suits this machine; see `plan_gemm`. Brings its
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
        If an argument is of the wrong type, rank, shape or range; nothing is written then.
    TileNestingError
        If a tile finer than Macro is open on this thread.

    Notes
    -----
    The loop nest is that of K. Goto and R. van de Geijn, "Anatomy of high-performance matrix
    multiplication", ACM TOMS 34(3), 2008.
    """
    cdef gemm_job job
    cdef const bp_isa *chosen
    cdef cnp.ndarray left = as_input(a, "a", 2, 2, -1)
    cdef cnp.ndarray right = as_input(b, "b", 2, 2, cnp.PyArray_TYPE(left))
    cdef cnp.ndarray result, target
    cdef RecorderSet recorders
    cdef bint copied = False
    if left.shape[1] != right.shape[0]:
        raise ValueError(
            f"b must have as many rows as a has columns, got shapes "
            f"{np.shape(left)} and {np.shape(right)}")
    result = as_output(out, left, (left.shape[0], right.shape[1]))
    if out is not None:
        check_overlap(result, left, "a")
        check_overlap(result, right, "b")
    chosen = find_isa(isa)
    cdef int team = checked_threads(threads)
    target = result
    if step(target, 1) != 1 and target.shape[1] > 1:
        copied = plan is not None or step(target, 0) != 1
        if copied:
            target = np.empty(np.shape(result), result.dtype)
        else:
            left, right, target = right.T, left.T, target.T
    single = cnp.PyArray_TYPE(left) == cnp.NPY_FLOAT32
    dtype = "float32" if single else "float64"
    job.ukr = &chosen.f32 if single else &chosen.f64
    job.itemsize = 4 if single else 8
    job.m, job.n, job.k = target.shape[0], target.shape[1], left.shape[1]
    job.a, job.b, job.c = left.data, right.data, target.data
    job.a_row, job.a_col = step(left, 0), step(left, 1)
    job.b_row, job.b_col = step(right, 0), step(right, 1)
    job.c_row = step(target, 0)
    gemm_plan_job(&job, plan, chosen, dtype, team)
    check_team(job.threads)
    recorders = open_recorders(profiler, "gemm", job.threads, dtype)
    job.recorders = NULL if recorders is None else recorders.c
    failed = True
    try:
        if job.m == 0 or job.n == 0 or job.k == 0:
            target[...] = 0
        else:
            with nogil:
                gemm_run(&job)
        if copied:
            result[...] = target
        failed = False
    finally:
        if recorders is not None:
            recorders.close(failed)
    return result
