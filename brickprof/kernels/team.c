/* team.c: try whether threads can be started, before OpenMP must. */
#include "team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int most_started = 1;

static void *wait_for_the_others(void *lock) {
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

int bp_team_can_start(int threads) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *started;
    int count = 1;
    if (threads <= atomic_load(&most_started)) return 1;
    started = malloc((size_t)threads * sizeof *started);
    if (started == NULL) return 0;
    pthread_mutex_lock(&lock); /* all have to be alive at once */
    while (count < threads &&
           pthread_create(&started[count], NULL, wait_for_the_others, &lock) == 0)
        count++;
    pthread_mutex_unlock(&lock);
    for (int i = 1; i < count; i++) pthread_join(started[i], NULL);
    free(started);
    pthread_mutex_destroy(&lock);
    if (count == threads) atomic_store(&most_started, threads);
    return count == threads;
}
