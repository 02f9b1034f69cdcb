# Attention as it is called from Python: arguments, plan, result.

cdef int attention_plan_job(attention_job *job, object plan, int threads) except -1:
    """Fill in the tiling, from a plan or from this machine's blocks."""
    cdef Py_ssize_t heads = job.batches * job.heads, block_rows, block_keys
    cdef bint near = job.k_step[3] == 1 or job.dim <= 1 or job.keys == 0
    if plan is None:
        block_rows, block_keys = attention_machine_blocks(job.isa.name, job.dim)
        attention_tiling(job, attention_team(job, threads), near, block_rows, block_keys)
        return 0
    micro = micro_kernel("float32", job.isa.name.decode())
    if not isinstance(plan, AttentionPlan):
        raise TypeError(f"plan must be an AttentionPlan or None, got {plan!r}")
    if (plan.heads, plan.rows, plan.keys, plan.dim, plan.causal) != (
            heads, job.rows, job.keys, job.dim, bool(job.causal)):
        raise ValueError(
            f"plan must be of this problem: {heads} heads, {job.rows} rows, {job.keys} keys, "
            f"dim {job.dim}, causal {bool(job.causal)}")
    if plan.micro != micro:
        raise ValueError(f"plan must be for the micro-kernel that is used, got {plan.micro}")
    if plan.dots and not near:
        raise ValueError("plan must be made with near_keys=False for these keys")
    job.chunk, job.row_block, job.key_block = plan.chunk, plan.row_block, plan.key_block
    job.threads, job.dots, job.near_elements = plan.threads, plan.dots, plan.near_elements
    job.splits, job.split_keys = plan.splits, plan.split_keys
    return 0


