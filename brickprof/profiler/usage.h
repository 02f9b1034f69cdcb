/* usage.h: what the operating system tells of a thread, read on that thread and added to a brick. */
#ifndef BRICKPROF_USAGE_H
#define BRICKPROF_USAGE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "brickprof/tile.h"

/* Nanoseconds between readings while outermost tiles come and go: a reading takes about 0.6 us. */
#define BP_OBSERVE_NS 250000

static uint64_t bp_ns_of(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

/* Read the calling thread's counters; those that the system lacks stay 0. */
static void bp_read_usage(bp_usage *seen) {
    memset(seen, 0, sizeof *seen);
#if defined(CLOCK_THREAD_CPUTIME_ID)
    struct timespec cpu;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
        seen->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
#endif
#if defined(RUSAGE_THREAD)
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        seen->system_ns = bp_ns_of(usage.ru_stime);
        seen->minor_faults = (uint64_t)usage.ru_minflt;
        seen->major_faults = (uint64_t)usage.ru_majflt;
        seen->voluntary = (uint64_t)usage.ru_nvcsw;
        seen->involuntary = (uint64_t)usage.ru_nivcsw;
    }
#endif
#if defined(__linux__)
    seen->migrations = (uint64_t)sched_getcpu(); /* the processor, until it is compared */
#endif
}

static uint64_t bp_outer_ticks(const bp_brick *brick) {
    uint64_t ticks = 0;
    for (int level = 0; level < BP_LEVELS; level++) ticks += brick->rows[level].outer_raw;
    return ticks;
}

static uint64_t bp_since(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

/* Begin to observe the calling thread, which holds the recorder from now on. */
static void bp_observe_first(bp_recorder *r) {
    bp_slow_off(r, BP_UNOBSERVED);
    r->seen_by = (uint64_t)pthread_self();
    bp_read_usage(&r->seen);
    r->seen.wall_ticks = bp_now(r);
    r->seen_outer = bp_outer_ticks(r->brick);
    r->observe_at = r->seen.wall_ticks + r->observe_ticks;
}

/* Add what happened since the last reading to the brick that new tiles belong to. Outside named
 * bricks only time in tiles counts: what the thread did in between is its own affair,
 * and may have used the processor, so that less of the rest is said to be waiting. */
static void bp_observe_since(bp_recorder *r) {
    bp_usage *sum = &r->brick->usage, before = r->seen;
    const uint64_t outer = r->seen_outer;
    bp_observe_first(r);
    uint64_t wall = bp_since(r->seen.wall_ticks, before.wall_ticks);
    uint64_t cpu = bp_since(r->seen.cpu_ns, before.cpu_ns);
    if (!r->named) {
        const uint64_t inside = bp_since(r->seen_outer, outer);
        /* Counts of an interval that is mostly between tiles say nothing about the tiles. */
        if (inside < wall - wall / 8) before = r->seen, before.cpu_ns = 0;
        wall = inside < wall ? inside : wall;
    }
    const uint64_t wall_ns = bp_ns(r, wall);
    cpu = cpu < wall_ns ? cpu : wall_ns;
    /* Of another clock, which moves in the scheduler's ticks. */
    const uint64_t in_kernel = bp_since(r->seen.system_ns, before.system_ns);
    BP_INCREASE(sum->wall_ticks, wall);
    BP_INCREASE(sum->cpu_ns, cpu);
    BP_INCREASE(sum->system_ns, in_kernel < cpu ? in_kernel : cpu);
    BP_INCREASE(sum->minor_faults, bp_since(r->seen.minor_faults, before.minor_faults));
    BP_INCREASE(sum->major_faults, bp_since(r->seen.major_faults, before.major_faults));
    BP_INCREASE(sum->voluntary, bp_since(r->seen.voluntary, before.voluntary));
    BP_INCREASE(sum->involuntary, bp_since(r->seen.involuntary, before.involuntary));
    BP_INCREASE(sum->migrations, r->seen.migrations != before.migrations);
}

/* Take a reading: the first one on this thread, or what happened since the last. Thread pools may let
 * one of theirs record in place of the thread that took the recorder. */
static void bp_observe(bp_recorder *r) {
    if (BP_GET(r->slow_path) & BP_UNOBSERVED || r->seen_by != (uint64_t)pthread_self()) {
        bp_observe_first(r);
    } else {
        bp_observe_since(r);
    }
}

#endif
