"""What a problem of attention is: its geometry and tiling, and the work of parts of it.

A Macro tile is one thread's rows of one head, a Midi tile a block of its query rows against all
keys that they see, a Micro tile the micro-kernel's rows against one block of keys: scores, online
softmax and weighted values, without leaving L1. Few rows take keys where they are, as fused dot
products, and where there are fewer heads than threads the keys of a head are split in parts that
are joined at the end.
"""

from libc.stdint cimport uint64_t

from brickprof.kernels.partition cimport (
    MIN_FLOPS_PER_THREAD, balanced, ceil_div, round_up,
)
from brickprof.kernels.runtime.runtime cimport bp_interrupt, bp_isa, bp_micro_kernels
from brickprof.tile cimport bp_recorder


cdef enum:
    SHARED_LINE_ELEMENTS = 12                       # of a line that micropanels of values share
    SCORE_DEPTH = 128                               # products that are summed up at a time
    MIN_SPLIT_KEYS = 256                            # fewer are not worth splitting a head's keys
    KEYS_PER_LOAD = 4                               # that share a load of a query, as declared


cdef struct attention_job:
    const bp_isa *isa
    const bp_micro_kernels *micro                   # of float32
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
    bint direct_values                              # values are used where they are
    bint dotxf                                      # and so are keys, in fused dot products
    float scale                                     # times log2(e), without its sign
    bint negative                                   # the sign of the scale
    bint halved                                     # queries are, and the scale is doubled, so that
                                                    # no difference of scores overflows
    Py_ssize_t chunk, row_block, key_block
    Py_ssize_t l1_elements
    Py_ssize_t splits, split_keys                   # parts of the keys of a head, and their length
    int threads
    char *memory                                    # arena_bytes for each thread
    Py_ssize_t arena_bytes
    Py_ssize_t next_share
    float *partial                                  # of each split: output, maximum, sum by row
    bp_recorder **recorders
    bp_interrupt *interrupt                         # or NULL


cdef inline Py_ssize_t attention_unclipped_visible(const attention_job *job,
                                                   Py_ssize_t row) noexcept nogil:
    """Return how far a row sees, before the number of keys bounds it."""
    return row + 1 + job.keys - job.rows if job.causal else job.keys


cdef inline Py_ssize_t attention_visible(const attention_job *job, Py_ssize_t row) noexcept nogil:
    """Return the number of keys that a row sees."""
    if not job.causal:
        return job.keys
    return min(max(row + 1 + job.keys - job.rows, 0), job.keys)


cdef inline uint64_t attention_pairs(const attention_job *job, Py_ssize_t rows) noexcept nogil:
    """Return the number of (row, key) pairs of the first rows of a head."""
    cdef Py_ssize_t offset = job.keys - job.rows, seeing
    if not job.causal:
        return <uint64_t> rows * job.keys
    seeing = rows - min(max(-offset, 0), rows)
    return <uint64_t> seeing * (max(offset, 0) + 1) + <uint64_t> seeing * (seeing - 1) // 2