cdef int attention_team(const attention_job *job, int threads) noexcept:
    """Return how many threads there is work for."""
    cdef double flops = 4.0 * job.dim * job.batches * job.heads * attention_pairs(job, job.rows)
    cdef Py_ssize_t units = job.batches * job.heads * max(
        ceil_div(job.rows, job.isa.f32.mr), job.keys // LEAST_KEYS)
    return <int> max(min(min(<double> threads, flops / LEAST_FLOPS), <double> units), 1)


@functools.lru_cache(maxsize=256)
def attention_machine_blocks(isa, dim):
    """Return the rows and keys of blocks for this machine."""
    blocks = attention_blocks(detect_machine(), micro_kernel("float32", isa.decode()), dim)
    return blocks.rows, blocks.keys


cdef int attention_shapes(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v) except -1:
    """Check that shapes agree."""
    cdef int dims = q.ndim
    for array, name in ((k, "k"), (v, "v")):
        if array.ndim != dims:
            raise ValueError(f"{name} must be {dims}-D as q is, got shape {np.shape(array)}")
    if np.shape(v) != np.shape(k):
        raise ValueError(f"v must have k's shape {np.shape(k)}, got {np.shape(v)}")
    if q.shape[dims - 1] != k.shape[dims - 1]:
        raise ValueError(f"k must have q's dim {q.shape[dims - 1]}, got {k.shape[dims - 1]}")
    if dims == 4 and q.shape[0] != k.shape[0]:
        raise ValueError(f"k must have q's batch {q.shape[0]}, got {k.shape[0]}")
    if k.shape[dims - 3] == 0 and q.shape[dims - 3]:
        raise ValueError("k must have at least one head")
    if q.shape[dims - 3] and q.shape[dims - 3] % k.shape[dims - 3]:
        raise ValueError(
            f"k must have a number of heads that divides q's {q.shape[dims - 3]}, "
            f"got {k.shape[dims - 3]}")
    return 0


cdef void attention_steps(cnp.ndarray array, Py_ssize_t *steps):
    """Take the strides of an array of three or four axes."""
    cdef int axis, missing = 4 - array.ndim
    steps[0] = 0
    for axis in range(array.ndim):
        steps[axis + missing] = step(array, axis)


cdef int attention_geometry(attention_job *job, cnp.ndarray q, cnp.ndarray k, cnp.ndarray v,
                            bint causal, bint join) except -1:
    """Fill in sizes, strides and pointers; `join` the single rows of heads that share keys."""
    cdef int dims = q.ndim
    job.rows, job.keys, job.dim = q.shape[dims - 2], k.shape[dims - 2], q.shape[dims - 1]
    job.width = round_up(job.dim, job.isa.f32.lanes)
    job.batches = q.shape[0] if dims == 4 else 1
    job.heads = q.shape[dims - 3]
    job.group = max(job.heads // max(k.shape[dims - 3], 1), 1)
    job.causal = causal
    attention_steps(q, job.q_step)
    attention_steps(k, job.k_step)
    attention_steps(v, job.v_step)
    job.direct = job.v_step[3] == 1 or job.dim <= 1
    job.q, job.k, job.v = <float *> q.data, <float *> k.data, <float *> v.data
    if join and job.rows == 1 and job.group > 1:
        # As rows of one head they read its keys once.
        job.rows, job.heads, job.group = job.group, job.heads // job.group, 1
        job.q_step[2], job.q_step[1] = job.q_step[1], job.q_step[1] * job.rows
        job.causal = False
    return 0


cdef int attention_scale(attention_job *job, object scale) except -1:
    """Fill in the factor of the scores and its sign."""
    cdef double factor
    if scale is None:
        factor = 1.0 / max(job.dim, 1) ** 0.5
    elif isinstance(scale, (int, float, np.floating, np.integer)):
        try:
            factor = scale
        except OverflowError:
            factor = INFINITY
    else:
        raise TypeError(f"scale must be a number or None, got {scale!r}")
    job.negative = factor < 0
    job.scale = <float> (fabs(factor) * 1.4426950408889634)
    if not isfinite(job.scale):
        raise ValueError(f"scale must be finite in float32, got {scale!r}")
    return 0


def attention(q, k, v, causal=False, scale=None, out=None, threads=None, profiler=None,
              plan=None, isa=None):
    """Scaled dot-product attention, ``softmax(scale * q @ k.T) @ v`` for each head.

    No array of rows x keys is ever made: memory beyond the output is a few blocks and, unless there
    are only a few rows, the packed keys of one head for each thread.

    Parameters
    ----------
    q : array_like, shape (heads, rows, dim) or (batch, heads, rows, dim)
        float32 queries, of any strides.
    k, v : array_like, shape (key heads, keys, dim) or (batch, key heads, keys, dim)
        float32 keys and values. Fewer heads than `q` has are shared by groups of its heads.
    causal : bool
        Hide later keys: the last row sees all keys, each row before it one less. A row that
        sees none gives zeros.
    scale : float, optional
        Factor of the scores; ``1 / sqrt(dim)`` by default.
    out : ndarray of q's shape, optional
        Where to write the result; may not overlap the inputs or itself.
    threads : int, optional
        Threads to use at most; by default as many as this process may use.
    profiler : BrickProfiler, optional
        Records the tiles of all three levels in the brick ``"attention"``.
    plan : AttentionPlan, optional
        Tiling to use in place of the one that suits this machine; see `plan_attention`. Brings
        its own thread count.
    isa : str, optional
        Instruction set to use; by default the best one, or what BRICKPROF_ISA says.

    Returns
    -------
    ndarray of q's shape
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, rank, shape or range; nothing is written then.
    TileNestingError
        If a tile finer than Macro is open on this thread.
    MemoryError, RuntimeError
        If there is no memory to pack into, or the threads cannot be started.

    Notes
    -----
    The online softmax is that of M. Milakov and N. Gimelshein, "Online normalizer calculation for
    softmax", 2018; the blocking that of T. Dao, "FlashAttention-2", 2023.
    """
    cdef attention_job job
    cdef cnp.ndarray queries = as_input(q, "q", 3, 4, cnp.NPY_FLOAT32)
    cdef cnp.ndarray keys = as_input(k, "k", 3, 4, cnp.NPY_FLOAT32)
    cdef cnp.ndarray values = as_input(v, "v", 3, 4, cnp.NPY_FLOAT32)
    cdef cnp.ndarray result, target
    cdef RecorderSet recorders
    cdef bp_team *team
    attention_shapes(queries, keys, values)
    result = as_output(out, queries, queries.ndim, cnp.PyArray_DIMS(queries))
    if out is not None:
        check_overlap(result, queries, "q")
        check_overlap(result, keys, "k")
        check_overlap(result, values, "v")
    job.isa = find_isa(isa)
    attention_geometry(&job, queries, keys, values, bool(causal),
                       plan is None or getattr(plan, "rows", 1) != 1)
    attention_scale(&job, scale)
    attention_plan_job(&job, plan, checked_threads(threads))
    target = result
    if not cnp.PyArray_IS_C_CONTIGUOUS(result):
        target = np.empty(np.shape(result), np.float32)
    job.out = <float *> target.data
    team = take_team(job.threads)
    failed, recorders = True, None
    try:
        recorders = open_recorders(profiler, "attention", job.threads, "float32", plan)
        job.recorders = NULL if recorders is None else recorders.c
        if cnp.PyArray_SIZE(result) == 0 or job.keys == 0:
            target[...] = 0
        else:
            with nogil:
                attention_run(&job, team)
        if target is not result:
            result[...] = target
        failed = False
    finally:
        give_team(team)
        if recorders is not None:
            recorders.close(failed)
    return result
