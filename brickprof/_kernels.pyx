"""GEMM and attention, tiled for L3, L2 and L1; the loops around the micro-kernels.

The arithmetic is in kernels/: here is what is blocked, packed, shared out and timed, in the
order that `brickprof.tiling` plans.
"""

import os

import numpy as np

cimport numpy as cnp
from cython.parallel cimport parallel, threadid
from libc.math cimport INFINITY, fabs, isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memset

from brickprof._arrays cimport as_input, as_output, check_overlap, step
from brickprof._profiler cimport BrickProfiler, RecorderSet
from brickprof.tile cimport (
    BP_MACRO, BP_MICRO, BP_MIDI, bp_now, bp_ns, bp_read_clock, bp_recorder, bp_recorder_of,
    bp_start, bp_stop,
)

from brickprof.attention_tiling import AttentionPlan, attention_blocks, values_in_place
from brickprof.budget import default_threads
from brickprof.limits import MOST_THREADS
from brickprof.machine import detect_machine
from brickprof.tiling import GemmPlan, MicroKernel, gemm_blocks

cnp.import_array()


cdef extern from "kernels/dispatch.h" nogil:
    ctypedef struct bp_ukr:
        int mr, nr
        void (*packed)(Py_ssize_t k, const void *a, const void *b, Py_ssize_t ldb, void *c,
                       Py_ssize_t ldc, int m, int n, int add) noexcept nogil
        void (*rows)(Py_ssize_t k, const void *a, Py_ssize_t lda, const void *b, Py_ssize_t ldb,
                     void *c, Py_ssize_t ldc, int m, int n, int add) noexcept nogil
        void (*pack_a)(Py_ssize_t count, Py_ssize_t depth, const void *src, Py_ssize_t between,
                       Py_ssize_t along, void *dst) noexcept nogil
        void (*pack_b)(Py_ssize_t count, Py_ssize_t depth, const void *src, Py_ssize_t between,
                       Py_ssize_t along, void *dst) noexcept nogil
        uint64_t (*peak)(uint64_t steps) noexcept nogil
        uint64_t (*load)(const void *data, size_t bytes) noexcept nogil

    ctypedef struct bp_softmax_block:
        float *scores
        Py_ssize_t ld
        int rows, keys
        Py_ssize_t visible
        int step
        float scale
        float *maximum
        float *sum
        float *out
        Py_ssize_t out_ld
        int width

    ctypedef struct bp_isa:
        const char *name
        int (*supported)() noexcept nogil
        bp_ukr f32, f64
        void (*softmax)(const bp_softmax_block *block) noexcept nogil
        void (*negate)(float *data, Py_ssize_t count) noexcept nogil
        void (*divide)(const float *acc, float sum, float *out, Py_ssize_t width) noexcept nogil
        int (*all_finite)(const float *data, Py_ssize_t rows, Py_ssize_t ld,
                          Py_ssize_t width) noexcept nogil

    const bp_isa **bp_isas

cdef extern from "kernels/workspace.h" nogil:
    void *bp_workspace(size_t bytes)

cdef extern from "kernels/team.h" nogil:
    int bp_team_size()
    void bp_team_barrier()
    bint bp_team_can_start(int threads)


include "_isas.pxi"
include "_gemm.pxi"
include "_attention_loops.pxi"
include "_attention.pxi"
include "_probes.pxi"
