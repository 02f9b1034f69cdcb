"""How a product is tiled: the one place that decides, for runs and for plans.

The loop nest is that of GotoBLAS and BLIS: a Macro tile is a part of C that stays in L3 for a step
of k, a Midi tile takes a block of A (mc x kc) that stays in L2, a Micro tile sweeps the
micro-kernel down that block with a micropanel of B (kc x nr). A B that passes L2 is packed a part
at a time. Of a smaller one the first micropanel of A in a sweep leaves a packed copy for the
others, so that packing costs a store beside multiply-adds, or it is used where it is.

Few vectors against many rows whose elements are contiguous are fused dot products (dotxf) instead:
nothing is packed and each row is read once, front to back. A single row of A is a fused sum of rows
of B (axpyf). The names are BLIS's.
"""

from brickprof.kernels.partition cimport (
    MIN_FLOPS_PER_THREAD, balanced, ceil_div, round_up,
)
from brickprof.kernels.runtime.runtime cimport bp_interrupt, bp_micro_kernels
from brickprof.tile cimport bp_recorder


cdef enum gemm_layout:
    ROWS                                            # elements of a row are contiguous
    COLUMNS                                         # elements of a column are
    STRIDED                                         # neither

cdef enum gemm_kind:
    TILES
    DOTXF_ROWS                                      # rows of A against few columns of B
    DOTXF_COLUMNS                                   # columns of B against few rows of A
    AXPYF

cdef enum gemm_b_mode:
    B_IN_PLACE                                      # where it is, by several micropanels of A
    B_SINGLE_PASS                                   # where it is, by the only micropanel of A
    B_COPIED                                        # packed by the first micropanel of A
    B_TRANSPOSED                                    # packed for each block, from columns
    B_PACKED                                        # packed a part at a time, or by the caller

cdef enum:
    STREAM_DEPTH = 64                               # of k, for few rows of A down a B from memory
    STREAM_MICROPANELS = 4                          # of A that count as few
    ALIAS_BYTES = 2048                              # rows so far apart share a few sets of L1
    SET_BYTES = 4096                                # of 64 sets of 64 bytes: rows share one
    WAYS = 8                                        # rows that a set holds; most have 8 or 12
    DOTXF_GRAIN = 8                                 # rows of a dotxf that are not split
    FLOPS_TO_OVERSPLIT = 1 << 26                    # of a thread, whose share is then cut in two


cdef struct gemm_block_sizes:
    Py_ssize_t mc, nc, kc, rows, l1_bytes, l2_bytes


cdef struct gemm_job:
    const bp_micro_kernels *micro
    const char *a
    const char *b
    char *c
    Py_ssize_t m, n, k
    Py_ssize_t a_row, a_col, b_row, b_col, c_row    # strides in elements; C's columns are adjacent
    Py_ssize_t itemsize
    # What the tiling is decided by, besides the sizes: of the arrays, or of a plan.
    int a_layout, b_layout                          # gemm_layout
    Py_ssize_t a_stride, b_stride, c_stride         # from one row (or column) to the next
    bint prepacked                                  # B is a PackedMatrix
    gemm_block_sizes blocks
    # The tiling.
    int kind                                        # gemm_kind
    Py_ssize_t mc, kc
    bint streams_b                                  # B comes from memory for few rows
    bint packs_b                                    # B is packed a part at a time
    Py_ssize_t down, across                         # parts of C
    int threads
    Py_ssize_t vectors, count                       # of a dotxf: few vectors, many rows
    Py_ssize_t block                                # rows of a Midi tile of dotxf, columns of axpyf
    # The run.
    char *memory                                    # arena_bytes for each thread, or the vectors
    Py_ssize_t arena_bytes
    Py_ssize_t next_part
    bp_recorder **recorders
    bp_interrupt *interrupt                         # or NULL


cdef inline int layout_of(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t row,
                          Py_ssize_t col) noexcept nogil:
    """Tell what is contiguous in a matrix of some strides."""
    if col == 1 or columns == 1:
        return ROWS
    if row == 1 or rows == 1:
        return COLUMNS
    return STRIDED


