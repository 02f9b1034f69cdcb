# Attention: online softmax over blocks of keys, for one thread of a team.

cdef struct attention_job:
    const bp_isa *isa
    const float *q
    const float *k
    const float *v
    float *out                                      # contiguous
    Py_ssize_t batches, heads, group                # group: query heads that share a key head
    Py_ssize_t rows, keys, dim, width               # width: dim rounded up to the register block
    Py_ssize_t q_step[4]                            # strides by batch, head, row, element
    Py_ssize_t k_step[4]
    Py_ssize_t v_step[4]
    bint causal, direct                             # direct: values are not packed
    float scale                                     # times log2(e)
    Py_ssize_t chunk, row_block, key_block
    int threads
    char *memory                                    # arena_bytes for each thread
    Py_ssize_t arena_bytes
    bp_recorder **recorders


cdef struct attention_arena:
    float *k                                        # packed keys of a head
    float *v                                        # packed values, unless direct
    float *q                                        # packed queries of a Midi tile, scaled
    float *out                                      # its output before division
    float *scores                                   # of one Micro tile
    float *maximum                                  # by row of the Midi tile
    float *sum


cdef inline Py_ssize_t attention_visible(const attention_job *job, Py_ssize_t row) noexcept nogil:
    """Return the number of keys that a row sees."""
    if not job.causal:
        return job.keys
    return min(max(row + 1 + job.keys - job.rows, 0), job.keys)


cdef uint64_t attention_pairs(const attention_job *job, Py_ssize_t rows) noexcept nogil:
    """Return the number of (row, key) pairs of the first rows of a head."""
    cdef Py_ssize_t offset = job.keys - job.rows, seeing
    if not job.causal:
        return <uint64_t> rows * job.keys
    seeing = rows - min(max(-offset, 0), rows)
    return <uint64_t> seeing * (max(offset, 0) + 1) + <uint64_t> seeing * (seeing - 1) // 2


cdef Py_ssize_t attention_carve(const attention_job *job, char *memory,
                                attention_arena *arena) noexcept nogil:
    """Lay out a thread's arena and return its size in bytes."""
    cdef Py_ssize_t mr = job.isa.f32.mr, nr = job.isa.f32.nr, at = 0, i
    cdef Py_ssize_t sizes[7]
    cdef float **parts[7]
    parts[0], parts[1], parts[2], parts[3] = &arena.k, &arena.v, &arena.q, &arena.out
    parts[4], parts[5], parts[6] = &arena.scores, &arena.maximum, &arena.sum
    sizes[0] = round_up(job.keys, nr) * job.dim
    sizes[1] = 0 if job.direct else job.keys * job.width
    sizes[2] = job.row_block * job.dim
    sizes[3] = job.row_block * job.width
    # attention_hidden reads mr rows from each row on.
    sizes[4] = 2 * mr * job.key_block
    sizes[5] = job.row_block
    sizes[6] = job.row_block
    for i in range(7):
        parts[i][0] = <float *> (memory + at)
        at += round_up(sizes[i] * sizeof(float), 64)
    return round_up(at, 4096)


