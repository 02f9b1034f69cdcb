# Attention as it is called from Python: arguments, plan, result.

cdef int attention_plan_job(attention_job *job, object plan, int threads) except -1:
    """Fill in the tiling, from a plan or from this machine's blocks."""
    micro = micro_kernel("float32", job.isa.name.decode())
    heads = job.batches * job.heads
    if plan is None:
        blocks = attention_default_blocks(micro, job.dim)
        plan = AttentionPlan(heads, job.rows, job.keys, job.dim, bool(job.causal), micro, blocks,
                             max(min(threads, heads * ceil_div(job.rows, micro.mr)), 1),
                             bool(job.direct) and values_in_place(job.rows, job.dim, micro))
    elif not isinstance(plan, AttentionPlan):
        raise TypeError(f"plan must be an AttentionPlan or None, got {plan!r}")
    elif (plan.heads, plan.rows, plan.keys, plan.dim, plan.causal) != (
            heads, job.rows, job.keys, job.dim, bool(job.causal)):
        raise ValueError(
            f"plan must be of this problem: {heads} heads, {job.rows} rows, {job.keys} keys, "
            f"dim {job.dim}, causal {bool(job.causal)}")
    elif plan.micro != micro:
        raise ValueError(f"plan must be for the micro-kernel that is used, got {plan.micro}")
    elif plan.direct and not job.direct:
        raise ValueError("plan must be made with direct=False for these values")
    job.chunk, job.row_block, job.threads = plan.chunk, plan.row_block, plan.threads
    job.key_block = min(plan.blocks.keys, max(round_up(job.keys, micro.nr), micro.nr))
    job.direct = plan.direct
    return 0


cdef dict attention_defaults = {}                   # (micro-kernel, dim) -> AttentionBlocks


cdef object attention_default_blocks(micro, dim):
    """Return the blocks for this machine, worked out once in a process."""
    key = (micro, dim)
    if key not in attention_defaults:
        attention_defaults[key] = attention_blocks(detect_machine(), micro, dim)
    return attention_defaults[key]


cdef tuple attention_shapes(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v):
    """Check that shapes agree."""
    cdef int axis, dims = q.ndim
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
    return np.shape(q)


cdef void attention_steps(cnp.ndarray array, Py_ssize_t *steps):
    """Take the strides of an array of three or four axes."""
    cdef int axis, missing = 4 - array.ndim
    steps[0] = 0
    for axis in range(array.ndim):
        steps[axis + missing] = step(array, axis)


cdef int attention_geometry(attention_job *job, cnp.ndarray q, cnp.ndarray k, cnp.ndarray v,
                            bint causal) except -1:
    """Fill in sizes, strides and pointers of the inputs."""
    cdef int dims = q.ndim
    job.rows, job.keys, job.dim = q.shape[dims - 2], k.shape[dims - 2], q.shape[dims - 1]
    job.width = round_up(job.dim, job.isa.f32.nr)
    job.batches = q.shape[0] if dims == 4 else 1
    job.heads = q.shape[dims - 3]
    job.group = max(job.heads // max(k.shape[dims - 3], 1), 1)
    job.causal = causal
    attention_steps(q, job.q_step)
    attention_steps(k, job.k_step)
    attention_steps(v, job.v_step)
    job.direct = job.width == job.dim and job.v_step[3] == 1
    job.q, job.k, job.v = <float *> q.data, <float *> k.data, <float *> v.data
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

    No array of rows x keys is ever made: memory beyond the output is a few blocks and the packed
    keys and values of one head for each thread.

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
    cdef int team
    result = as_output(out, queries, attention_shapes(queries, keys, values))
    if out is not None:
        check_overlap(result, queries, "q")
        check_overlap(result, keys, "k")
        check_overlap(result, values, "v")
    job.isa = find_isa(isa)
    attention_geometry(&job, queries, keys, values, bool(causal))
    attention_scale(&job, scale)
    team = checked_threads(threads)
    attention_plan_job(&job, plan, team)
    check_team(job.threads)
    target = result
    if not cnp.PyArray_IS_C_CONTIGUOUS(result):
        target = np.empty(np.shape(result), np.float32)
    job.out = <float *> target.data
    recorders = open_recorders(profiler, "attention", job.threads, "float32")
    job.recorders = NULL if recorders is None else recorders.c
    failed = True
    try:
        if cnp.PyArray_SIZE(result) == 0 or job.keys == 0:
            target[...] = 0
        else:
            with nogil:
                attention_run(&job)
        if target is not result:
            result[...] = target
        failed = False
    finally:
        if recorders is not None:
            recorders.close(failed)
    return result