cdef inline bint exceeds(double elements, double others, Py_ssize_t itemsize,
                         Py_ssize_t bytes) noexcept nogil:
    """Tell whether a matrix takes more than some bytes; sizes may be beyond any memory."""
    return elements * others * itemsize > bytes


cdef inline void gemm_choose_kind(gemm_job *job) noexcept nogil:
    """Choose between tiles, fused dot products and a fused sum of rows.

    Adding up the lanes of a dot product costs about as much as a vector's worth of depth for each
    lane, packing B from columns as much as a sixteenth of its use by one row.
    """
    cdef const bp_micro_kernels *micro = job.micro
    job.kind = TILES
    if job.prepacked:
        return
    if job.m == 1 and job.b_layout == ROWS and job.n > 1:
        job.kind = AXPYF
        return
    if job.k < micro.lanes:
        return
    if job.b_layout == COLUMNS and (job.m <= micro.max_dotxf or (
            job.m <= 8 * micro.max_dotxf and job.m * micro.lanes <= job.k)):
        job.kind = DOTXF_COLUMNS
        job.vectors, job.count = job.m, job.n
    elif job.a_layout == ROWS and job.n <= micro.max_dotxf:
        job.kind = DOTXF_ROWS
        job.vectors, job.count = job.n, job.m


