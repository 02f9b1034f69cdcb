/* thread_pool.c: threads that wait for work, at first spinning and then asleep. */
#define _GNU_SOURCE
#include "kernels/runtime/thread_pool.h"

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
    /* How long to spin before sleeping: a worker for the next call of a loop, the caller for workers
     * that still run, since a wake-up takes a virtual machine as long as a small product. */
    WORKER_SPIN_NS = 1000000,
    CALLER_SPIN_NS = 2000000,
    /* Reads of a counter before sched_yield: the thread that would advance it may need the CPU. */
    READS_BEFORE_YIELD = 2000,
    STACK_BYTES = 1 << 20,
    USES_PER_AFFINITY_CHECK = 256, /* uses of a pool between two reads of the CPU affinity */
};

enum { IDLE, POSTED, RUNNING, STOPPED };

/* A word that one thread waits on and others change. */
typedef struct {
    uint32_t value, asleep;
} futex_word;

typedef struct {
    _Alignas(64) futex_word state;
    bp_pool *pool;
    int number;
    pthread_t thread;
} worker;

struct bp_pool {
    _Alignas(64) futex_word busy;  /* workers that are not done yet */
    bp_pool *next;                 /* in the list of idle pools */
    worker **workers;
    int size, cpus, uses;
    int callers_cpu;
    int oversubscribed;            /* more threads than CPUs: workers sleep at once */
    bp_work work;
    void *job;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bp_pool *idle_pools;

static void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t load_word(futex_word *word) {
    return __atomic_load_n(&word->value, __ATOMIC_SEQ_CST);
}

static int64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

/* Move the calling worker off the caller's CPU, where the kernel likes to wake it up: the two would
 * time-slice until the next load balancing, milliseconds later. */
static void leave_callers_cpu(const bp_pool *pool) {
    cpu_set_t usable, others;
    const int cpu = __atomic_load_n(&pool->callers_cpu, __ATOMIC_RELAXED);
    if (__atomic_load_n(&pool->oversubscribed, __ATOMIC_RELAXED) || sched_getcpu() != cpu) return;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) return;
    others = usable;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
    sched_setaffinity(0, sizeof usable, &usable);
}

/* Spin for so long until a word has changed, and tell whether it has; a worker of a pool leaves its
 * caller's CPU meanwhile. */
static int spin_until_changed(futex_word *word, uint32_t old, int64_t spin_ns, const bp_pool *pool) {
    const int64_t until = spin_ns > 0 ? monotonic_ns() + spin_ns : 0;
    while (spin_ns > 0) {
        for (int i = 0; i < 32; i++) {
            if (load_word(word) != old) return 1;
            cpu_relax();
        }
        if (monotonic_ns() > until) break;
        if (pool != NULL) leave_callers_cpu(pool);
    }
    return load_word(word) != old;
}

/* Wait until a word has changed. A thread that was woken up too late for its work spins again, since
 * there will be more work soon. */
static void wait_until_changed(futex_word *word, uint32_t old, int64_t spin_ns,
                               const bp_pool *pool) {
    while (!spin_until_changed(word, old, spin_ns, pool)) {
        __atomic_store_n(&word->asleep, 1, __ATOMIC_SEQ_CST);
        if (load_word(word) == old)
            syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
        __atomic_store_n(&word->asleep, 0, __ATOMIC_SEQ_CST);
    }
}

