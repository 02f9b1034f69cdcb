"""For kernel authors: start and stop tiles from nogil Cython.

Compile with ``brickprof.get_include()`` among the include directories, take recorders from
``BrickProfiler.recorders(...)``, turn each into a pointer with `bp_recorder_of`, and call
`bp_start` and `bp_stop` without the GIL. All but `bp_recorder_of` never raise.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "brickprof/tile.h" nogil:
    const uint64_t BP_UNDECLARED
    const char *BP_CAPSULE
    const int BP_ABI
    const int BP_MAX_DEPTH
    const int BP_BUCKETS
    const int BP_LEVELS

    enum:
        BP_MACRO
        BP_MIDI
        BP_MICRO
    enum:
        BP_CLOCK_GETTIME
        BP_CLOCK_TSC
        BP_CLOCK_CNTVCT
        BP_CLOCK_MANUAL
    enum:
        BP_TOO_DEEP
        BP_NOTHING_OPEN
        BP_COARSER_INSIDE
        BP_NO_SUCH_LEVEL
        BP_NEGATIVE
    enum:
        BP_SAMPLES
        BP_LISTS
        BP_OVERFULL
        BP_UNOBSERVED
        BP_REQUESTED
        BP_GRIDDED

    ctypedef struct bp_sum:
        uint64_t low, carry

    ctypedef struct bp_inner:
        uint64_t count, timed, raw_ticks, ticks

    ctypedef struct bp_cell:
        uint64_t tiles, ticks, max_ticks

    ctypedef struct bp_slow_tile:
        uint64_t ticks, start, row, col

    ctypedef struct bp_grid:
        uint64_t size, row_shift, col_shift, rows, cols, slow_tiles
        bp_slow_tile *slowest
        bp_cell *cells

    ctypedef struct bp_row:
        uint64_t timed, skipped, undeclared, raw_ticks, ticks, child_raw, child_ticks, raised
        uint64_t error
        uint64_t min_ticks, max_ticks, min_work, max_work
        bp_sum elements, flops, nbytes, loaded, stored
        uint64_t split
        uint64_t outer_raw, outer_timed, outer_skipped
        bp_inner *inner
        uint64_t started, chosen
        uint64_t *histogram
        bp_grid *grid
        uint32_t brick, itemsize

    ctypedef struct bp_usage:
        uint64_t wall_ticks, cpu_ns, system_ns
        uint64_t minor_faults, major_faults, voluntary, involuntary, migrations

    ctypedef struct bp_brick:
        bp_row *rows
        bp_usage usage
        uint64_t histograms[3][1920]    # BP_LEVELS, BP_BUCKETS

    ctypedef struct bp_frame:
        uint64_t child_raw, child_ticks, overhead, error, serial, start
        bp_row *sums
        uint64_t row, col
        void *timer
        uint8_t level, timed, orphan

    ctypedef struct bp_event:
        uint64_t start, stop, row, col
        uint32_t brick, level

    ctypedef struct bp_cost:
        uint64_t inside, pair, skipped, inside_error, pair_error

    ctypedef struct bp_request:
        pass

    ctypedef struct bp_recorder:
        uint32_t abi, clock, misuse, too_deep, slow_path
        uint64_t ns_per_tick_q32
        bp_cost cost
        bp_brick *brick
        bp_frame *top
        bp_frame *base
        bp_row *pending
        uint64_t pending_ticks, manual_ticks, serial, sample_every, random
        bp_event *events
        uint64_t events_capacity, events_used, events_dropped, steps_back
        uint64_t observe_at, observe_ticks
        void (*observe)(bp_recorder *recorder) noexcept
        int named
        void (*serve)(bp_recorder *recorder) noexcept
        bp_request *request
        bp_brick **bricks
        uint32_t bricks_len
        bp_frame *frames

    ctypedef struct bp_recorder_table:
        uint64_t count
        bp_recorder **recorders
        uint64_t threads

    bp_recorder *bp_recorder_of_thread(bp_recorder_table *table, uint64_t thread) noexcept
    void bp_slow_on(bp_recorder *recorder, uint32_t bits) noexcept
    void bp_slow_off(bp_recorder *recorder, uint32_t bits) noexcept
    uint64_t bp_read_clock(uint32_t clock) noexcept
    uint64_t bp_now(const bp_recorder *recorder) noexcept
    uint64_t bp_ns(const bp_recorder *recorder, uint64_t ticks) noexcept
    uint32_t bp_bucket(uint64_t ns) noexcept
    void bp_push(bp_recorder *recorder, int level, uint64_t row, uint64_t col) noexcept
    void bp_flush_pending(bp_recorder *recorder) noexcept
    void bp_pop(bp_recorder *recorder, uint64_t now, uint64_t elements, uint64_t flops,
                uint64_t nbytes, const bp_cost *cost) noexcept
    void bp_split(bp_recorder *recorder, uint64_t loaded, uint64_t stored) noexcept
    void bp_start(bp_recorder *recorder, int level, uint64_t row, uint64_t col) noexcept
    void bp_stop(bp_recorder *recorder, uint64_t elements, uint64_t flops,
                 uint64_t nbytes) noexcept
    void bp_stop_split(bp_recorder *recorder, uint64_t elements, uint64_t flops,
                       uint64_t loaded, uint64_t stored) noexcept


cdef extern from "brickprof/handle.h":
    const char *BP_CLOSED_CAPSULE
    # The recorder behind a handle of BrickProfiler.recorders; NULL for None (off). ValueError for
    # anything else, and for a handle whose `with` block was left.
    bp_recorder *bp_recorder_of(object handle) except? NULL
