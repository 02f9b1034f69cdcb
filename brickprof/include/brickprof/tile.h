/* tile.h: start and stop tiles from nogil Cython and from C.
 *
 * A recorder belongs to one thread at a time and is handed out by BrickProfiler.recorders(); a
 * NULL recorder is a profiler that is off, and costs one branch. Start and stop never fail, take
 * no lock and allocate nothing: misuse is noted in the recorder and raised when it is handed back.
 *
 * Needs GCC or Clang, C99 or C++11 or later, on a 64-bit machine (for unsigned __int128).
 */
#ifndef BRICKPROF_TILE_H
#define BRICKPROF_TILE_H

#if !defined(__SIZEOF_INT128__)
#error "brickprof/tile.h needs unsigned __int128: GCC or Clang on a 64-bit machine"
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_ABI 5                                    /* of bp_recorder; part of BP_CAPSULE */
#define BP_CAPSULE "brickprof.recorder.5"
#define BP_MAX_DEPTH 32                             /* tiles open at once on a thread */
#define BP_BUCKETS 1920                             /* brickprof.core.histograms.BUCKETS */
#define BP_SLOWEST 8                                /* brickprof.recording.tile_grid.SLOWEST */
#define BP_UNDECLARED UINT64_MAX                    /* nbytes of a tile that does not know them */

enum { BP_MACRO = 0, BP_MIDI = 1, BP_MICRO = 2, BP_LEVELS = 3 };
enum { BP_CLOCK_GETTIME = 0, BP_CLOCK_TSC = 1, BP_CLOCK_CNTVCT = 2, BP_CLOCK_MANUAL = 3 };

/* What was done wrong with a recorder, as bits of bp_recorder.misuse. */
enum {
    BP_TOO_DEEP = 1, BP_NOTHING_OPEN = 2, BP_COARSER_INSIDE = 4, BP_NO_SUCH_LEVEL = 8,
    BP_NEGATIVE = 16                                /* not noted by bp_start and bp_stop */
};

__extension__ typedef unsigned __int128 bp_u128;

#define BP_LIKELY(x) __builtin_expect(!!(x), 1)
#define BP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* In C every file has functions of its own. In C++ files share them, so that an inline function or a
 * template of a kernel's that starts tiles is the same in all of them, as the one-definition rule
 * wants, and a module may export it. Hidden: libraries of one process may be of several versions. */
#ifdef __cplusplus
#define BP_SHARED inline __attribute__((visibility("hidden"), nothrow))
#define BP_INLINE BP_SHARED
#else
#define BP_SHARED static __attribute__((unused))
#define BP_INLINE static inline
#endif
#define BP_HOT BP_INLINE __attribute__((always_inline))
#define BP_COLD BP_SHARED __attribute__((noinline, cold))

/* A recorder is written to by one thread and read by others, so that whatever they read is stored
 * atomically, if in no particular order: on x86-64 and AArch64 these are plain loads and stores. */
#define BP_GET(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define BP_SET(x, value) __atomic_store_n(&(x), (value), __ATOMIC_RELAXED)
#define BP_INCREASE(x, by) BP_SET(x, (x) + (by))

/* A sum that may pass 64 bits; the carry is apart because it hardly ever moves. */
typedef struct bp_sum {
    uint64_t low, carry;
} bp_sum;

BP_HOT void bp_add(bp_sum *sum, uint64_t x) {
    uint64_t low;
    if (BP_UNLIKELY(__builtin_add_overflow(sum->low, x, &low))) BP_INCREASE(sum->carry, 1);
    BP_SET(sum->low, low);
}

/* Tiles directly inside others, when sampling: what those that were not timed took is estimated
 * from those of the same level that were. */
typedef struct bp_inner {
    uint64_t count, timed;
    uint64_t raw_ticks, ticks;                      /* of the timed ones */
} bp_inner;

/* The timed tiles of a row in some rows and columns; ticks are corrected, and their sum is signed. */
typedef struct bp_cell {
    uint64_t tiles, ticks, max_ticks;
} bp_cell;

/* One of a row's slowest tiles. */
typedef struct bp_slow_tile {
    uint64_t ticks, start, row, col;
} bp_slow_tile;

