"""The bytes that a tile of GEMM moves, as profiled runs and plans declare them.

Bytes at a level are those that pass between that level's cache and the core's side of it: Micro
counts the micro-kernel's loads and stores, Midi what L2 gives and takes, Macro what L3 does.
`benchmarks/cachesim.py` holds the totals against a simulated cache.
"""

from libc.stdint cimport uint64_t

from brickprof.kernels.gemm.shape cimport (
    B_COPIED, B_IN_PLACE, B_PACKED, B_SINGLE_PASS, B_TRANSPOSED, gemm_job,
)
from brickprof.kernels.partition cimport ceil_div, evicted, round_up
from brickprof.kernels.runtime.runtime cimport BP_AXPYF_ROWS, BP_MATVEC_ROWS


cdef enum:
    LINE_BYTES = 64
    SHARED_LINE_BYTES = 16                          # of a line: rows begin at any multiple of these
    DOTXF_ROWS_PER_LOAD = 4                         # that share a load of one of several vectors


cdef struct gemm_step:
    Py_ssize_t j0, j1, b_micropanels                # columns of C of a Macro tile
    Py_ssize_t p0, kb, depth_step                   # its depth, and number among the steps of k
    Py_ssize_t i0, mb                               # rows of a Midi tile
    Py_ssize_t micropanels, min_rows, taller        # of A: how many, their rows, with one row more
    const char *a                                   # its block of A, packed or where it is
    Py_ssize_t lda
    bint packed, by_rows
    int b_mode                                      # gemm_b_mode
    char *b_copy                                    # memory for a micropanel of B
    const char *b_packed                            # packed micropanels, from this column on
    Py_ssize_t b_packed_j0
    int thread                                      # that works through it


cdef inline int c_touches(const gemm_step *at) noexcept nogil:
    """Return how often C passes: all but the first step of k load it first."""
    return 2 if at.p0 else 1


cdef inline uint64_t gemm_micro_bytes(const gemm_job *job, const gemm_step *at,
                                      Py_ssize_t width) noexcept nogil:
    """Loads and stores of the sweep of one micropanel of B."""
    cdef Py_ssize_t padded = round_up(width, job.micro.lanes), b = at.micropanels * padded
    if at.b_mode == B_TRANSPOSED:
        b += width + padded
    elif at.b_mode == B_COPIED:
        b += width
    elif at.b_mode != B_PACKED:
        b = at.micropanels * width
    return job.itemsize * (at.mb * at.kb + b * at.kb + c_touches(at) * at.mb * width)


cdef inline uint64_t gemm_midi_bytes(const gemm_job *job, const gemm_step *at,
                                     Py_ssize_t wide) noexcept nogil:
    """What L2 gives and takes: A for each sweep unless it stays in L1, each micropanel, and C.

    Rows of C, and of B where it is used in place, begin at any 16 bytes of a line, so that they
    take most of another one; B's is that of the micropanel before, which may still be there.
    """
    cdef Py_ssize_t columns = at.j1 - at.j0, l1 = job.blocks.l1_bytes
    cdef Py_ssize_t full = columns // wide, rest = columns % wide
    cdef Py_ssize_t sweeps = full + ceil_div(rest, job.micro.nr)
    cdef Py_ssize_t padded = full * wide + round_up(rest, job.micro.lanes)
    cdef bint in_place = at.b_mode == B_IN_PLACE or at.b_mode == B_SINGLE_PASS
    cdef Py_ssize_t more = (LINE_BYTES - SHARED_LINE_BYTES) // job.itemsize
    cdef Py_ssize_t ragged = columns + sweeps * more
    cdef Py_ssize_t b_width = job.micro.nr + in_place * more
    cdef Py_ssize_t again = at.micropanels - 1
    cdef Py_ssize_t held = at.kb * (b_width + job.micro.mr) * job.itemsize
    cdef Py_ssize_t b = padded if at.b_mode == B_PACKED else columns
    cdef Py_ssize_t a = at.mb
    if at.b_mode == B_COPIED or at.b_mode == B_TRANSPOSED:
        again += 1
    if in_place or at.b_mode == B_COPIED:
        b += evicted(sweeps * more, held, l1)
    b += evicted(again * (ragged if in_place else padded), held, l1)
    a += evicted((sweeps - 1) * at.mb, at.kb * (at.mb + b_width) * job.itemsize, l1)
    if at.packed:
        a += 2 * at.mb
    return job.itemsize * ((a + b) * at.kb + c_touches(at) * at.mb * ragged)


cdef inline Py_ssize_t gemm_midi_updates(const gemm_job *job, const gemm_step *at,
                                         Py_ssize_t wide) noexcept nogil:
    """Of the bytes of a Midi tile, those that are stored where they were loaded."""
    cdef Py_ssize_t columns = at.j1 - at.j0
    cdef Py_ssize_t sweeps = columns // wide + ceil_div(columns % wide, job.micro.nr)
    cdef Py_ssize_t more = (LINE_BYTES - SHARED_LINE_BYTES) // job.itemsize
    return job.itemsize * (c_touches(at) - 1) * at.mb * (columns + sweeps * more)


cdef inline uint64_t gemm_macro_bytes(const gemm_job *job, const gemm_step *at,
                                      Py_ssize_t rows) noexcept nogil:
    """What L3 gives and takes: A once, B for each block of A unless it stays in L2, and C.

    Beside B there are a block of A, much of it twice, and its rows of C.
    """
    cdef Py_ssize_t columns = at.j1 - at.j0, b = columns, block = min(job.mc, rows), again
    if job.prepacked or job.packs_b:
        b = round_up(columns, job.micro.lanes)
    again = evicted((ceil_div(rows, job.mc) + (1 if job.packs_b else -1)) * b,
                    ((7 * block // 4 + b) * at.kb + block * columns) * job.itemsize,
                    job.blocks.l2_bytes)
    b = (columns if job.packs_b else b) + again
    return job.itemsize * ((rows + b) * at.kb + c_touches(at) * rows * columns)


cdef inline uint64_t dotxf_micro_bytes(const gemm_job *job, Py_ssize_t vectors, Py_ssize_t count,
                                       Py_ssize_t kb, bint accumulate) noexcept nogil:
    cdef Py_ssize_t shared = BP_MATVEC_ROWS if vectors == 1 else DOTXF_ROWS_PER_LOAD
    return job.itemsize * ((count + ceil_div(count, shared) * vectors) * kb
                           + (2 if accumulate else 1) * vectors * count)


cdef inline uint64_t dotxf_midi_bytes(const gemm_job *job, Py_ssize_t count, Py_ssize_t kb,
                                      bint accumulate) noexcept nogil:
    cdef Py_ssize_t groups = ceil_div(job.vectors, job.micro.max_dotxf)
    return job.itemsize * ((count * groups + job.vectors) * kb
                           + (2 if accumulate else 1) * job.vectors * count)


cdef inline uint64_t dotxf_macro_bytes(const gemm_job *job, Py_ssize_t count, Py_ssize_t kb,
                                       bint accumulate) noexcept nogil:
    return job.itemsize * ((count + job.vectors) * kb
                           + (2 if accumulate else 1) * job.vectors * count)


cdef inline uint64_t axpyf_micro_bytes(const gemm_job *job, Py_ssize_t columns) noexcept nogil:
    return job.itemsize * (job.k * columns + job.k + (
        2 * ceil_div(job.k, BP_AXPYF_ROWS) - 1) * columns)


cdef inline uint64_t axpyf_outer_bytes(const gemm_job *job, Py_ssize_t columns) noexcept nogil:
    return job.itemsize * (job.k * columns + job.k + columns)
