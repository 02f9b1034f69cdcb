# Attention: online softmax over blocks of keys, for one thread of a team.

cdef Py_ssize_t attention_carve(const attention_job *job, char *memory,
                                attention_arena *arena) noexcept nogil:
    """Lay out a thread's arena and return its size in bytes."""
    cdef Py_ssize_t lanes = job.isa.f32.lanes, at = 0, i
    cdef Py_ssize_t sizes[7]
    cdef float **parts[7]
    parts[0], parts[1], parts[2], parts[3] = &arena.k, &arena.v, &arena.q, &arena.out
    parts[4], parts[5], parts[6] = &arena.scores, &arena.maximum, &arena.sum
    sizes[0] = 0 if job.dots else round_up(job.keys, job.isa.f32.nr) * job.dim
    sizes[1] = 0 if job.direct else job.key_block * job.width
    sizes[2] = job.row_block * job.dim
    sizes[3] = job.row_block * job.width
    sizes[4] = job.isa.f32.mr * job.key_block
    sizes[5] = job.row_block
    sizes[6] = job.row_block
    for i in range(7):
        parts[i][0] = <float *> (memory + at)
        # Packing may write a vector too far.
        at += round_up((sizes[i] + lanes) * sizeof(float), 64)
    return round_up(at, 4096)


cdef void attention_values(const attention_job *job, const attention_arena *arena,
                           const attention_tile *at, Py_ssize_t first, const float *weights,
                           int rows, Py_ssize_t begin, Py_ssize_t keys, bint add) noexcept nogil:
    """Write or add weights x values of some keys of the block to rows of the output."""
    cdef const bp_ukr *ukr = job.isa.f32
    cdef Py_ssize_t column = 0, wide = 4 * ukr.lanes if rows <= ukr.wide else ukr.nr, columns
    cdef bp_tile tile
    tile.k, tile.a, tile.lda = keys, weights, job.key_block
    tile.ldb, tile.ldc, tile.keep, tile.add = at.v_ld, job.width, NULL, add
    tile.strips = 1
    tile.ahead = (2 if job.dots else 1) * FETCH_STEPS * at.v_ld
    while column < job.dim:
        columns = wide if job.dim - column >= wide else min(ukr.nr, job.dim - column)
        tile.n = <int> columns
        tile.b = at.v_at + begin * at.v_ld + column
        tile.in_place = job.direct and (job.dots or columns % ukr.lanes != 0)
        tile.c = arena.out + first * job.width + column
        bp_run_tile(ukr, rows, <int> ceil_div(columns, ukr.lanes), True, &tile)
        column += columns


