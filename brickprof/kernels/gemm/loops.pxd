"""GEMM in register blocks: the loops around the micro-kernel, for one thread."""

from brickprof.kernels.gemm.axpyf cimport axpyf_part
from brickprof.kernels.gemm.dotxf cimport dotxf_pack_vectors, dotxf_packs_vectors, dotxf_part
from brickprof.kernels.gemm.shape cimport (
    AXPYF, B_COPIED, B_IN_PLACE, B_PACKED, B_SINGLE_PASS, B_TRANSPOSED, ROWS, TILES,
    gemm_b_mode_of, gemm_batches, gemm_columns_at_once, gemm_job, gemm_packs_a,
)
from brickprof.kernels.gemm.traffic cimport (
    gemm_macro_bytes, gemm_micro_bytes, gemm_midi_bytes, gemm_step,
)
from brickprof.kernels.partition cimport ceil_div, part_begin, round_up
from brickprof.kernels.runtime.runtime cimport (
    PACK_FLOPS, STORE_FLOPS, bp_interrupted, bp_leave_off, bp_next_part, bp_pool,
    bp_register_tile, bp_run_register_tile, bp_workspace, give_workspace, recorder_of, run_work, take_workspace,
)
from brickprof.tile cimport BP_MACRO, BP_MICRO, BP_MIDI, bp_recorder, bp_start, bp_stop


cdef enum:
    PREFETCH_STEPS = 8                              # of k, how far ahead B is prefetched into L1
    PACK_DEPTH = 8                                  # rows of B that are read side by side
    PAGE = 4096


cdef inline void gemm_point_at_b(const gemm_job *job, const gemm_step *at, Py_ssize_t j,
                                 Py_ssize_t width, Py_ssize_t padded,
                                 bp_register_tile *tile) noexcept nogil:
    """Point a register tile at a micropanel of B, packing it if it lies by columns."""
    cdef const char *b = job.b + (at.p0 * job.b_row + j * job.b_col) * job.itemsize
    cdef int mode = at.b_mode
    tile.packed_copy = NULL
    tile.mask_b = (mode == B_SINGLE_PASS or mode == B_COPIED
                   or (mode == B_IN_PLACE and width < padded))
    tile.b, tile.ldb = b, job.b_row
    if mode == B_PACKED:
        tile.b, tile.ldb = at.b_packed + (j - at.b_packed_j0) * at.kb * job.itemsize, padded
    elif mode == B_TRANSPOSED:
        job.micro.pack(padded, width, at.kb, b, job.b_col, job.b_row, at.b_copy)
        tile.b, tile.ldb = at.b_copy, padded
    tile.prefetch_distance = PREFETCH_STEPS * tile.ldb
    if mode == B_SINGLE_PASS or mode == B_COPIED:
        # A few rows take micropanels beside one another, more rows the steps of one.
        if mode == B_SINGLE_PASS or job.streams_b:
            tile.prefetch_distance = 2 * padded
        else:
            tile.prefetch_distance = 2 * tile.prefetch_distance
        if mode == B_COPIED:
            tile.packed_copy = at.b_copy


cdef inline void gemm_pack_b(const gemm_job *job, const gemm_step *at, char *packed) noexcept nogil:
    """Pack the part of B that a Macro tile uses, reading its rows front to back."""
    cdef Py_ssize_t size = job.itemsize, nr = job.micro.nr, j, width, padded, p = 0, depth
    while p < at.kb:
        depth = min(PACK_DEPTH, at.kb - p) if job.b_layout == ROWS else at.kb
        j = at.j0
        while j < at.j1:
            width = min(nr, at.j1 - j)
            padded = round_up(width, job.micro.lanes)
            if bp_leave_off(job.interrupt, at.thread, PACK_FLOPS * depth * width):
                return
            job.micro.pack(padded, width, depth,
                           job.b + ((at.p0 + p) * job.b_row + j * job.b_col) * size, job.b_col,
                           job.b_row, packed + ((j - at.j0) * at.kb + p * padded) * size)
            j += width
        p += depth


