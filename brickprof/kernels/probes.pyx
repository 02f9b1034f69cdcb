"""Probes that roofs, and the timer, are measured with."""

cimport numpy as cnp
from libc.stdint cimport uint64_t

from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT32, bp_isa, bp_micro_kernels, dtype_number, isa_of,
)
from brickprof.tile cimport (
    BP_MICRO, bp_now, bp_ns, bp_read_clock, bp_recorder, bp_recorder_of, bp_start, bp_stop,
)

cnp.import_array()


def probe_peak(dtype, steps, isa=None):
    """Run independent multiply-adds without the GIL and return their floating point operations.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Element type.
    steps : int
        Rounds; one is a few dozen vector operations.
    isa : str, optional
        Instruction set.
    """
    cdef const bp_isa *chosen = isa_of(isa)
    cdef const bp_micro_kernels *micro = chosen.micro[dtype_number(dtype)]
    cdef uint64_t rounds = steps, flops
    with nogil:
        flops = micro.peak(rounds)
    return flops


def probe_load(data, steps, isa=None):
    """Load an array over and over without the GIL and return the bytes that were loaded.

    Parameters
    ----------
    data : ndarray of uint8, contiguous
        What to load, aligned to 64 bytes for the best speed; a rest shorter than 4 vectors is
        left out.
    steps : int
        How often.
    isa : str, optional
        Instruction set, which gives the width of a load.
    """
    cdef const bp_isa *chosen = isa_of(isa)
    cdef const bp_micro_kernels *micro = chosen.micro[<int> BP_FLOAT32]
    cdef cnp.ndarray array = data
    cdef uint64_t rounds = steps, nbytes = 0, step
    cdef size_t size = array.nbytes
    cdef const void *first = cnp.PyArray_DATA(array)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ValueError("data must be contiguous")
    with nogil:
        for step in range(rounds):
            nbytes += micro.load(first, size)
    return nbytes


cdef uint64_t time_reads(const bp_recorder *recorder, int pairs) noexcept nogil:
    """Time pairs of bare clock reads, in ticks; their sum is used so that none is left out."""
    cdef uint64_t before = bp_now(recorder), seen = 0
    cdef int i
    for i in range(pairs):
        seen += bp_read_clock(recorder.clock)
        seen ^= bp_read_clock(recorder.clock)
    return bp_now(recorder) - before if seen != 1 else 0


cdef uint64_t time_pairs(bp_recorder *recorder, int pairs) noexcept nogil:
    """Time empty start/stop pairs, in ticks."""
    cdef uint64_t before = bp_now(recorder)
    cdef int i
    for i in range(pairs):
        bp_start(recorder, BP_MICRO, 0, i)
        bp_stop(recorder, 1, 2, 4)
    return bp_now(recorder) - before


def probe_timer(handle, int pairs):
    """Time start/stop pairs without the GIL, next to as many pairs of bare clock reads.

    Parameters
    ----------
    handle : object
        What `BrickProfiler.recorders` gave.
    pairs : int
        How many.

    Returns
    -------
    tuple of (float, float)
        Nanoseconds for two clock reads, and for one start/stop pair.
    """
    cdef bp_recorder *recorder = bp_recorder_of(handle)
    cdef uint64_t reads, timed
    if recorder == NULL or pairs < 1:
        raise ValueError("probe_timer needs the handle of a profiler that is on, and pairs >= 1")
    with nogil:
        reads = time_reads(recorder, pairs)
        timed = time_pairs(recorder, pairs)
    return bp_ns(recorder, reads) / <double> pairs, bp_ns(recorder, timed) / <double> pairs
