"""Attention as it is called from Python: arguments, tiling, result."""

cimport numpy as cnp

from brickprof.kernels.arrays cimport (
    MIN_WORK_TO_KEEP, as_input, as_output, assign, check_overlap, is_accepted, keep_memory, shape_of,
)
from brickprof.kernels.attention.geometry cimport (
    attention_factor, attention_geometry, attention_scale, attention_set_isa,
)
from brickprof.kernels.attention.loops cimport attention_run
from brickprof.kernels.attention.plan cimport attention_tile
from brickprof.kernels.attention.shape cimport attention_job, attention_pairs
from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT32, bp_interrupt, bp_isa, bp_pool, checked_threads, give_pool, interruptible, isa_of,
    open_recorders, take_pool,
)
from brickprof.profiler.recorder_set cimport RecorderSet

from brickprof.core.checks import checked_flag

cnp.import_array()

cdef enum:
    FLOAT32 = 1 << BP_FLOAT32

cdef str CHANGED = "q, k, v and out must not be changed while attention takes its arguments"


cdef int attention_check_shapes(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v) except -1:
    """Check that arrays are still of the right rank and dtype, and that their shapes agree.

    What was asked for the later ones may have reshaped the earlier ones.
    """
    cdef int dims = cnp.PyArray_NDIM(q), axis
    if not 3 <= dims <= 4 or not (
            is_accepted(q, FLOAT32) and is_accepted(k, FLOAT32) and is_accepted(v, FLOAT32)):
        raise ValueError(CHANGED)
    if cnp.PyArray_NDIM(k) != dims:
        raise ValueError(f"k must be {dims}-D as q is, got shape {shape_of(k)}")
    if cnp.PyArray_NDIM(v) != dims:
        raise ValueError(f"v must be {dims}-D as q is, got shape {shape_of(v)}")
    for axis in range(dims):
        if cnp.PyArray_DIM(v, axis) != cnp.PyArray_DIM(k, axis):
            raise ValueError(f"v must have k's shape {shape_of(k)}, got {shape_of(v)}")
    if q.shape[dims - 1] != k.shape[dims - 1]:
        raise ValueError(f"k must have q's dim {q.shape[dims - 1]}, got {k.shape[dims - 1]}")
    if dims == 4 and q.shape[0] != k.shape[0]:
        raise ValueError(f"k must have q's batch {q.shape[0]}, got {k.shape[0]}")
    if k.shape[dims - 3] == 0 and q.shape[dims - 3]:
        raise ValueError("k must have at least one head")
    if q.shape[dims - 3] and q.shape[dims - 3] % k.shape[dims - 3]:
        raise ValueError(
            f"k must have a number of heads that divides q's {q.shape[dims - 3]}, "
            f"got {k.shape[dims - 3]}")
    return 0


cdef bint have_one_shape(cnp.ndarray one, cnp.ndarray other) noexcept:
    """Tell whether two arrays have the same shape."""
    cdef int axis
    if cnp.PyArray_NDIM(one) != cnp.PyArray_NDIM(other):
        return False
    for axis in range(cnp.PyArray_NDIM(one)):
        if cnp.PyArray_DIM(one, axis) != cnp.PyArray_DIM(other, axis):
            return False
    return True


cdef int attention_check_unchanged(const attention_job *job, cnp.ndarray q, cnp.ndarray k,
                                   cnp.ndarray v, cnp.ndarray target, bint causal,
                                   bint join) except -1:
    """Raise if an array is elsewhere, or of another shape, than when the job was filled in."""
    cdef attention_job now
    cdef int axis
    cdef bint same
    attention_check_shapes(q, k, v)
    now.micro = job.micro
    attention_geometry(&now, q, k, v, causal, join)
    same = (have_one_shape(q, target) and is_accepted(target, FLOAT32)
            and cnp.PyArray_IS_C_CONTIGUOUS(target) and job.out == cnp.PyArray_DATA(target)
            and now.q == job.q and now.k == job.k and now.v == job.v
            and now.batches == job.batches and now.heads == job.heads and now.group == job.group
            and now.rows == job.rows and now.keys == job.keys and now.dim == job.dim)
    for axis in range(4):
        same = (same and now.q_step[axis] == job.q_step[axis]
                and now.k_step[axis] == job.k_step[axis] and now.v_step[axis] == job.v_step[axis])
    if not same:
        raise ValueError(CHANGED)
    return 0