/* The timed tiles of a row by their place: size x size cells in row-major order, each of
 * 2**row_shift x 2**col_shift tiles. Where an index is outside, neighbours are added up two by two. */
typedef struct bp_grid {
    uint64_t size, row_shift, col_shift;
    uint64_t rows, cols;                            /* of the cells, those up to here were used */
    uint64_t slow_tiles;                            /* how many are in slowest, longest first */
    bp_slow_tile slowest[BP_SLOWEST];
    bp_cell *cells;
} bp_grid;

/* The tiles of one level of a brick. Sums are over timed tiles, but the work is of all. When
 * sampling, one tile in each window of sample_every is timed, at a place drawn anew for each
 * window, so that loops with a period of their own are not always sampled at the same point; the
 * first is timed in the first window, so that a row with tiles has a time. */
typedef struct bp_row {
    uint64_t timed, skipped;                        /* skipped by sampling */
    uint64_t undeclared;                            /* bytes */
    uint64_t raw_ticks, ticks;                      /* inclusive: as read, and corrected (signed) */
    uint64_t child_raw, child_ticks;                /* of tiles directly inside */
    uint64_t raised;                                /* of ticks, so that they hold their children's */
    uint64_t error;                                 /* of ticks, by the errors of the costs */
    uint64_t min_ticks, max_ticks;                  /* corrected */
    uint64_t min_work, max_work;                    /* elements and flops of a tile */
    bp_sum elements, flops, nbytes;
    bp_sum loaded, stored;                          /* of tiles that declared them apart */
    uint64_t split;                                 /* how many these are */
    uint64_t outer_raw, outer_timed, outer_skipped; /* those inside no other tile */
    bp_inner inner[BP_LEVELS];                      /* by level of the tiles inside */
    uint64_t started, chosen;                       /* in this window: tiles, and the timed one */
    uint64_t *histogram;                            /* corrected times in ns */
    bp_grid *grid;                                  /* NULL where none is kept */
    uint32_t brick, itemsize;
} __attribute__((aligned(64))) bp_row;

/* What the operating system saw of a thread: a reading, or a sum of differences. */
typedef struct bp_usage {
    uint64_t wall_ticks, cpu_ns, system_ns;
    uint64_t minor_faults, major_faults, voluntary, involuntary, migrations;
} bp_usage;

/* The histograms come last: pages of those that stay empty are never touched. */
typedef struct bp_brick {
    bp_row rows[BP_LEVELS];
    bp_usage usage;
    uint64_t histograms[BP_LEVELS][BP_BUCKETS];
} bp_brick;

/* An open tile; on cache lines of its own, so that no load straddles two. */
typedef struct bp_frame {
    uint64_t child_raw, child_ticks;                /* of direct children */
    uint64_t overhead, error;                       /* cost of the pairs inside and its error, in ticks */
    uint64_t serial;                                /* of its Python timer, or 0 */
    uint64_t start;
    bp_row *sums;                                   /* where it is added up */
    uint64_t row, col;
    void *timer;                                    /* its Python timer, where `serial` is that of one */
    bp_inner inner[BP_LEVELS];                      /* kept when sampling */
    uint8_t level, timed;
    uint8_t orphan;                                 /* why nobody can stop it any more, or 0 */
} __attribute__((aligned(64))) bp_frame;

typedef struct bp_event {
    uint64_t start, stop, row, col;
    uint32_t brick, level;
} bp_event;

/* Calibrated cost of one kind of start/stop pair, in ticks. */
typedef struct bp_cost {
    uint64_t inside;                                /* between its two clock reads */
    uint64_t pair;                                  /* in all */
    uint64_t skipped;                               /* in all, when sampling skips the tile */
    uint64_t inside_error, pair_error;              /* how far the costs may be from the true ones */
} bp_cost;

/* Why a recorder takes the slow path, as bits of bp_recorder.slow_path. */
enum {
    BP_SAMPLES = 1, BP_LISTS = 2, BP_OVERFULL = 4, BP_UNOBSERVED = 8, BP_REQUESTED = 16,
    BP_GRIDDED = 32                                 /* has a path of its own where it is alone */
};
#define BP_SLOW_START (BP_SAMPLES | BP_UNOBSERVED | BP_REQUESTED)

