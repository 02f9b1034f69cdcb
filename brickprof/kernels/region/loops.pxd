"""A parallel region: stages that threads walk through together, each cut into parts.

A stage is over when all its parts are done, whoever did them: a thread that comes late finds the
first stages done and joins in where the others are.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from brickprof.kernels.attention.arena cimport attention_arena, attention_lay_out
from brickprof.kernels.attention.loops cimport attention_finish, attention_midi, attention_tile
from brickprof.kernels.attention.shape cimport attention_job
from brickprof.kernels.attention.splits cimport attention_join_row, attention_store_partial
from brickprof.kernels.partition cimport ceil_div
from brickprof.kernels.runtime.runtime cimport (
    BP_MATVEC_ROWS, BP_POLL_WORK, bp_dotxf, bp_interrupt, bp_interrupted, bp_isa, bp_leave_off,
    bp_micro_kernels, bp_next_part, bp_part_done, bp_pool, bp_run_dotxf, recorder_of, run_work,
    wait_for_parts,
)
from brickprof.tile cimport (
    BP_MACRO, BP_MICRO, BP_MIDI, bp_now, bp_recorder, bp_start, bp_stop,
)


cdef extern from *:
    int ACQUIRE "__ATOMIC_ACQUIRE"
    Py_ssize_t load_count "__atomic_load_n"(const Py_ssize_t *count, int order) nogil


cdef enum region_kind:
    RMS_NORM
    MATVEC
    ROTATE
    ATTEND
    JOIN
    SWIGLU

cdef enum:
    SPLIT_KEYS = 256                                # keys of a head that are never split
    SWIGLU_PART = 2048                              # elements
    PARTS_PER_POLL = 64                             # between two looks at the clock
    COUNTER_STRIDE = 16                             # from a stage's counters to the next one's


cdef struct region_stage:
    int kind
    Py_ssize_t layer
    Py_ssize_t parts
    Py_ssize_t rows, depth, row_stride              # of a matrix; `rows` is any vector's length too
    Py_ssize_t part_rows, tile_rows                 # of a Midi and of a Micro tile
    const float *x
    const float *w                                  # matrix, weight, up
    const float *bias                               # or NULL
    float *out
    bint accumulate
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
    const bp_micro_kernels *micro                   # of float32
    region_stage *stages
    Py_ssize_t first, last                          # stages to run
    Py_ssize_t *counters                            # of each stage: parts taken, parts done
    Py_ssize_t position
    char *memory                                    # arena_bytes for each thread
    Py_ssize_t arena_bytes
    bp_recorder **recorders
    uint64_t *waited                                # ticks of each thread; where it is recorded
    bp_interrupt *interrupt                         # or NULL
    double flops                                    # of all stages, small ones left out


cdef struct region_work_done:
    uint64_t elements, flops, nbytes                # what a thread did in a layer


cdef inline void region_add_work(region_work_done *done, Py_ssize_t elements, Py_ssize_t flops,
                                 Py_ssize_t moved) noexcept nogil:
    """Add to what a thread did: elements moved are float32."""
    done.elements += elements
    done.flops += flops
    done.nbytes += 4 * moved


cdef inline void region_begin(bp_recorder *recorder, Py_ssize_t part) noexcept nogil:
    """Begin a small operation: a Midi tile of a single Micro tile."""
    bp_start(recorder, BP_MIDI, part, 0)
    bp_start(recorder, BP_MICRO, 0, 0)


cdef inline void region_end(bp_recorder *recorder, region_work_done *done, Py_ssize_t elements,
                            Py_ssize_t flops, Py_ssize_t moved) noexcept nogil:
    """End a small operation."""
    bp_stop(recorder, elements, flops, 4 * moved)
    bp_stop(recorder, elements, flops, 4 * moved)
    region_add_work(done, elements, flops, moved)


cdef inline void region_matvec(const region_job *job, const region_stage *stage, Py_ssize_t part,
                               bp_recorder *recorder, region_work_done *done) noexcept nogil:
    """Midi tile: some rows of a matrix against a vector, in Micro tiles of fewer rows."""
    cdef Py_ssize_t first = part * stage.part_rows, row = first
    cdef Py_ssize_t last = min(first + stage.part_rows, stage.rows), count = last - first
    cdef Py_ssize_t moved = count * (stage.depth + (2 if stage.accumulate else 1))
    cdef bp_dotxf dotxf
    dotxf.k, dotxf.x, dotxf.ldx = stage.depth, stage.x, 0
    dotxf.ldr, dotxf.c_vector_stride, dotxf.c_row_stride = stage.row_stride, 0, 1
    dotxf.accumulate = stage.accumulate or stage.bias != NULL
    bp_start(recorder, BP_MIDI, part, 0)
    if stage.bias != NULL and stage.accumulate:
        for row in range(first, last):
            stage.out[row] += stage.bias[row]
        row = first
    elif stage.bias != NULL:
        memcpy(stage.out + first, stage.bias + first, count * sizeof(float))
    while row < last:
        bp_start(recorder, BP_MICRO, (row - first) // stage.tile_rows, 0)
        dotxf.rows, dotxf.c = stage.w + row * stage.row_stride, stage.out + row
        dotxf.count = min(stage.tile_rows, last - row)
        bp_run_dotxf(job.micro, 1, &dotxf)
        bp_stop(recorder, dotxf.count, 2 * dotxf.count * stage.depth, 4 * (
            dotxf.count * (stage.depth + 1) + ceil_div(dotxf.count, BP_MATVEC_ROWS) * stage.depth))
        row += dotxf.count
    bp_stop(recorder, count, 2 * count * stage.depth, 4 * moved)
    region_add_work(done, count, 2 * count * stage.depth, moved)


cdef inline void region_rotate(const region_job *job, const region_stage *stage,
                               bp_recorder *recorder, region_work_done *done) noexcept nogil:
    """Rotate queries and a key by their position, and store the key and its value."""
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
    region_end(recorder, done, (stage.heads + 2 * stage.key_heads) * stage.dim,
               3 * (stage.heads + stage.key_heads) * stage.dim,
               2 * (stage.heads + 2 * stage.key_heads) * stage.dim + stage.dim)


cdef inline void region_attend(const region_stage *stage, const attention_arena *arena,
                               Py_ssize_t part, bp_recorder *recorder,
                               region_work_done *done) noexcept nogil:
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
        attention_store_partial(job, arena, part)
    else:
        attention_finish(job, arena, job.out + head * job.rows * job.dim, 0, job.rows)
    region_add_work(done, job.rows * job.dim, 4 * job.rows * job.dim * (key1 - key0),
                    2 * job.dim * (job.rows + key1 - key0))


cdef inline void region_swiglu(const region_job *job, const region_stage *stage, Py_ssize_t part,
                               bp_recorder *recorder, region_work_done *done) noexcept nogil:
    """Gate a part of a vector."""
    cdef Py_ssize_t first = part * SWIGLU_PART, count = min(SWIGLU_PART, stage.rows - first)
    region_begin(recorder, part)
    job.isa.swiglu(stage.x + first, stage.w + first, stage.out + first, count)
    region_end(recorder, done, count, 4 * count, 3 * count)


cdef inline void region_rms_norm(const region_job *job, const region_stage *stage,
                                 bp_recorder *recorder, region_work_done *done) noexcept nogil:
    """Normalize a vector."""
    region_begin(recorder, 0)
    job.isa.rms_norm(stage.x, stage.w, stage.out, stage.rows, stage.eps)
    region_end(recorder, done, stage.rows, 4 * stage.rows, 3 * stage.rows)


cdef inline void region_part(const region_job *job, const region_stage *stage, Py_ssize_t part,
                             const attention_arena *arena, bp_recorder *recorder,
                             region_work_done *done) noexcept nogil:
    """Do one part of a stage."""
    if stage.kind == MATVEC:
        region_matvec(job, stage, part, recorder, done)
    elif stage.kind == ATTEND:
        region_attend(stage, arena, part, recorder, done)
    elif stage.kind == JOIN:
        attention_join_row(&stage.attention, part // stage.attention.rows,
                           part % stage.attention.rows)
    elif stage.kind == SWIGLU:
        region_swiglu(job, stage, part, recorder, done)
    elif stage.kind == ROTATE:
        region_rotate(job, stage, recorder, done)
    else:
        region_rms_norm(job, stage, recorder, done)


cdef inline void region_close(bp_recorder *recorder, region_work_done *done) noexcept nogil:
    """End a layer's Macro tile."""
    bp_stop(recorder, done.elements, done.flops, done.nbytes)
    memset(done, 0, sizeof(region_work_done))


