/* thread_pool.h: threads that work together on one call, kept from call to call.
 *
 * A caller takes a pool, runs work on it and gives it back; callers on several threads have a pool
 * each. A child of fork() starts with no pools and makes its own.
 */
#ifndef BRICKPROF_THREAD_POOL_H
#define BRICKPROF_THREAD_POOL_H

#include <stddef.h>

typedef struct bp_pool bp_pool;

typedef void (*bp_work)(void *job, int thread);

/* Take a pool of at least so many threads, the caller's among them; NULL where they cannot be
 * started. */
bp_pool *bp_pool_take(int threads);

/* Run work(job, thread) on threads 0 to threads - 1, the first the calling one, and wait. Those that
 * have not begun when the first returns are cancelled, unless `all` have to take part: parts of the
 * work are drawn from a counter, so that nothing waits for a thread that is slow to wake up. */
void bp_pool_run(bp_pool *pool, int threads, int all, bp_work work, void *job);

void bp_pool_give(bp_pool *pool);

/* Draw the next part of a counter that threads share. */
static inline ptrdiff_t bp_next_part(ptrdiff_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Count one more part as done. */
static inline void bp_part_done(ptrdiff_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELEASE);
}

/* Spin until so many parts are done; what they wrote is then seen. */
void bp_wait_for_parts(const ptrdiff_t *counter, ptrdiff_t count);

#endif
