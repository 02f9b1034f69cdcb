# A parallel region: stages that threads walk through together, each cut into parts.
#
# A stage is over when all its parts are done, whoever did them: a thread that comes late finds the
# first stages done and joins in where the others are.

cdef enum region_kind:
    RMS_NORM
    MATVEC
    ROTATE
    ATTEND
    JOIN
    SWIGLU

cdef enum:
    SPLIT_KEYS = 256                                # keys of a head that are never cut
    SWIGLU_PART = 2048                              # elements
    COUNTER_STEP = 16                               # counters of a stage to those of the next


cdef struct region_stage:
    int kind
    Py_ssize_t layer
    Py_ssize_t parts
    Py_ssize_t rows, depth, apart                   # of a matrix; `rows` is any vector's length too
    Py_ssize_t part_rows, tile_rows                 # of a Midi and of a Micro tile
    const float *x
    const float *w                                  # matrix, weight, up
    const float *bias                               # or NULL
    float *out
    bint add
    float eps
    Py_ssize_t heads, key_heads, dim                # of rotation
    const float *k
    const float *v
    const float *cosine
    const float *sine
    float *keys
    float *values
    Py_ssize_t key_head, key_row, value_head, value_row     # strides
    attention_job attention                         # of ATTEND, and of the JOIN behind it


cdef struct region_job:
    const bp_isa *isa
    region_stage *stages
    Py_ssize_t first, last                          # stages to run
    Py_ssize_t *counters                            # of each stage: parts taken, parts done
    Py_ssize_t position
    char *memory                                    # arena_bytes for each thread
    Py_ssize_t arena_bytes
    bp_recorder **recorders
    uint64_t *waited                                # ticks of each thread; where it is recorded


cdef struct region_tally:
    uint64_t elements, flops, nbytes                # what a thread did in a layer


cdef inline void region_count(region_tally *tally, Py_ssize_t elements, Py_ssize_t flops,
                              Py_ssize_t moved) noexcept nogil:
    """Add to what a thread did: elements moved are float32."""
    tally.elements += elements
    tally.flops += flops
    tally.nbytes += 4 * moved


cdef inline void region_begin(bp_recorder *recorder, Py_ssize_t part) noexcept nogil:
    """Begin a small operation: a Midi tile of a single Micro tile."""
    bp_start(recorder, BP_MIDI, part, 0)
    bp_start(recorder, BP_MICRO, 0, 0)


cdef inline void region_end(bp_recorder *recorder, region_tally *tally, Py_ssize_t elements,
                            Py_ssize_t flops, Py_ssize_t moved) noexcept nogil:
    """End a small operation."""
    bp_stop(recorder, elements, flops, 4 * moved)
    bp_stop(recorder, elements, flops, 4 * moved)
    region_count(tally, elements, flops, moved)