typedef struct bp_recorder bp_recorder;
typedef struct bp_request bp_request;               /* of other threads, to the one that records */

struct bp_recorder {
    uint32_t abi, clock, misuse, too_deep;
    uint32_t slow_path;                             /* 0 on the fast path; other threads set bits */
    uint64_t ns_per_tick_q32;                       /* nanoseconds per tick, 32 fractional bits */
    bp_cost cost;                                   /* of a pair through this header */
    bp_brick *brick;                                /* that new tiles belong to */
    bp_frame *top;                                  /* innermost open tile, or base */
    bp_frame *base;                                 /* tiles up to here are outside the brick */
    uint64_t version;                               /* odd while a tile is added to its row */
    bp_row *pending;                                /* of the tile not yet in its histogram */
    uint64_t pending_ticks;                         /* that tile's corrected time */
    uint64_t manual_ticks;                          /* the time of BP_CLOCK_MANUAL */
    uint64_t serial;                                /* of the last timer made */
    uint64_t sample_every, random;                  /* random: never 0; see bp_draw */
    bp_event *events;
    uint64_t events_capacity, events_used, events_dropped;
    uint64_t steps_back;                            /* tiles during which the clock stepped back */
    void (*observe)(bp_recorder *recorder);         /* reads `seen` anew; NULL without readings */
    uint64_t observe_at, observe_ticks;             /* when the next reading is due, and how often */
    bp_usage seen;                                  /* the last reading on this thread */
    uint64_t seen_outer;                            /* ticks in outermost tiles until then */
    int named;                                      /* whether `brick` was entered by name */
    void (*serve)(bp_recorder *recorder);           /* does what other threads request */
    bp_request *request;
    bp_brick **bricks;                              /* by number; NULL where nothing was recorded */
    uint32_t bricks_len;
    bp_frame frames[BP_MAX_DEPTH + 1];              /* frames[0] is the root, never a tile */
    uint64_t seen_by;                               /* the thread that `seen` was read on */
};

/* The recorders of a call by number of thread: NULL each where the profiler is off. Its count is 0
 * once they were given back. */
typedef struct bp_recorder_table {
    uint64_t count;
    bp_recorder **recorders;
    uint64_t threads;                               /* one more than the largest number asked for */
} bp_recorder_table;

/* Return the recorder of a thread, or NULL, noting the number, where there is none. */
static inline bp_recorder *bp_recorder_of_thread(bp_recorder_table *table, uint64_t thread) {
    if (BP_LIKELY(thread < table->count)) return table->recorders[thread];
    if (thread >= BP_GET(table->threads)) BP_SET(table->threads, thread + 1 ? thread + 1 : thread);
    return NULL;
}

#if defined(CLOCK_MONOTONIC)
typedef struct timespec bp_timespec;
#define BP_MONOTONIC CLOCK_MONOTONIC
#define bp_clock_gettime clock_gettime
#elif defined(__linux__)
/* <time.h> hides POSIX under -std=c99 and -std=c11, but the function is there. */
typedef struct bp_timespec {
    int64_t tv_sec, tv_nsec;
} bp_timespec;
#define BP_MONOTONIC 1
extern int bp_clock_gettime(int clock, bp_timespec *time) __asm__("clock_gettime");
#else
#error "brickprof/tile.h needs clock_gettime: define _POSIX_C_SOURCE as 200112L before <time.h>"
#endif

