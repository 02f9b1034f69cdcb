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
#include <time.h>
#include <unistd.h>

enum {
    /* How long to wait awake: a worker for the next call of a loop, the caller for workers that are
     * at work, since to be woken up takes a virtual machine as long as a small product. */
    WORKER_AWAKE_NS = 1000000,
    CALLER_AWAKE_NS = 2000000,
    /* Looks at a counter before the processor is offered to others, who may be what it waits for. */
    PATIENCE = 2000,
    STACK_BYTES = 1 << 20,
    LOOK_AGAIN = 256, /* uses of a team after which it asks anew what processors it may use */
};

enum { IDLE, POSTED, AT_WORK };

/* A word that one thread waits on and others change. */
typedef struct {
    uint32_t value, asleep;
} signal_word;

typedef struct {
    _Alignas(64) signal_word state;
    bp_team *team;
    int thread;
} worker;

struct bp_team {
    _Alignas(64) signal_word busy; /* workers that are not done yet */
    bp_team *next;                 /* in the list of those that nobody uses */
    worker **workers;
    int size, processors, uses;
    int processor;                 /* that the caller is on */
    int crowded;                   /* more threads than processors: they had better sleep at once */
    bp_work work;
    void *job;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
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

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

/* Move the calling worker off the caller's processor, where the kernel likes to wake it up: it would
 * take turns with the caller until the next time that loads are balanced, milliseconds later. */
static void step_aside(const bp_team *team) {
    cpu_set_t usable, others;
    const int processor = __atomic_load_n(&team->processor, __ATOMIC_RELAXED);
    if (__atomic_load_n(&team->crowded, __ATOMIC_RELAXED) || sched_getcpu() != processor) return;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) return;
    others = usable;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
    sched_setaffinity(0, sizeof usable, &usable);
}

/* Wait awake for so long until a word is no longer what it was, and tell whether it is; a worker of
 * a team keeps out of its caller's way. */
static int changes_soon(signal_word *word, uint32_t old, int64_t awake_ns, const bp_team *team) {
    const int64_t until = awake_ns > 0 ? now_ns() + awake_ns : 0;
    while (awake_ns > 0) {
        for (int i = 0; i < 32; i++) {
            if (now_of(word) != old) return 1;
            pause_a_little();
        }
        if (now_ns() > until) break;
        if (team != NULL) step_aside(team);
    }
    return now_of(word) != old;
}

/* Wait until a word is no longer what it was. A thread that was woken up in vain stays awake for a
 * while, since there will be more work soon. */
static void wait_for_change(signal_word *word, uint32_t old, int64_t awake_ns,
                            const bp_team *team) {
    while (!changes_soon(word, old, awake_ns, team)) {
        __atomic_store_n(&word->asleep, 1, __ATOMIC_SEQ_CST);
        if (now_of(word) == old)
            syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
        __atomic_store_n(&word->asleep, 0, __ATOMIC_SEQ_CST);
    }
}

static void wake(signal_word *word) {
    if (__atomic_load_n(&word->asleep, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Change a word from one value to another, and tell whether it was the first. */
static int exchange(signal_word *word, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&word->value, &from, to, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void *serve(void *mine) {
    worker *me = mine;
    bp_team *team = me->team;
    for (;;) {
        wait_for_change(&me->state, IDLE,
                        __atomic_load_n(&team->crowded, __ATOMIC_RELAXED) ? 0 : WORKER_AWAKE_NS,
                        team);
        step_aside(team);
        if (!exchange(&me->state, POSTED, AT_WORK)) continue; /* the caller was faster */
        team->work(team->job, me->thread);
        __atomic_store_n(&me->state.value, IDLE, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&team->busy.value, 1, __ATOMIC_SEQ_CST);
        wake(&team->busy);
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
    *made = (worker){{IDLE, 0}, team, team->size};
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

static int usable_processors(void) {
    cpu_set_t usable;
    return sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable)
                                                             : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static int grow(bp_team *team, int threads) {
    pthread_attr_t attributes;
    if (team->uses++ % LOOK_AGAIN == 0) team->processors = usable_processors();
    if (team->size >= threads) return 1;
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

/* As the module is loaded: a fork in the middle of a first use would leave it half done. */
__attribute__((constructor)) static void mind_forks(void) {
    pthread_atfork(before_fork, in_parent, in_child);
}

bp_team *bp_team_take(int threads) {
    bp_team *team;
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

void bp_team_run(bp_team *team, int threads, int all, bp_work work, void *job) {
    const int crowded = threads > team->processors;
    uint32_t left;
    team->work = work;
    team->job = job;
    __atomic_store_n(&team->processor, sched_getcpu(), __ATOMIC_RELAXED);
    __atomic_store_n(&team->crowded, crowded, __ATOMIC_RELAXED);
    __atomic_store_n(&team->busy.value, (uint32_t)(threads - 1), __ATOMIC_SEQ_CST);
    for (int i = 1; i < threads; i++) {
        __atomic_store_n(&team->workers[i]->state.value, POSTED, __ATOMIC_SEQ_CST);
        wake(&team->workers[i]->state);
    }
    work(job, 0);
    for (int i = 1; i < threads && !all; i++)
        if (exchange(&team->workers[i]->state, POSTED, IDLE))
            __atomic_sub_fetch(&team->busy.value, 1, __ATOMIC_SEQ_CST);
    while ((left = now_of(&team->busy)) != 0)
        wait_for_change(&team->busy, left, crowded ? 0 : CALLER_AWAKE_NS, NULL);
}

void bp_team_give(bp_team *team) {
    pthread_mutex_lock(&lock);
    team->next = idle;
    idle = team;
    pthread_mutex_unlock(&lock);
}

void bp_team_await(const ptrdiff_t *counter, ptrdiff_t count) {
    for (int looks = 0; __atomic_load_n(counter, __ATOMIC_ACQUIRE) < count; looks++) {
        if (looks < PATIENCE)
            pause_a_little();
        else
            sched_yield();
    }
}
