"""Attention: online softmax over blocks of keys, for one thread."""

from libc.math cimport INFINITY
from libc.stdint cimport uint64_t
from libc.string cimport memset

from brickprof.kernels.attention.arena cimport attention_arena, attention_lay_out
from brickprof.kernels.attention.shape cimport (
    SCORE_DEPTH, attention_block_pairs, attention_flops, attention_job, attention_macro_elements,
    attention_micro_bytes, attention_midi_elements, attention_midi_rows, attention_next_run,
    attention_run_of_chunks, attention_unclipped_visible, attention_visible,
)
from brickprof.kernels.attention.splits cimport (
    attention_join, attention_partial_floats, attention_store_partial,
)
from brickprof.kernels.partition cimport ceil_div, part_begin, round_up
from brickprof.kernels.runtime.runtime cimport (
    PACK_FLOPS, bp_dotxf, bp_interrupted, bp_leave_off, bp_micro_kernels, bp_next_part, bp_pool,
    bp_register_tile, bp_run_dotxf, bp_run_register_tile, bp_softmax_block, bp_workspace,
    give_workspace, recorder_of, run_work, take_workspace,
)
from brickprof.tile cimport BP_MACRO, BP_MICRO, BP_MIDI, bp_recorder, bp_start, bp_stop


cdef enum:
    PREFETCH_STEPS = 8                              # of k, how far ahead B is prefetched into L1


cdef struct attention_tile:
    Py_ssize_t row, first                           # of its micropanel, in the head and Midi tile
    int rows
    Py_ssize_t j0, keys                             # from where on, and how many its last row sees
    const float *k                                  # of this head
    const float *v
    Py_ssize_t v_ld                                 # between the values' rows from v_at on
    const float *v_at                               # the values of key j0
    bint begins                                     # the first block of keys
    Py_ssize_t moved                                # elements that the Midi tile has moved


cdef inline void attention_values(const attention_job *job, const attention_arena *arena,
                                  const attention_tile *at, Py_ssize_t first, const float *weights,
                                  int rows, Py_ssize_t begin, Py_ssize_t keys,
                                  bint accumulate) noexcept nogil:
    """Write or add weights x values of some keys of the block to rows of the output."""
    cdef const bp_micro_kernels *micro = job.micro
    cdef Py_ssize_t wide = 4 * micro.lanes if rows <= micro.wide_rows else micro.nr
    cdef Py_ssize_t column = 0, columns
    cdef bp_register_tile tile
    tile.k, tile.a, tile.lda = keys, weights, job.key_block
    tile.ldb, tile.ldc, tile.packed_copy, tile.accumulate = at.v_ld, job.width, NULL, accumulate
    tile.tiles = 1
    tile.prefetch_distance = (2 if job.dotxf else 1) * PREFETCH_STEPS * at.v_ld
    while column < job.dim:
        columns = wide if job.dim - column >= wide else min(micro.nr, job.dim - column)
        tile.n = <int> columns
        tile.b = at.v_at + begin * at.v_ld + column
        tile.mask_b = job.direct_values and (job.dotxf or columns % micro.lanes != 0)
        tile.c = arena.out + first * job.width + column
        bp_run_register_tile(micro, rows, <int> ceil_div(columns, micro.lanes), True, &tile)
        column += columns


cdef inline void attention_hidden(const attention_job *job, const attention_arena *arena,
                                  const attention_tile *at, Py_ssize_t common) noexcept nogil:
    """Weighted values where a row must not see a key's infinities or NaNs, even times 0."""
    cdef Py_ssize_t r, seen
    attention_values(job, arena, at, at.first, arena.scores, at.rows, 0, common, not at.begins)
    for r in range(at.rows):
        seen = min(max(attention_visible(job, at.row + r) - at.j0, 0), at.keys)
        if seen > common:
            attention_values(job, arena, at, at.first + r,
                             arena.scores + r * job.key_block + common, 1, common, seen - common,
                             True)


