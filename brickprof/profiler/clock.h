/* clock.h: which clock this process times tiles with, and how long its tick is. */
#ifndef BRICKPROF_CLOCK_H
#define BRICKPROF_CLOCK_H

#include <stdint.h>

/* The cheapest clock that can be trusted here, and in *reason why it is that one. */
uint32_t bp_clock_choose(const char **reason);

/* Whether this machine has that clock at all, trusted or not. */
int bp_clock_usable(uint32_t clock);

/* Nanoseconds per tick, measured against CLOCK_MONOTONIC over 20 ms; 1 for clocks in
 * nanoseconds. Spins for as long. */
double bp_clock_ns_per_tick(uint32_t clock);

/* The least nanoseconds by which two readings that differ are apart: the clock's resolution. */
double bp_clock_step_ns(uint32_t clock, double ns_per_tick);

#endif