BP_INLINE uint64_t bp_read_clock_gettime(void) {
    bp_timespec t;
    bp_clock_gettime(BP_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Read a clock that needs no state; 0 for one that this machine lacks. */
BP_INLINE uint64_t bp_read_clock(uint32_t clock) {
#if defined(__x86_64__)
    if (__builtin_expect(clock == BP_CLOCK_TSC, 1)) return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    if (__builtin_expect(clock == BP_CLOCK_CNTVCT, 1)) {
        uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
#endif
    return clock == BP_CLOCK_GETTIME ? bp_read_clock_gettime() : 0;
}

BP_COLD uint64_t bp_now_slow(const bp_recorder *r) {
    return r->clock == BP_CLOCK_MANUAL ? BP_GET(r->manual_ticks) : bp_read_clock(r->clock);
}

BP_HOT uint64_t bp_now(const bp_recorder *r) {
#if defined(__x86_64__)
    if (BP_LIKELY(r->clock == BP_CLOCK_TSC)) return bp_read_clock(BP_CLOCK_TSC);
#elif defined(__aarch64__)
    if (BP_LIKELY(r->clock == BP_CLOCK_CNTVCT)) return bp_read_clock(BP_CLOCK_CNTVCT);
#endif
    return bp_now_slow(r);
}

/* Ticks to nanoseconds, rounded to nearest. */
BP_INLINE uint64_t bp_ns(const bp_recorder *r, uint64_t ticks) {
    return (uint64_t)(((bp_u128)ticks * r->ns_per_tick_q32 + 0x80000000u) >> 32);
}

/* Bucket of a time; the layout is brickprof.core.histograms.bucket_of. */
BP_INLINE uint32_t bp_bucket(uint64_t ns) {
    uint32_t shift = (uint32_t)(58 - __builtin_clzll(ns | 32));
    return shift * 32 + (uint32_t)(ns >> shift);
}

/* Draw a whole number below a bound: xorshift64 of G. Marsaglia, Xorshift RNGs, 2003, scaled. */
BP_INLINE uint64_t bp_draw(bp_recorder *r, uint64_t bound) {
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return (uint64_t)((bp_u128)r->random * bound >> 64);
}

/* Set or clear bits of slow_path, whoever else does so at the same time. */
BP_INLINE void bp_slow_on(bp_recorder *r, uint32_t bits) {
    __atomic_fetch_or(&r->slow_path, bits, __ATOMIC_RELEASE);
}

BP_INLINE void bp_slow_off(bp_recorder *r, uint32_t bits) {
    __atomic_fetch_and(&r->slow_path, ~bits, __ATOMIC_RELEASE);
}

/* Begin to change a row, or to go on: until bp_end its readers find an odd version, and try again. A
 * sequence lock, as in H.-J. Boehm, Can seqlocks get along with programming language memory models?,
 * MSPC 2012, section 4. */
BP_HOT void bp_begin(bp_recorder *r) {
    BP_SET(r->version, BP_GET(r->version) | 1);
#if defined(__SANITIZE_THREAD__)
    __atomic_fetch_add(&r->version, 0, __ATOMIC_ACQ_REL); /* it knows of no fences */
#else
    __atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

BP_HOT void bp_end(bp_recorder *r) {
    __atomic_store_n(&r->version, (BP_GET(r->version) | 1) + 1, __ATOMIC_RELEASE);
}

/* Count a tile in its row's window and tell whether it is the one to time. */
BP_INLINE int bp_sampled(bp_recorder *r, bp_row *row) {
    int timed = row->started == row->chosen;
    BP_INCREASE(row->started, 1);
    if (row->started == r->sample_every) {
        BP_SET(row->started, 0);
        BP_SET(row->chosen, bp_draw(r, r->sample_every));
    }
    return timed;
}

/* Open a tile when sampling, when something is requested, or as the first one on a thread that was not
 * observed yet. */
BP_COLD void bp_push_slow(bp_recorder *r, bp_frame *f) {
    if (BP_GET(r->slow_path) & BP_REQUESTED) {
        bp_begin(r);
        r->serve(r);
        bp_end(r);
    }
    if (BP_GET(r->slow_path) & BP_UNOBSERVED) r->observe(r);
    if (!(BP_GET(r->slow_path) & BP_SAMPLES)) return;
    f->timed = (uint8_t)bp_sampled(r, f->sums);
    memset(f->inner, 0, sizeof f->inner);
}

/* Open a tile whose clock is still to be read: the caller sets top->start last of all. */
BP_HOT void bp_push(bp_recorder *r, int level, uint64_t row, uint64_t col) {
    bp_frame *f = r->top + 1;
    if (BP_UNLIKELY((unsigned)level >= BP_LEVELS)) {
        r->misuse |= BP_NO_SUCH_LEVEL;
        level = BP_MICRO;
    }
    if (BP_UNLIKELY(level < r->top->level)) r->misuse |= BP_COARSER_INSIDE;
    f->child_raw = f->child_ticks = f->overhead = f->error = 0;
    BP_SET(f->serial, 0);
    f->sums = &r->brick->rows[level];
    f->row = row;
    f->col = col;
    f->level = (uint8_t)level;
    f->timed = 1;
    BP_SET(f->orphan, 0);
    if (BP_UNLIKELY(BP_GET(r->slow_path) & BP_SLOW_START)) bp_push_slow(r, f);
    __atomic_store_n(&r->top, f, __ATOMIC_RELEASE);
}

/* Put the tile that was stopped last into its histogram: a tile late, because the bucket's
 * address depends on the clock reading of the stop, and a store to an address that is not known
 * yet holds up the loads behind it. The caller then sets `pending` anew. */
BP_HOT void bp_flush_pending(bp_recorder *r) {
    bp_row *row = r->pending;
    bp_begin(r);
    if (BP_LIKELY(row != NULL))
        BP_INCREASE(row->histogram[bp_bucket(bp_ns(r, r->pending_ticks))], 1);
}

BP_INLINE void bp_add_inner(bp_inner *sum, uint64_t count, uint64_t timed, uint64_t raw_ticks,
                                uint64_t ticks) {
    BP_INCREASE(sum->count, count);
    BP_INCREASE(sum->timed, timed);
    BP_INCREASE(sum->raw_ticks, raw_ticks);
    BP_INCREASE(sum->ticks, ticks);
}

/* Note that the clock stepped back during a tile; return its time, 0 if it stopped before its start. */
BP_COLD uint64_t bp_step_back(bp_recorder *r, uint64_t raw) {
    BP_INCREASE(r->steps_back, 1);
    return (int64_t)raw < 0 ? 0 : raw;
}

/* Raise a corrected time to that of the tiles inside: it was corrected by too much. */
BP_COLD int64_t bp_raise(bp_frame *f, int64_t ticks) {
    if (f->overhead == 0) return ticks;             /* nothing is inside */
    BP_INCREASE(f->sums->raised, f->child_ticks - (uint64_t)ticks);
    return (int64_t)f->child_ticks;
}

/* Add a tile's time to its own row and to its parent; return its corrected time. That of a tile
 * shorter than the clock's step may be negative: only so is the sum of many unbiased. */
BP_HOT uint64_t bp_add_time(bp_recorder *r, bp_frame *f, uint64_t raw, const bp_cost *cost) {
    bp_row *sums = f->sums;
    bp_frame *parent = f - 1;
    int64_t signed_ticks = (int64_t)(raw - cost->inside - f->overhead);
    uint64_t ticks;
    if (BP_UNLIKELY(signed_ticks < (int64_t)f->child_ticks)) {
        if ((int64_t)raw < (int64_t)f->child_raw) {     /* or is shorter than the tiles inside */
            raw = bp_step_back(r, raw);
            signed_ticks = (int64_t)(raw - cost->inside - f->overhead);
        }
        signed_ticks = bp_raise(f, signed_ticks);
    }
    ticks = signed_ticks > 0 ? (uint64_t)signed_ticks : 0;
    BP_INCREASE(sums->timed, 1);
    BP_INCREASE(sums->raw_ticks, raw);
    BP_INCREASE(sums->ticks, (uint64_t)signed_ticks);
    BP_INCREASE(sums->child_raw, f->child_raw);
    BP_INCREASE(sums->child_ticks, f->child_ticks);
    if (ticks < sums->min_ticks) BP_SET(sums->min_ticks, ticks);
    if (ticks > sums->max_ticks) BP_SET(sums->max_ticks, ticks);
    parent->child_raw += raw;
    parent->child_ticks += (uint64_t)signed_ticks;
    parent->overhead += f->overhead + cost->pair;
    parent->error += f->error + cost->pair_error;
    BP_INCREASE(sums->error, f->error + cost->inside_error);
    BP_SET(r->pending, sums);
    BP_SET(r->pending_ticks, ticks);
    if (parent == r->frames) {
        BP_INCREASE(sums->outer_raw, raw);
        if (BP_UNLIKELY(f->start + raw > r->observe_at)) r->observe(r);
    }
    return (uint64_t)signed_ticks;
}

/* Add a cell to another one and empty it. */
BP_HOT void bp_add_cells(bp_cell *sum, bp_cell *cell) {
    BP_INCREASE(sum->tiles, cell->tiles);
    BP_INCREASE(sum->ticks, cell->ticks);
    if (cell->max_ticks > sum->max_ticks) BP_SET(sum->max_ticks, cell->max_ticks);
    BP_SET(cell->tiles, 0);
    BP_SET(cell->ticks, 0);
    BP_SET(cell->max_ticks, 0);
}

/* Let each cell have twice as many rows (stride: of a row of cells) or columns of tiles. */
BP_COLD void bp_double_cells(bp_grid *g, uint64_t *shift, uint64_t *used, uint64_t stride) {
    const uint64_t others = used == &g->rows ? g->cols : g->rows;
    const uint64_t across = used == &g->rows ? 1 : g->size;
    for (uint64_t i = 1; i < *used; i++)
        for (uint64_t j = 0; j < others; j++) {
            bp_cell *cell = &g->cells[i * stride + j * across];
            bp_add_cells(cell - (i - i / 2) * stride, cell);
        }
    BP_SET(*used, (*used + 1) / 2);
    BP_INCREASE(*shift, 1);
}

/* Make place for a tile that is in none of the cells used so far. */
BP_COLD void bp_widen_grid(bp_grid *g, uint64_t row, uint64_t col) {
    while (row >> g->row_shift >= g->size) bp_double_cells(g, &g->row_shift, &g->rows, g->size);
    while (col >> g->col_shift >= g->size) bp_double_cells(g, &g->col_shift, &g->cols, 1);
    if (row >> g->row_shift >= g->rows) BP_SET(g->rows, (row >> g->row_shift) + 1);
    if (col >> g->col_shift >= g->cols) BP_SET(g->cols, (col >> g->col_shift) + 1);
}

/* Put a tile among the slowest, after those that took as long. */
BP_COLD void bp_add_slow_tile(bp_grid *g, const bp_frame *f, uint64_t ticks) {
    uint64_t place = g->slow_tiles < BP_SLOWEST ? g->slow_tiles : BP_SLOWEST - 1;
    if (g->slow_tiles < BP_SLOWEST) BP_INCREASE(g->slow_tiles, 1);
    for (; place > 0 && g->slowest[place - 1].ticks < ticks; place--) {
        bp_slow_tile *from = &g->slowest[place - 1], *to = &g->slowest[place];
        BP_SET(to->ticks, from->ticks);
        BP_SET(to->start, from->start);
        BP_SET(to->row, from->row);
        BP_SET(to->col, from->col);
    }
    BP_SET(g->slowest[place].ticks, ticks);
    BP_SET(g->slowest[place].start, f->start);
    BP_SET(g->slowest[place].row, f->row);
    BP_SET(g->slowest[place].col, f->col);
}

/* Return the cell that a tile lies in. */
BP_HOT bp_cell *bp_cell_of(const bp_frame *f) {
    bp_grid *g = f->sums->grid;
    if (BP_UNLIKELY(f->row >> g->row_shift >= g->rows || f->col >> g->col_shift >= g->cols))
        bp_widen_grid(g, f->row, f->col);
    return &g->cells[(f->row >> g->row_shift) * g->size + (f->col >> g->col_shift)];
}

/* Add a tile's corrected time, which may be negative, to its cell. */
BP_HOT void bp_add_to_cell(const bp_frame *f, bp_cell *cell, uint64_t signed_ticks) {
    bp_grid *g = f->sums->grid;
    const uint64_t ticks = (int64_t)signed_ticks > 0 ? signed_ticks : 0;
    BP_INCREASE(cell->tiles, 1);
    BP_INCREASE(cell->ticks, signed_ticks);
    if (ticks > cell->max_ticks) BP_SET(cell->max_ticks, ticks);
    if (BP_UNLIKELY(ticks > g->slowest[BP_SLOWEST - 1].ticks || g->slow_tiles < BP_SLOWEST))
        bp_add_slow_tile(g, f, ticks);
}

BP_INLINE void bp_add_event(bp_recorder *r, const bp_frame *f, uint64_t now) {
    const uint64_t stop = now > f->start ? now : f->start;
    bp_event *e = &r->events[r->events_used];
    if (r->events_used == r->events_capacity) {
        BP_INCREASE(r->events_dropped, 1);
        return;
    }
    e->start = f->start, e->stop = stop, e->row = f->row, e->col = f->col;
    e->brick = f->sums->brick, e->level = f->level;
    __atomic_store_n(&r->events_used, r->events_used + 1, __ATOMIC_RELEASE);
}

/* Add a tile's time when sampling or when keeping single tiles. */
BP_COLD void bp_add_time_slow(bp_recorder *r, bp_frame *f, uint64_t now, const bp_cost *cost) {
    bp_inner *inner = &f[-1].inner[f->level];
    int outermost = f - 1 == r->frames;
    if (f->timed) {
        uint64_t raw = now - f->start, ticks = bp_add_time(r, f, raw, cost);
        bp_add_inner(inner, 1, 1, raw, ticks);
        BP_INCREASE(f->sums->outer_timed, (uint64_t)outermost);
        if (r->events_capacity) bp_add_event(r, f, now);
        if (f->sums->grid != NULL) bp_add_to_cell(f, bp_cell_of(f), ticks);
    } else {
        BP_SET(r->pending, NULL);
        BP_INCREASE(f->sums->skipped, 1);
        BP_INCREASE(f->sums->outer_skipped, (uint64_t)outermost);
        f[-1].overhead += f->overhead + cost->skipped;
        bp_add_inner(inner, 1, 0, 0, 0);
    }
    if (!(BP_GET(r->slow_path) & BP_SAMPLES)) return;
    for (int level = 0; level < BP_LEVELS; level++) {
        const bp_inner *own = &f->inner[level];
        bp_add_inner(&f->sums->inner[level], own->count, own->timed, own->raw_ticks, own->ticks);
    }
}

/* Count the bytes of a tile that does not know them and return those still to be added. */
BP_INLINE uint64_t bp_assume(bp_row *sums, uint64_t elements) {
    bp_u128 assumed = (bp_u128)elements * sums->itemsize;
    BP_INCREASE(sums->undeclared, 1);
    BP_INCREASE(sums->nbytes.carry, (uint64_t)(assumed >> 64));
    return (uint64_t)assumed;
}

/* Note that tiles of a row differ in their work, or the work of the first. A row's minimum begins at
 * UINT64_MAX: where it has sums already, tiles had just that work. */
BP_COLD void bp_note_work(bp_row *sums, uint64_t work) {
    if (sums->min_work == UINT64_MAX &&
        (sums->elements.low | sums->elements.carry | sums->flops.low | sums->flops.carry))
        BP_SET(sums->max_work, UINT64_MAX);
    if (work < sums->min_work) BP_SET(sums->min_work, work);
    if (work > sums->max_work) BP_SET(sums->max_work, work);
}

/* Add a tile's work to its row. */
BP_HOT void bp_add_work(bp_row *sums, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    const uint64_t work = elements + flops;
    if (BP_UNLIKELY(work != sums->min_work)) bp_note_work(sums, work);
    bp_add(&sums->elements, elements);
    bp_add(&sums->flops, flops);
    if (nbytes == BP_UNDECLARED) nbytes = bp_assume(sums, elements);
    bp_add(&sums->nbytes, nbytes);
}

/* Close the innermost tile off the fast path. */
BP_COLD void bp_pop_slow(bp_recorder *r, uint64_t now, uint64_t elements, uint64_t flops,
                         uint64_t nbytes, const bp_cost *cost) {
    bp_add_work(r->top->sums, elements, flops, nbytes);
    bp_add_time_slow(r, r->top, now, cost);
    if (BP_GET(r->slow_path) & BP_REQUESTED) r->serve(r);
}

/* Close the innermost tile at a time that was read already, after bp_flush_pending; cost is that of
 * the entry point. */
BP_HOT void bp_pop(bp_recorder *r, uint64_t now, uint64_t elements, uint64_t flops,
                   uint64_t nbytes, const bp_cost *cost) {
    bp_frame *f = r->top;
    if (BP_UNLIKELY(BP_GET(r->slow_path))) {
        bp_pop_slow(r, now, elements, flops, nbytes, cost);
    } else {
        bp_add_work(f->sums, elements, flops, nbytes);
        bp_add_time(r, f, now - f->start, cost);
    }
    BP_SET(r->top, f - 1);
    bp_end(r);
}

BP_COLD void bp_start_overfull(bp_recorder *r) {
    r->misuse |= BP_TOO_DEEP;
    bp_slow_on(r, BP_OVERFULL);
    r->too_deep++;
}

/* Start a tile; row and col are its place in the parent tile. */
BP_HOT void bp_start(bp_recorder *r, int level, uint64_t row, uint64_t col) {
    if (r == NULL) return;
    if (BP_UNLIKELY(r->top == r->frames + BP_MAX_DEPTH)) {
        bp_start_overfull(r);
        return;
    }
    bp_push(r, level, row, col);
    if (BP_UNLIKELY(BP_GET(r->slow_path) & BP_SAMPLES) && !r->top->timed) return;
    r->top->start = bp_now(r);
}

/* Stop a tile, or note that none can be: the slow path of bp_stop. */
BP_COLD void bp_stop_slow(bp_recorder *r, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    uint64_t now = r->top->timed ? bp_now(r) : 0;
    if (r->too_deep != 0) {
        if (--r->too_deep == 0) bp_slow_off(r, BP_OVERFULL);
    } else if (r->top == r->base) {
        r->misuse |= BP_NOTHING_OPEN;
    } else {
        bp_flush_pending(r);
        bp_pop(r, now, elements, flops, nbytes, &r->cost);
    }
}

/* Stop the innermost tile on the fast path, but with a grid. The cell is looked up before the clock is
 * read, since on AMD the next reading waits for the addresses of all stores before it. */
BP_SHARED __attribute__((noinline)) void bp_stop_gridded(
    bp_recorder *r, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    bp_frame *f = r->top;
    bp_cell *cell;
    uint64_t now;
    bp_flush_pending(r);
    cell = bp_cell_of(f);
    now = bp_now(r);
    bp_add_work(f->sums, elements, flops, nbytes);
    bp_add_to_cell(f, cell, bp_add_time(r, f, now - f->start, &r->cost));
    BP_SET(r->top, f - 1);
    bp_end(r);
}

/* Stop the innermost tile, declaring its work; nbytes are those between its cache and the core,
 * or BP_UNDECLARED. */
BP_HOT void bp_stop(bp_recorder *r, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    uint32_t slow_path;
    uint64_t now;
    if (r == NULL) return;
    slow_path = BP_GET(r->slow_path);
    if (BP_UNLIKELY(slow_path) || BP_UNLIKELY(r->top == r->base)) {
        if (slow_path == BP_GRIDDED && r->top != r->base)
            bp_stop_gridded(r, elements, flops, nbytes);
        else
            bp_stop_slow(r, elements, flops, nbytes);
        return;
    }
    bp_flush_pending(r);
    now = bp_now(r);
    bp_pop(r, now, elements, flops, nbytes, &r->cost);
}

/* Note the loaded and the stored bytes of the innermost tile, which is about to be stopped with
 * their sum. */
BP_INLINE void bp_split(bp_recorder *r, uint64_t loaded, uint64_t stored) {
    bp_row *sums = r->top->sums;
    bp_begin(r);
    bp_add(&sums->loaded, loaded);
    bp_add(&sums->stored, stored);
    BP_INCREASE(sums->split, 1);
}

/* Note a number in the upper half of 64 bits, to which only negative ones and BP_UNDECLARED lead. */
BP_COLD void bp_note_negative(bp_recorder *r) {
    if (r != NULL) r->misuse |= BP_NEGATIVE;
}

/* Stop the innermost tile like bp_stop, declaring the bytes that it loaded from its cache and those
 * that it stored to it. Both are known: a number of 2^63 or more, such as BP_UNDECLARED, is misuse, and
 * the tile has no work then. */
BP_INLINE void bp_stop_split(bp_recorder *r, uint64_t elements, uint64_t flops,
                                 uint64_t loaded, uint64_t stored) {
    if (r == NULL) return;
    if (BP_UNLIKELY((elements | flops | loaded | stored) >> 63)) {
        bp_note_negative(r);
        elements = flops = loaded = stored = 0;
    }
    if (r->too_deep == 0 && r->top != r->base) bp_split(r, loaded, stored);
    bp_stop(r, elements, flops, loaded + stored);
}

#ifdef __cplusplus
}
#endif
#endif
