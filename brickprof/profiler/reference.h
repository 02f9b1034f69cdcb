/* A fixed piece of work that tells how fast a core is at this moment: slower where another process
 * shares its execution units, or where its frequency is low. */
#ifndef BRICKPROF_REFERENCE_H
#define BRICKPROF_REFERENCE_H

#include <stdint.h>

#include "brickprof/tile.h"

/* Return how many ticks it takes now, some microseconds. Four chains keep all integer units busy, which
 * is what a neighbour takes first. */
static inline uint64_t bp_reference_ticks(uint32_t clock) {
    uint64_t a = 1, b = 2, c = 3, d = 4;
    const uint64_t start = bp_read_clock(clock);
    for (int i = 0; i < 2000; i++) {
        a = (a ^ (a << 13)) + (a >> 7), b = (b ^ (b << 13)) + (b >> 7);
        c = (c ^ (c << 13)) + (c >> 7), d = (d ^ (d << 13)) + (d >> 7);
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
    }
    return bp_read_clock(clock) - start;
}

#endif
