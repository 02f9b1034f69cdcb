"""Attention as it is called from Python: arguments, tiling, result."""

import numpy as np

cimport numpy as cnp

from brickprof.kernels.arrays cimport as_input, as_output, check_overlap
from brickprof.kernels.attention.geometry cimport (
    attention_geometry, attention_scale, attention_set_isa,
)
from brickprof.kernels.attention.loops cimport attention_run
from brickprof.kernels.attention.plan cimport attention_tile
from brickprof.kernels.attention.shape cimport attention_job
from brickprof.kernels.runtime.runtime cimport (
    BP_FLOAT32, bp_pool, checked_threads, give_pool, isa_of, open_recorders, take_pool,
)
from brickprof.profiler.recorder_set cimport RecorderSet

cdef enum:
    FLOAT32 = 1 << BP_FLOAT32


cdef int attention_shapes(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v) except -1:
    """Check that shapes agree."""
    cdef int dims = q.ndim
    for array, name in ((k, "k"), (v, "v")):
        if array.ndim != dims:
            raise ValueError(f"{name} must be {dims}-D as q is, got shape {np.shape(array)}")
    if np.shape(v) != np.shape(k):
        raise ValueError(f"v must have k's shape {np.shape(k)}, got {np.shape(v)}")
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


def attention(q, k, v, causal=False, scale=None, out=None, threads=None, profiler=None,
              plan=None, isa=None):
    """Scaled dot-product attention, ``softmax(scale * q @ k.T) @ v`` for each head.

    No array of rows x keys is ever made: memory beyond the output is a few blocks and, unless there
    are only a few rows, the packed keys of one head for each thread.

    Parameters
    ----------
    q : array_like, shape (heads, rows, dim) or (batch, heads, rows, dim)
        float32 queries, of any strides.
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
        If an argument is of the wrong type, rank, shape or range; nothing is written then.
    TileNestingError
        If a tile finer than Macro is open on this thread.
    MemoryError, RuntimeError
        If there is no memory to pack into, or the threads cannot be started.

    Notes
    -----
    The online softmax is that of M. Milakov and N. Gimelshein, "Online normalizer calculation for
    softmax", 2018; the blocking that of T. Dao, "FlashAttention-2", 2023.
    """
    cdef attention_job job
    cdef cnp.ndarray queries = as_input(q, "q", 3, 4, FLOAT32)
    cdef cnp.ndarray keys = as_input(k, "k", 3, 4, FLOAT32)
    cdef cnp.ndarray values = as_input(v, "v", 3, 4, FLOAT32)
    cdef cnp.ndarray result, target
    cdef RecorderSet recorders
    cdef bp_pool *pool
    attention_shapes(queries, keys, values)
    result = as_output(out, queries, cnp.PyArray_NDIM(queries), cnp.PyArray_DIMS(queries))
    if out is not None:
        check_overlap(result, queries, "q")
        check_overlap(result, keys, "k")
        check_overlap(result, values, "v")
    attention_set_isa(&job, isa_of(isa))
    attention_geometry(&job, queries, keys, values, bool(causal),
                       plan is None or getattr(plan, "rows", 1) != 1)
    attention_scale(&job, scale)
    attention_tile(&job, plan, checked_threads(threads))
    target = result
    if not cnp.PyArray_IS_C_CONTIGUOUS(result):
        target = np.empty(np.shape(result), np.float32)
    job.out = <float *> cnp.PyArray_DATA(target)
    pool = take_pool(job.threads)
    failed, recorders = True, None
    try:
        recorders = open_recorders(profiler, "attention", job.threads, "float32", job.isa,
                                   plan)
        job.recorders = NULL if recorders is None else recorders.c
        if cnp.PyArray_SIZE(result) == 0 or job.keys == 0:
            target[...] = 0
        else:
            with nogil:
                attention_run(&job, pool)
        if target is not result:
            result[...] = target
        failed = False
    finally:
        give_pool(pool)
        if recorders is not None:
            recorders.close(failed)
    return result