def attention(q, k, v, causal=False, scale=None, out=None, threads=None, profiler=None,
              plan=None, isa=None):
    """Scaled dot-product attention, ``softmax(scale * q @ k.T) @ v`` for each head.

    No array of rows x keys is ever made: memory beyond the output is a few blocks and, unless there
    are only a few rows, the packed keys of one head for each thread.

    Parameters
    ----------
    q : array_like, shape (heads, rows, dim) or (batch, heads, rows, dim)
        float32 queries, of any strides; no masked array.
    k, v : array_like, shape (key heads, keys, dim) or (batch, key heads, keys, dim)
        float32 keys and values. Fewer heads than `q` has are shared by groups of its heads.
    causal : bool
        Hide later keys: the last row sees all keys, each row before it one less. A row that
        sees none gives zeros.
    scale : float, optional
        Factor of the scores; ``1 / sqrt(dim)`` by default.
    out : ndarray of q's shape, optional
        Where to write the result; may not overlap the inputs or itself.
    threads : int, optional
        Threads to use at most; by default as many as this process may use.
    profiler : BrickProfiler, optional
        Records the tiles of all three levels in the brick ``"attention"``.
    plan : AttentionPlan, optional
        The tiling to run in place of the one that suits this machine; see `plan_attention`. Brings
        its own thread count.
    isa : str, optional
        Instruction set to use; by default the best one, or what BRICKPROF_ISA says.

    Returns
    -------
    ndarray of q's shape
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, rank, shape or range, or what Python code the arguments
        run changes an array; nothing is written then.
    TileNestingError
        If a tile finer than Macro is open on this thread.
    MemoryError, RuntimeError
        If there is no memory to pack into, or the threads that were asked for cannot be started.

    Notes
    -----
    A row whose scores are all -inf gives NaN, as its softmax is; PyTorch's
    ``scaled_dot_product_attention`` gives zeros for it since 2.5. Arrays may not be resized while a
    call runs: the large ones refuse to be, unless their state is set (`ndarray.__setstate__`).

    The online softmax is that of M. Milakov and N. Gimelshein, "Online normalizer calculation for
    softmax", 2018; the blocking that of T. Dao, "FlashAttention-2", 2023.

    On the main thread, signals are handled during long calls, too. Where a handler raises, as that
    of Ctrl-C does, the call ends with its exception and what is in `out` is undefined.

    Examples
    --------
    >>> import numpy as np
    >>> import brickprof as bp
    >>> q = np.zeros((8, 100, 64), np.float32)
    >>> k = np.ones((2, 100, 64), np.float32)  # four heads of queries share one of keys
    >>> o = bp.attention(q, k, k, causal=True)
    >>> o.shape, bool(np.allclose(o, 1))
    ((8, 100, 64), True)
    """
    cdef attention_job job
    cdef const bp_isa *chosen = isa_of(isa)
    cdef int count = checked_threads(threads)
    cdef bint hides = checked_flag("causal", causal), join = plan is None or getattr(plan, "rows", 1) != 1
    cdef object factor = attention_factor(scale)
    cdef cnp.ndarray queries = as_input(q, "q", 3, 4, FLOAT32)
    cdef cnp.ndarray keys = as_input(k, "k", 3, 4, FLOAT32)
    cdef cnp.ndarray values = as_input(v, "v", 3, 4, FLOAT32)
    cdef cnp.ndarray result, target
    cdef RecorderSet recorders = None
    cdef bp_pool *pool
    cdef bp_interrupt interrupt
    cdef object kept = None
    attention_check_shapes(queries, keys, values)
    result = target = as_output(out, queries, cnp.PyArray_NDIM(queries), cnp.PyArray_DIMS(queries))
    if out is not None:
        check_overlap(result, queries, "q")
        check_overlap(result, keys, "k")
        check_overlap(result, values, "v")
        attention_check_shapes(queries, keys, values)
    attention_set_isa(&job, chosen)
    attention_geometry(&job, queries, keys, values, hides, join)
    attention_scale(&job, factor)
    attention_tile(&job, plan, count)
    if not cnp.PyArray_IS_C_CONTIGUOUS(result):
        target = cnp.PyArray_EMPTY(
            cnp.PyArray_NDIM(queries), cnp.PyArray_DIMS(queries), cnp.NPY_FLOAT32, 0)
    job.out = <float *> cnp.PyArray_DATA(target)
    count = job.threads
    pool = take_pool(&count, threads is not None or plan is not None)
    failed = True
    try:
        if count < job.threads:
            attention_tile(&job, None, count)
        job.interrupt = interruptible(
            &interrupt, 4.0 * job.dim * job.batches * job.heads * attention_pairs(&job, job.rows))
        recorders = open_recorders(profiler, "attention", job.threads, "float32", job.isa,
                                   plan)
        job.recorders = NULL if recorders is None else recorders.c
        if <double> job.batches * job.heads * job.rows * job.keys * job.dim >= MIN_WORK_TO_KEEP:
            kept = [keep_memory(array) for array in (queries, keys, values, target)]
        attention_check_unchanged(&job, queries, keys, values, target, hides, join)
        if cnp.PyArray_SIZE(target) == 0 or job.keys == 0:
            target[...] = 0
        else:
            with nogil:
                attention_run(&job, pool)
        if target is not result:
            assign(result, target)
        failed = False
    finally:
        give_pool(pool)
        if recorders is not None:
            recorders.close(failed)
    return result if out is None else out
