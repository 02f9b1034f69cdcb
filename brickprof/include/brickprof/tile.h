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

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_ABI 1                                    /* of bp_recorder; part of BP_CAPSULE */
#define BP_CAPSULE "brickprof.recorder.1"
#define BP_MAX_DEPTH 32                             /* tiles open at once on a thread */
#define BP_BUCKETS 1920                             /* brickprof.stats.BUCKETS */
#define BP_UNDECLARED UINT64_MAX                    /* nbytes of a tile that does not know them */

enum { BP_MACRO = 0, BP_MIDI = 1, BP_MICRO = 2, BP_LEVELS = 3 };
enum { BP_CLOCK_GETTIME = 0, BP_CLOCK_TSC = 1, BP_CLOCK_CNTVCT = 2, BP_CLOCK_MANUAL = 3 };

/* What was done wrong with a recorder, as bits of bp_recorder.misuse. */
enum { BP_TOO_DEEP = 1, BP_NOTHING_OPEN = 2, BP_COARSER_INSIDE = 4, BP_NO_SUCH_LEVEL = 8 };

__extension__ typedef unsigned __int128 bp_u128;

/* A sum that may pass 64 bits; the carry is apart because it hardly ever moves. */
typedef struct bp_sum {
    uint64_t low, carry;
} bp_sum;

static inline void bp_add(bp_sum *sum, uint64_t x) {
    if (__builtin_expect(__builtin_add_overflow(sum->low, x, &sum->low), 0)) sum->carry++;
}

/* Tiles directly inside others, when sampling: what those that were not timed took is estimated
 * from those of the same level that were. */
typedef struct bp_inner {
    uint64_t count, timed;
    uint64_t raw_ticks, ticks;                      /* of the timed ones */
} bp_inner;

/* The tiles of one level of a brick. Sums are over timed tiles, but count, undeclared and the
 * work. When sampling, one tile in each window of sample_every is timed, at a place drawn anew for
 * each window, so that loops with a period of their own are not always sampled at the same point;
 * the first is timed in the first window, so that a row with tiles has a time. */
typedef struct bp_row {
    uint64_t count, timed, undeclared;
    uint64_t raw_ticks, ticks;                      /* inclusive: as read, and corrected */
    int64_t raw_self_ticks, self_ticks;             /* unused when sampling: see inner */
    uint64_t min_ticks, max_ticks;                  /* corrected */
    bp_sum elements, flops, nbytes;
    bp_inner inner[BP_LEVELS];                      /* by level of the tiles inside */
    uint64_t started, chosen;                       /* in this window: tiles, and the timed one */
} __attribute__((aligned(64))) bp_row;

/* The histograms come last: pages of those that stay empty are never touched. */
typedef struct bp_brick {
    bp_row rows[BP_LEVELS];
    bp_inner outer[BP_LEVELS];                      /* tiles inside no other tile */
    uint32_t id, itemsize;
    uint64_t histograms[BP_LEVELS][BP_BUCKETS];     /* corrected times in ns */
} bp_brick;

/* An open tile; on cache lines of its own, so that no load straddles two. */
typedef struct bp_frame {
    uint64_t start;
    uint64_t child_raw, child_ticks;                /* of direct children */
    uint64_t overhead;                              /* cost of the pairs inside, in ticks */
    bp_brick *brick;
    uint64_t row, col, serial;
    uint8_t level, timed, orphan;
    bp_inner inner[BP_LEVELS];                      /* kept when sampling */
} __attribute__((aligned(64))) bp_frame;

typedef struct bp_event {
    uint64_t start, stop, row, col;
    uint32_t brick, level;
} bp_event;

/* Calibrated cost of one kind of start/stop pair, in ticks. */
typedef struct bp_cost {
    uint64_t inside;                                /* between its two clock reads */
    uint64_t pair;                                  /* in all */
    uint64_t skipped;                               /* in all, when sampling passes the tile over */
} bp_cost;

