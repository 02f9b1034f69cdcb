"""The arrays of attention as a job: sizes, strides, pointers, the factor of the scores."""

cimport numpy as cnp

from brickprof.kernels.attention.shape cimport attention_job
from brickprof.kernels.runtime.runtime cimport bp_isa


cdef int attention_set_isa(attention_job *job, const bp_isa *isa) except -1
cdef int attention_geometry(attention_job *job, cnp.ndarray q, cnp.ndarray k, cnp.ndarray v,
                            bint causal, bint join) except -1
cdef object attention_factor(object scale)
cdef int attention_scale(attention_job *job, object given) except -1