cdef inline void gemm_micro(const gemm_job *job, const gemm_step *at, Py_ssize_t j,
                            Py_ssize_t width, int b_micropanels,
                            bp_recorder *recorder) noexcept nogil:
    """Micro tile: sweep micropanels of B down a block of A, in micropanels of even height."""
    cdef Py_ssize_t size = job.itemsize, row = 0, u
    cdef Py_ssize_t columns = b_micropanels * width
    cdef int rows, vectors = <int> ceil_div(width, job.micro.lanes)
    cdef bp_register_tile tile
    tile.k = at.kb
    tile.n, tile.tiles = <int> width, b_micropanels
    tile.b_step = width * at.kb if at.b_mode == B_PACKED else width
    tile.accumulate = at.p0 > 0
    tile.ldc = job.c_row
    tile.lda = at.lda
    tile.a = at.a
    tile.c = job.c + (at.i0 * job.c_row + j) * size
    gemm_point_at_b(job, at, j, width, vectors * job.micro.lanes, &tile)
    for u in range(at.micropanels):
        rows = <int> (at.min_rows + (u < at.taller))
        if at.packed:
            tile.lda = rows
        bp_run_register_tile(job.micro, rows, vectors, at.by_rows, &tile)
        if tile.packed_copy != NULL:
            tile.b, tile.ldb = tile.packed_copy, vectors * job.micro.lanes
            tile.prefetch_distance = PREFETCH_STEPS * tile.ldb
            tile.packed_copy = NULL
            tile.mask_b = False
        row += rows
        tile.a = at.a + row * (at.kb if at.packed else job.a_row) * size
        tile.c = job.c + ((at.i0 + row) * job.c_row + j) * size
    if recorder != NULL:
        bp_stop(recorder, at.mb * columns, 2 * at.mb * columns * at.kb,
                b_micropanels * gemm_micro_bytes(job, at, width))


cdef inline void gemm_pack_a(const gemm_job *job, gemm_step *at, char *block) noexcept nogil:
    """Pack a block of A in micropanels of even height, depth-major."""
    cdef Py_ssize_t row = at.i0, u, rows
    for u in range(at.micropanels):
        rows = at.min_rows + (u < at.taller)
        job.micro.pack(rows, rows, at.kb,
                       job.a + (row * job.a_row + at.p0 * job.a_col) * job.itemsize, job.a_row,
                       job.a_col, block + (row - at.i0) * at.kb * job.itemsize)
        row += rows
    at.a = block


cdef inline void gemm_choose_block(const gemm_job *job, gemm_step *at) noexcept nogil:
    """Choose how a block of A, and the micropanels of B that go over it, are taken."""
    at.micropanels, at.min_rows, at.taller = 1, at.mb, 0
    if at.mb > job.micro.mr:
        at.micropanels = ceil_div(at.mb, job.micro.mr)
        at.min_rows = at.mb // at.micropanels
        at.taller = at.mb - at.min_rows * at.micropanels
    at.b_mode = gemm_b_mode_of(job, at.micropanels)
    at.packed = gemm_packs_a(job, at.b_micropanels)


cdef inline void gemm_take_a(const gemm_job *job, gemm_step *at, char *block) noexcept nogil:
    """Pack a block of A, or point at it where it is."""
    at.by_rows = not at.packed and job.a_layout == ROWS
    at.lda = job.a_row if at.by_rows else job.a_col
    if at.packed:
        gemm_pack_a(job, at, block)
    else:
        at.a = job.a + (at.i0 * job.a_row + at.p0 * job.a_col) * job.itemsize