cdef void region_matvec(const region_job *job, const region_stage *stage, Py_ssize_t part,
                        bp_recorder *recorder, region_tally *tally) noexcept nogil:
    """Midi tile: some rows of a matrix against a vector, in Micro tiles of fewer rows."""
    cdef Py_ssize_t first = part * stage.part_rows, row = first
    cdef Py_ssize_t last = min(first + stage.part_rows, stage.rows), count = last - first
    cdef Py_ssize_t moved = count * (stage.depth + (2 if stage.add else 1))
    cdef bp_dot dot
    dot.k, dot.x, dot.ldx = stage.depth, stage.x, 0
    dot.ldr, dot.cx, dot.cr = stage.apart, 0, 1
    dot.add = stage.add or stage.bias != NULL
    bp_start(recorder, BP_MIDI, part, 0)
    if stage.bias != NULL and stage.add:
        for row in range(first, last):
            stage.out[row] += stage.bias[row]
        row = first
    elif stage.bias != NULL:
        memcpy(stage.out + first, stage.bias + first, count * sizeof(float))
    while row < last:
        bp_start(recorder, BP_MICRO, (row - first) // stage.tile_rows, 0)
        dot.rows, dot.c = stage.w + row * stage.apart, stage.out + row
        dot.count = min(stage.tile_rows, last - row)
        bp_run_dot(job.isa.f32, 1, &dot)
        bp_stop(recorder, dot.count, 2 * dot.count * stage.depth, 4 * (
            dot.count * (stage.depth + 1) + ceil_div(dot.count, 2) * stage.depth))
        row += dot.count
    bp_stop(recorder, count, 2 * count * stage.depth, 4 * moved)
    region_count(tally, count, 2 * count * stage.depth, moved)


cdef void region_rotate(const region_job *job, const region_stage *stage, bp_recorder *recorder,
                        region_tally *tally) noexcept nogil:
    """Turn queries and a key to their place, and store the key and its value."""
    cdef Py_ssize_t half = stage.dim // 2, head, at = job.position
    cdef const float *cosine = stage.cosine + at * half
    cdef const float *sine = stage.sine + at * half
    cdef float *value
    region_begin(recorder, 0)
    for head in range(stage.heads):
        job.isa.rotate(stage.x + head * stage.dim, cosine, sine, stage.out + head * stage.dim, half)
    for head in range(stage.key_heads):
        job.isa.rotate(stage.k + head * stage.dim, cosine, sine,
                       stage.keys + head * stage.key_head + at * stage.key_row, half)
        value = stage.values + head * stage.value_head + at * stage.value_row
        memcpy(value, stage.v + head * stage.dim, stage.dim * sizeof(float))
    region_end(recorder, tally, (stage.heads + 2 * stage.key_heads) * stage.dim,
               3 * (stage.heads + stage.key_heads) * stage.dim,
               2 * (stage.heads + 2 * stage.key_heads) * stage.dim + stage.dim)


cdef void region_attend(const region_stage *stage, const attention_arena *arena, Py_ssize_t part,
                        bp_recorder *recorder, region_tally *tally) noexcept nogil:
    """Midi tile: the queries of one head of keys, and a part of these."""
    cdef const attention_job *job = &stage.attention
    cdef Py_ssize_t head = part // job.splits, split = part % job.splits
    cdef Py_ssize_t key0 = split * job.split_keys, shared = head // job.group
    cdef Py_ssize_t key1 = min(key0 + job.split_keys, job.keys)
    cdef attention_tile at
    at.k = job.k + shared * job.k_step[1]
    at.v = job.v + shared * job.v_step[1]
    attention_midi(job, arena, job.q + head * job.q_step[1], &at, 0, job.rows, key0, key1, recorder)
    if job.splits > 1:
        attention_set_aside(job, arena, part)
    else:
        attention_finish(job, arena, job.out + head * job.rows * job.dim, 0, job.rows)
    region_count(tally, job.rows * job.dim, 4 * job.rows * job.dim * (key1 - key0),
                 2 * job.dim * (job.rows + key1 - key0))


cdef void region_swiglu(const region_job *job, const region_stage *stage, Py_ssize_t part,
                        bp_recorder *recorder, region_tally *tally) noexcept nogil:
    """Gate a part of a vector."""
    cdef Py_ssize_t first = part * SWIGLU_PART, count = min(SWIGLU_PART, stage.rows - first)
    region_begin(recorder, part)
    job.isa.swiglu(stage.x + first, stage.w + first, stage.out + first, count)
    region_end(recorder, tally, count, 4 * count, 3 * count)


cdef void region_rms_norm(const region_job *job, const region_stage *stage, bp_recorder *recorder,
                          region_tally *tally) noexcept nogil:
    """Normalize a vector."""
    region_begin(recorder, 0)
    job.isa.rms_norm(stage.x, stage.w, stage.out, stage.rows, stage.eps)
    region_end(recorder, tally, stage.rows, 4 * stage.rows, 3 * stage.rows)


cdef void region_part(const region_job *job, const region_stage *stage, Py_ssize_t part,
                      const attention_arena *arena, bp_recorder *recorder,
                      region_tally *tally) noexcept nogil:
    """Do one part of a stage."""
    if stage.kind == MATVEC:
        region_matvec(job, stage, part, recorder, tally)
    elif stage.kind == ATTEND:
        region_attend(stage, arena, part, recorder, tally)
    elif stage.kind == JOIN:
        attention_join_row(&stage.attention, part // stage.attention.rows,
                           part % stage.attention.rows)
    elif stage.kind == SWIGLU:
        region_swiglu(job, stage, part, recorder, tally)
    elif stage.kind == ROTATE:
        region_rotate(job, stage, recorder, tally)
    else:
        region_rms_norm(job, stage, recorder, tally)


cdef void region_close(bp_recorder *recorder, region_tally *tally) noexcept nogil:
    """End a layer's Macro tile."""
    bp_stop(recorder, tally.elements, tally.flops, tally.nbytes)
    memset(tally, 0, sizeof(region_tally))


cdef uint64_t region_await(const Py_ssize_t *done, Py_ssize_t parts,
                           bp_recorder *recorder) noexcept nogil:
    """Wait for the parts that others have in work; return for how many ticks, if recorded."""
    cdef uint64_t since
    if recorder == NULL or done[0] >= parts:        # most often all is done, and no clock is read
        bp_team_await(done, parts)
        return 0
    since = bp_now(recorder)
    bp_team_await(done, parts)
    return bp_now(recorder) - since


cdef void region_work(void *given, int thread) noexcept nogil:
    """Walk through the stages; a Macro tile holds what a thread does, and waits for, in a layer."""
    cdef region_job *job = <region_job *> given
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef region_stage *stage
    cdef Py_ssize_t *counters
    cdef Py_ssize_t s, part
    cdef uint64_t waited = 0
    cdef attention_arena arena
    cdef region_tally tally
    cdef char *mine = job.memory + thread * job.arena_bytes
    memset(&tally, 0, sizeof(region_tally))
    for s in range(job.first, job.last):
        stage = &job.stages[s]
        counters = job.counters + s * COUNTER_STEP
        if s == job.first or stage.layer != job.stages[s - 1].layer:
            if s > job.first:
                region_close(recorder, &tally)
            bp_start(recorder, BP_MACRO, stage.layer, 0)
        if stage.kind == ATTEND:
            attention_carve(&stage.attention, mine, &arena)
        part = bp_team_next(counters)
        while part < stage.parts:
            region_part(job, stage, part, &arena, recorder, &tally)
            bp_team_done(counters + COUNTER_STEP // 2)
            part = bp_team_next(counters)
        waited += region_await(counters + COUNTER_STEP // 2, stage.parts, recorder)
    if job.first < job.last:
        region_close(recorder, &tally)
    if recorder != NULL:
        job.waited[thread] += waited


cdef void region_set_keys(region_stage *stage, Py_ssize_t keys) noexcept nogil:
    """Fit a stage of attention, or the joining of its parts, to a number of keys."""
    cdef attention_job *job = &stage.attention
    job.keys = keys
    job.splits = max(ceil_div(keys, SPLIT_KEYS), 1)
    job.split_keys = SPLIT_KEYS if job.splits > 1 else keys
    if stage.kind == ATTEND:
        stage.parts = job.heads * job.splits
    else:
        stage.parts = job.heads * job.rows if job.splits > 1 else 0


cdef void region_run(region_job *job, bp_team *team, int threads, bint fused) noexcept nogil:
    """Run all stages in one region of the team, or each in a region of its own."""
    cdef Py_ssize_t s, last = job.last
    memset(job.counters, 0, last * COUNTER_STEP * sizeof(Py_ssize_t))
    if fused:
        if team == NULL:
            region_work(job, 0)
        else:
            bp_team_run(team, threads, job.recorders != NULL, region_work, job)
        return
    for s in range(last):
        if job.stages[s].parts == 0:
            continue
        job.first, job.last = s, s + 1
        if team == NULL or (job.stages[s].parts <= 1 and job.recorders == NULL):
            region_work(job, 0)
        else:
            bp_team_run(team, threads, job.recorders != NULL, region_work, job)
