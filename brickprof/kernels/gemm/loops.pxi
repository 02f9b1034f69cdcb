# GEMM: the loops around the micro-kernel, for one thread of a team.

cdef struct gemm_step:
    Py_ssize_t j0, j1, strips, p0, kb               # columns of C, and depth, of a Macro tile
    Py_ssize_t depth_step                           # its number among the steps of k
    Py_ssize_t i0, mb                               # rows of a Midi tile
    Py_ssize_t panels, least, taller                # its panels, their height, how many are taller
    const char *a                                   # its block of A, packed or where it is
    Py_ssize_t lda
    bint packed, by_rows
    int mode                                        # how strips of B are taken
    char *strip                                     # memory for a strip of B
    char *panel                                     # packed strips, from this column on
    Py_ssize_t panel_j0


cdef inline Py_ssize_t share_of(Py_ssize_t extent, Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    """Return where a part of an extent begins."""
    return extent * part // parts


cdef bint gemm_packs_a(const gemm_job *job, Py_ssize_t strips) noexcept nogil:
    """Tell whether to pack blocks of A that so many strips of B go over."""
    cdef Py_ssize_t stride
    if job.a_layout == STRIDED:
        return True
    stride = (job.a_row if job.a_layout == ROWS else job.a_col) * job.itemsize
    if strips <= 2 or job.m == 1:
        return False
    if job.a_layout == ROWS:
        return strips >= 16 or stride % SETS_BYTES == 0
    return stride >= 1024


cdef inline void gemm_strip(const gemm_job *job, const gemm_step *at, Py_ssize_t j,
                            Py_ssize_t width, Py_ssize_t padded, bp_tile *tile) noexcept nogil:
    """Point a tile at a strip of B, packing it if it lies the other way."""
    cdef const char *b = job.b + (at.p0 * job.b_row + j * job.b_col) * job.itemsize
    cdef int mode = at.mode
    tile.keep = NULL
    tile.in_place = mode == IN_PLACE or mode == COPIED or (mode == NEAR and width < padded)
    tile.b, tile.ldb = b, job.b_row
    if mode == PANEL:
        tile.b, tile.ldb = at.panel + (j - at.panel_j0) * at.kb * job.itemsize, padded
    elif mode == TURNED:
        job.ukr.pack(padded, width, at.kb, b, job.b_col, job.b_row, at.strip)
        tile.b, tile.ldb = at.strip, padded
    tile.ahead = FETCH_STEPS * tile.ldb
    if mode == IN_PLACE or mode == COPIED:
        # A few rows take the strips beside one another, more rows the steps of one.
        tile.ahead = 2 * padded if mode == IN_PLACE or job.streams else 2 * tile.ahead
        if mode == COPIED:
            tile.keep = at.strip


cdef void gemm_panel(const gemm_job *job, gemm_step *at) noexcept nogil:
    """Pack the part of B that a Macro tile uses, reading its rows front to back."""
    cdef Py_ssize_t size = job.itemsize, nr = job.ukr.nr, j, width, padded, p = 0, deep
    while p < at.kb:
        deep = min(PACK_DEPTH, at.kb - p) if job.b_layout == ROWS else at.kb
        j = at.j0
        while j < at.j1:
            width = min(nr, at.j1 - j)
            padded = round_up(width, job.ukr.lanes)
            job.ukr.pack(padded, width, deep,
                         job.b + ((at.p0 + p) * job.b_row + j * job.b_col) * size, job.b_col,
                         job.b_row, at.panel + ((j - at.j0) * at.kb + p * padded) * size)
            j += width
        p += deep


cdef void gemm_micro(const gemm_job *job, const gemm_step *at, Py_ssize_t j, Py_ssize_t width,
                     int vectors, int strips, bp_recorder *recorder) noexcept nogil:
    """Micro tile: sweep one strip of B down a block of A, in panels of even height.

    A single panel takes several strips of full width at once.
    """
    cdef Py_ssize_t size = job.itemsize, row = 0, u
    cdef int rows
    cdef bp_tile tile
    tile.k = at.kb
    tile.n, tile.strips = <int> width, strips
    tile.b_step = width * at.kb if at.mode == PANEL else width
    tile.add = at.p0 > 0
    tile.ldc = job.c_row
    tile.lda = at.lda
    tile.a = at.a
    tile.c = job.c + (at.i0 * job.c_row + j) * size
    gemm_strip(job, at, j, width, vectors * job.ukr.lanes, &tile)
    for u in range(at.panels):
        rows = <int> (at.least + (u < at.taller))
        if at.packed:
            tile.lda = rows
        bp_run_tile(job.ukr, rows, vectors, at.by_rows, &tile)
        if tile.keep != NULL:
            tile.b, tile.ldb = tile.keep, vectors * job.ukr.lanes
            tile.ahead = FETCH_STEPS * tile.ldb
            tile.keep = NULL
            tile.in_place = False
        row += rows
        tile.a = at.a + row * (at.kb if at.packed else job.a_row) * size
        tile.c = job.c + ((at.i0 + row) * job.c_row + j) * size
    if recorder != NULL:
        bp_stop(recorder, at.mb * width, 2 * at.mb * width * at.kb,
                gemm_micro_bytes(job, at, width))


cdef void gemm_pack_a(const gemm_job *job, gemm_step *at, char *block) noexcept nogil:
    """Pack a block of A in panels of even height, depth-major."""
    cdef Py_ssize_t row = at.i0, u, rows
    for u in range(at.panels):
        rows = at.least + (u < at.taller)
        job.ukr.pack(rows, rows, at.kb,
                     job.a + (row * job.a_row + at.p0 * job.a_col) * job.itemsize, job.a_row,
                     job.a_col, block + (row - at.i0) * at.kb * job.itemsize)
        row += rows
    at.a = block


cdef void gemm_block(const gemm_job *job, gemm_step *at, char *block) noexcept nogil:
    """Choose how a block of A and the strips that go over it are taken, and pack it if need be."""
    at.panels, at.least, at.taller = 1, at.mb, 0
    if at.mb > job.ukr.mr:
        at.panels = ceil_div(at.mb, job.ukr.mr)
        at.least = at.mb // at.panels
        at.taller = at.mb - at.least * at.panels
    at.mode = gemm_b_mode(job, at.panels)
    at.packed = gemm_packs_a(job, at.strips)
    at.by_rows = not at.packed and job.a_layout == ROWS
    if at.packed:
        gemm_pack_a(job, at, block)
    else:
        at.a = job.a + (at.i0 * job.a_row + at.p0 * job.a_col) * job.itemsize
        at.lda = job.a_row if at.by_rows else job.a_col


cdef void gemm_midi(const gemm_job *job, gemm_step *at, Py_ssize_t number, char *block,
                    bp_recorder *recorder) noexcept nogil:
    """Midi tile: take a block of A, then sweep all strips of B over it."""
    cdef const bp_ukr *ukr = job.ukr
    cdef Py_ssize_t wide = ukr.nr, width, j, strip = 0
    cdef int strips = 1
    bp_start(recorder, BP_MIDI, number, at.depth_step)
    gemm_block(job, at, block)
    if at.mb <= ukr.wide and at.mode == IN_PLACE:
        wide = 4 * ukr.lanes
    j = at.j0
    while j < at.j1:
        width = wide if at.j1 - j >= wide else min(ukr.nr, at.j1 - j)
        if recorder == NULL and at.panels == 1 and (at.mode == IN_PLACE or at.mode == PANEL):
            strips = <int> max((at.j1 - j) // wide, 1)
        bp_start(recorder, BP_MICRO, number, strip)
        gemm_micro(job, at, j, width, <int> ceil_div(width, ukr.lanes), strips, recorder)
        j += strips * width
        strip += 1
    if recorder != NULL:
        bp_stop(recorder, at.mb * (at.j1 - at.j0), 2 * at.mb * (at.j1 - at.j0) * at.kb,
                gemm_midi_bytes(job, at, wide))


cdef void gemm_part(const gemm_job *job, Py_ssize_t part, char *arena,
                    bp_recorder *recorder) noexcept nogil:
    """Work through one part of C: a Macro tile for each step of k."""
    cdef Py_ssize_t nr = job.ukr.nr, strips = ceil_div(job.n, nr), p, i, rows, i1
    cdef Py_ssize_t down = part // job.across, across = part - down * job.across
    cdef Py_ssize_t i0 = share_of(job.m, down, job.down)
    cdef gemm_step at
    i1 = share_of(job.m, down + 1, job.down)
    at.j0 = share_of(strips, across, job.across) * nr
    at.j1 = min(share_of(strips, across + 1, job.across) * nr, job.n)
    at.strips = ceil_div(at.j1 - at.j0, nr)
    at.strip = arena
    at.panel, at.panel_j0 = arena + gemm_strip_bytes(job) + gemm_block_bytes(job), at.j0
    for p in range(ceil_div(job.k, job.kc)):
        at.depth_step, at.p0 = p, p * job.kc
        at.kb = min(job.kc, job.k - at.p0)
        bp_start(recorder, BP_MACRO, p, part)
        if job.prepacked:
            at.panel = job.b + at.p0 * round_up(job.n, job.ukr.lanes) * job.itemsize
            at.panel_j0 = 0
        elif job.in_panels:
            gemm_panel(job, &at)
        for i in range(ceil_div(i1 - i0, job.mc)):
            at.i0 = i0 + i * job.mc
            at.mb = min(job.mc, i1 - at.i0)
            gemm_midi(job, &at, i, arena + gemm_strip_bytes(job), recorder)
        rows = i1 - i0
        if recorder != NULL:
            bp_stop(recorder, rows * (at.j1 - at.j0), 2 * rows * (at.j1 - at.j0) * at.kb,
                    gemm_macro_bytes(job, &at, rows))


cdef inline Py_ssize_t gemm_strip_bytes(const gemm_job *job) noexcept nogil:
    """Return the room that a packed strip takes, with a vector to spare."""
    return round_up((job.ukr.nr * job.kc + job.ukr.lanes) * job.itemsize, 4096)


cdef inline Py_ssize_t gemm_block_bytes(const gemm_job *job) noexcept nogil:
    """Return the room that a packed block of A takes, with a vector to spare."""
    return round_up((job.mc * job.kc + job.ukr.lanes) * job.itemsize, 4096)


cdef inline Py_ssize_t gemm_panel_bytes(const gemm_job *job) noexcept nogil:
    """Return the room that the widest part's packed strips take."""
    cdef Py_ssize_t strips = ceil_div(ceil_div(job.n, job.ukr.nr), job.across)
    if not job.in_panels:
        return 0
    return round_up((strips * job.ukr.nr * job.kc + job.ukr.lanes) * job.itemsize, 4096)


cdef void gemm_work(void *given, int thread) noexcept nogil:
    """Do a thread's share: whatever part is left, but one of its own for each that is timed."""
    cdef gemm_job *job = <gemm_job *> given
    cdef bp_recorder *recorder = recorder_of(job.recorders, thread)
    cdef Py_ssize_t part = thread if recorder != NULL else bp_team_next(&job.next_part)
    while part < job.down * job.across:
        if job.kind == AXPY:
            axpy_part(job, part, recorder)
        elif job.kind == TILES:
            gemm_part(job, part, job.memory + thread * job.arena_bytes, recorder)
        else:
            dots_part(job, part, recorder)
        part = bp_team_next(&job.next_part)


cdef int gemm_run(gemm_job *job, bp_team *team) except -1 nogil:
    """Take the workspace and run the team."""
    cdef double wanted
    job.memory = NULL
    job.arena_bytes = 0
    job.next_part = 0 if job.recorders == NULL else job.threads
    if job.kind == TILES:
        wanted = (<double> job.mc + job.ukr.nr + (job.n if job.in_panels else 0)) * job.kc * job.itemsize * job.threads
        if wanted > 2.0 ** 58:
            with gil:
                raise MemoryError("no memory for packed panels")
        job.arena_bytes = gemm_strip_bytes(job) + gemm_block_bytes(job) + gemm_panel_bytes(job)
        job.memory = <char *> bp_workspace(job.threads * job.arena_bytes)
    elif dots_need_copy(job):
        job.memory = <char *> bp_workspace(job.vectors * job.k * job.itemsize)
    if job.memory == NULL and (job.kind == TILES or dots_need_copy(job)):
        with gil:
            raise MemoryError("no memory for packed panels")
    if dots_need_copy(job):
        dots_vectors(job)
    if team == NULL:
        gemm_work(job, 0)
    else:
        bp_team_run(team, job.threads, job.recorders != NULL, gemm_work, job)
    return 0
