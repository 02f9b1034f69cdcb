/* requests.h: what other threads ask of one that records: to forget all, or a copy of some memory.
 *
 * A thread that records without the GIL can neither be stopped nor waited for. Others read its rows
 * under the sequence lock of tile.h; where tiles come too fast for that, it makes the copy itself, at
 * the end of its next tile. Requests are made by one thread at a time, which holds the GIL. */
#ifndef BRICKPROF_REQUESTS_H
#define BRICKPROF_REQUESTS_H

#include <sched.h>
#include <string.h>
#include <time.h>

#include "brickprof/tile.h"

enum { BP_COPY_NONE = 0, BP_COPY_WANTED = 1, BP_COPY_RUNS = 2, BP_COPY_DONE = 3 };

/* A row with its latest tile in its histogram, and what was seen of the thread in its brick. */
typedef struct bp_row_copy {
    bp_row row;
    bp_usage usage;
    uint32_t first, last;                           /* buckets that may not be empty */
    uint64_t histogram[BP_BUCKETS];
    bp_grid grid;                                   /* with memory for its cells, or NULL: not copied */
} bp_row_copy;

struct bp_request {
    uint32_t clear;                                 /* forget all before the next tile is added */
    uint32_t copy;
    const bp_brick *brick;                          /* of which a copy is wanted, and its level */
    int level;
    bp_cell *cells;                                 /* memory for a grid's, or NULL without grids */
    int with_grid;                                  /* whether the copy is to have its grid */
    uint64_t seed;                                  /* that bp_recorder.random starts at */
    bp_row_copy served;
};

#define BP_REQUEST_BYTES sizeof(struct bp_request)

/* Give the thread that records memory to copy a grid's cells to. */
static inline void bp_set_cells(bp_request *request, bp_cell *cells) {
    request->cells = cells;
}

/* Copy 64-bit words that another thread may be storing. */
static inline void bp_copy_words(void *to, const void *from, size_t bytes) {
    typedef uint64_t __attribute__((may_alias)) word;
    for (size_t i = 0; i < bytes / sizeof(word); i++)
        ((word *)to)[i] = BP_GET(((const word *)from)[i]);
}

/* Copy a row's grid into one that has memory for as many cells. */
static inline void bp_copy_grid(const bp_grid *from, bp_grid *to) {
    bp_cell *cells = to->cells;
    bp_copy_words(to, from, sizeof *to);
    to->cells = cells;
    if (to->rows > to->size || to->cols > to->size) return; /* one that is being changed */
    for (uint64_t i = 0; i < to->rows; i++)
        bp_copy_words(&cells[i * to->size], &from->cells[i * to->size],
                      to->cols * sizeof(bp_cell));
}

/* Empty a grid. Cells in rows and columns that were never used may have no memory yet. */
static inline void bp_clear_grid(bp_grid *g) {
    for (uint64_t i = 0; i < g->rows; i++)
        for (uint64_t j = 0; j < g->cols; j++) {
            bp_cell *cell = &g->cells[i * g->size + j];
            BP_SET(cell->tiles, 0);
            BP_SET(cell->ticks, 0);
            BP_SET(cell->max_ticks, 0);
        }
    for (int i = 0; i < BP_SLOWEST; i++) BP_SET(g->slowest[i].ticks, 0);
    BP_SET(g->slow_tiles, 0);
    BP_SET(g->rows, 0);
    BP_SET(g->cols, 0);
    BP_SET(g->row_shift, 0);
    BP_SET(g->col_shift, 0);
}

/* Copy a level of a brick, which is of no use where a tile was added meanwhile. */
static inline void bp_copy_row(bp_recorder *r, const bp_brick *brick, int level, bp_row_copy *to) {
    const bp_row *from = &brick->rows[level];
    bp_copy_words(&to->row, from, sizeof to->row);
    bp_copy_words(&to->usage, &brick->usage, sizeof to->usage);
    if (to->grid.cells != NULL) bp_copy_grid(from->grid, &to->grid);
    to->first = to->last = 0;
    if (to->row.timed == 0) {
        to->histogram[0] = 0;
        return;
    }
    const uint32_t first = bp_bucket(bp_ns(r, to->row.min_ticks));
    const uint32_t last = bp_bucket(bp_ns(r, to->row.max_ticks));
    if (first > last || last >= BP_BUCKETS) return; /* a row that is being changed */
    to->first = first, to->last = last;
    bp_copy_words(&to->histogram[first], &brick->histograms[level][first],
                  (last - first + 1) * sizeof(uint64_t));
    if (BP_GET(r->pending) == from) {
        const uint32_t bucket = bp_bucket(bp_ns(r, BP_GET(r->pending_ticks)));
        if (first <= bucket && bucket <= last) to->histogram[bucket]++;
    }
}

/* Make a row that of no tile. Buckets between the extremes alone were ever written to; others may have
 * no memory yet, and zeroing would give it some. */
static inline void bp_clear_row(bp_recorder *r, bp_brick *brick, int level) {
    bp_row *row = &brick->rows[level];
    if (row->timed) {
        const uint32_t last = bp_bucket(bp_ns(r, row->max_ticks));
        for (uint32_t i = bp_bucket(bp_ns(r, row->min_ticks)); i <= last; i++)
            BP_SET(brick->histograms[level][i], 0);
    }
    const uint32_t number = row->brick, itemsize = row->itemsize;
    for (size_t i = 0; i < sizeof *row / sizeof(uint64_t); i++) {
        typedef uint64_t __attribute__((may_alias)) word;
        if (i != offsetof(bp_row, histogram) / sizeof(uint64_t) &&
            i != offsetof(bp_row, grid) / sizeof(uint64_t))
            BP_SET(((word *)row)[i], 0);
    }
    if (row->grid != NULL) bp_clear_grid(row->grid);
    BP_SET(row->min_ticks, UINT64_MAX);
    BP_SET(row->min_work, UINT64_MAX);
    BP_SET(row->brick, number);
    BP_SET(row->itemsize, itemsize);
}

