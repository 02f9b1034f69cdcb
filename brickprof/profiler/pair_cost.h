/* pair_cost.h: what a start/stop pair costs nogil code, alone and beside work that it overlaps with. */
#ifndef BRICKPROF_PAIR_COST_H
#define BRICKPROF_PAIR_COST_H

#include "brickprof/tile.h"

/* Contexts: no work; a short and a long chain of operations that wait for each other; independent
 * operations on loaded data, of about the length of a pair and longer. */
enum { BP_ALONE, BP_SHORT_CHAIN, BP_CHAIN, BP_SUMS, BP_STREAM, BP_CONTEXTS };

enum { BP_SHORT = 16, BP_LONG = 64, BP_SUMMED = 64, BP_STREAMED = 256 };

typedef struct bp_work {
    double chain;
    double sums[BP_SHORT], x[BP_STREAMED], y[BP_STREAMED];
} bp_work;

BP_HOT void bp_do_work(bp_work *w, int context) {
    if (context == BP_SHORT_CHAIN || context == BP_CHAIN) {
        double chain = w->chain;
        for (int i = 0; i < (context == BP_CHAIN ? BP_LONG : BP_SHORT); i++) chain = chain * 0.5 + 1.0;
        w->chain = chain;
    } else if (context == BP_SUMS) {
        for (int i = 0; i < BP_SUMMED; i += BP_SHORT)
            for (int j = 0; j < BP_SHORT; j++) w->sums[j] += w->x[i + j];
    } else if (context == BP_STREAM) {
        for (int i = 0; i < BP_STREAMED; i++) w->y[i] += 0.5 * w->x[i];
    }
    __asm__ volatile("" : : "r"(w) : "memory");
}

BP_HOT uint64_t bp_time_work(bp_recorder *r, bp_work *w, int context, int pairs, int timed) {
    const uint64_t before = bp_read_clock(r->clock);
    for (int i = 0; i < pairs; i++) {
        if (timed) bp_start(r, BP_MICRO, 0, (uint64_t)i);
        bp_do_work(w, context);
        if (timed) bp_stop(r, 0, 0, 0);
    }
    return bp_read_clock(r->clock) - before;
}

/* Time work in a context, with a pair around it or without. */
static uint64_t bp_time_context(bp_recorder *r, bp_work *w, int context, int pairs, int timed) {
#define BP_CASE(context)                                                                   \
    case context: return timed ? bp_time_work(r, w, context, pairs, 1)                     \
                               : bp_time_work(r, w, context, pairs, 0)
    switch (context) {
        BP_CASE(BP_SHORT_CHAIN);
        BP_CASE(BP_CHAIN);
        BP_CASE(BP_SUMS);
        BP_CASE(BP_STREAM);
    default: return timed ? bp_time_work(r, w, BP_ALONE, pairs, 1)
                          : bp_time_work(r, w, BP_ALONE, pairs, 0);
    }
#undef BP_CASE
}

#endif
