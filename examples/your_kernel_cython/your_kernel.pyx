# cython: language_level=3, boundscheck=False, wraparound=False
"""Autocorrelation of many signals, in tiles that brickprof times without the GIL.

Copy this folder, put your own loops in place of `plain` and `lanes`, and declare what they do.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

import numpy as np

from brickprof.tile cimport (
    BP_MICRO, BP_MIDI, bp_recorder, bp_recorder_of, bp_start, bp_stop_split,
)

cdef enum:
    LANES = 32    # sums of a Micro tile: four vectors of AVX-512, eight of AVX2


cdef void plain(const double *x, const double *shifted, Py_ssize_t terms, Py_ssize_t lags,
                double *out) noexcept nogil:
    """Do a Micro tile, one sum after the other."""
    cdef Py_ssize_t lag, t
    cdef double total
    for lag in range(lags):
        total = 0
        for t in range(terms):
            total += x[t] * shifted[t + lag]
        out[lag] = total


cdef void lanes(const double *x, const double *shifted, Py_ssize_t terms,
                double *out) noexcept nogil:
    """Do a Micro tile of LANES lags, all sums at once."""
    cdef Py_ssize_t lag, t
    cdef double[LANES] totals
    for lag in range(LANES):
        totals[lag] = 0
    for t in range(terms):
        for lag in range(LANES):
            totals[lag] += x[t] * shifted[t + lag]
    for lag in range(LANES):
        out[lag] = totals[lag]


cdef void signal(bp_recorder *recorder, const double *x, Py_ssize_t terms, Py_ssize_t row,
                 double[:, ::1] out, bint vectors) noexcept nogil:
    """Do a Midi tile: all lags of a signal, LANES in a Micro tile."""
    cdef Py_ssize_t tile, first, lags
    cdef uint64_t products, loads, samples = terms + out.shape[1] - 1, word = sizeof(double)
    bp_start(recorder, BP_MIDI, row, 0)
    for tile in range((out.shape[1] + LANES - 1) // LANES):
        first = tile * LANES
        lags = min(LANES, out.shape[1] - first)
        products = terms * lags
        bp_start(recorder, BP_MICRO, 0, tile)
        if vectors and lags == LANES:
            lanes(x, x + first, terms, &out[row, first])
            loads = terms + products        # x[t] serves all lanes
        else:
            plain(x, x + first, terms, lags, &out[row, first])
            loads = 2 * products
        # Elements, flops, and the bytes that the core loaded from the L1 cache and stored there.
        bp_stop_split(recorder, products, 2 * products, word * loads, word * lags)
    products = terms * out.shape[1]
    # From the L2 cache the signal comes once; after that it is in the L1 cache.
    bp_stop_split(recorder, products, 2 * products, word * samples, word * out.shape[1])


cdef void share(bp_recorder *recorder, const double[:, ::1] x, double[:, ::1] out, bint vectors,
                Py_ssize_t thread, Py_ssize_t threads) noexcept nogil:
    """Do the signals whose turn is this thread's."""
    cdef Py_ssize_t row, terms = x.shape[1] - out.shape[1] + 1
    for row in range(x.shape[0]):
        if row % threads == thread:
            signal(recorder, &x[row, 0], terms, row, out, vectors)


cdef run(const double[:, ::1] x, double[:, ::1] out, bint vectors, tuple handles):
    """Run a team of threads; each has the recorder of its number, which no other thread uses."""
    cdef int threads = len(handles), thread
    cdef bp_recorder **recorders = <bp_recorder **> calloc(threads, sizeof(bp_recorder *))
    if recorders == NULL:
        raise MemoryError
    try:
        for thread in range(threads):
            recorders[thread] = bp_recorder_of(handles[thread])    # NULL where the profiler is off
        for thread in prange(threads, nogil=True, num_threads=threads, schedule="static",
                             chunksize=1):
            share(recorders[thread], x, out, vectors, thread, threads)
    finally:
        free(recorders)


def autocorrelation(const double[:, ::1] x, Py_ssize_t lags, profiler=None, int threads=1,
                    bint vectors=True):
    """Return the sums of x[t] x[t + lag] of each signal, for lags from 0 on.

    Parameters
    ----------
    x : (signals, samples) array of float64, in row-major order
    lags : int
        How many; each sum has the samples - lags + 1 terms that all lags have.
    profiler : brickprof.BrickProfiler, optional
        Records the call as a brick, with a Midi tile for each signal and in it a Micro tile for 32
        lags.
    threads : int, optional
    vectors : bool, optional
        Whether to sum up 32 lags at once.

    Returns
    -------
    (signals, lags) numpy.ndarray of float64

    Raises
    ------
    ValueError
        If lags is not from 1 to samples, or threads is below 1.
    """
    if not 1 <= lags <= x.shape[1]:
        raise ValueError(f"lags must be from 1 to {x.shape[1]}, the samples, got {lags}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    out = np.zeros((x.shape[0], lags))
    if x.shape[0] == 0:
        return out
    if profiler is None:
        run(x, out, vectors, (None,) * threads)
    else:
        name = "vectors" if vectors else "plain"
        with profiler.recorders(name, threads=threads, dtype="float64") as handles:
            run(x, out, vectors, handles)
    return out
