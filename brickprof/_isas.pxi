# Which instruction sets there are, and which one is used.

cdef const bp_isa *find_isa(object name) except NULL:
    """Return an instruction set that this CPU has by name; the best allowed for None."""
    cdef const bp_isa **at = bp_isas
    if name is None:
        return best_isa
    while at[0] != NULL:
        if at[0].name.decode() == name:
            if at[0].supported():
                return at[0]
            raise ValueError(f"isa {name!r} is not supported by this CPU; it has {isas()}")
        at += 1
    raise ValueError(f"isa must be one of {isas()}, got {name!r}")


def isas():
    """Return the names of the instruction sets that this CPU has, best first."""
    cdef const bp_isa **at = bp_isas
    names = []
    while at[0] != NULL:
        if at[0].supported():
            names.append(at[0].name.decode())
        at += 1
    return tuple(names)


def default_isa():
    """Return the instruction set that kernels use unless told otherwise."""
    return best_isa.name.decode()


cdef const bp_isa *choose_isa() except NULL:
    """Return the best instruction set, or the one that BRICKPROF_ISA lowers the choice to."""
    cdef const bp_isa **at = bp_isas
    asked = os.environ.get("BRICKPROF_ISA")
    if asked:
        try:
            return find_isa(asked)
        except ValueError as error:
            raise ValueError(f"BRICKPROF_ISA: {error}") from None
    while not at[0].supported():
        at += 1
    return at[0]


cdef const bp_isa *best_isa = choose_isa()


def micro_kernel(dtype, isa=None):
    """Return the register block of a dtype's micro-kernel.

    Raises
    ------
    ValueError
        If `dtype` or `isa` is unknown, or this CPU lacks the instruction set.
    """
    cdef const bp_isa *chosen = find_isa(isa)
    cdef const bp_ukr *ukr
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    ukr = &chosen.f32 if dtype == "float32" else &chosen.f64
    return MicroKernel(chosen.name.decode(), ukr.mr, ukr.nr)


cdef int checked_threads(object threads) except -1:
    """Return the number of threads to use."""
    if threads is None:
        return default_threads()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"threads must be an integer >= 1 or None, got {threads!r}")
    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"threads must be in [1, {MOST_THREADS}], got {threads!r}")
    return threads


cdef bint forked = False                            # this process is a child of one that forked


def _after_fork():
    """Note in a forked child that OpenMP's threads were left behind in the parent."""
    global forked
    forked = True


os.register_at_fork(after_in_child=_after_fork)


cdef inline bint alone(int threads) noexcept nogil:
    """Tell whether to run without a team: GNU OpenMP hangs in a child of a threaded process."""
    return threads == 1 or forked


cdef int check_team(int threads) except -1:
    """Raise where so many threads cannot be started; OpenMP would end the process."""
    if not alone(threads) and not bp_team_can_start(threads):
        raise RuntimeError(f"threads={threads} cannot be started by this process")
    return 0


cdef RecorderSet open_recorders(object profiler, str brick, int threads, str dtype):
    """Enter a brick of a profiler that is on; None where nothing is to be recorded."""
    cdef RecorderSet recorders
    cdef bp_recorder *mine
    if profiler is None:
        return None
    if not isinstance(profiler, BrickProfiler):
        raise TypeError(f"profiler must be a BrickProfiler or None, got {profiler!r}")
    if not (<BrickProfiler> profiler).on:
        return None
    recorders = profiler.recorders(brick, threads, dtype)
    recorders.open(BP_MACRO)
    return recorders


cdef inline bp_recorder *recorder_of(bp_recorder **recorders, int thread) noexcept nogil:
    """Return a thread's recorder, NULL when off."""
    return NULL if recorders == NULL else recorders[thread]


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline Py_ssize_t round_up(Py_ssize_t a, Py_ssize_t unit) noexcept nogil:
    return ceil_div(a, unit) * unit


cdef inline Py_ssize_t balanced(Py_ssize_t extent, Py_ssize_t block, Py_ssize_t unit,
                                Py_ssize_t parts) noexcept nogil:
    """Shrink a block as `brickprof.tiling.balanced` does."""
    cdef Py_ssize_t blocks = max(ceil_div(extent, block), 1)
    return max(round_up(ceil_div(extent, round_up(blocks, parts)), unit), unit)