cdef inline void gemm_midi(const gemm_job *job, gemm_step *at, Py_ssize_t number, char *block,
                           bp_recorder *recorder) noexcept nogil:
    """Midi tile: take a block of A, then sweep all micropanels of B over it."""
    cdef Py_ssize_t wide, width, j, sweep = 0
    cdef int together = 1
    bp_start(recorder, BP_MIDI, number, at.depth_step)
    gemm_choose_block(job, at)
    gemm_take_a(job, at, block)
    wide = gemm_columns_at_once(job, at.mb, at.b_mode)
    j = at.j0
    while j < at.j1:
        width = wide if at.j1 - j >= wide else min(job.micro.nr, at.j1 - j)
        if gemm_batches(at.micropanels, at.b_mode):
            together = <int> max((at.j1 - j) // wide, 1)
        if bp_leave_off(job.interrupt, at.thread,
                        at.mb * together * width * (2 * at.kb + STORE_FLOPS)):
            return
        bp_start(recorder, BP_MICRO, number, sweep)
        gemm_micro(job, at, j, width, together, recorder)
        j += together * width
        sweep += together
    if recorder != NULL:
        bp_stop(recorder, at.mb * (at.j1 - at.j0), 2 * at.mb * (at.j1 - at.j0) * at.kb,
                gemm_midi_bytes(job, at, wide))


cdef inline Py_ssize_t gemm_b_copy_bytes(const gemm_job *job) noexcept nogil:
    """Return the room that a packed micropanel of B takes, with a vector to spare."""
    return round_up((job.micro.nr * job.kc + job.micro.lanes) * job.itemsize, PAGE)


cdef inline Py_ssize_t gemm_block_bytes(const gemm_job *job) noexcept nogil:
    """Return the room that a packed block of A takes, with a vector to spare."""
    return round_up((job.mc * job.kc + job.micro.lanes) * job.itemsize, PAGE)


cdef inline Py_ssize_t gemm_packed_b_bytes(const gemm_job *job) noexcept nogil:
    """Return the room that the widest part's packed B takes."""
    cdef Py_ssize_t micropanels = ceil_div(ceil_div(job.n, job.micro.nr), job.across)
    if not job.packs_b:
        return 0
    return round_up((micropanels * job.micro.nr * job.kc + job.micro.lanes) * job.itemsize, PAGE)


cdef inline void gemm_part(const gemm_job *job, Py_ssize_t part, int thread,
                           bp_recorder *recorder) noexcept nogil:
    """Work through one part of C: a Macro tile for each step of k."""
    cdef char *arena = job.memory + thread * job.arena_bytes
    cdef Py_ssize_t nr = job.micro.nr, micropanels = ceil_div(job.n, nr), p, i, rows, i1
    cdef Py_ssize_t down = part // job.across, across = part - down * job.across
    cdef Py_ssize_t i0 = part_begin(job.m, down, job.down)
    cdef char *block = arena + gemm_b_copy_bytes(job)
    cdef char *packed_b = block + gemm_block_bytes(job)
    cdef gemm_step at
    at.thread = thread
    i1 = part_begin(job.m, down + 1, job.down)
    at.j0 = part_begin(micropanels, across, job.across) * nr
    at.j1 = min(part_begin(micropanels, across + 1, job.across) * nr, job.n)
    at.b_micropanels = ceil_div(at.j1 - at.j0, nr)
    at.b_copy = arena
    at.b_packed, at.b_packed_j0 = packed_b, at.j0
    for p in range(ceil_div(job.k, job.kc)):
        at.depth_step, at.p0 = p, p * job.kc
        at.kb = min(job.kc, job.k - at.p0)
        bp_start(recorder, BP_MACRO, p, part)
        if job.prepacked:
            at.b_packed = job.b + at.p0 * round_up(job.n, job.micro.lanes) * job.itemsize
            at.b_packed_j0 = 0
        elif job.packs_b:
            gemm_pack_b(job, &at, packed_b)
        for i in range(ceil_div(i1 - i0, job.mc)):
            at.i0 = i0 + i * job.mc
            at.mb = min(job.mc, i1 - at.i0)
            gemm_midi(job, &at, i, block, recorder)
            if bp_interrupted(job.interrupt):       # its tiles stay open, and are dropped
                return
        rows = i1 - i0
        if recorder != NULL:
            bp_stop(recorder, rows * (at.j1 - at.j0), 2 * rows * (at.j1 - at.j0) * at.kb,
                    gemm_macro_bytes(job, &at, rows))


cdef inline void gemm_work(void *given, int thread) noexcept nogil:
    """Do a thread's share: whatever part is left, but one of its own for each that is timed."""
    cdef gemm_job *job = <gemm_job *> given
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef Py_ssize_t part = thread if recorder != NULL else bp_next_part(&job.next_part)
    while part < job.down * job.across:
        if job.kind == AXPYF:
            axpyf_part(job, part, thread, recorder)
        elif job.kind == TILES:
            gemm_part(job, part, thread, recorder)
        else:
            dotxf_part(job, part, thread, recorder)
        if bp_interrupted(job.interrupt):
            return
        part = bp_next_part(&job.next_part)


cdef inline int gemm_run(gemm_job *job, bp_pool *pool) except -1 nogil:
    """Take the workspace and run the threads."""
    cdef bint packs_vectors = dotxf_packs_vectors(job)
    cdef double wanted
    cdef bp_workspace *workspace = NULL
    job.arena_bytes = 0
    job.next_part = 0 if job.recorders == NULL else job.threads
    if job.kind == TILES:
        wanted = (<double> job.mc + job.micro.nr + (job.n if job.packs_b else 0)) * job.kc
        if wanted * job.itemsize * job.threads > 2.0 ** 58:
            with gil:
                raise MemoryError("no memory for packed micropanels")
        job.arena_bytes = (gemm_b_copy_bytes(job) + gemm_block_bytes(job)
                           + gemm_packed_b_bytes(job))
        workspace = take_workspace(job.threads * job.arena_bytes)
    elif packs_vectors:
        workspace = take_workspace(job.vectors * job.k * job.itemsize)
    if workspace == NULL and (job.kind == TILES or packs_vectors):
        with gil:
            raise MemoryError("no memory for packed micropanels")
    job.memory = NULL if workspace == NULL else workspace.memory
    if packs_vectors:
        dotxf_pack_vectors(job)
    run_work(pool, job.threads, job.recorders != NULL, gemm_work, job, job.interrupt)
    give_workspace(workspace)
    return -1 if bp_interrupted(job.interrupt) else 0
