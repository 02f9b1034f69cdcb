"""Instruction sets, threads, workspaces and recorders, as kernels ask for them."""

from cpython.exc cimport PyErr_SetString

from brickprof.core.checks import short_repr
from brickprof.profiler.arguments cimport as_threads
from brickprof.profiler.brick_profiler cimport BrickProfiler
from brickprof.profiler.fast_calls cimport free_timers
from brickprof.profiler.recorder_set cimport new_recorder_set
from brickprof.tile cimport BP_MACRO

from brickprof.core.dtypes import DTYPE_NAMES, KERNEL_DTYPES, dtype_of, itemsize_of, kernel_dtype
from brickprof.machine.isas import checked_isa, chosen_isa
from brickprof.planning.blocks import MicroKernel
from brickprof.planning.budget import default_threads


cdef extern from "kernels/runtime/isa_table.h" nogil:
    const bp_isa **bp_isas

cdef extern from "kernels/micro/low_precision.h" nogil:
    bp_peak_fn bp_low_precision_peak(const char *isa, bp_dtype dtype)

cdef extern from "kernels/runtime/thread_pool.h" nogil:
    bp_pool *bp_pool_take(int threads, int at_least, int *got)
    void bp_pool_run(bp_pool *pool, int threads, bint all, work_function work, void *job,
                     bp_interrupt *interrupt) noexcept
    void bp_pool_give(bp_pool *pool) noexcept
    void bp_pool_release() noexcept
    unsigned bp_generation() noexcept
    bp_interrupt *bp_interruptible(bp_interrupt *interrupt, bint (*check)() noexcept nogil) noexcept
    void bp_wait_for_parts(const Py_ssize_t *counter, Py_ssize_t count, bp_interrupt *interrupt,
                           int thread) noexcept

cdef extern from "kernels/runtime/workspace.h" nogil:
    bp_workspace *bp_workspace_take(size_t bytes)
    void bp_workspace_give(bp_workspace *workspace) noexcept
    void bp_workspace_release() noexcept

cdef extern from "Python.h":
    int PyErr_CheckSignals() noexcept

isa_table = bp_isas
default_isa_used = NULL

C_DTYPES = {
    "float32": BP_FLOAT32, "float64": BP_FLOAT64, "float16": BP_FLOAT16,
    "bfloat16": BP_BFLOAT16, "int8": BP_INT8,
}
"""The bp_dtype of each element type: its place in `brickprof.core.dtypes.DTYPES`."""

kernel_dtypes = sum([1 << C_DTYPES[name] for name in KERNEL_DTYPES])


cdef tuple supported_isas():
    """Return the names of the instruction sets that this CPU has, best first."""
    cdef const bp_isa **at = bp_isas
    names = []
    while at[0] != NULL:
        if at[0].supported():
            names.append(at[0].name.decode())
        at += 1
    return tuple(names)


cdef tuple supported = supported_isas()


cdef const bp_isa *find_isa(object name) except NULL:
    """Return an instruction set that this CPU has by name; the default one for None."""
    global default_isa_used
    cdef const bp_isa **at = bp_isas
    if name is None and default_isa_used != NULL:
        return default_isa_used
    wanted = chosen_isa(supported) if name is None else checked_isa(name, supported)
    while at[0].name.decode() != wanted:
        at += 1
    if name is None:
        default_isa_used = at[0]
    return at[0]


cdef int isa_index(const bp_isa *isa) noexcept nogil:
    """Return the place of an instruction set in the table."""
    cdef int place = 0
    while bp_isas[place] != isa:
        place += 1
    return place


cdef int dtype_number(object dtype) except -1:
    """Return the bp_dtype of a dtype that kernels take."""
    return C_DTYPES[kernel_dtype(dtype).name]


cdef bp_peak_fn peak_probe(const bp_isa *isa, object dtype) except? NULL:
    """Return the probe of the peak of any element type; NULL where this CPU has none."""
    cdef int number = C_DTYPES[dtype_of(dtype).name]
    if isa.micro[number] != NULL:
        return isa.micro[number].peak
    return bp_low_precision_peak(isa.name, <bp_dtype> number)


cdef str dtype_name(int dtype):
    """Return the name of a bp_dtype."""
    return DTYPE_NAMES[dtype]


cdef int dtype_itemsize(int dtype) except -1:
    """Return the bytes of an element of a bp_dtype."""
    return itemsize_of(DTYPE_NAMES[dtype])


cdef str dtype_names(unsigned accepted):
    """Return the names of some dtypes, a bit each, for a message."""
    return " or ".join([name for dtype, name in enumerate(DTYPE_NAMES) if accepted >> dtype & 1])


cdef object micro_kernel_of(const bp_isa *isa, int dtype):
    """Return the register block of an instruction set's micro-kernels."""
    cdef const bp_micro_kernels *micro = isa.micro[dtype]
    return MicroKernel(isa.name.decode(), micro.mr, micro.nr, micro.lanes, micro.wide_rows,
                       micro.max_dotxf)


