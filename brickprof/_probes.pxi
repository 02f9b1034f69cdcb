# Probes that roofs are measured with.

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
    cdef const bp_isa *chosen = find_isa(isa)
    cdef const bp_ukr *ukr = &chosen.f32 if dtype == "float32" else &chosen.f64
    cdef uint64_t rounds = steps, flops
    with nogil:
        flops = ukr.peak(rounds)
    return flops


def probe_load(data, steps, isa=None):
    """Load an array over and over without the GIL and return the bytes that were loaded.

    Parameters
    ----------
    data : ndarray of uint8, contiguous
        What to load, aligned to 64 bytes for the best speed; a rest shorter than 16 vectors is
        left out.
    steps : int
        How often.
    isa : str, optional
        Instruction set, which gives the width of a load.
    """
    cdef const bp_isa *chosen = find_isa(isa)
    cdef cnp.ndarray array = data
    cdef uint64_t rounds = steps, nbytes
    cdef size_t size = array.nbytes
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ValueError("data must be contiguous")
    with nogil:
        nbytes = chosen.f32.load(array.data, size, rounds)
    return nbytes