static void wake(futex_word *word) {
    if (__atomic_load_n(&word->asleep, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Change a word from one value to another; false where it held a third. */
static int compare_exchange(futex_word *word, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&word->value, &from, to, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void *worker_main(void *mine) {
    worker *me = mine;
    bp_pool *pool = me->pool;
    for (;;) {
        const int sleeps = __atomic_load_n(&pool->oversubscribed, __ATOMIC_RELAXED);
        wait_until_changed(&me->state, IDLE, sleeps ? 0 : WORKER_SPIN_NS, pool);
        if (load_word(&me->state) == STOPPED) return NULL;
        leave_callers_cpu(pool);
        if (!compare_exchange(&me->state, POSTED, RUNNING)) continue; /* taken back by the caller */
        pool->work(pool->job, me->number);
        __atomic_store_n(&me->state.value, IDLE, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&pool->busy.value, 1, __ATOMIC_SEQ_CST);
        wake(&pool->busy);
    }
}

/* Start one more worker, with all signals blocked. */
static int start_worker(bp_pool *pool, pthread_attr_t *attributes) {
    sigset_t all, before;
    int failed;
    worker **workers = realloc(pool->workers, (size_t)(pool->size + 1) * sizeof *workers);
    worker *made = aligned_alloc(64, sizeof *made);
    if (workers != NULL) pool->workers = workers;
    if (workers == NULL || made == NULL) {
        free(made);
        return 0;
    }
    *made = (worker){.pool = pool, .number = pool->size};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&made->thread, attributes, worker_main, made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(made);
        return 0;
    }
    pool->workers[pool->size++] = made;
    return 1;
}

/* End the workers from a number on, and give their stacks back. */
static void stop_workers(bp_pool *pool, int from) {
    for (int i = from; i < pool->size; i++) {
        __atomic_store_n(&pool->workers[i]->state.value, STOPPED, __ATOMIC_SEQ_CST);
        wake(&pool->workers[i]->state);
    }
    for (int i = from; i < pool->size; i++) {
        pthread_join(pool->workers[i]->thread, NULL);
        free(pool->workers[i]);
    }
    pool->size = from;
}

static int usable_cpus(void) {
    cpu_set_t usable;
    return sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable)
                                                             : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Start the workers that are missing; all of them or none. */
static int grow(bp_pool *pool, int threads) {
    const int before = pool->size;
    pthread_attr_t attributes;
    if (pool->uses++ % USES_PER_AFFINITY_CHECK == 0) pool->cpus = usable_cpus();
    if (pool->size >= threads) return 1;
    if (pthread_attr_init(&attributes) != 0) return 0;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (pool->size < threads && start_worker(pool, &attributes)) {
    }
    pthread_attr_destroy(&attributes);
    if (pool->size >= threads) return 1;
    stop_workers(pool, before);
    return 0;
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void in_parent(void) { pthread_mutex_unlock(&lock); }
static void in_child(void) {
    idle_pools = NULL; /* the child has none of their threads */
    pthread_mutex_unlock(&lock);
}

/* At load: a fork in the middle of a registration at first use would leave it half done. */
__attribute__((constructor)) static void register_fork_handlers(void) {
    pthread_atfork(before_fork, in_parent, in_child);
}

bp_pool *bp_pool_take(int threads) {
    bp_pool *pool;
    pthread_mutex_lock(&lock);
    pool = idle_pools;
    if (pool != NULL) idle_pools = pool->next;
    pthread_mutex_unlock(&lock);
    if (pool == NULL) {
        pool = aligned_alloc(64, sizeof *pool);
        if (pool == NULL) return NULL;
        *pool = (bp_pool){.size = 1};
        pool->workers = calloc(1, sizeof *pool->workers);
    }
    if (pool->workers == NULL || !grow(pool, threads)) {
        bp_pool_give(pool);
        return NULL;
    }
    return pool;
}

void bp_pool_run(bp_pool *pool, int threads, int all, bp_work work, void *job) {
    const int oversubscribed = threads > pool->cpus;
    uint32_t left;
    pool->work = work;
    pool->job = job;
    __atomic_store_n(&pool->callers_cpu, sched_getcpu(), __ATOMIC_RELAXED);
    __atomic_store_n(&pool->oversubscribed, oversubscribed, __ATOMIC_RELAXED);
    __atomic_store_n(&pool->busy.value, (uint32_t)(threads - 1), __ATOMIC_SEQ_CST);
    for (int i = 1; i < threads; i++) {
        __atomic_store_n(&pool->workers[i]->state.value, POSTED, __ATOMIC_SEQ_CST);
        wake(&pool->workers[i]->state);
    }
    work(job, 0);
    for (int i = 1; i < threads && !all; i++)
        if (compare_exchange(&pool->workers[i]->state, POSTED, IDLE))
            __atomic_sub_fetch(&pool->busy.value, 1, __ATOMIC_SEQ_CST);
    while ((left = load_word(&pool->busy)) != 0)
        wait_until_changed(&pool->busy, left, oversubscribed ? 0 : CALLER_SPIN_NS, NULL);
}

void bp_pool_give(bp_pool *pool) {
    pthread_mutex_lock(&lock);
    pool->next = idle_pools;
    idle_pools = pool;
    pthread_mutex_unlock(&lock);
}

void bp_wait_for_parts(const ptrdiff_t *counter, ptrdiff_t count) {
    for (int reads = 0; __atomic_load_n(counter, __ATOMIC_ACQUIRE) < count; reads++) {
        if (reads < READS_BEFORE_YIELD)
            cpu_relax();
        else
            sched_yield();
    }
}