cdef void attention_hidden(const attention_job *job, const attention_arena *arena,
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


cdef void attention_scores(const attention_job *job, const attention_arena *arena,
                           const attention_tile *at) noexcept nogil:
    """Dot products of a panel of queries with a block of keys, deep ones in steps."""
    cdef const bp_ukr *ukr = job.isa.f32
    cdef Py_ssize_t j, step, steps = max(ceil_div(job.dim, SCORE_DEPTH), 1), d
    cdef bp_tile tile
    cdef bp_dot dot
    if job.dots:
        dot.k, dot.x, dot.ldx = job.dim, arena.q + at.first * job.dim, job.dim
        dot.rows, dot.ldr, dot.count = at.k + at.j0 * job.k_step[2], job.k_step[2], at.keys
        dot.c, dot.cx, dot.cr, dot.add = arena.scores, job.key_block, 1, False
        bp_run_dot(ukr, at.rows, &dot)
        return
    tile.lda = at.rows
    tile.ldb, tile.ldc, tile.ahead = ukr.nr, job.key_block, FETCH_STEPS * ukr.nr
    tile.keep, tile.in_place, tile.strips = NULL, False, 1
    for j in range(ceil_div(at.keys, ukr.nr)):
        tile.n = <int> round_up(min(at.keys - j * ukr.nr, ukr.nr), ukr.lanes)
        tile.c = arena.scores + j * ukr.nr
        for step in range(steps):
            d = step * SCORE_DEPTH
            tile.k, tile.add = min(SCORE_DEPTH, job.dim - d), step > 0
            tile.a = arena.q + at.first * job.dim + d * at.rows
            tile.b = arena.k + (at.j0 + j * ukr.nr) * job.dim + d * ukr.nr
            bp_run_tile(ukr, at.rows, tile.n // ukr.lanes, False, &tile)


cdef void attention_softmax(const attention_job *job, const attention_arena *arena,
                            const attention_tile *at) noexcept nogil:
    """Turn scores into weights, and rescale what was summed up before."""
    cdef bp_softmax_block block
    block.scores, block.ld = arena.scores, job.key_block
    block.rows, block.keys = at.rows, <int> at.keys
    block.visible, block.step = attention_visible_unbounded(job, at.row) - at.j0, job.causal
    block.scale = job.scale
    block.maximum, block.sum = arena.maximum + at.first, arena.sum + at.first
    block.out, block.out_ld = arena.out + at.first * job.width, job.width
    block.width = 0 if at.begins else <int> job.width
    job.isa.softmax(&block)


cdef void attention_micro(const attention_job *job, const attention_arena *arena,
                          const attention_tile *at, bp_recorder *recorder) noexcept nogil:
    """Micro tile: scores, softmax and weighted values of a panel of rows and a block of keys."""
    cdef Py_ssize_t common = min(max(attention_visible(job, at.row) - at.j0, 0), at.keys)
    cdef uint64_t pairs
    bp_start(recorder, BP_MICRO, at.first // job.isa.f32.mr, at.j0 // job.key_block)
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


cdef void attention_finish(const attention_job *job, const attention_arena *arena, float *out,
                           Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    """Divide rows of the output by their sums; a row that saw no key gives zeros."""
    cdef Py_ssize_t i
    for i in range(rows):
        if attention_visible(job, first + i) == 0:
            memset(out + i * job.dim, 0, job.dim * sizeof(float))
        else:
            job.isa.divide(arena.out + i * job.width, arena.sum[i], out + i * job.dim, job.dim)


cdef void attention_queries(const attention_job *job, const attention_arena *arena,
                            const float *q, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    """Pack a block of queries, by panels of even height or, for dot products, by rows."""
    cdef const bp_ukr *ukr = job.isa.f32
    cdef Py_ssize_t panels = ceil_div(rows, ukr.mr), row = 0, u, high, i
    for u in range(panels):
        high = rows // panels + (u < rows % panels)
        if job.dots:
            for i in range(row, row + high):
                ukr.pack(1, 1, job.dim, q + (first + i) * job.q_step[2], 1, job.q_step[3],
                         arena.q + i * job.dim)
        else:
            ukr.pack(high, high, job.dim, q + (first + row) * job.q_step[2], job.q_step[2],
                     job.q_step[3], arena.q + row * job.dim)
        row += high
    if job.negative:
        job.isa.negate(arena.q, rows * job.dim)


cdef void attention_midi(const attention_job *job, const attention_arena *arena, const float *q,
                         attention_tile *at, Py_ssize_t first, Py_ssize_t last,
                         Py_ssize_t key0, Py_ssize_t key1,
                         bp_recorder *recorder) noexcept nogil:
    """Midi tile: a block of query rows against the keys of a range that they see."""
    cdef const bp_ukr *ukr = job.isa.f32
    cdef Py_ssize_t rows = last - first, panels = ceil_div(rows, ukr.mr), u, i
    cdef Py_ssize_t reach = min(attention_visible(job, last - 1), key1)
    bp_start(recorder, BP_MIDI, first // job.row_block, 0)
    at.flow = rows * (2 * job.dim + job.width + job.dim)
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
        for u in range(panels):
            at.rows = <int> (rows // panels + (u < rows % panels))
            at.row = first + at.first
            at.keys = min(job.key_block,
                          min(attention_visible(job, at.row + at.rows - 1), key1) - at.j0)
            if at.keys > 0:
                attention_micro(job, arena, at, recorder)
                at.flow += (at.keys * (job.dim + job.width) + at.rows * (
                    job.dim + (1 if at.begins else 2) * job.width))
                if at.keys * job.dim > job.near_elements:
                    at.flow += at.keys * (at.rows + ceil_div(job.dim, ukr.nr) * (
                        at.rows + SHARED_ELEMENTS))
            at.first += at.rows
        at.j0 += job.key_block
    bp_stop(recorder, rows * job.dim, attention_flops(job, first, last, key0, key1),
            4 * at.flow)


cdef inline void attention_block_values(const attention_job *job, const attention_arena *arena,
                                        attention_tile *at, Py_ssize_t keys) noexcept nogil:
    """Find the values of a block of keys, packing them where their elements are not adjacent."""
    if job.direct:
        at.v_at, at.v_ld = at.v + at.j0 * job.v_step[2], job.v_step[2]
        return
    job.isa.f32.pack(job.width, job.dim, keys, at.v + at.j0 * job.v_step[2], job.v_step[3],
                     job.v_step[2], arena.v)
    at.v_at, at.v_ld = arena.v, job.width


cdef void attention_keys(const attention_job *job, const attention_arena *arena, const float *k,
                         Py_ssize_t seen) noexcept nogil:
    """Pack the keys of a head that are seen, in strips of the register block."""
    cdef Py_ssize_t nr = job.isa.f32.nr, j
    for j in range(ceil_div(seen, nr)):
        job.isa.f32.pack(nr, min(nr, seen - j * nr), job.dim, k + j * nr * job.k_step[2],
                         job.k_step[2], job.k_step[3], arena.k + j * nr * job.dim)


cdef void attention_macro(const attention_job *job, const attention_arena *arena,
                          Py_ssize_t head, Py_ssize_t first, Py_ssize_t last, Py_ssize_t split,
                          bp_recorder *recorder) noexcept nogil:
    """Macro tile: some rows of one head and a part of its keys; packs them."""
    cdef Py_ssize_t batch = head // job.heads, shared = head % job.heads // job.group
    cdef const float *q = (job.q + batch * job.q_step[0] + head % job.heads * job.q_step[1])
    cdef Py_ssize_t key0 = split * job.split_keys, row = first, end
    cdef Py_ssize_t key1 = min(key0 + job.split_keys, job.keys), seen, flow = 0
    cdef attention_tile at
    at.k = job.k + batch * job.k_step[0] + shared * job.k_step[1]
    at.v = job.v + batch * job.v_step[0] + shared * job.v_step[1]
    bp_start(recorder, BP_MACRO, head, first // job.chunk)
    if not job.dots:
        seen = attention_visible(job, last - 1)
        attention_keys(job, arena, at.k, seen)
        flow = 2 * seen * job.dim
    while row < last:
        end = min(row + job.row_block, last)
        attention_midi(job, arena, q, &at, row, end, key0, key1, recorder)
        seen = max(min(attention_visible(job, end - 1), key1) - key0, 0)
        flow += 2 * (end - row) * job.dim + 2 * seen * job.dim
        if job.splits > 1:
            attention_set_aside(job, arena, head * job.splits + split)
        else:
            attention_finish(job, arena, job.out + (head * job.rows + row) * job.dim, row,
                             end - row)
        row = end
    bp_stop(recorder, (last - first) * job.dim, attention_flops(job, first, last, key0, key1),
            4 * flow)


cdef void attention_work(void *given, int thread) noexcept nogil:
    """Do a thread's shares: whatever is left, but one of its own for each that is timed."""
    cdef attention_job *job = <attention_job *> given
    cdef attention_arena arena
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef Py_ssize_t share = thread if recorder != NULL else bp_team_next(&job.next_share)
    attention_carve(job, job.memory + thread * job.arena_bytes, &arena)
    while share < job.threads:
        attention_share(job, &arena, share, recorder)
        share = bp_team_next(&job.next_share)


cdef void attention_share(const attention_job *job, const attention_arena *arena,
                          Py_ssize_t thread, bp_recorder *recorder) noexcept nogil:
    """Do one share: adjacent chunks of rows, joined where they are of one head."""
    cdef Py_ssize_t per_head = ceil_div(job.rows, job.chunk), unit, head, first = -1, at
    cdef Py_ssize_t units = job.batches * job.heads * per_head
    cdef uint64_t each = attention_pairs(job, job.rows)
    cdef uint64_t total = each * job.batches * job.heads
    if job.splits > 1:
        units = job.batches * job.heads * job.splits
        for unit in range(share_of(units, thread, job.threads),
                          share_of(units, thread + 1, job.threads)):
            attention_macro(job, arena, unit // job.splits, 0, job.rows, unit % job.splits,
                            recorder)
        return
    for unit in range(units):
        head = unit // per_head
        at = unit % per_head * job.chunk
        if min((head * each + attention_pairs(job, at)) * job.threads // total,
               <uint64_t> job.threads - 1) != <uint64_t> thread:
            continue
        if first < 0:
            first = at
        if unit + 1 < units and (unit + 1) // per_head == head:
            if min((head * each + attention_pairs(job, at + job.chunk)) * job.threads // total,
                   <uint64_t> job.threads - 1) == <uint64_t> thread:
                continue
        attention_macro(job, arena, head, first, min(at + job.chunk, job.rows), 0, recorder)
        first = -1


cdef int attention_run(attention_job *job, bp_team *team) except -1 nogil:
    """Take the workspace and run the team."""
    cdef attention_arena arena
    cdef Py_ssize_t aside = 0
    if <double> job.threads * (job.keys + job.isa.f32.nr) * (job.dim + job.width) > 2.0 ** 58:
        with gil:
            raise MemoryError("no memory for packed keys")
    job.arena_bytes = attention_carve(job, NULL, &arena)
    if job.splits > 1:
        aside = job.batches * job.heads * job.splits * attention_aside(job) * sizeof(float)
    job.memory = <char *> bp_workspace(job.threads * job.arena_bytes + aside)
    if job.memory == NULL:
        with gil:
            raise MemoryError("no memory for packed keys")
    job.partial = <float *> (job.memory + job.threads * job.arena_bytes)
    job.next_share = 0 if job.recorders == NULL else job.threads
    if team == NULL:
        attention_work(job, 0)
    else:
        bp_team_run(team, job.threads, job.recorders != NULL, attention_work, job)
    if job.splits > 1:
        attention_join(job)
    return 0
