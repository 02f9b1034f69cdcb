"""What kernels run on: instruction sets, the thread pool, workspaces and recorders."""

from libc.stdint cimport uint64_t

from brickprof.profiler.recorder_set cimport RecorderSet
from brickprof.tile cimport bp_recorder


cdef extern from "kernels/micro/micro_kernels.h" nogil:
    ctypedef enum bp_dtype:
        BP_FLOAT32
        BP_FLOAT64
        BP_FLOAT16
        BP_BFLOAT16
        BP_INT8
        BP_DTYPES

    enum:
        BP_AXPYF_ROWS
        BP_MATVEC_ROWS

    ctypedef struct bp_register_tile:
        Py_ssize_t k
        const void *a
        Py_ssize_t lda
        const void *b
        Py_ssize_t ldb, prefetch_distance
        void *c
        Py_ssize_t ldc
        void *packed_copy
        int n, accumulate, mask_b, tiles
        Py_ssize_t b_step

    ctypedef struct bp_dotxf:
        Py_ssize_t k
        const void *x
        Py_ssize_t ldx
        const void *rows
        Py_ssize_t ldr, count
        void *c
        Py_ssize_t c_vector_stride, c_row_stride
        int accumulate

    ctypedef struct bp_axpyf:
        Py_ssize_t k
        const void *x
        Py_ssize_t incx
        const void *b
        Py_ssize_t ldb, n
        void *c

    ctypedef struct bp_micro_kernels:
        int mr, nr, lanes, wide_rows, max_dotxf
        void (*axpyf)(const bp_axpyf *axpyf) noexcept nogil
        void (*pack)(Py_ssize_t width, Py_ssize_t count, Py_ssize_t depth, const void *src,
                     Py_ssize_t vector_stride, Py_ssize_t depth_stride,
                     void *dst) noexcept nogil
        uint64_t (*peak)(uint64_t steps) noexcept nogil
        uint64_t (*load)(const void *data, size_t bytes) noexcept nogil
        uint64_t (*traffic[6])(void *data, size_t bytes) noexcept nogil
        uint64_t (*ceilings[9])(uint64_t steps) noexcept nogil

    void bp_run_register_tile(const bp_micro_kernels *micro, int rows, int vectors, bint by_rows,
                              const bp_register_tile *tile) noexcept
    void bp_run_dotxf(const bp_micro_kernels *micro, int vectors, const bp_dotxf *dotxf) noexcept

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
        const bp_micro_kernels **micro              # by bp_dtype, NULL where there are none
        void (*softmax)(const bp_softmax_block *block) noexcept nogil
        void (*negate)(float *data, Py_ssize_t count) noexcept nogil
        uint64_t (*exponentials)(uint64_t steps) noexcept nogil
        void (*divide)(const float *acc, float sum, float *out, Py_ssize_t width) noexcept nogil
        int (*all_finite)(const float *data, Py_ssize_t rows, Py_ssize_t ld,
                          Py_ssize_t width) noexcept nogil
        void (*rms_norm)(const float *x, const float *weight, float *out, Py_ssize_t n,
                         float eps) noexcept nogil
        void (*swiglu)(const float *gate, const float *up, float *out, Py_ssize_t n) noexcept nogil
        void (*rotate)(const float *x, const float *cosine, const float *sine, float *out,
                       Py_ssize_t half) noexcept nogil

cdef extern from "kernels/micro/low_precision.h" nogil:
    ctypedef uint64_t (*bp_peak_fn)(uint64_t steps) noexcept nogil

cdef extern from "kernels/runtime/thread_pool.h" nogil:
    ctypedef struct bp_pool:
        pass
    ctypedef struct bp_interrupt:
        pass
    Py_ssize_t bp_next_part(Py_ssize_t *counter) noexcept
    void bp_part_done(Py_ssize_t *counter) noexcept
    enum:
        BP_POLL_WORK
    bint bp_interrupted(const bp_interrupt *interrupt) noexcept
    bint bp_leave_off(bp_interrupt *interrupt, int thread, Py_ssize_t flops) noexcept

cdef extern from "kernels/runtime/workspace.h" nogil:
    ctypedef struct bp_workspace:
        char *memory

ctypedef void (*work_function)(void *job, int thread) noexcept nogil

cdef enum:
    INTERRUPTIBLE_FLOPS = 1 << 27                   # of a call that looks for signals; 1 to 50 ms
    PACK_FLOPS = 8                                  # that an element to pack counts for
    STORE_FLOPS = 16                                # that one to store does, in fresh memory


cdef const bp_isa **isa_table                       # those compiled in, best first, NULL at the end
cdef const bp_isa *default_isa_used                 # NULL until the first call that needs it
cdef unsigned kernel_dtypes                         # a bit for each bp_dtype that kernels take

cdef const bp_isa *find_isa(object name) except NULL
cdef int isa_index(const bp_isa *isa) noexcept nogil
cdef int dtype_number(object dtype) except -1
cdef bp_peak_fn peak_probe(const bp_isa *isa, object dtype) except? NULL
cdef str dtype_name(int dtype)
cdef int dtype_itemsize(int dtype) except -1
cdef str dtype_names(unsigned accepted)
cdef object micro_kernel_of(const bp_isa *isa, int dtype)

cdef int checked_threads(object threads) except -1
cdef bp_pool *start_pool(int *threads, bint asked) except? NULL
cdef void return_pool(bp_pool *pool) noexcept
cdef void run_on_pool(bp_pool *pool, int threads, bint all, work_function work, void *job,
                      bp_interrupt *interrupt) noexcept nogil
cdef bp_interrupt *start_interruptible(bp_interrupt *interrupt) noexcept nogil
cdef void wait_for_parts(const Py_ssize_t *counter, Py_ssize_t count, bp_interrupt *interrupt,
                         int thread) noexcept nogil
cdef bp_workspace *take_workspace(size_t bytes) noexcept nogil
cdef void give_workspace(bp_workspace *workspace) noexcept nogil

cdef RecorderSet open_recorders(object profiler, str brick, int threads, str dtype,
                                const bp_isa *isa, object plan)


cdef inline const bp_isa *isa_of(object name) except NULL:
    """Return an instruction set that this CPU has by name; the default one for None."""
    if name is None and default_isa_used != NULL:
        return default_isa_used
    return find_isa(name)


cdef inline bp_pool *take_pool(int *threads, bint asked) except? NULL:
    """Return a pool of so many threads, NULL for one.

    Where they cannot be started, raise if so many were asked for; otherwise lower the number.
    """
    return NULL if threads[0] == 1 else start_pool(threads, asked)


cdef inline void give_pool(bp_pool *pool) noexcept:
    """Give a pool back, if there is one."""
    if pool != NULL:
        return_pool(pool)


cdef inline void run_work(bp_pool *pool, int threads, bint all, work_function work, void *job,
                          bp_interrupt *interrupt) noexcept nogil:
    """Run work on a pool, or on the calling thread alone where there is none."""
    if pool == NULL:
        work(job, 0)
    else:
        run_on_pool(pool, threads, all, work, job, interrupt)


cdef inline bp_interrupt *interruptible(bp_interrupt *interrupt, double flops) noexcept nogil:
    """Prepare for a signal during a call; NULL where it is short, or not on the main thread."""
    return NULL if flops < INTERRUPTIBLE_FLOPS else start_interruptible(interrupt)


cdef inline bp_recorder *recorder_of(bp_recorder **recorders, int thread) noexcept nogil:
    """Return a thread's recorder, NULL when off."""
    return NULL if recorders == NULL else recorders[thread]