/* Forget all that was recorded; called by the thread that records, or where none does. A tile that is
 * open now is added later, but for one that ends with this. */
static inline void bp_clear(bp_recorder *r) {
    for (uint32_t i = 0; i < r->bricks_len; i++) {
        bp_brick *brick = r->bricks[i];
        if (brick == NULL) continue;
        for (int level = 0; level < BP_LEVELS; level++) bp_clear_row(r, brick, level);
        for (size_t j = 0; j < sizeof brick->usage / sizeof(uint64_t); j++)
            BP_SET(((uint64_t *)&brick->usage)[j], 0);
    }
    BP_SET(r->pending, NULL);
    BP_SET(r->events_used, 0);
    BP_SET(r->events_dropped, 0);
    BP_SET(r->steps_back, 0);
    r->random = r->request->seed;
    r->seen_outer = 0;
    __atomic_store_n(&r->request->clear, 0, __ATOMIC_RELEASE);
}

/* Start drawing which tiles to time from a number. */
static inline void bp_seed(bp_recorder *r, uint64_t seed) {
    r->request->seed = r->random = seed;
}

/* Do what was asked for, between two tiles and within bp_begin and bp_end. */
static inline void bp_serve(bp_recorder *r) {
    bp_request *request = r->request;
    uint32_t wanted = BP_COPY_WANTED;
    bp_slow_off(r, BP_REQUESTED);
    if (__atomic_compare_exchange_n(&request->copy, &wanted, BP_COPY_RUNS, 0, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        request->served.grid.cells = request->with_grid ? request->cells : NULL;
        bp_copy_row(r, request->brick, request->level, &request->served);
        __atomic_store_n(&request->copy, BP_COPY_DONE, __ATOMIC_RELEASE);
    }
    if (__atomic_load_n(&request->clear, __ATOMIC_ACQUIRE)) bp_clear(r);
}

/* Ask the thread that records to forget all before it adds another tile. */
static inline void bp_request_clear(bp_recorder *r) {
    __atomic_store_n(&r->request->clear, 1, __ATOMIC_RELEASE);
    bp_slow_on(r, BP_REQUESTED);
}

/* Whether all that is there is still to be forgotten. */
static inline int bp_to_be_cleared(const bp_recorder *r) {
    return (int)__atomic_load_n(&r->request->clear, __ATOMIC_ACQUIRE);
}

/* Copy a level of a brick if no tile is added meanwhile. */
static inline int bp_try_copy(bp_recorder *r, const bp_brick *brick, int level, bp_row_copy *to) {
    const uint64_t before = __atomic_load_n(&r->version, __ATOMIC_ACQUIRE);
    if (before & 1) return 0;
    bp_copy_row(r, brick, level, to);
#if defined(__SANITIZE_THREAD__)
    return __atomic_fetch_add(&r->version, 0, __ATOMIC_ACQ_REL) == before;
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return BP_GET(r->version) == before;
#endif
}

/* Take a request for a copy back; return whether it was made. */
static inline int bp_withdraw(bp_request *request) {
    uint32_t state = BP_COPY_WANTED;
    if (__atomic_compare_exchange_n(&request->copy, &state, BP_COPY_NONE, 0, __ATOMIC_ACQUIRE,
                                    __ATOMIC_ACQUIRE))
        return 0;
    while (__atomic_load_n(&request->copy, __ATOMIC_ACQUIRE) == BP_COPY_RUNS) sched_yield();
    BP_SET(request->copy, BP_COPY_NONE);
    return 1;
}

/* Read a level of a brick as it is between two tiles; 0 if its thread does not end a tile that it is
 * about to add for half a second, as after a fork that left it behind. */
static inline int bp_read_row(bp_recorder *r, const bp_brick *brick, int level, bp_row_copy *to) {
    enum { SPINS = 16, TRIES = 5000 };
    const struct timespec pause = {0, 50000};       /* takes twice as long */
    bp_request *request = r->request;
    for (int i = 0; i < TRIES; i++) {
        if (bp_try_copy(r, brick, level, to)) {
            if (i > SPINS) bp_withdraw(request);
            return 1;
        }
        if (i < SPINS) continue;
        if (i == SPINS) {
            request->brick = brick, request->level = level;
            request->with_grid = to->grid.cells != NULL;
            __atomic_store_n(&request->copy, BP_COPY_WANTED, __ATOMIC_RELEASE);
            bp_slow_on(r, BP_REQUESTED);
        }
        if (__atomic_load_n(&request->copy, __ATOMIC_ACQUIRE) == BP_COPY_DONE) break;
        nanosleep(&pause, NULL);
    }
    if (!bp_withdraw(request)) return 0;
    bp_cell *cells = to->grid.cells;
    memcpy(to, &request->served, sizeof *to);
    to->grid.cells = cells;
    if (cells != NULL) bp_copy_grid(&request->served.grid, &to->grid);
    return 1;
}

#endif
