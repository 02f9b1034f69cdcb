"""The arrays of attention as a job: sizes, strides, pointers, the factor of the scores."""

import numpy as np

cimport numpy as cnp
from libc.math cimport INFINITY, fabs, isfinite

from brickprof.core.checks import short_repr
from brickprof.kernels.arrays cimport step
from brickprof.kernels.partition cimport round_up
from brickprof.kernels.runtime.runtime cimport BP_FLOAT32

cnp.import_array()

cdef double LOG2_E = 1.4426950408889634
cdef double TINY_SCALE = 2.0 ** -121                # 126 / this is float32's end


cdef int attention_set_isa(attention_job *job, const bp_isa *isa) except -1:
    """Choose the instruction set and its float32 micro-kernels."""
    job.isa, job.micro = isa, isa.micro[<int> BP_FLOAT32]
    return 0


cdef int attention_steps(cnp.ndarray array, Py_ssize_t *steps) except -1:
    """Take the strides of an array of three or four axes."""
    cdef int axis, dims = cnp.PyArray_NDIM(array), missing = 4 - dims
    steps[0] = 0
    for axis in range(dims):
        steps[axis + missing] = step(array, axis)
    return 0


cdef int attention_geometry(attention_job *job, cnp.ndarray q, cnp.ndarray k, cnp.ndarray v,
                            bint causal, bint join) except -1:
    """Fill in sizes, strides and pointers; `join` the single rows of heads that share keys."""
    cdef int dims = cnp.PyArray_NDIM(q)
    job.rows, job.keys, job.dim = q.shape[dims - 2], k.shape[dims - 2], q.shape[dims - 1]
    job.width = round_up(job.dim, job.micro.lanes)
    job.batches = q.shape[0] if dims == 4 else 1
    job.heads = q.shape[dims - 3]
    job.group = max(job.heads // max(k.shape[dims - 3], 1), 1)
    job.causal = causal
    attention_steps(q, job.q_step)
    attention_steps(k, job.k_step)
    attention_steps(v, job.v_step)
    job.direct_values = job.v_step[3] == 1 or job.dim <= 1
    job.q, job.k = <float *> cnp.PyArray_DATA(q), <float *> cnp.PyArray_DATA(k)
    job.v = <float *> cnp.PyArray_DATA(v)
    if join and job.rows == 1 and job.group > 1:
        # As rows of one head they read its keys once.
        job.rows, job.heads, job.group = job.group, job.heads // job.group, 1
        job.q_step[2], job.q_step[1] = job.q_step[1], job.q_step[1] * job.rows
        job.causal = False
    return 0


cdef object attention_factor(object scale):
    """Return a given factor of the scores as a plain float, None where none is given."""
    cdef double factor
    if scale is None:
        return None
    if not isinstance(scale, (int, float, np.floating, np.integer)):
        raise TypeError(f"scale must be a number or None, got {short_repr(scale)}")
    try:
        factor = scale
    except OverflowError:
        factor = INFINITY
    if not isfinite(<float> (fabs(factor) * LOG2_E)):
        raise ValueError(f"scale must be finite in float32, got {short_repr(scale)}")
    return factor


cdef int attention_scale(attention_job *job, object given) except -1:
    """Fill in the factor of the scores, as `attention_factor` gave it, and its sign."""
    cdef double factor = 1.0 / max(job.dim, 1) ** 0.5 if given is None else given
    job.negative = factor < 0
    job.scale = <float> (fabs(factor) * LOG2_E)
    # Beside larger factors a difference that float32 does not hold is a weight of 0 anyway.
    job.halved = job.scale < TINY_SCALE
    if job.halved:
        job.scale *= 2
    return 0