cdef inline void attention_scores(const attention_job *job, const attention_arena *arena,
                                  const attention_tile *at) noexcept nogil:
    """Dot products of a micropanel of queries with a block of keys, deep ones in steps."""
    cdef const bp_micro_kernels *micro = job.micro
    cdef Py_ssize_t j, step, steps = max(ceil_div(job.dim, SCORE_DEPTH), 1), d
    cdef bp_register_tile tile
    cdef bp_dotxf dotxf
    if job.dotxf:
        dotxf.k, dotxf.x, dotxf.ldx = job.dim, arena.q + at.first * job.dim, job.dim
        dotxf.rows, dotxf.ldr, dotxf.count = at.k + at.j0 * job.k_step[2], job.k_step[2], at.keys
        dotxf.c, dotxf.c_vector_stride, dotxf.c_row_stride = arena.scores, job.key_block, 1
        dotxf.accumulate = False
        bp_run_dotxf(micro, at.rows, &dotxf)
        return
    tile.lda = at.rows
    tile.ldb, tile.ldc = micro.nr, job.key_block
    tile.prefetch_distance = PREFETCH_STEPS * micro.nr
    tile.packed_copy, tile.mask_b, tile.tiles = NULL, False, 1
    for j in range(ceil_div(at.keys, micro.nr)):
        tile.n = <int> round_up(min(at.keys - j * micro.nr, micro.nr), micro.lanes)
        tile.c = arena.scores + j * micro.nr
        for step in range(steps):
            d = step * SCORE_DEPTH
            tile.k, tile.accumulate = min(SCORE_DEPTH, job.dim - d), step > 0
            tile.a = arena.q + at.first * job.dim + d * at.rows
            tile.b = arena.k + (at.j0 + j * micro.nr) * job.dim + d * micro.nr
            bp_run_register_tile(micro, at.rows, tile.n // micro.lanes, False, &tile)


cdef inline void attention_softmax(const attention_job *job, const attention_arena *arena,
                                   const attention_tile *at) noexcept nogil:
    """Turn scores into weights, and rescale what was summed up before."""
    cdef bp_softmax_block block
    block.scores, block.ld = arena.scores, job.key_block
    block.rows, block.keys = at.rows, <int> at.keys
    block.visible, block.step = attention_unclipped_visible(job, at.row) - at.j0, job.causal
    block.scale = job.scale
    block.maximum, block.sum = arena.maximum + at.first, arena.sum + at.first
    block.out, block.out_ld = arena.out + at.first * job.width, job.width
    block.width = 0 if at.begins else <int> job.width
    job.isa.softmax(&block)


cdef inline void attention_micro(const attention_job *job, const attention_arena *arena,
                                 const attention_tile *at, bp_recorder *recorder) noexcept nogil:
    """Micro tile: scores, softmax and weighted values of a micropanel of rows and a block of keys."""
    cdef Py_ssize_t common = min(max(attention_visible(job, at.row) - at.j0, 0), at.keys)
    cdef uint64_t pairs
    bp_start(recorder, BP_MICRO, at.first // job.micro.mr, at.j0 // job.key_block)
    attention_scores(job, arena, at)
    attention_softmax(job, arena, at)
    if common == at.keys or job.isa.all_finite(
            at.v_at + common * at.v_ld, at.keys - common, at.v_ld, job.dim):
        attention_values(job, arena, at, at.first, arena.scores, at.rows, 0, at.keys,
                         not at.begins)
    else:
        attention_hidden(job, arena, at, common)
    if recorder != NULL:
        pairs = attention_block_pairs(job, at.row, at.rows, at.j0, at.keys)
        bp_stop(recorder, at.rows * job.dim, 4 * job.dim * pairs,
                attention_micro_bytes(job, at.rows, at.keys, at.begins))


cdef inline void attention_finish(const attention_job *job, const attention_arena *arena,
                                  float *out, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    """Divide rows of the output by their sums; a row that saw no key gives zeros."""
    cdef Py_ssize_t i
    for i in range(rows):
        if attention_visible(job, first + i) == 0:
            memset(out + i * job.dim, 0, job.dim * sizeof(float))
        else:
            job.isa.divide(arena.out + i * job.width, arena.sum[i], out + i * job.dim, job.dim)


cdef inline void attention_queries(const attention_job *job, const attention_arena *arena,
                                   const float *q, Py_ssize_t first,
                                   Py_ssize_t rows) noexcept nogil:
    """Pack a block of queries, in micropanels of even height or, for dot products, by rows."""
    cdef const bp_micro_kernels *micro = job.micro
    cdef Py_ssize_t micropanels = ceil_div(rows, micro.mr), row = 0, u, high, i
    for u in range(micropanels):
        high = rows // micropanels + (u < rows % micropanels)
        if job.dotxf:
            for i in range(row, row + high):
                micro.pack(1, 1, job.dim, q + (first + i) * job.q_step[2], 1, job.q_step[3],
                           arena.q + i * job.dim)
        else:
            micro.pack(high, high, job.dim, q + (first + row) * job.q_step[2], job.q_step[2],
                       job.q_step[3], arena.q + row * job.dim)
        row += high
    if job.negative:
        job.isa.negate(arena.q, rows * job.dim)
    if job.halved:
        for i in range(rows * job.dim):
            arena.q[i] *= 0.5


cdef inline void attention_block_values(const attention_job *job, const attention_arena *arena,
                                        attention_tile *at, Py_ssize_t keys) noexcept nogil:
    """Find the values of a block of keys, packing them where their elements are not contiguous."""
    if job.direct_values:
        at.v_at, at.v_ld = at.v + at.j0 * job.v_step[2], job.v_step[2]
        return
    job.micro.pack(job.width, job.dim, keys, at.v + at.j0 * job.v_step[2], job.v_step[3],
                     job.v_step[2], arena.v)
    at.v_at, at.v_ld = arena.v, job.width


cdef inline void attention_midi(const attention_job *job, const attention_arena *arena,
                                const float *q, attention_tile *at, Py_ssize_t first,
                                Py_ssize_t last, Py_ssize_t key0, Py_ssize_t key1,
                                bp_recorder *recorder) noexcept nogil:
    """Midi tile: a block of query rows against the keys of a range that they see."""
    cdef const bp_micro_kernels *micro = job.micro
    cdef Py_ssize_t rows = last - first, micropanels = ceil_div(rows, micro.mr), u, i
    cdef Py_ssize_t reach = min(attention_visible(job, last - 1), key1)
    bp_start(recorder, BP_MIDI, first // job.row_block, 0)
    at.moved = attention_midi_rows(job, rows)
    attention_queries(job, arena, q, first, rows)
    if reach <= key0:
        memset(arena.out, 0, rows * job.width * sizeof(float))
    for i in range(rows):
        arena.maximum[i] = -INFINITY
        arena.sum[i] = 0
    at.j0 = key0
    while at.j0 < reach:
        attention_block_values(job, arena, at, min(job.key_block, reach - at.j0))
        at.first = 0
        at.begins = at.j0 == key0
        for u in range(micropanels):
            at.rows = <int> (rows // micropanels + (u < rows % micropanels))
            at.row = first + at.first
            at.keys = min(job.key_block,
                          min(attention_visible(job, at.row + at.rows - 1), key1) - at.j0)
            if at.keys > 0:
                if bp_leave_off(job.interrupt, arena.thread, 4 * at.rows * at.keys * job.dim):
                    return
                attention_micro(job, arena, at, recorder)
                at.moved += attention_midi_elements(job, at.rows, at.keys, at.begins)
            at.first += at.rows
        at.j0 += job.key_block
    bp_stop(recorder, rows * job.dim, attention_flops(job, first, last, key0, key1),
            sizeof(float) * at.moved)


cdef inline void attention_keys(const attention_job *job, const attention_arena *arena,
                                const float *k, Py_ssize_t seen) noexcept nogil:
    """Pack the keys of a head that are seen, in micropanels."""
    cdef Py_ssize_t nr = job.micro.nr, j
    for j in range(ceil_div(seen, nr)):
        if bp_leave_off(job.interrupt, arena.thread, PACK_FLOPS * nr * job.dim):
            return
        job.micro.pack(nr, min(nr, seen - j * nr), job.dim, k + j * nr * job.k_step[2],
                         job.k_step[2], job.k_step[3], arena.k + j * nr * job.dim)


cdef inline void attention_macro(const attention_job *job, const attention_arena *arena,
                                 Py_ssize_t head, Py_ssize_t first, Py_ssize_t last,
                                 Py_ssize_t split, bp_recorder *recorder) noexcept nogil:
    """Macro tile: some rows of one head and a part of its keys; packs them."""
    cdef Py_ssize_t batch = head // job.heads, shared = head % job.heads // job.group
    cdef const float *q = (job.q + batch * job.q_step[0] + head % job.heads * job.q_step[1])
    cdef Py_ssize_t key0 = split * job.split_keys, row = first, end
    cdef Py_ssize_t key1 = min(key0 + job.split_keys, job.keys), seen, moved = 0
    cdef attention_tile at
    at.k = job.k + batch * job.k_step[0] + shared * job.k_step[1]
    at.v = job.v + batch * job.v_step[0] + shared * job.v_step[1]
    bp_start(recorder, BP_MACRO, head, first // job.chunk)
    if not job.dotxf:
        seen = attention_visible(job, last - 1)
        attention_keys(job, arena, at.k, seen)
        moved = 2 * seen * job.dim
    while row < last:
        end = min(row + job.row_block, last)
        attention_midi(job, arena, q, &at, row, end, key0, key1, recorder)
        if bp_interrupted(job.interrupt):          # its tiles stay open, and are dropped
            return
        seen = max(min(attention_visible(job, end - 1), key1) - key0, 0)
        moved += attention_macro_elements(job, end - row, seen)
        if job.splits > 1:
            attention_store_partial(job, arena, head * job.splits + split)
        else:
            attention_finish(job, arena, job.out + (head * job.rows + row) * job.dim, row,
                             end - row)
        row = end
    bp_stop(recorder, (last - first) * job.dim, attention_flops(job, first, last, key0, key1),
            sizeof(float) * moved)


cdef inline void attention_share(const attention_job *job, const attention_arena *arena, int thread,
                                 bp_recorder *recorder) noexcept nogil:
    """Do one thread's share: parts of heads' keys, or adjacent chunks of rows."""
    cdef Py_ssize_t units, unit
    cdef attention_run_of_chunks run
    if job.splits > 1:
        units = job.batches * job.heads * job.splits
        for unit in range(part_begin(units, thread, job.threads),
                          part_begin(units, thread + 1, job.threads)):
            attention_macro(job, arena, unit // job.splits, 0, job.rows, unit % job.splits,
                            recorder)
            if bp_interrupted(job.interrupt):
                return
        return
    run.unit = 0
    while not bp_interrupted(job.interrupt) and attention_next_run(job, thread, &run):
        attention_macro(job, arena, run.head, run.first, run.last, 0, recorder)


cdef inline void attention_work(void *given, int thread) noexcept nogil:
    """Do a thread's shares: whatever is left, but one of its own for each that is timed."""
    cdef attention_job *job = <attention_job *> given
    cdef attention_arena arena
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef Py_ssize_t share = thread if recorder != NULL else bp_next_part(&job.next_share)
    attention_lay_out(job, job.memory + thread * job.arena_bytes, &arena)
    arena.thread = thread
    while share < job.threads and not bp_interrupted(job.interrupt):
        attention_share(job, &arena, <int> share, recorder)
        share = bp_next_part(&job.next_share)


cdef inline int attention_run(attention_job *job, bp_pool *pool) except -1 nogil:
    """Take the workspace and run the threads."""
    cdef attention_arena arena
    cdef bp_workspace *workspace
    cdef Py_ssize_t partial_bytes = 0
    if <double> job.threads * (job.keys + job.micro.nr) * (job.dim + job.width) > 2.0 ** 58:
        with gil:
            raise MemoryError("no memory for packed keys")
    job.arena_bytes = attention_lay_out(job, NULL, &arena)
    if job.splits > 1:
        partial_bytes = (job.batches * job.heads * job.splits * attention_partial_floats(job)
                         * <Py_ssize_t> sizeof(float))
    workspace = take_workspace(job.threads * job.arena_bytes + partial_bytes)
    if workspace == NULL:
        with gil:
            raise MemoryError("no memory for packed keys")
    job.memory = workspace.memory
    job.partial = <float *> (job.memory + job.threads * job.arena_bytes)
    job.next_share = 0 if job.recorders == NULL else job.threads
    run_work(pool, job.threads, job.recorders != NULL, attention_work, job, job.interrupt)
    if job.splits > 1 and not bp_interrupted(job.interrupt):
        attention_join(job)
    give_workspace(workspace)
    return -1 if bp_interrupted(job.interrupt) else 0