cdef void attention_values(const attention_job *job, const attention_arena *arena,
                           const float *v, Py_ssize_t first, const float *weights, int rows,
                           Py_ssize_t j0, Py_ssize_t keys) noexcept nogil:
    """Add weights x values of keys j0 .. j0 + keys to rows of the output."""
    cdef const bp_ukr *ukr = &job.isa.f32
    cdef Py_ssize_t nr = ukr.nr, column
    cdef const float *panel
    for column in range(0, job.width // nr):
        if job.direct:
            panel = v + j0 * job.v_step[2] + column * nr
        else:
            panel = arena.v + column * nr * job.keys + j0 * nr
        ukr.rows(keys, weights, job.key_block, panel, job.v_step[2] if job.direct else nr,
                 arena.out + first * job.width + column * nr, job.width, rows, <int> nr, 1)


cdef void attention_hidden(const attention_job *job, const attention_arena *arena,
                           const float *v, Py_ssize_t row, Py_ssize_t first, Py_ssize_t j0,
                           Py_ssize_t common, Py_ssize_t keys) noexcept nogil:
    """Weighted values where a row must not see a key's infinities or NaNs, even times 0."""
    cdef Py_ssize_t r, seen
    cdef int mr = job.isa.f32.mr
    attention_values(job, arena, v, first, arena.scores, mr, j0, common)
    for r in range(mr):
        seen = min(max(attention_visible(job, row + r) - j0, 0), keys)
        if seen > common:
            attention_values(job, arena, v, first + r,
                             arena.scores + r * job.key_block + common, 1, j0 + common,
                             seen - common)


cdef void attention_micro(const attention_job *job, const attention_arena *arena, const float *v,
                          Py_ssize_t row, Py_ssize_t first, int rows, Py_ssize_t j0,
                          Py_ssize_t keys, bp_recorder *recorder) noexcept nogil:
    """Micro tile: scores, softmax and weighted values of a panel of rows and a block of keys.

    `row` is the panel's first row in the head, `first` the same in the Midi tile; `keys` are
    those that its last row sees.
    """
    cdef const bp_ukr *ukr = &job.isa.f32
    cdef Py_ssize_t mr = ukr.mr, nr = ukr.nr, dim = job.dim, j, common, padded
    cdef const float *vs
    cdef bp_softmax_block block
    cdef uint64_t pairs
    bp_start(recorder, BP_MICRO, first // mr, j0 // job.key_block)
    padded = round_up(keys, nr)
    for j in range(0, padded // nr):
        ukr.packed(dim, arena.q + first * dim, arena.k + (j0 + j * nr) * dim, nr,
                   arena.scores + j * nr, job.key_block, <int> mr, <int> nr, 0)
    common = min(max(attention_visible(job, row) - j0, 0), keys)
    block.scores, block.ld = arena.scores, job.key_block
    block.rows, block.keys = <int> mr, <int> keys
    block.visible, block.step = attention_visible_unbounded(job, row) - j0, job.causal
    block.maximum, block.sum = arena.maximum + first, arena.sum + first
    block.out, block.out_ld = arena.out + first * job.width, job.width
    block.width = <int> job.width
    job.isa.softmax(&block)
    if job.direct:
        vs = v + (j0 + common) * job.v_step[2]
    else:
        vs = arena.v + (j0 + common) * nr
    if common == keys or attention_finite(job, vs, keys - common):
        attention_values(job, arena, v, first, arena.scores, <int> mr, j0, keys)
    else:
        attention_hidden(job, arena, v, row, first, j0, common, keys)
    if recorder != NULL:
        pairs = attention_block_pairs(job, row, rows, j0, keys)
        bp_stop(recorder, rows * dim, 4 * dim * pairs, 4 * (
            padded // nr * (mr + nr) * dim + 5 * mr * padded
            + job.width // nr * (mr + nr) * keys + 2 * mr * job.width))


cdef inline Py_ssize_t attention_visible_unbounded(const attention_job *job,
                                                   Py_ssize_t row) noexcept nogil:
    """Return how far a row sees, before the number of keys bounds it."""
    return row + 1 + job.keys - job.rows if job.causal else job.keys


cdef inline bint attention_finite(const attention_job *job, const float *v,
                                  Py_ssize_t keys) noexcept nogil:
    """Tell whether the values of some keys are all finite."""
    cdef Py_ssize_t nr = job.isa.f32.nr, column
    if job.direct:
        return job.isa.all_finite(v, keys, job.v_step[2], job.dim)
    for column in range(0, job.width // nr):
        if not job.isa.all_finite(v + column * nr * job.keys, keys, nr, nr):
            return False
    return True


cdef uint64_t attention_block_pairs(const attention_job *job, Py_ssize_t row, int rows,
                                    Py_ssize_t j0, Py_ssize_t keys) noexcept nogil:
    """Return the number of visible pairs of some rows and a block of keys."""
    cdef uint64_t pairs = 0
    cdef Py_ssize_t r
    if not job.causal:
        return rows * keys
    for r in range(rows):
        pairs += min(max(attention_visible(job, row + r) - j0, 0), keys)
    return pairs


cdef void attention_finish(const attention_job *job, const attention_arena *arena, float *out,
                           Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    """Divide rows of the output by their sums; a row that saw no key gives zeros."""
    cdef Py_ssize_t i
    for i in range(rows):
        if attention_visible(job, first + i) == 0:
            memset(out + i * job.dim, 0, job.dim * sizeof(float))
        else:
            job.isa.divide(arena.out + i * job.width, arena.sum[i], out + i * job.dim, job.dim)


cdef void attention_midi(const attention_job *job, const attention_arena *arena, const float *q,
                         const float *v, float *out, Py_ssize_t first, Py_ssize_t last,
                         bp_recorder *recorder) noexcept nogil:
    """Midi tile: a block of query rows against all keys that they see."""
    cdef const bp_ukr *ukr = &job.isa.f32
    cdef Py_ssize_t mr = ukr.mr, rows = last - first, padded = round_up(rows, mr)
    cdef Py_ssize_t j0, i, keys, seen, flow = 0
    cdef Py_ssize_t reach = attention_visible(job, last - 1)
    bp_start(recorder, BP_MIDI, first // job.row_block, 0)
    ukr.pack_a(rows, job.dim, q + first * job.q_step[2], job.q_step[2], job.q_step[3], arena.q)
    job.isa.scale(arena.q, padded * job.dim, job.scale)
    memset(arena.out, 0, padded * job.width * sizeof(float))
    for i in range(padded):
        arena.maximum[i] = -INFINITY
        arena.sum[i] = 0
    j0 = 0
    while j0 < reach:
        i = 0
        while i < rows:
            seen = attention_visible(job, min(first + i + mr, last) - 1)
            keys = min(job.key_block, seen - j0)
            if keys > 0:
                attention_micro(job, arena, v, first + i, i, <int> min(mr, rows - i), j0, keys,
                                recorder)
                flow += (round_up(keys, ukr.nr) * job.dim + keys * job.width
                         + mr * (job.dim + 2 * job.width))
            i += mr
        j0 += job.key_block
    attention_finish(job, arena, out + first * job.dim, first, rows)
    bp_stop(recorder, rows * job.dim,
            4 * job.dim * (attention_pairs(job, last) - attention_pairs(job, first)),
            4 * (flow + rows * (job.width + 2 * job.dim) + padded * job.dim))


cdef void attention_macro(const attention_job *job, const attention_arena *arena,
                          Py_ssize_t head, Py_ssize_t first, Py_ssize_t last,
                          bp_recorder *recorder) noexcept nogil:
    """Macro tile: some rows of one head; packs the keys (and values) that they see."""
    cdef const bp_ukr *ukr = &job.isa.f32
    cdef Py_ssize_t batch = head // job.heads, shared = head % job.heads // job.group
    cdef const float *q = (job.q + batch * job.q_step[0] + head % job.heads * job.q_step[1])
    cdef const float *k = job.k + batch * job.k_step[0] + shared * job.k_step[1]
    cdef const float *v = job.v + batch * job.v_step[0] + shared * job.v_step[1]
    cdef Py_ssize_t seen = attention_visible(job, last - 1), at = first, end, column, flow
    bp_start(recorder, BP_MACRO, head, first // job.chunk)
    ukr.pack_b(seen, job.dim, k, job.k_step[2], job.k_step[3], arena.k)
    flow = (seen + round_up(seen, ukr.nr)) * job.dim
    if not job.direct:
        for column in range(0, job.width // ukr.nr):
            ukr.pack_b(min(ukr.nr, job.dim - column * ukr.nr), seen,
                       v + column * ukr.nr * job.v_step[3], job.v_step[3], job.v_step[2],
                       arena.v + column * ukr.nr * job.keys)
        flow += seen * (job.dim + job.width)
    while at < last:
        end = min(at + job.row_block, last)
        attention_midi(job, arena, q, v, job.out + head * job.rows * job.dim, at, end, recorder)
        flow += 2 * (end - at) * job.dim + attention_visible(job, end - 1) * (job.dim + job.width)
        at = end
    bp_stop(recorder, (last - first) * job.dim,
            4 * job.dim * (attention_pairs(job, last) - attention_pairs(job, first)), 4 * flow)


cdef void attention_thread(const attention_job *job, int thread, int threads) noexcept nogil:
    """Do one thread's share: adjacent chunks of rows, joined where they are of one head."""
    cdef attention_arena arena
    cdef Py_ssize_t per_head = ceil_div(job.rows, job.chunk), unit, head, first = -1, at
    cdef Py_ssize_t units = job.batches * job.heads * per_head
    cdef uint64_t each = attention_pairs(job, job.rows)
    cdef uint64_t total = each * job.batches * job.heads
    attention_carve(job, job.memory + thread * job.arena_bytes, &arena)
    for unit in range(units):
        head = unit // per_head
        at = unit % per_head * job.chunk
        if min((head * each + attention_pairs(job, at)) * threads // total,
               <uint64_t> threads - 1) != <uint64_t> thread:
            continue
        if first < 0:
            first = at
        if unit + 1 < units and (unit + 1) // per_head == head:
            if min((head * each + attention_pairs(job, at + job.chunk)) * threads // total,
                   <uint64_t> threads - 1) == <uint64_t> thread:
                continue
        attention_macro(job, &arena, head, first, min(at + job.chunk, job.rows),
                        recorder_of(job.recorders, thread))
        first = -1


cdef int attention_run(attention_job *job) except -1 nogil:
    """Take the workspace and run the team."""
    cdef attention_arena arena
    if <double> job.threads * (job.keys + job.isa.f32.nr) * (job.dim + job.width) > 2.0 ** 58:
        with gil:
            raise MemoryError("no memory for packed keys")
    job.arena_bytes = attention_carve(job, NULL, &arena)
    job.memory = <char *> bp_workspace(job.threads * job.arena_bytes)
    if job.memory == NULL:
        with gil:
            raise MemoryError("no memory for packed keys")
    if alone(job.threads):
        attention_thread(job, 0, 1)
    else:
        with parallel(num_threads=job.threads):
            attention_thread(job, threadid(), bp_team_size())
    return 0


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


def attention(q, k, v, *, causal=False, scale=None, out=None, threads=None, profiler=None,
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
    cdef int dims = queries.ndim
    cdef double factor
    result = as_output(out, queries, attention_shapes(queries, keys, values))
    if out is not None:
        check_overlap(result, queries, "q")
        check_overlap(result, keys, "k")
        check_overlap(result, values, "v")
    job.isa = find_isa(isa)
    job.rows, job.keys, job.dim = queries.shape[dims - 2], keys.shape[dims - 2], queries.shape[dims - 1]
    job.width = round_up(job.dim, job.isa.f32.nr)
    job.batches = queries.shape[0] if dims == 4 else 1
    job.heads = queries.shape[dims - 3]
    job.group = max(job.heads // max(keys.shape[dims - 3], 1), 1)
    job.causal = bool(causal)
    if scale is None:
        factor = 1.0 / max(job.dim, 1) ** 0.5
    elif isinstance(scale, (int, float, np.floating, np.integer)):
        try:
            factor = scale
        except OverflowError:
            factor = INFINITY
    else:
        raise TypeError(f"scale must be a number or None, got {scale!r}")
    job.scale = <float> (factor * 1.4426950408889634)
    if not isfinite(job.scale):
        raise ValueError(f"scale must be finite in float32, got {scale!r}")
    cdef int team = checked_threads(threads)
    attention_steps(queries, job.q_step)
    attention_steps(keys, job.k_step)
    attention_steps(values, job.v_step)
    job.direct = job.width == job.dim and job.v_step[3] == 1
    attention_plan_job(&job, plan, team)
    recorders = open_recorders(profiler, "attention", job.threads, "float32")
    if cnp.PyArray_SIZE(result) == 0 or job.keys == 0:
        result[...] = 0
        if recorders is not None:
            recorders.close(False)
        return result
    target = result if cnp.PyArray_IS_C_CONTIGUOUS(result) else np.empty(np.shape(result), np.float32)
    job.q, job.k, job.v = <float *> queries.data, <float *> keys.data, <float *> values.data
    job.out = <float *> target.data
    job.recorders = NULL if recorders is None else recorders.c
    failed = True
    try:
        with nogil:
            attention_run(&job)
        failed = False
    finally:
        if recorders is not None:
            recorders.close(failed)
    if target is not result:
        result[...] = target
    return result