typedef struct bp_recorder {
    uint32_t abi, clock, misuse, too_deep;
    uint64_t ns_per_tick_q32;                       /* nanoseconds per tick, 32 fractional bits */
    uint64_t manual_ticks;                          /* the time of BP_CLOCK_MANUAL */
    uint64_t serial;                                /* of the last tile started */
    uint64_t sample_every, random;                  /* random: never 0; see bp_draw */
    bp_cost cost;                                   /* of a pair through this header */
    bp_brick *brick;                                /* that new tiles belong to */
    bp_frame *top;                                  /* innermost open tile, or base */
    bp_frame *base;                                 /* tiles up to here are somebody else's */
    bp_event *events;
    uint64_t events_capacity, events_used, events_dropped;
    bp_frame frames[BP_MAX_DEPTH + 1];              /* frames[0] is the root, never a tile */
} bp_recorder;

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

static inline uint64_t bp_read_clock_gettime(void) {
    bp_timespec t;
    bp_clock_gettime(BP_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Read a clock that needs no state; 0 for one that this machine lacks. */
static inline uint64_t bp_read_clock(uint32_t clock) {
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

static inline uint64_t bp_now(const bp_recorder *r) {
    if (__builtin_expect(r->clock == BP_CLOCK_MANUAL, 0)) return r->manual_ticks;
    return bp_read_clock(r->clock);
}

/* Ticks to nanoseconds, rounded to nearest. */
static inline uint64_t bp_ns(const bp_recorder *r, uint64_t ticks) {
    return (uint64_t)(((bp_u128)ticks * r->ns_per_tick_q32 + 0x80000000u) >> 32);
}

/* Bucket of a time; the layout is brickprof.stats.bucket_of. */
static inline uint32_t bp_bucket(uint64_t ns) {
    uint32_t shift = (uint32_t)(58 - __builtin_clzll(ns | 32));
    return shift * 32 + (uint32_t)(ns >> shift);
}

/* Draw a whole number below a bound: xorshift64 of G. Marsaglia, Xorshift RNGs, 2003, scaled. */
static inline uint64_t bp_draw(bp_recorder *r, uint64_t bound) {
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return (uint64_t)((bp_u128)r->random * bound >> 64);
}

/* Count a tile in its row's window and tell whether it is the one to time. */
static inline int bp_sampled(bp_recorder *r, bp_row *row) {
    int timed = row->started == row->chosen;
    if (++row->started == r->sample_every) {
        row->started = 0;
        row->chosen = bp_draw(r, r->sample_every);
    }
    return timed;
}

/* Open a tile whose clock is still to be read: the caller sets top->start last of all. */
static inline void bp_push(bp_recorder *r, int level, uint64_t row, uint64_t col) {
    bp_frame *f = r->top + 1;
    if (__builtin_expect((unsigned)level >= BP_LEVELS, 0)) {
        r->misuse |= BP_NO_SUCH_LEVEL;
        level = BP_MICRO;
    }
    if (__builtin_expect(level < r->top->level, 0)) r->misuse |= BP_COARSER_INSIDE;
    f->child_raw = f->child_ticks = f->overhead = 0;
    f->brick = r->brick;
    f->row = row;
    f->col = col;
    f->serial = ++r->serial;
    f->level = (uint8_t)level;
    f->orphan = 0;
    f->timed = 1;
    if (__builtin_expect(r->sample_every > 1, 0)) {
        f->timed = (uint8_t)bp_sampled(r, &r->brick->rows[level]);
        memset(f->inner, 0, sizeof f->inner);
    }
    r->top = f;
}

static inline void bp_add_inner(bp_inner *sum, uint64_t count, uint64_t timed, uint64_t raw_ticks,
                                uint64_t ticks) {
    sum->count += count;
    sum->timed += timed;
    sum->raw_ticks += raw_ticks;
    sum->ticks += ticks;
}

/* Add a tile's time to its own row, to its parent and to the event list. */
static inline void bp_record_time(bp_recorder *r, bp_frame *f, uint64_t now, uint64_t inside) {
    bp_row *row = &f->brick->rows[f->level];
    bp_frame *parent = f - 1;
    uint64_t raw = now - f->start, cost = inside + f->overhead;
    uint64_t ticks = raw > cost ? raw - cost : 0;
    row->timed++;
    row->raw_ticks += raw;
    row->ticks += ticks;
    row->raw_self_ticks += (int64_t)(raw - f->child_raw);
    row->self_ticks += (int64_t)(ticks - f->child_ticks);
    if (ticks < row->min_ticks) row->min_ticks = ticks;
    if (ticks > row->max_ticks) row->max_ticks = ticks;
    f->brick->histograms[f->level][bp_bucket(bp_ns(r, ticks))]++;
    parent->child_raw += raw;
    parent->child_ticks += ticks;
    if (parent == r->frames) bp_add_inner(&f->brick->outer[f->level], 1, 1, raw, ticks);
    if (__builtin_expect(r->sample_every > 1, 0))
        bp_add_inner(&parent->inner[f->level], 1, 1, raw, ticks);
    if (__builtin_expect(r->events_capacity != 0, 0)) {
        if (r->events_used < r->events_capacity) {
            bp_event *e = &r->events[r->events_used++];
            e->start = f->start, e->stop = now, e->row = f->row, e->col = f->col;
            e->brick = f->brick->id, e->level = f->level;
        } else {
            r->events_dropped++;
        }
    }
}

/* Close the innermost tile at a time that was read already; cost is that of its door. */
static inline void bp_pop(bp_recorder *r, uint64_t now, uint64_t elements, uint64_t flops,
                          uint64_t nbytes, const bp_cost *cost) {
    bp_frame *f = r->top;
    bp_row *row = &f->brick->rows[f->level];
    row->count++;
    bp_add(&row->elements, elements);
    bp_add(&row->flops, flops);
    if (__builtin_expect(nbytes == BP_UNDECLARED, 0)) {
        bp_u128 assumed = (bp_u128)elements * f->brick->itemsize;
        row->undeclared++;
        row->nbytes.carry += (uint64_t)(assumed >> 64);
        nbytes = (uint64_t)assumed;
    }
    bp_add(&row->nbytes, nbytes);
    if (__builtin_expect(f->timed, 1)) {
        bp_record_time(r, f, now, cost->inside);
        f[-1].overhead += f->overhead + cost->pair;
    } else {
        f[-1].overhead += f->overhead + cost->skipped;
        bp_add_inner(&f[-1].inner[f->level], 1, 0, 0, 0);
        if (f - 1 == r->frames) bp_add_inner(&f->brick->outer[f->level], 1, 0, 0, 0);
    }
    if (__builtin_expect(r->sample_every > 1, 0)) {
        for (int level = 0; level < BP_LEVELS; level++) {
            const bp_inner *inner = &f->inner[level];
            bp_add_inner(&row->inner[level], inner->count, inner->timed, inner->raw_ticks,
                         inner->ticks);
        }
    }
    r->top = f - 1;
}

/* Start a tile; row and col are its place in the parent tile. */
static inline void bp_start(bp_recorder *r, int level, uint64_t row, uint64_t col) {
    if (r == NULL) return;
    if (__builtin_expect(r->top == r->frames + BP_MAX_DEPTH, 0)) {
        r->misuse |= BP_TOO_DEEP;
        r->too_deep++;
        return;
    }
    bp_push(r, level, row, col);
    if (__builtin_expect(r->top->timed, 1)) r->top->start = bp_now(r);
}

/* Stop the innermost tile, declaring its work; nbytes are those between its cache and the core,
 * or BP_UNDECLARED. */
static inline void bp_stop(bp_recorder *r, uint64_t elements, uint64_t flops, uint64_t nbytes) {
    uint64_t now;
    if (r == NULL) return;
    now = __builtin_expect(r->top->timed, 1) ? bp_now(r) : 0;
    if (__builtin_expect(r->too_deep != 0, 0)) {
        r->too_deep--;
        return;
    }
    if (__builtin_expect(r->top == r->base, 0)) {
        r->misuse |= BP_NOTHING_OPEN;
        return;
    }
    bp_pop(r, now, elements, flops, nbytes, &r->cost);
}

#ifdef __cplusplus
}
#endif
#endif
