/* team.h: threads that work together on one call, kept from call to call.
 *
 * A caller takes a team, runs work on it and gives it back; callers on several threads have a team
 * each. A child of fork() starts with no teams and makes its own.
 */
#ifndef BRICKPROF_TEAM_H
#define BRICKPROF_TEAM_H

#include <stddef.h>

typedef struct bp_team bp_team;

typedef void (*bp_work)(void *job, int thread);

/* Take a team of at least so many threads, the caller's among them; NULL where they cannot be
 * started. */
bp_team *bp_team_take(int threads);

/* Run work(job, thread) on threads 0 to threads - 1, the first the calling one, and wait. Those that
 * have not begun when the first returns are called off, unless `all` have to take part: work is
 * shared through a counter, so that nothing waits for a thread that is slow to wake up. */
void bp_team_run(bp_team *team, int threads, int all, bp_work work, void *job);

void bp_team_give(bp_team *team);

/* The next number of a counter that a team shares. */
static inline ptrdiff_t bp_team_next(ptrdiff_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Count one more thing as done. */
static inline void bp_team_done(ptrdiff_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELEASE);
}

/* Wait awake until so many things are done; what they wrote is then seen. */
void bp_team_await(const ptrdiff_t *counter, ptrdiff_t count);

#endif
