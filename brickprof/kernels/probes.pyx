"""Probes that roofs, and the timer, are measured with."""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint64_t

from brickprof.core.checks import short_repr
from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT32, bp_isa, bp_micro_kernels, bp_peak_fn, dtype_number, isa_of, peak_probe,
)
from brickprof.tile cimport (
    BP_MICRO, bp_now, bp_ns, bp_read_clock, bp_recorder, bp_recorder_of, bp_start, bp_stop,
)

cnp.import_array()


cdef cnp.ndarray bytes_of(object data):
    """Return an array to load from; None is not one, although Cython takes it."""
    if not isinstance(data, cnp.ndarray):
        raise TypeError(f"data must be a numpy array, got {type(data).__name__}")
    return data


def probe_peak(dtype, steps, isa=None):
    """Run independent multiply-adds without the GIL and return their operations.

    Parameters
    ----------
    dtype : str
        Element type, one of `brickprof.core.dtypes`; of float16 the sums are float16, of bfloat16
        float32, and of int8 32-bit integers.
    steps : int
        Rounds; one is a few dozen vector operations.
    isa : str, optional
        Instruction set.

    Raises
    ------
    ValueError
        If this CPU does not multiply in that type; see `has_probe`.
    """
    cdef bp_peak_fn peak = peak_probe(isa_of(isa), dtype)
    cdef uint64_t rounds = steps, operations
    if peak == NULL:
        raise ValueError(f"dtype must be one that this CPU multiplies in, got {short_repr(dtype)}")
    with nogil:
        operations = peak(rounds)
    return operations


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
    cdef uint64_t rounds = steps, nbytes = 0, step
    cdef cnp.ndarray array = bytes_of(data)
    cdef size_t size = cnp.PyArray_NBYTES(array)
    cdef const void *first = cnp.PyArray_DATA(array)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ValueError("data must be contiguous")
    with nogil:
        for step in range(rounds):
            nbytes += micro.load(first, size)
    return nbytes


TRAFFICS = ("store", "copy", "update", "daxpy", "nt-store", "zero-store")
"""Kinds of traffic besides loads, in the order of micro_kernels.h."""

CEILINGS = ("scalar", "no-fma", "chain", "scalar-chain", "scalar-add-chain", "half-width",
            "quarter-width", "divide", "sqrt")
"""Ceilings inside the core, in the order of micro_kernels.h; "exp" is float32's alone."""


def has_probe(name, dtype="float32", isa=None):
    """Return whether an instruction set has a probe of a peak, a kind of traffic or a ceiling.

    Parameters
    ----------
    name : str
        ``"peak"``, one of `TRAFFICS` or `CEILINGS`, or ``"exp"``.
    dtype : str
        Element type; "float32" or "float64" but for a peak.
    isa : str, optional
        Instruction set.
    """
    cdef const bp_isa *chosen = isa_of(isa)
    cdef const bp_micro_kernels *micro
    if name == "peak":
        return peak_probe(chosen, dtype) != NULL
    micro = chosen.micro[dtype_number(dtype)]
    if name in TRAFFICS:
        return micro.traffic[<int> TRAFFICS.index(name)] != NULL
    if name in CEILINGS:
        return micro.ceilings[<int> CEILINGS.index(name)] != NULL
    return name == "exp" and dtype_number(dtype) == <int> BP_FLOAT32


def probe_traffic(kind, data, steps, isa=None):
    """Move an array over and over without the GIL; return the bytes loaded and stored.

    Parameters
    ----------
    kind : str
        One of `TRAFFICS`: store all of it, copy its first half to its second, load and store all
        of it, add a multiple of its first half to its second, or store past the caches; the last
        two differ in whether it is zeros.
    data : ndarray of uint8, contiguous
        What to overwrite, aligned to 64 bytes; a rest shorter than 8 vectors is left out.
    steps : int
        How often.
    isa : str, optional
        Instruction set, which gives the width of a load.
    """
    cdef const bp_micro_kernels *micro = isa_of(isa).micro[<int> BP_FLOAT32]
    cdef int number = TRAFFICS.index(kind)
    cdef uint64_t rounds = steps, nbytes = 0, step
    cdef cnp.ndarray array = bytes_of(data)
    cdef size_t size = cnp.PyArray_NBYTES(array)
    cdef char *first = cnp.PyArray_BYTES(array)
    if not cnp.PyArray_IS_C_CONTIGUOUS(array) or not cnp.PyArray_ISWRITEABLE(array):
        raise ValueError("data must be contiguous and writeable")
    if <size_t> first % 64:
        raise ValueError("data must be aligned to 64 bytes")
    if micro.traffic[number] == NULL:
        raise ValueError(f"kind must be one that this instruction set has, got {short_repr(kind)}")
    with nogil:
        for step in range(rounds):
            nbytes += micro.traffic[number](first, size)
    return nbytes


def probe_ceiling(name, dtype, steps, isa=None):
    """Run operations at a ceiling of the core without the GIL and return how many they were.

    Parameters
    ----------
    name : str
        One of `CEILINGS`, or ``"exp"``.
    dtype : {"float32", "float64"}
        Element type.
    steps : int
        Rounds; one is up to a few dozen operations.
    isa : str, optional
        Instruction set.
    """
    cdef const bp_isa *chosen = isa_of(isa)
    cdef const bp_micro_kernels *micro = chosen.micro[dtype_number(dtype)]
    cdef uint64_t rounds = steps, done
    cdef int number = -1 if name == "exp" else CEILINGS.index(name)
    if not has_probe(name, dtype, isa):
        raise ValueError(f"name must be a ceiling that this instruction set has, got {short_repr(name)}")
    with nogil:
        done = (chosen.exponentials(rounds) if number < 0
                else micro.ceilings[number](rounds))
    return done


def link_lines(data, order):
    """Make each cache line of an array point to the next one of a cyclic order.

    Parameters
    ----------
    data : ndarray of uint8, contiguous
        The lines of 64 bytes.
    order : ndarray of int64
        A permutation of the lines' numbers.
    """
    lines = data[:64 * len(order)].view(np.uint64).reshape(-1, 8)
    lines[order, 0] = data.ctypes.data + 64 * np.roll(order, -1).astype(np.uint64)


def probe_latency(data, steps):
    """Load from line to line as `link_lines` left them, without the GIL; return the loads.

    Parameters
    ----------
    data : ndarray of uint8, contiguous
        What was linked, and did not move since.
    steps : int
        Hundreds of loads, each of which waits for the one before.
    """
    cdef uint64_t rounds = steps, step
    cdef void **at = <void **> cnp.PyArray_BYTES(bytes_of(data))
    cdef int i
    with nogil:
        for step in range(rounds):
            for i in range(100):
                at = <void **> at[0]
    if at == NULL:
        raise ValueError("data must be linked by link_lines")
    return 100 * rounds


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
