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
    ukr = chosen.f32 if dtype == "float32" else chosen.f64
    return MicroKernel(chosen.name.decode(), ukr.mr, ukr.nr, ukr.lanes, ukr.wide, ukr.dots)


cdef int checked_threads(object threads) except -1:
    """Return the number of threads to use."""
    if threads is None:
        return default_threads()
    if type(threads) is int and 1 <= threads <= MAX_THREADS:
        return threads
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"threads must be an integer >= 1 or None, got {threads!r}")
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"threads must be in [1, {MAX_THREADS}], got {threads!r}")
    return threads


cdef bp_team *take_team(int threads) except? NULL:
    """Return a team of so many threads, NULL for one; raise where they cannot be started."""
    cdef bp_team *team
    if threads == 1:
        return NULL
    team = bp_team_take(threads)
    if team == NULL:
        raise RuntimeError(f"threads={threads} cannot be started by this process")
    return team


cdef inline void give_team(bp_team *team) noexcept:
    """Give a team back, if there is one."""
    if team != NULL:
        bp_team_give(team)


cdef RecorderSet open_recorders(object profiler, str brick, int threads, str dtype,
                                object plan=None):
    """Enter a brick of a profiler that is on; None where nothing is to be recorded.

    A plan that the caller brought tells what tiles hold; the library's own tiles fit.
    """
    cdef RecorderSet recorders
    cdef bp_recorder *mine
    if profiler is None:
        return None
    if not isinstance(profiler, BrickProfiler):
        raise TypeError(f"profiler must be a BrickProfiler or None, got {profiler!r}")
    if not (<BrickProfiler> profiler).on:
        return None
    recorders = profiler.recorders(brick, threads, dtype)
    if plan is not None:
        recorders.footprint_bytes = plan.footprint_bytes
    recorders.open(BP_MACRO)
    return recorders


cdef inline bp_recorder *recorder_of(bp_recorder **recorders, int thread) noexcept nogil:
    """Return a thread's recorder, NULL when off."""
    return NULL if recorders == NULL else recorders[thread]
