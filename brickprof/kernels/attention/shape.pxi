# What a problem of attention is: its geometry and tiling, and the work of parts of it.

cdef enum:
    SHARED_ELEMENTS = 12                            # of a line that strips of values share
    SCORE_DEPTH = 128                               # products that are summed up at a time
    LEAST_KEYS = 256                                # for which it is worth cutting a head's keys
    DOT_ROWS = 4                                    # keys that share a load of a query, as declared


cdef struct attention_job:
    const bp_isa *isa
    const float *q
    const float *k
    const float *v
    float *out                                      # contiguous
    Py_ssize_t batches, heads, group                # group: query heads that share a key head
    Py_ssize_t rows, keys, dim, width               # width: dim rounded up to whole vectors
    Py_ssize_t q_step[4]                            # strides by batch, head, row, element
    Py_ssize_t k_step[4]
    Py_ssize_t v_step[4]
    bint causal
    bint direct                                     # values are used where they are
    bint dots                                       # and so are keys, in dot products
    float scale                                     # times log2(e), without its sign
    bint negative                                   # the sign of the scale
    Py_ssize_t chunk, row_block, key_block
    Py_ssize_t near_elements                        # of L1
    Py_ssize_t splits, split_keys                   # parts of the keys of a head, and their length
    int threads
    char *memory                                    # arena_bytes for each thread
    Py_ssize_t arena_bytes
    Py_ssize_t next_share
    float *partial                                  # of each split: output, maximum, sum by row
    bp_recorder **recorders


cdef struct attention_arena:
    float *k                                        # packed keys of a head, unless dots
    float *v                                        # a block of packed values, unless direct
    float *q                                        # packed queries of a Midi tile
    float *out                                      # its output before division
    float *scores                                   # of one Micro tile
    float *maximum                                  # by row of the Midi tile
    float *sum


cdef struct attention_tile:
    Py_ssize_t row, first                           # of its panel, in the head and the Midi tile
    int rows
    Py_ssize_t j0, keys                             # from where on, and how many its last row sees
    const float *k                                  # of this head
    const float *v
    Py_ssize_t v_ld                                 # between the values' rows from v_at on
    const float *v_at                               # the values of key j0
    bint begins                                     # the first block of keys
    Py_ssize_t flow                                 # elements that the Midi tile has moved


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


cdef uint64_t attention_flops(const attention_job *job, Py_ssize_t first, Py_ssize_t last,
                              Py_ssize_t key0, Py_ssize_t key1) noexcept nogil:
    """Return the flops of some rows and keys: 4 dim for each pair that sees each other."""
    cdef uint64_t pairs = 0
    cdef Py_ssize_t row
    if job.splits == 1:
        pairs = attention_pairs(job, last) - attention_pairs(job, first)
    else:
        for row in range(first, last):
            pairs += max(min(attention_visible(job, row), key1) - key0, 0)
    return 4 * job.dim * pairs


cdef inline Py_ssize_t attention_visible_unbounded(const attention_job *job,
                                                   Py_ssize_t row) noexcept nogil:
    """Return how far a row sees, before the number of keys bounds it."""
    return row + 1 + job.keys - job.rows if job.causal else job.keys


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


cdef uint64_t attention_micro_bytes(const attention_job *job, int rows, Py_ssize_t keys,
                                    bint begins) noexcept nogil:
    """Return the bytes of the loads and stores of a Micro tile."""
    cdef Py_ssize_t nr = job.isa.f32.nr, padded = round_up(keys, job.isa.f32.lanes), moved
    if job.dots:
        moved = keys * job.dim + ceil_div(keys, DOT_ROWS) * rows * job.dim
    else:
        moved = ceil_div(keys, nr) * (rows + nr) * job.dim
        moved += 2 * (max(ceil_div(job.dim, SCORE_DEPTH), 1) - 1) * rows * padded
    moved += 5 * rows * padded
    moved += (ceil_div(job.dim, nr) * rows + job.width) * keys
    moved += (1 if begins else 4) * rows * job.width
    return 4 * moved


cdef Py_ssize_t common_divisor(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """Return the greatest common divisor."""
    while b:
        a, b = b, a % b
    return a


cdef void attention_tiling(attention_job *job, int threads, bint near, Py_ssize_t block_rows,
                           Py_ssize_t block_keys) noexcept nogil:
    """Fill in the tiling for some blocks; mirrors brickprof.planning.attention, which has the why."""
    cdef const bp_ukr *ukr = job.isa.f32
    cdef Py_ssize_t heads = job.batches * job.heads, parts, chunks
    job.threads = threads
    job.dots = near and job.rows <= ukr.dots
    job.splits = 1
    if job.dots and threads > 1 and heads and heads < 4 * threads:
        parts = threads // common_divisor(heads, threads)
        job.splits = max(min(parts, job.keys // LEAST_KEYS), 1)
    job.split_keys = ceil_div(job.keys, job.splits)
    if heads >= 4 * threads or heads % threads == 0 or job.splits > 1:
        job.chunk = max(job.rows, 1)
    else:
        chunks = ceil_div(8 * threads, max(heads, 1))
        job.chunk = balanced(job.rows, max(ceil_div(job.rows, chunks), 1), ukr.mr)
    job.row_block = balanced(job.chunk, block_rows, ukr.mr)
    if job.splits > 1:
        job.row_block = max(job.rows, 1)
    job.near_elements = 2 * ukr.mr * block_keys
    job.key_block = min(block_keys, round_up(max(job.keys, 1), ukr.nr))
