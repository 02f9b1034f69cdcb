/* team.c: threads that wait for work, at first awake and then asleep. */
#define _GNU_SOURCE
#include "team.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    /* Turns to wait awake: tens of microseconds, the time between calls in a loop. */
    SPINS = 2000,
    STACK_BYTES = 1 << 20,
};

/* A word that one thread waits on and others change. */
typedef struct {
    uint32_t value, asleep;
} signal_word;

typedef struct {
    _Alignas(64) signal_word turn; /* moves when there is work */
    bp_team *team;
    int thread;
} worker;

struct bp_team {
    _Alignas(64) signal_word busy; /* workers that are not done yet */
    bp_team *next;                 /* in the list of those that nobody uses */
    worker **workers;
    int size, spins, processors;
    bp_work work;
    void *job;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bp_team *idle;

static void pause_a_little(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t now_of(signal_word *word) {
    return __atomic_load_n(&word->value, __ATOMIC_SEQ_CST);
}

/* Wait until a word is no longer what it was, and return what it is. */
static uint32_t wait_for_change(signal_word *word, uint32_t old, int spins) {
    uint32_t now;
    while ((now = now_of(word)) == old) {
        if (spins-- > 0) {
            pause_a_little();
            continue;
        }
        __atomic_store_n(&word->asleep, 1, __ATOMIC_SEQ_CST);
        if (now_of(word) == old)
            syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
        __atomic_store_n(&word->asleep, 0, __ATOMIC_SEQ_CST);
    }
    return now;
}

/* Add to a word, and wake who sleeps on it. */
static uint32_t change(signal_word *word, uint32_t by) {
    const uint32_t now = __atomic_add_fetch(&word->value, by, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&word->asleep, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return now;
}

static void *serve(void *mine) {
    worker *me = mine;
    bp_team *team = me->team;
    uint32_t turn = 0;
    for (;;) {
        turn = wait_for_change(&me->turn, turn, team->spins);
        team->work(team->job, me->thread);
        change(&team->busy, -1u);
    }
    return NULL;
}

/* Start one more worker, with signals left to the threads that were there before. */
static int hire(bp_team *team, pthread_attr_t *attributes) {
    pthread_t thread;
    sigset_t all, before;
    int failed;
    worker **workers = realloc(team->workers, (size_t)(team->size + 1) * sizeof *workers);
    worker *made = aligned_alloc(64, sizeof *made);
    if (workers != NULL) team->workers = workers;
    if (workers == NULL || made == NULL) {
        free(made);
        return 0;
    }
    *made = (worker){{0, 0}, team, team->size};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, attributes, serve, made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(made);
        return 0;
    }
    team->workers[team->size++] = made;
    return 1;
}

static int grow(bp_team *team, int threads) {
    pthread_attr_t attributes;
    cpu_set_t usable;
    if (team->size >= threads) return 1;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) team->processors = CPU_COUNT(&usable);
    if (pthread_attr_init(&attributes) != 0) return 0;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (team->size < threads && hire(team, &attributes)) {
    }
    pthread_attr_destroy(&attributes);
    return team->size >= threads;
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void in_parent(void) { pthread_mutex_unlock(&lock); }
static void in_child(void) {
    idle = NULL; /* their workers stayed behind */
    pthread_mutex_unlock(&lock);
}

static void mind_forks(void) { pthread_atfork(before_fork, in_parent, in_child); }

bp_team *bp_team_take(int threads) {
    bp_team *team;
    pthread_once(&once, mind_forks);
    pthread_mutex_lock(&lock);
    team = idle;
    if (team != NULL) idle = team->next;
    pthread_mutex_unlock(&lock);
    if (team == NULL) {
        team = aligned_alloc(64, sizeof *team);
        if (team == NULL) return NULL;
        *team = (bp_team){.size = 1};
        team->workers = calloc(1, sizeof *team->workers);
    }
    if (team->workers == NULL || !grow(team, threads)) {
        bp_team_give(team);
        return NULL;
    }
    return team;
}

void bp_team_run(bp_team *team, int threads, bp_work work, void *job) {
    uint32_t left;
    team->work = work;
    team->job = job;
    /* Threads beyond the processors had better sleep at once. */
    team->spins = threads <= team->processors ? SPINS : 0;
    __atomic_store_n(&team->busy.value, (uint32_t)(threads - 1), __ATOMIC_SEQ_CST);
    for (int i = 1; i < threads; i++) change(&team->workers[i]->turn, 1);
    work(job, 0);
    while ((left = now_of(&team->busy)) != 0) wait_for_change(&team->busy, left, team->spins);
}

void bp_team_give(bp_team *team) {
    pthread_mutex_lock(&lock);
    team->next = idle;
    idle = team;
    pthread_mutex_unlock(&lock);
}