cdef inline uint64_t region_await(const region_job *job, const Py_ssize_t *parts_done,
                                  Py_ssize_t parts, int thread,
                                  bp_recorder *recorder) noexcept nogil:
    """Wait for the parts that others have in work; return for how many ticks, if recorded."""
    cdef uint64_t since
    # Most often all is done: read no clock.
    if recorder == NULL or load_count(parts_done, ACQUIRE) >= parts:
        wait_for_parts(parts_done, parts, job.interrupt, thread)
        return 0
    since = bp_now(recorder)
    wait_for_parts(parts_done, parts, job.interrupt, thread)
    return bp_now(recorder) - since


cdef inline void region_work(void *given, int thread) noexcept nogil:
    """Walk through the stages; a Macro tile holds what a thread does, and waits for, in a layer."""
    cdef region_job *job = <region_job *> given
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef region_stage *stage
    cdef Py_ssize_t *counters
    cdef Py_ssize_t s, part
    cdef uint64_t waited = 0
    cdef attention_arena arena
    cdef region_work_done done
    cdef char *mine = job.memory + thread * job.arena_bytes
    memset(&done, 0, sizeof(region_work_done))
    memset(&arena, 0, sizeof(attention_arena))
    for s in range(job.first, job.last):
        stage = &job.stages[s]
        counters = job.counters + s * COUNTER_STRIDE
        if s == job.first or stage.layer != job.stages[s - 1].layer:
            if s > job.first:
                region_close(recorder, &done)
            bp_start(recorder, BP_MACRO, stage.layer, 0)
        if stage.kind == ATTEND:
            attention_lay_out(&stage.attention, mine, &arena)
        part = bp_next_part(counters)
        while part < stage.parts:
            if bp_leave_off(job.interrupt, thread, BP_POLL_WORK // PARTS_PER_POLL):
                return                              # its tiles stay open, and are dropped
            region_part(job, stage, part, &arena, recorder, &done)
            bp_part_done(counters + COUNTER_STRIDE // 2)
            part = bp_next_part(counters)
        waited += region_await(job, counters + COUNTER_STRIDE // 2, stage.parts, thread, recorder)
        if bp_interrupted(job.interrupt):
            return
    if job.first < job.last:
        region_close(recorder, &done)
    if recorder != NULL:
        job.waited[thread] += waited


cdef inline void region_set_keys(region_stage *stage, Py_ssize_t keys) noexcept nogil:
    """Fit a stage of attention, or the joining of its parts, to a number of keys."""
    cdef attention_job *job = &stage.attention
    job.keys = keys
    job.splits = max(ceil_div(keys, SPLIT_KEYS), 1)
    job.split_keys = SPLIT_KEYS if job.splits > 1 else keys
    if stage.kind == ATTEND:
        stage.parts = job.heads * job.splits
    else:
        stage.parts = job.heads * job.rows if job.splits > 1 else 0


cdef inline int region_run(region_job *job, bp_pool *pool, int threads,
                           bint fused) except -1 nogil:
    """Run all stages in one region of the threads, or each in a region of its own."""
    cdef Py_ssize_t s, last = job.last
    cdef bint timed = job.recorders != NULL
    memset(job.counters, 0, last * COUNTER_STRIDE * sizeof(Py_ssize_t))
    if fused:
        run_work(pool, threads, timed, region_work, job, job.interrupt)
        return -1 if bp_interrupted(job.interrupt) else 0
    for s in range(last):
        if job.stages[s].parts == 0:
            continue
        job.first, job.last = s, s + 1
        run_work(NULL if job.stages[s].parts <= 1 and not timed else pool, threads, timed,
                 region_work, job, job.interrupt)
        if bp_interrupted(job.interrupt):
            return -1
    return 0
