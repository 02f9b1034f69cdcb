# How a product is tiled; mirrors brickprof.planning.gemm, whose docstrings give the reasons.

cdef enum:
    ROWS, COLUMNS, STRIDED                          # layouts: what is adjacent
    TILES, DOTS_OF_ROWS, DOTS_OF_COLUMNS, AXPY      # kinds
    NEAR, IN_PLACE, COPIED, TURNED, PANEL           # how strips of B are taken
    STREAM_DEPTH = 64
    STREAM_PANELS = 4
    ALIAS_BYTES = 2048                              # rows so far apart share sets of L1
    SETS_BYTES = 4096                               # rows so far apart share a set and the next
    WAYS = 8                                        # rows that these sets hold
    FETCH_STEPS = 8                                 # of k, how far ahead B is fetched into L1
    PACK_DEPTH = 8                                  # rows of B that are read side by side
    LEAST_FLOPS = 1 << 20
    MUCH_WORK = 1 << 26
    AXPY_ROWS = 8                                   # rows that share a pass over the sum


cdef struct gemm_blocks_t:
    Py_ssize_t mc, nc, kc, rows, l1_bytes, l2_bytes


cdef struct gemm_job:
    const bp_ukr *ukr
    const char *a
    const char *b
    char *c
    Py_ssize_t m, n, k
    Py_ssize_t a_row, a_col, b_row, b_col, c_row    # strides in elements; C's columns are adjacent
    Py_ssize_t itemsize
    int a_layout, b_layout, kind
    bint prepacked                                  # B is a PackedMatrix's strips
    gemm_blocks_t blocks
    Py_ssize_t mc, kc
    bint streams                                    # B comes from memory for few rows
    bint in_panels                                  # B is packed a part at a time
    Py_ssize_t down, across                         # parts of C
    int threads
    # Dot products: few vectors against many rows.
    Py_ssize_t vectors, count                       # how many of each
    Py_ssize_t block                                # rows of a Midi tile
    char *memory                                    # arena_bytes for each thread, then the vectors
    Py_ssize_t arena_bytes
    Py_ssize_t next_part
    bp_recorder **recorders


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline Py_ssize_t round_up(Py_ssize_t a, Py_ssize_t unit) noexcept nogil:
    return ceil_div(a, unit) * unit


cdef inline Py_ssize_t balanced(Py_ssize_t extent, Py_ssize_t block,
                                Py_ssize_t unit) noexcept nogil:
    """Shrink a block as `brickprof.planning.blocks.balanced` does."""
    cdef Py_ssize_t blocks = max(ceil_div(extent, block), 1)
    return max(round_up(ceil_div(extent, blocks), unit), unit)


cdef inline int layout_of(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t row,
                          Py_ssize_t col) noexcept nogil:
    """Tell what is adjacent in a matrix of some strides."""
    if col == 1 or columns == 1:
        return ROWS
    if row == 1 or rows == 1:
        return COLUMNS
    return STRIDED


cdef void gemm_kind(gemm_job *job) noexcept nogil:
    """Choose between tiles and dot products."""
    cdef const bp_ukr *ukr = job.ukr
    job.kind = TILES
    if job.prepacked:
        return
    if job.m == 1 and job.b_layout == ROWS and job.n > 1:
        job.kind = AXPY
        return
    if job.k < ukr.lanes:
        return
    if job.b_layout == COLUMNS and (job.m <= ukr.dots or (
            job.m <= 8 * ukr.dots and job.m * ukr.lanes <= job.k)):
        job.kind = DOTS_OF_COLUMNS
        job.vectors, job.count = job.m, job.n
    elif job.a_layout == ROWS and job.n <= ukr.dots:
        job.kind = DOTS_OF_ROWS
        job.vectors, job.count = job.n, job.m