cdef inline uint64_t attention_flops(const attention_job *job, Py_ssize_t first, Py_ssize_t last,
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


cdef inline uint64_t attention_block_pairs(const attention_job *job, Py_ssize_t row, int rows,
                                           Py_ssize_t j0, Py_ssize_t keys) noexcept nogil:
    """Return the number of visible pairs of some rows and a block of keys."""
    cdef uint64_t pairs = 0
    cdef Py_ssize_t r
    if not job.causal:
        return rows * keys
    for r in range(rows):
        pairs += min(max(attention_visible(job, row + r) - j0, 0), keys)
    return pairs


cdef inline uint64_t attention_micro_bytes(const attention_job *job, Py_ssize_t rows,
                                           Py_ssize_t keys, bint begins) noexcept nogil:
    """Return the bytes of the loads and stores of a Micro tile: scores, softmax, values."""
    cdef Py_ssize_t nr = job.micro.nr, padded = round_up(keys, job.micro.lanes), moved
    if job.dotxf:
        moved = keys * job.dim + ceil_div(keys, KEYS_PER_LOAD) * rows * job.dim
    else:
        moved = ceil_div(keys, nr) * (rows + nr) * job.dim
        moved += 2 * (max(ceil_div(job.dim, SCORE_DEPTH), 1) - 1) * rows * padded
    moved += 5 * rows * padded
    moved += (ceil_div(job.dim, nr) * rows + job.width) * keys
    moved += (1 if begins else 4) * rows * job.width
    return sizeof(float) * moved


cdef inline Py_ssize_t attention_midi_elements(const attention_job *job, Py_ssize_t rows,
                                               Py_ssize_t keys, bint begins) noexcept nogil:
    """Return what a Micro tile adds to the elements that pass between L2 and L1.

    Where keys and values do not stay in L1 beside them, scores pass again for the softmax and for
    each micropanel of values, and so do lines of values in which one ends and the next begins.
    """
    cdef Py_ssize_t moved = keys * (job.dim + job.width)
    cdef Py_ssize_t micropanels = ceil_div(job.dim, job.micro.nr)
    moved += rows * (job.dim + (1 if begins else 2) * job.width)
    if keys * job.dim > job.l1_elements:
        moved += keys * (rows + micropanels * (rows + SHARED_LINE_ELEMENTS))
    return moved


cdef inline Py_ssize_t attention_midi_rows(const attention_job *job,
                                           Py_ssize_t rows) noexcept nogil:
    """Return the elements that the rows of a Midi tile pass besides: queries and output."""
    return rows * (3 * job.dim + job.width)


cdef inline Py_ssize_t attention_macro_elements(const attention_job *job, Py_ssize_t rows,
                                                Py_ssize_t seen) noexcept nogil:
    """Return what a Midi tile adds to the elements that pass between L3 and L2."""
    return 2 * rows * job.dim + 2 * seen * job.dim


cdef inline Py_ssize_t common_divisor(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """Return the greatest common divisor."""
    while b:
        a, b = b, a % b
    return a


cdef inline int attention_threads(const attention_job *job, int max_threads) noexcept nogil:
    """Return how many threads there is work for."""
    cdef double heads = <double> job.batches * job.heads
    cdef double flops = 4.0 * job.dim * heads * attention_pairs(job, job.rows)
    cdef double units = heads * max(ceil_div(job.rows, job.micro.mr), job.keys // MIN_SPLIT_KEYS)
    return <int> max(min(min(<double> max_threads, flops / MIN_FLOPS_PER_THREAD), units), 1)


cdef inline void attention_shape(attention_job *job, int threads, bint contiguous_keys,
                                 Py_ssize_t block_rows, Py_ssize_t block_keys) noexcept nogil:
    """Fill in the tiling for some blocks."""
    cdef const bp_micro_kernels *micro = job.micro
    cdef Py_ssize_t heads = job.batches * job.heads, parts, chunks
    job.threads = threads
    job.dotxf = contiguous_keys and job.rows <= micro.max_dotxf
    job.splits = 1
    if job.dotxf and threads > 1 and heads and heads < 4 * threads:
        parts = threads // common_divisor(heads, threads)
        job.splits = max(min(parts, job.keys // MIN_SPLIT_KEYS), 1)
    job.split_keys = ceil_div(job.keys, job.splits)
    if heads >= 4 * threads or heads % threads == 0 or job.splits > 1:
        job.chunk = max(job.rows, 1)
    else:
        chunks = ceil_div(8 * threads, max(heads, 1))
        job.chunk = balanced(job.rows, max(ceil_div(job.rows, chunks), 1), micro.mr)
    job.row_block = balanced(job.chunk, block_rows, micro.mr)
    if job.splits > 1:
        job.row_block = max(job.rows, 1)
    job.l1_elements = 2 * micro.mr * block_keys
    job.key_block = min(block_keys, round_up(max(job.keys, 1), micro.nr))


cdef struct attention_run_of_chunks:
    Py_ssize_t head, first, last                    # rows of a head that one thread takes
    Py_ssize_t unit                                 # where the search for the next one goes on


cdef inline int attention_thread_of(const attention_job *job, Py_ssize_t head,
                                    Py_ssize_t row) noexcept nogil:
    """Return the thread of the chunk that begins at a row: threads have about equal work."""
    cdef uint64_t each = attention_pairs(job, job.rows)
    cdef uint64_t total = each * job.batches * job.heads
    return <int> min((head * each + attention_pairs(job, row)) * job.threads // total,
                     <uint64_t> job.threads - 1)


cdef inline bint attention_next_run(const attention_job *job, int thread,
                                    attention_run_of_chunks *run) noexcept nogil:
    """Find a thread's next Macro tile: adjacent chunks of a head; False where there is none."""
    cdef Py_ssize_t per_head = ceil_div(job.rows, job.chunk)
    cdef Py_ssize_t units = job.batches * job.heads * per_head, at
    while run.unit < units:
        run.head, at = run.unit // per_head, run.unit % per_head * job.chunk
        run.unit += 1
        if attention_thread_of(job, run.head, at) != thread:
            continue
        run.first = at
        while (run.unit < units and run.unit // per_head == run.head and
                attention_thread_of(job, run.head, at + job.chunk) == thread):
            run.unit += 1
            at += job.chunk
        run.last = min(at + job.chunk, job.rows)
        return True
    return False
