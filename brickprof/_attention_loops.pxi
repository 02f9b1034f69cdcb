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
    float scale                                     # times log2(e), without its sign
    bint negative                                   # the sign of the scale
    Py_ssize_t chunk, row_block, key_block
    int threads
    char *memory                                    # arena_bytes for each thread
    Py_ssize_t arena_bytes
    bp_recorder **recorders


cdef struct attention_arena:
    float *k                                        # packed keys of a head
    float *v                                        # packed values, unless direct
    float *q                                        # packed queries of a Midi tile
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
    block.scale = job.scale
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
    if job.negative:
        job.isa.negate(arena.q, padded * job.dim)
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