cdef void gemm_cut(gemm_job *job, Py_ssize_t pieces) noexcept nogil:
    """Cut C so that its parts fit L3, and in so many more that threads have theirs.

    Of the ways to cut, that with the least traffic: B is read for each part down, A for each
    across.
    """
    cdef Py_ssize_t panels = ceil_div(job.m, job.ukr.mr), strips = ceil_div(job.n, job.ukr.nr)
    cdef Py_ssize_t down = max(min(ceil_div(job.m, job.blocks.rows), panels), 1), more, d
    cdef Py_ssize_t across = max(min(ceil_div(job.n, job.blocks.nc), strips), 1)
    cdef double cost, least = -1
    more = ceil_div(pieces, down * across)
    job.down = max(min(down * more, panels), 1)
    job.across = max(min(ceil_div(down * across * more, job.down), strips), 1)
    for d in range(1, more + 1):
        if more % d or down * d > panels or across * (more // d) > strips:
            continue
        cost = <double> d * down * job.n + <double> (more // d) * across * job.m
        if least < 0 or cost < least:
            least = cost
            job.down, job.across = down * d, across * (more // d)


cdef void gemm_grid(gemm_job *job, int threads) noexcept nogil:
    """Cut C into parts and choose how many threads work on them."""
    cdef double flops = 2.0 * job.m * job.n * job.k
    cdef Py_ssize_t team = <Py_ssize_t> max(min(<double> threads, flops / LEAST_FLOPS), 1)
    cdef Py_ssize_t pieces = 1
    if team > 1:
        pieces = 2 * team if flops >= <double> team * MUCH_WORK else team
    if job.kind == AXPY:
        job.down, job.across = 1, max(min(pieces, ceil_div(job.n, job.ukr.nr)), 1)
    elif job.kind != TILES:
        job.down, job.across = max(min(pieces, ceil_div(job.count, 8)), 1), 1
    else:
        gemm_cut(job, pieces)
    job.threads = <int> max(min(team, job.down * job.across), 1)


cdef void gemm_shape(gemm_job *job, int threads) noexcept nogil:
    """Fill in the tiling of a problem for some blocks."""
    cdef Py_ssize_t deep = job.blocks.kc, rows
    gemm_kind(job)
    if job.kind == AXPY:
        job.kc = max(job.k, 1)
        job.block = round_up(max(job.blocks.l1_bytes // 3 // job.itemsize, 1), job.ukr.nr)
        gemm_grid(job, threads)
        return
    if job.kind != TILES:
        deep = max(job.blocks.l2_bytes // 2 // (max(job.vectors, 1) * job.itemsize), 64)
        job.kc = balanced(job.k, deep, 64)
        job.block = max(job.blocks.l2_bytes // 4 // (job.kc * job.itemsize) // 8, 1) * 8
        gemm_grid(job, threads)
        return
    job.streams = (job.m <= STREAM_PANELS * job.ukr.mr and job.b_layout == ROWS
                   and not job.prepacked
                   and job.k * job.n * job.itemsize > job.blocks.l2_bytes)
    if job.streams:
        deep = min(deep, STREAM_DEPTH)
    job.kc = balanced(job.k, deep, 4)
    gemm_grid(job, threads)
    rows = ceil_div(job.m, job.down)
    job.mc = balanced(rows, job.blocks.mc, job.ukr.mr)
    job.in_panels = False
    if job.b_layout != ROWS:
        job.in_panels = rows > job.mc
    elif not job.prepacked and not job.streams:
        job.in_panels = job.k * job.n * job.itemsize > job.blocks.l2_bytes
        if (job.k <= STREAM_DEPTH
                and 2 * job.k * job.n * job.itemsize <= job.blocks.l2_bytes):
            job.mc = job.ukr.mr
            if job.c_row * job.itemsize % SETS_BYTES == 0:
                job.mc = min(job.ukr.mr, WAYS)
            job.in_panels = job.k > WAYS and job.b_row * job.itemsize % SETS_BYTES == 0


cdef int gemm_b_mode(const gemm_job *job, Py_ssize_t panels) noexcept nogil:
    """Tell how strips of B are taken for a block of so many panels of A."""
    if job.prepacked or job.in_panels:
        return PANEL
    if job.b_layout != ROWS:
        return TURNED
    if panels == 1:
        return IN_PLACE
    if job.streams or 2 * job.kc * job.b_row * job.itemsize > job.blocks.l2_bytes:
        return COPIED
    return COPIED if job.b_row * job.itemsize % ALIAS_BYTES == 0 else NEAR
