"""GEMM, attention and parallel regions, tiled for L3, L2 and L1; the loops around the micro-kernels.

The arithmetic is in kernels/: here is what is blocked, packed, shared out and timed, in the
order that `brickprof.planning.gemm` and `brickprof.planning.attention` plan.
"""

import functools
import operator
import os

import numpy as np

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.math cimport INFINITY, exp2f, fabs, isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset
from posix.types cimport pid_t
from posix.unistd cimport getpid

from brickprof.kernels.arrays cimport as_input, as_output, check_overlap, step
from brickprof.profiler.brick_profiler cimport BrickProfiler
from brickprof.profiler.recorder_set cimport RecorderSet
from brickprof.tile cimport (
    BP_MACRO, BP_MICRO, BP_MIDI, bp_now, bp_ns, bp_read_clock, bp_recorder, bp_recorder_of,
    bp_start, bp_stop,
)

from brickprof.planning.attention import AttentionPlan, attention_blocks
from brickprof.planning.budget import default_threads
from brickprof.core.limits import MOST_THREADS
from brickprof.machine import detect_machine
from brickprof.planning.gemm import GemmPlan, gemm_blocks
from brickprof.planning.blocks import MicroKernel

cnp.import_array()


cdef extern from "kernels/runtime/dispatch.h" nogil:
    ctypedef struct bp_tile:
        Py_ssize_t k
        const void *a
        Py_ssize_t lda
        const void *b
        Py_ssize_t ldb, ahead
        void *c
        Py_ssize_t ldc
        void *keep
        int n, add, in_place, strips
        Py_ssize_t b_step

    ctypedef struct bp_dot:
        Py_ssize_t k
        const void *x
        Py_ssize_t ldx
        const void *rows
        Py_ssize_t ldr, count
        void *c
        Py_ssize_t cx, cr
        int add

    ctypedef struct bp_axpy:
        Py_ssize_t k
        const void *x
        Py_ssize_t along
        const void *b
        Py_ssize_t ldb, n
        void *c

    ctypedef struct bp_ukr:
        int mr, nr, lanes, wide, dots
        void (*axpy)(const bp_axpy *sum) noexcept nogil
        void (*pack)(Py_ssize_t width, Py_ssize_t count, Py_ssize_t depth, const void *src,
                     Py_ssize_t between, Py_ssize_t along, void *dst) noexcept nogil
        uint64_t (*peak)(uint64_t steps) noexcept nogil
        uint64_t (*load)(const void *data, size_t bytes) noexcept nogil

    void bp_run_tile(const bp_ukr *ukr, int rows, int vectors, bint by_rows,
                     const bp_tile *tile) noexcept
    void bp_run_dot(const bp_ukr *ukr, int across, const bp_dot *dot) noexcept

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
        const bp_ukr *f32
        const bp_ukr *f64
        void (*softmax)(const bp_softmax_block *block) noexcept nogil
        void (*negate)(float *data, Py_ssize_t count) noexcept nogil
        void (*divide)(const float *acc, float sum, float *out, Py_ssize_t width) noexcept nogil
        int (*all_finite)(const float *data, Py_ssize_t rows, Py_ssize_t ld,
                          Py_ssize_t width) noexcept nogil
        void (*rms_norm)(const float *x, const float *weight, float *out, Py_ssize_t n,
                         float eps) noexcept nogil
        void (*swiglu)(const float *gate, const float *up, float *out, Py_ssize_t n) noexcept nogil
        void (*rotate)(const float *x, const float *cosine, const float *sine, float *out,
                       Py_ssize_t half) noexcept nogil

    const bp_isa **bp_isas

cdef extern from "kernels/runtime/workspace.h" nogil:
    void *bp_workspace(size_t bytes)

cdef extern from "kernels/runtime/team.h" nogil:
    ctypedef struct bp_team:
        pass
    bp_team *bp_team_take(int threads)
    void bp_team_run(bp_team *team, int threads, bint all,
                     void (*work)(void *job, int thread) noexcept nogil, void *job) noexcept
    void bp_team_give(bp_team *team) noexcept
    Py_ssize_t bp_team_next(Py_ssize_t *counter) noexcept
    void bp_team_done(Py_ssize_t *counter) noexcept
    void bp_team_await(const Py_ssize_t *counter, Py_ssize_t count) noexcept


include "kernels/isas.pxi"
include "kernels/gemm/shape.pxi"
include "kernels/gemm/bytes.pxi"
include "kernels/gemm/dots.pxi"
include "kernels/gemm/axpy.pxi"
include "kernels/gemm/loops.pxi"
include "kernels/gemm/packed.pxi"
include "kernels/gemm/call.pxi"
include "kernels/attention/shape.pxi"
include "kernels/attention/splits.pxi"
include "kernels/attention/loops.pxi"
include "kernels/attention/call.pxi"
include "kernels/region/loops.pxi"
include "kernels/region/arrays.pxi"
include "kernels/region/call.pxi"
include "kernels/probes.pxi"
