/* thread_pool.h: threads that work together on one call, kept from call to call.
 *
 * A caller takes a pool, runs work on it and gives it back; callers on several threads have a pool
 * each. A child of fork() starts with no pools and makes its own. Workers have the caller's CPU
 * affinity and floating-point environment.
 */
#ifndef BRICKPROF_THREAD_POOL_H
#define BRICKPROF_THREAD_POOL_H

#include <stddef.h>
#include <stdint.h>

typedef struct bp_pool bp_pool;

typedef void (*bp_work)(void *job, int thread);

/* A call that can be interrupted: its threads ask at each tile whether to leave off. */
typedef struct bp_interrupt {
    _Alignas(64) int stop;
    _Alignas(64) ptrdiff_t work;   /* of the calling thread since it looked at the clock */
    int64_t due_ns;                /* when to check again */
    int (*check)(void);            /* whether a signal's handler raised an exception */
    void (*poll)(struct bp_interrupt *interrupt);
} bp_interrupt;

enum { BP_POLL_WORK = 1 << 24 };   /* flops between two looks at the clock, below 10 ms */

/* Prepare for interruption; NULL where the calling thread is not the one that handles signals. */
bp_interrupt *bp_interruptible(bp_interrupt *interrupt, int (*check)(void));

/* Tell whether a signal's handler raised an exception, which then is set. */
static inline int bp_interrupted(const bp_interrupt *interrupt) {
    return interrupt != NULL && __atomic_load_n(&interrupt->stop, __ATOMIC_RELAXED);
}

/* Count a thread's work, and tell whether to leave off; never where the call is too short for it. */
static inline int bp_leave_off(bp_interrupt *interrupt, int thread, ptrdiff_t flops) {
    if (interrupt == NULL) return 0;
    if (thread == 0 && (interrupt->work += flops) >= BP_POLL_WORK) interrupt->poll(interrupt);
    return bp_interrupted(interrupt);
}

/* Take a pool of so many threads, the caller's among them, or of fewer where the system refuses some;
 * NULL where these are not even `at_least`. `got` is how many they are. */
bp_pool *bp_pool_take(int threads, int at_least, int *got);

/* Run work(job, thread) on threads 0 to threads - 1, the first the calling one, and wait. Those that
 * have not begun when the first returns are cancelled, unless `all` have to take part: parts of the
 * work are drawn from a counter, so that nothing waits for a thread that is slow to wake up. */
void bp_pool_run(bp_pool *pool, int threads, int all, bp_work work, void *job,
                 bp_interrupt *interrupt);

/* Give a pool back. Some idle threads are kept, those beyond end. */
void bp_pool_give(bp_pool *pool);

/* End all idle threads. */
void bp_pool_release(void);

/* Return how many forks lie between this process and the first one. */
unsigned bp_generation(void);

/* Draw the next part of a counter that threads share. */
static inline ptrdiff_t bp_next_part(ptrdiff_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Count one more part as done. */
static inline void bp_part_done(ptrdiff_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELEASE);
}

/* Spin until so many parts are done, or the call is interrupted; what they wrote is then seen. */
void bp_wait_for_parts(const ptrdiff_t *counter, ptrdiff_t count, bp_interrupt *interrupt,
                       int thread);

#endif