cdef inline void gemm_split(gemm_job *job, Py_ssize_t parts) noexcept nogil:
    """Cut C so that its parts fit L3, and in so many more that threads have theirs.

    Of the ways to cut, that with the least traffic: B is read for each part down, A for each
    across.
    """
    cdef Py_ssize_t rows = ceil_div(job.m, job.micro.mr), columns = ceil_div(job.n, job.micro.nr)
    cdef Py_ssize_t down = max(min(ceil_div(job.m, job.blocks.rows), rows), 1), more, d
    cdef Py_ssize_t across = max(min(ceil_div(job.n, job.blocks.nc), columns), 1)
    cdef double cost, least = -1
    more = ceil_div(parts, down * across)
    job.down = max(min(down * more, rows), 1)
    job.across = max(min(ceil_div(down * across * more, job.down), columns), 1)
    for d in range(1, more + 1):
        if more % d or down * d > rows or across * (more // d) > columns:
            continue
        cost = <double> d * down * job.n + <double> (more // d) * across * job.m
        if least < 0 or cost < least:
            least = cost
            job.down, job.across = down * d, across * (more // d)


cdef inline void gemm_grid(gemm_job *job, int max_threads) noexcept nogil:
    """Cut C into parts and choose how many threads work on them."""
    cdef double flops = 2.0 * job.m * job.n * job.k
    cdef Py_ssize_t threads, parts = 1
    threads = <Py_ssize_t> max(min(<double> max_threads, flops / MIN_FLOPS_PER_THREAD), 1)
    if threads > 1:
        parts = 2 * threads if flops >= <double> threads * FLOPS_TO_OVERSPLIT else threads
    if job.kind == AXPYF:
        job.down, job.across = 1, max(min(parts, ceil_div(job.n, job.micro.nr)), 1)
    elif job.kind == TILES:
        gemm_split(job, parts)
    else:
        job.down, job.across = max(min(parts, ceil_div(job.count, DOTXF_GRAIN)), 1), 1
    job.threads = <int> max(min(threads, job.down * job.across), 1)


cdef inline void gemm_shape_dotxf(gemm_job *job, int max_threads) noexcept nogil:
    """Tile fused dot products: vectors stay in half of L2, a Midi tile's rows in a quarter."""
    cdef Py_ssize_t l2 = job.blocks.l2_bytes, row_bytes
    job.kc = balanced(job.k, max(l2 // 2 // (max(job.vectors, 1) * job.itemsize), 64), 64)
    row_bytes = job.kc * job.itemsize
    job.block = max(l2 // 4 // row_bytes // DOTXF_GRAIN, 1) * DOTXF_GRAIN
    gemm_grid(job, max_threads)


cdef inline void gemm_shape_axpyf(gemm_job *job, int max_threads) noexcept nogil:
    """Tile a fused sum of rows: the sum of a Midi tile's columns stays in a third of L1."""
    job.kc = max(job.k, 1)
    job.block = round_up(max(job.blocks.l1_bytes // 3 // job.itemsize, 1), job.micro.nr)
    gemm_grid(job, max_threads)


cdef inline void gemm_shape_tiles(gemm_job *job, int max_threads) noexcept nogil:
    """Tile a product in register blocks.

    Where k is short and B fits L2, C is taken a micropanel of rows at a time, all micropanels of B
    in one call of the micro-kernel, which would otherwise cost as much as a few steps of k.
    """
    cdef Py_ssize_t depth = job.blocks.kc, l2 = job.blocks.l2_bytes, rows
    cdef bint by_rows = job.b_layout == ROWS and not job.prepacked
    job.streams_b = (by_rows and job.m <= STREAM_MICROPANELS * job.micro.mr
                     and exceeds(job.k, job.n, job.itemsize, l2))
    if job.streams_b:
        depth = min(depth, STREAM_DEPTH)
    job.kc = balanced(job.k, depth, 4)
    gemm_grid(job, max_threads)
    rows = ceil_div(job.m, job.down)
    job.mc = balanced(rows, job.blocks.mc, job.micro.mr)
    job.packs_b = False
    if job.b_layout != ROWS:
        job.packs_b = rows > job.mc
    elif by_rows and not job.streams_b:
        job.packs_b = exceeds(job.k, job.n, job.itemsize, l2)
        if job.k <= STREAM_DEPTH and not exceeds(2 * job.k, job.n, job.itemsize, l2):
            job.mc = job.micro.mr
            if job.c_stride * job.itemsize % SET_BYTES == 0:
                job.mc = min(job.micro.mr, WAYS)
            job.packs_b = job.k > WAYS and job.b_stride * job.itemsize % SET_BYTES == 0


cdef inline void gemm_shape(gemm_job *job, int max_threads) noexcept nogil:
    """Fill in the tiling of a problem for some blocks."""
    gemm_choose_kind(job)
    if job.kind == TILES:
        gemm_shape_tiles(job, max_threads)
    elif job.kind == AXPYF:
        gemm_shape_axpyf(job, max_threads)
    else:
        gemm_shape_dotxf(job, max_threads)


cdef inline bint gemm_packs_a(const gemm_job *job, Py_ssize_t micropanels) noexcept nogil:
    """Tell whether to pack blocks of A that so many micropanels of B go over.

    Rows a multiple of 4096 bytes apart share a set of L1, and columns far apart take a page each.
    """
    cdef Py_ssize_t stride = job.a_stride * job.itemsize
    if job.a_layout == STRIDED:
        return True
    if micropanels <= 2 or job.m == 1:
        return False
    if job.a_layout == ROWS:
        return micropanels >= 16 or stride % SET_BYTES == 0
    return stride >= 1024


cdef inline int gemm_b_mode_of(const gemm_job *job, Py_ssize_t micropanels) noexcept nogil:
    """Tell how micropanels of B are taken by a block of so many micropanels of A."""
    if job.prepacked or job.packs_b:
        return B_PACKED
    if job.b_layout != ROWS:
        return B_TRANSPOSED
    if micropanels == 1:
        return B_SINGLE_PASS
    if job.streams_b or exceeds(2 * job.kc, job.b_stride, job.itemsize, job.blocks.l2_bytes):
        return B_COPIED
    return B_COPIED if job.b_stride * job.itemsize % ALIAS_BYTES == 0 else B_IN_PLACE


cdef inline Py_ssize_t gemm_columns_at_once(const gemm_job *job, Py_ssize_t rows,
                                            int b_mode) noexcept nogil:
    """Return the columns of a full register tile: a block of few rows takes 4 vectors of them."""
    if rows <= job.micro.wide_rows and b_mode == B_SINGLE_PASS:
        return 4 * job.micro.lanes
    return job.micro.nr


cdef inline bint gemm_batches(Py_ssize_t micropanels, int b_mode) noexcept nogil:
    """Tell whether a Micro tile takes all full micropanels of B in one call.

    A block of a single micropanel of A does, where B need not be packed on the way: a call for each
    micropanel of B would cost as much as 4 to 8 steps of k.
    """
    return micropanels == 1 and (b_mode == B_SINGLE_PASS or b_mode == B_PACKED)
