# cython: language_level=3, boundscheck=False, wraparound=False
"""A user's blocked matrix product that records three levels of tiles without the GIL."""

from cython.parallel cimport prange
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from brickprof.tile cimport (
    BP_MACRO, BP_MICRO, BP_MIDI, BP_UNDECLARED, bp_recorder, bp_recorder_of, bp_start, bp_stop,
)

cdef enum:
    MACRO_SIDE = 16

LEVELS = (BP_MACRO, BP_MIDI, BP_MICRO)


cdef void multiply_tile(
    bp_recorder *recorder, int level, Py_ssize_t side, const double[:, ::1] a,
    const double[:, ::1] b, double[:, ::1] c, Py_ssize_t i, Py_ssize_t j, Py_ssize_t k,
) noexcept nogil:
    """Add a cube of the product to C: eight finer cubes, or the sums themselves."""
    cdef Py_ssize_t half = side // 2, x, y, z
    bp_start(recorder, level, i // side, j // side)
    if level == BP_MICRO:
        for x in range(i, i + side):
            for y in range(j, j + side):
                for z in range(k, k + side):
                    c[x, y] += a[x, z] * b[z, y]
    else:
        for x in range(2):
            for y in range(2):
                for z in range(2):
                    multiply_tile(recorder, level + 1, half, a, b, c,
                                  i + x * half, j + y * half, k + z * half)
    bp_stop(recorder, side * side, 2 * side * side * side,
            4 * side * side * <uint64_t> sizeof(double))


cdef void multiply_rows(
    bp_recorder *recorder, int first, int step, const double[:, ::1] a,
    const double[:, ::1] b, double[:, ::1] c,
) noexcept nogil:
    """Do one thread's share of the rows of macro tiles."""
    cdef Py_ssize_t blocks = c.shape[0] // MACRO_SIDE, i, j, k
    for i in range(blocks):
        if i % step != first:
            continue
        for j in range(blocks):
            for k in range(blocks):
                multiply_tile(recorder, BP_MACRO, MACRO_SIDE, a, b, c,
                              i * MACRO_SIDE, j * MACRO_SIDE, k * MACRO_SIDE)


def multiply(const double[:, ::1] a, const double[:, ::1] b, double[:, ::1] c, tuple handles):
    """Add A B to C on a thread for each handle; all are square, in multiples of MACRO_SIDE."""
    cdef int threads = len(handles), thread
    cdef bp_recorder **recorders = <bp_recorder **> calloc(threads, sizeof(bp_recorder *))
    if recorders == NULL:
        raise MemoryError
    try:
        for thread in range(threads):
            recorders[thread] = bp_recorder_of(handles[thread])
        for thread in prange(threads, nogil=True, num_threads=threads, schedule="static",
                             chunksize=1):
            multiply_rows(recorders[thread], thread, threads, a, b, c)
    finally:
        free(recorders)


def play(handle, const unsigned char[::1] moves):
    """Start a tile for each digit, its level, and stop one for each dot; right or wrong."""
    cdef bp_recorder *recorder = bp_recorder_of(handle)
    cdef Py_ssize_t i
    with nogil:
        for i in range(moves.shape[0]):
            if moves[i] == c".":
                bp_stop(recorder, 1, 2, BP_UNDECLARED)
            else:
                bp_start(recorder, moves[i] - c"0", 0, 0)