def isas():
    """Return the names of the instruction sets that this CPU has, best first."""
    return supported


def compiled_kernels():
    """Return the dtypes with micro-kernels by instruction set compiled in, best first.

    Returns
    -------
    dict of str to tuple of str
        The CPU need not have the instruction sets. Both are as the C tables order them.
    """
    cdef const bp_isa **at = bp_isas
    cdef int dtype
    compiled = {}
    while at[0] != NULL:
        names = []
        for dtype in range(BP_DTYPES):
            if at[0].micro[dtype] != NULL:
                names.append(dtype_name(dtype))
        compiled[at[0].name.decode()] = tuple(names)
        at += 1
    return compiled


def default_isa():
    """Return the instruction set that kernels use unless another is asked for.

    Raises
    ------
    ValueError
        If BRICKPROF_ISA names one that is unknown or that this CPU lacks.
    """
    return isa_of(None).name.decode()


def micro_kernel(dtype, isa=None):
    """Return the register block of a dtype's micro-kernels.

    Raises
    ------
    TypeError, ValueError
        If `dtype` or `isa` is unknown, or this CPU lacks the instruction set.
    """
    cdef const bp_isa *chosen = isa_of(isa)
    return micro_kernel_of(chosen, dtype_number(dtype))


cdef int checked_threads(object threads) except -1:
    """Return how many threads to use at most."""
    if threads is None:
        return default_threads()
    return as_threads(threads)


cdef bp_pool *start_pool(int *threads, bint asked) except? NULL:
    """Do what `take_pool` does, for more than one thread."""
    cdef int wanted = threads[0]
    cdef bp_pool *pool = bp_pool_take(wanted, wanted if asked else 1, threads)
    if pool == NULL and asked:
        raise RuntimeError(
            "the system refuses more threads (RLIMIT_NPROC, the pids cgroup or memory): "
            f"threads={wanted} cannot be started by this process")
    if pool == NULL:
        threads[0] = 1
    return pool


cdef void return_pool(bp_pool *pool) noexcept:
    bp_pool_give(pool)


cdef void run_on_pool(bp_pool *pool, int threads, bint all, work_function work,
                      void *job, bp_interrupt *interrupt) noexcept nogil:
    bp_pool_run(pool, threads, all, work, job, interrupt)


cdef bint handler_raised() noexcept nogil:
    """Run the handlers of signals that came, and tell whether one raised an exception."""
    cdef unsigned generation = bp_generation()
    with gil:
        if PyErr_CheckSignals() != 0:
            return True
        if bp_generation() == generation:
            return False
        PyErr_SetString(RuntimeError, "a signal's handler forked this process inside of a kernel, "
                                      "whose threads the child does not have")
        return True


cdef bp_interrupt *start_interruptible(bp_interrupt *interrupt) noexcept nogil:
    return bp_interruptible(interrupt, handler_raised)


cdef void wait_for_parts(const Py_ssize_t *counter, Py_ssize_t count, bp_interrupt *interrupt,
                         int thread) noexcept nogil:
    bp_wait_for_parts(counter, count, interrupt, thread)


cdef bp_workspace *take_workspace(size_t bytes) noexcept nogil:
    return bp_workspace_take(bytes)


cdef void give_workspace(bp_workspace *workspace) noexcept nogil:
    bp_workspace_give(workspace)


def release_memory():
    """Give back the memory and the threads that are kept for later calls and idle now.

    Frees the workspaces that threads keep for packed panels and the timers that profilers keep, and
    ends the idle threads of kernels. The next calls make new ones, so this is for a pause, as after
    the last kernel of a program that goes on. Calls that run meanwhile on other threads keep what
    they use.

    Notes
    -----
    Without it, a thread keeps at most 64 MiB of workspace, or 4 MiB for each CPU of the machine
    where that is more, and a process at most 64 idle threads of kernels, or 4 for each CPU.
    """
    free_timers()
    with nogil:
        bp_pool_release()
        bp_workspace_release()


cdef RecorderSet open_recorders(object profiler, str brick, int threads, str dtype,
                                const bp_isa *isa, object plan):
    """Enter a brick of a profiler that is on; None where nothing is to be recorded.

    A plan that the caller brought tells what tiles hold; the library's own tiles fit.
    """
    cdef RecorderSet recorders
    if profiler is None:
        return None
    if not isinstance(profiler, BrickProfiler):
        raise TypeError(f"profiler must be a BrickProfiler or None, got {short_repr(profiler)}")
    if not (<BrickProfiler> profiler).on:
        return None
    recorders = new_recorder_set(profiler, brick, threads, dtype, None, isa.name.decode())
    if plan is not None:
        recorders.footprint_bytes = plan.footprint_bytes
    recorders.open(BP_MACRO)
    return recorders
