/* team.h: the little of OpenMP that loops in Cython need besides the parallel region. */
#ifndef BRICKPROF_TEAM_H
#define BRICKPROF_TEAM_H

#ifdef _OPENMP
#include <omp.h>
static inline int bp_team_size(void) { return omp_get_num_threads(); }
static inline void bp_team_barrier(void) {
#pragma omp barrier
}
#else
static inline int bp_team_size(void) { return 1; }
static inline void bp_team_barrier(void) {}
#endif

/* Whether this process can start a team of so many threads; GNU OpenMP exits where it cannot.
 * Answers at once for as many as were started before. */
int bp_team_can_start(int threads);

#endif
