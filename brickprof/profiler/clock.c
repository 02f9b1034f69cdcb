/* clock.c: choose and calibrate the clock that tile.h reads. */
#include "profiler/clock.h"

#include <stdio.h>
#include <string.h>

#include "brickprof/tile.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* The kernel drops "tsc" from this list when it finds the counters to drift or to stop. */
static int kernel_trusts_tsc(void) {
    char line[256] = "";
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "r");
    if (f == NULL) return 0;
    if (fgets(line, sizeof line, f) == NULL) line[0] = '\0';
    fclose(f);
    for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n"))
        if (strcmp(word, "tsc") == 0) return 1;
    return 0;
}

/* CPUID 80000007H, EDX bit 8: constant rate in all power states. */
static int tsc_is_invariant(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(0x80000007u, &eax, &ebx, &ecx, &edx) && (edx >> 8 & 1);
}
#endif

uint32_t bp_clock_choose(const char **reason) {
#if defined(__x86_64__)
    if (!tsc_is_invariant()) {
        *reason = "the TSC is not invariant";
    } else if (!kernel_trusts_tsc()) {
        *reason = "the kernel does not list the TSC as a clock source";
    } else {
        *reason = "invariant TSC, listed by the kernel";
        return BP_CLOCK_TSC;
    }
#elif defined(__aarch64__)
    *reason = "the architecture's virtual counter";
    return BP_CLOCK_CNTVCT;
#else
    *reason = "no counter known on this architecture";
#endif
    return BP_CLOCK_GETTIME;
}

int bp_clock_usable(uint32_t clock) {
#if defined(__x86_64__)
    if (clock == BP_CLOCK_TSC) return 1;
#elif defined(__aarch64__)
    if (clock == BP_CLOCK_CNTVCT) return 1;
#endif
    return clock == BP_CLOCK_GETTIME || clock == BP_CLOCK_MANUAL;
}

typedef struct {
    uint64_t ticks, ns;
} instant;

/* Read both clocks at one instant: of several tries the one with the least time in between. */
static instant read_both(uint32_t clock) {
    instant best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 16; i++) {
        uint64_t before = bp_read_clock(clock);
        uint64_t ns = bp_read_clock_gettime();
        uint64_t after = bp_read_clock(clock);
        if (after - before < least) {
            least = after - before;
            best.ticks = before + least / 2;
            best.ns = ns;
        }
    }
    return best;
}

/* Nanoseconds of a tick as CLOCK_MONOTONIC tells in 20 ms, to about one in 10,000. */
static double measured_ns_per_tick(uint32_t clock) {
    const uint64_t base_ns = 20000000;
    const instant first = read_both(clock);
    while (bp_read_clock_gettime() - first.ns < base_ns) {
    }
    const instant last = read_both(clock);
    if (last.ticks <= first.ticks) return 0.0;      /* it stands still, or steps back */
    return (double)(last.ns - first.ns) / (double)(last.ticks - first.ticks);
}

double bp_clock_ns_per_tick(uint32_t clock) {
    if (clock == BP_CLOCK_GETTIME || clock == BP_CLOCK_MANUAL) return 1.0;
    const double measured = measured_ns_per_tick(clock);
#if defined(__aarch64__)
    /* The firmware states the frequency, exactly or, on some boards, wrongly. */
    uint64_t hertz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hertz));
    const double stated = hertz != 0 ? 1e9 / (double)hertz : 0.0;
    if (stated > 0.999 * measured && stated < 1.001 * measured) return stated;
#endif
    return measured;
}

enum { READINGS = 4096, MAX_STEP = 4096 };

/* The share of readings that are whole multiples of a step after the most common phase. */
static double share_in_phase(const uint64_t *readings, uint64_t step) {
    uint32_t phases[MAX_STEP] = {0};
    uint32_t most = 0;
    for (int i = 0; i < READINGS; i++) {
        const uint32_t count = ++phases[(readings[i] - readings[0]) % step];
        if (count > most) most = count;
    }
    return (double)most / READINGS;
}

/* The most common difference of successive readings that differ. */
static uint64_t common_difference(const uint64_t *readings) {
    uint32_t counts[MAX_STEP + 1] = {0};
    uint64_t common = 1;
    for (int i = 1; i < READINGS; i++) {
        const uint64_t apart = readings[i] - readings[i - 1];
        if (apart != 0 && apart <= MAX_STEP) counts[apart]++;
    }
    for (uint64_t apart = 1; apart <= MAX_STEP; apart++)
        if (counts[apart] > counts[common]) common = apart;
    return common;
}

/* Readings at irregular intervals are whole steps apart, but for a few of a counter that a hypervisor
 * scales. The step is the largest divisor of their most common difference that most agree with. */
double bp_clock_step_ns(uint32_t clock, double ns_per_tick) {
    uint64_t readings[READINGS];
    uint64_t random = 0x9E3779B97F4A7C15u;
    if (clock == BP_CLOCK_MANUAL) return 0.0;
    for (int i = 0; i < READINGS; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        for (volatile uint64_t wait = random >> 60; wait > 0; wait--) {
        }
        readings[i] = bp_read_clock(clock);
    }
    const uint64_t common = common_difference(readings);
    for (uint64_t parts = 1; parts < common; parts++)
        if (common % parts == 0 && share_in_phase(readings, common / parts) > 0.75)
            return (double)(common / parts) * ns_per_tick;
    return ns_per_tick;
}
