/* thread_pool.c: threads that wait for work, at first spinning and then asleep. */
#define _GNU_SOURCE
#include "kernels/runtime/thread_pool.h"

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
    AFFINITY_NS = 20000,          /* between two looks at the caller's CPU affinity, of 300 ns each */
    POLL_NS = 50000000,           /* between two looks for signals */
    /* Idle workers that are kept, however many callers had however large pools. */
    MIN_KEPT_WORKERS = 64,
    KEPT_WORKERS_PER_CPU = 4,
    USES_BEFORE_RETRY = 256, /* of a pool, after the system refused it a thread */
};

/* As linux/futex.h has them, which systems with musl come without. */
enum { WAIT_PRIVATE = 128, WAKE_PRIVATE = 129 };

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
    pthread_mutex_t moving; /* held while its CPU affinity is changed */
} worker;

struct bp_pool {
    _Alignas(64) futex_word busy;  /* workers that are not done yet */
    bp_pool *next;                 /* in the list of idle pools */
    worker **workers;
    int size, cpus, refused;
    unsigned generation;           /* of the process that made it */
    int64_t affinity_due_ns;       /* when to look at it again */
    cpu_set_t usable;              /* its callers' CPU affinity, which workers have, too */
    uint32_t fp_control;           /* the caller's */
    int callers_cpu;
    int oversubscribed;            /* more threads than CPUs: workers sleep at once */
    bp_work work;
    void *job;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Held while threads are started: a child of a fork would inherit what locks that takes. */
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static bp_pool *idle_pools;
static int idle_workers, kept_workers = MIN_KEPT_WORKERS;
static unsigned generation; /* how many forks lie between this process and the first one */

static void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Rounding, flushing of subnormals and masked exceptions, without the flags that were raised. */
static uint32_t fp_control(void) {
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & ~0x3fu;
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return (uint32_t)control;
#else
    return 0;
#endif
}

static void set_fp_control(uint32_t control) {
    if (fp_control() == control) return;
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(control);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)control));
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

/* Move a worker off the caller's CPU, where the kernel likes to wake it up: the two would
 * time-slice until the next load balancing, milliseconds later. */
static void leave_callers_cpu(worker *me) {
    cpu_set_t usable, others;
    const int cpu = __atomic_load_n(&me->pool->callers_cpu, __ATOMIC_RELAXED);
    if (__atomic_load_n(&me->pool->oversubscribed, __ATOMIC_RELAXED) || sched_getcpu() != cpu)
        return;
    if (pthread_mutex_trylock(&me->moving) != 0) return;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
        others = usable;
        CPU_CLR(cpu, &others);
        if (CPU_COUNT(&others) != 0 && sched_setaffinity(0, sizeof others, &others) == 0)
            sched_setaffinity(0, sizeof usable, &usable);
    }
    pthread_mutex_unlock(&me->moving);
}

/* Spin for so long until a word has changed, and tell whether it has; a worker leaves its caller's
 * CPU meanwhile. */
static int spin_until_changed(futex_word *word, uint32_t old, int64_t spin_ns, worker *me) {
    const int64_t until = spin_ns > 0 ? monotonic_ns() + spin_ns : 0;
    while (spin_ns > 0) {
        for (int i = 0; i < 32; i++) {
            if (load_word(word) != old) return 1;
            cpu_relax();
        }
        if (monotonic_ns() > until) break;
        if (me != NULL) leave_callers_cpu(me);
    }
    return load_word(word) != old;
}

/* Wait until a word has changed, looking for signals meanwhile where the call can be interrupted. A
 * thread that was woken up too late for its work spins again, since there will be more work soon. */
static void wait_until_changed(futex_word *word, uint32_t old, int64_t spin_ns, worker *me,
                               bp_interrupt *interrupt) {
    const struct timespec timeout = {0, POLL_NS};
    while (!spin_until_changed(word, old, spin_ns, me)) {
        __atomic_store_n(&word->asleep, 1, __ATOMIC_SEQ_CST);
        if (load_word(word) == old)
            syscall(SYS_futex, &word->value, WAIT_PRIVATE, old,
                    interrupt == NULL ? NULL : &timeout, NULL, 0);
        __atomic_store_n(&word->asleep, 0, __ATOMIC_SEQ_CST);
        if (interrupt != NULL) interrupt->poll(interrupt);
    }
}

static void wake(futex_word *word) {
    if (__atomic_load_n(&word->asleep, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &word->value, WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Change a word from one value to another; false where it held a third. */
static int compare_exchange(futex_word *word, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&word->value, &from, to, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void no_longer_busy(bp_pool *pool) {
    __atomic_sub_fetch(&pool->busy.value, 1, __ATOMIC_SEQ_CST);
    wake(&pool->busy);
}

static void *worker_main(void *mine) {
    worker *me = mine;
    bp_pool *pool = me->pool;
    no_longer_busy(pool);
    for (;;) {
        const int sleeps = __atomic_load_n(&pool->oversubscribed, __ATOMIC_RELAXED);
        wait_until_changed(&me->state, IDLE, sleeps ? 0 : WORKER_SPIN_NS, me, NULL);
        if (load_word(&me->state) == STOPPED) return NULL;
        leave_callers_cpu(me);
        if (!compare_exchange(&me->state, POSTED, RUNNING)) continue; /* taken back by the caller */
        set_fp_control(pool->fp_control);
        pool->work(pool->job, me->number);
        __atomic_store_n(&me->state.value, IDLE, __ATOMIC_SEQ_CST);
        no_longer_busy(pool);
    }
}

/* Return the signals that workers leave to other threads: all but those that an instruction of
 * their own raises, which would end the process unhandled, and that of sampling profilers. */
static sigset_t blocked_signals(void) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&blocked, own[i]);
    return blocked;
}

/* Start one more worker; false where the system refuses. */
static int start_worker(bp_pool *pool, pthread_attr_t *attributes) {
    const sigset_t blocked = blocked_signals();
    sigset_t before;
    int failed;
    worker **workers = realloc(pool->workers, (size_t)(pool->size + 1) * sizeof *workers);
    worker *made = aligned_alloc(64, sizeof *made);
    if (workers != NULL) pool->workers = workers;
    if (workers == NULL || made == NULL) {
        free(made);
        return 0;
    }
    *made = (worker){.pool = pool, .number = pool->size, .moving = PTHREAD_MUTEX_INITIALIZER};
    __atomic_add_fetch(&pool->busy.value, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&starting);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    failed = pthread_create(&made->thread, attributes, worker_main, made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&starting);
    if (failed) {
        __atomic_sub_fetch(&pool->busy.value, 1, __ATOMIC_SEQ_CST);
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

/* Let workers run where the caller may, who may have other CPUs than at the last call. */
static void follow_caller(bp_pool *pool) {
    const int64_t now = monotonic_ns();
    cpu_set_t usable;
    if (now < pool->affinity_due_ns) return;
    pool->affinity_due_ns = now + AFFINITY_NS;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) { /* more CPUs than a cpu_set_t has */
        pool->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
        return;
    }
    if (CPU_EQUAL(&usable, &pool->usable)) return;
    for (int i = 1; i < pool->size; i++) {
        pthread_mutex_lock(&pool->workers[i]->moving);
        pthread_setaffinity_np(pool->workers[i]->thread, sizeof usable, &usable);
        pthread_mutex_unlock(&pool->workers[i]->moving);
    }
    pool->usable = usable;
    pool->cpus = CPU_COUNT(&usable);
}

/* Wait until no worker is busy. */
static void wait_for_workers(bp_pool *pool, int64_t spin_ns, bp_interrupt *interrupt) {
    uint32_t left;
    while ((left = load_word(&pool->busy)) != 0 && pool->generation == generation)
        wait_until_changed(&pool->busy, left, spin_ns, NULL, interrupt);
}

/* Start the workers that are missing; false, and none of them, where there are too few. */
static int grow(bp_pool *pool, int threads, int at_least) {
    const int before = pool->size;
    pthread_attr_t attributes;
    if (pool->size >= threads) return 1;
    if (pool->size >= at_least && pool->refused > 0) {
        pool->refused--;
        return 1;
    }
    if (pthread_attr_init(&attributes) != 0) return pool->size >= at_least;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (pool->size < threads && start_worker(pool, &attributes)) {
    }
    pthread_attr_destroy(&attributes);
    wait_for_workers(pool, 0, NULL); /* the first call is to have them, too */
    pool->refused = pool->size < threads ? USES_BEFORE_RETRY : 0;
    if (pool->size >= at_least) return 1;
    stop_workers(pool, before);
    return 0;
}

static void before_fork(void) {
    pthread_mutex_lock(&starting);
    pthread_mutex_lock(&lock);
}

static void in_parent(void) {
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&starting);
}

static void in_child(void) {
    idle_pools = NULL; /* the child has none of their threads */
    idle_workers = 0;
    generation++;
    in_parent();
}

/* At load: a fork in the middle of a registration at first use would leave it half done. */
__attribute__((constructor)) static void prepare(void) {
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus * KEPT_WORKERS_PER_CPU > kept_workers) kept_workers = (int)cpus * KEPT_WORKERS_PER_CPU;
    pthread_atfork(before_fork, in_parent, in_child);
}

unsigned bp_generation(void) { return generation; }

static bp_pool *take_idle_pool(void) {
    bp_pool *pool;
    pthread_mutex_lock(&lock);
    pool = idle_pools;
    if (pool != NULL) {
        idle_pools = pool->next;
        idle_workers -= pool->size - 1;
    }
    pthread_mutex_unlock(&lock);
    return pool;
}

static void end_pool(bp_pool *pool) {
    stop_workers(pool, 1);
    free(pool->workers);
    free(pool);
}

bp_pool *bp_pool_take(int threads, int at_least, int *got) {
    bp_pool *pool = take_idle_pool();
    if (pool == NULL) {
        pool = aligned_alloc(64, sizeof *pool);
        if (pool == NULL) return NULL;
        *pool = (bp_pool){.size = 1, .generation = generation};
        pool->workers = calloc(1, sizeof *pool->workers);
    }
    follow_caller(pool);
    if (pool->workers == NULL || !grow(pool, threads, at_least)) {
        bp_pool_give(pool);
        return NULL;
    }
    *got = pool->size < threads ? pool->size : threads;
    return pool;
}

void bp_pool_run(bp_pool *pool, int threads, int all, bp_work work, void *job,
                 bp_interrupt *interrupt) {
    const int oversubscribed = threads > pool->cpus;
    if (pool->generation != generation) { /* forked since it was taken: its threads are not here */
        for (int i = 0; i < threads; i++) work(job, i);
        return;
    }
    pool->work = work;
    pool->job = job;
    pool->fp_control = fp_control();
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
    wait_for_workers(pool, oversubscribed ? 0 : CALLER_SPIN_NS, interrupt);
}

void bp_pool_give(bp_pool *pool) {
    int kept;
    if (pool->generation != generation) return; /* nothing of it can be ended here */
    pthread_mutex_lock(&lock);
    kept = kept_workers - idle_workers;
    if (kept > pool->size - 1) kept = pool->size - 1;
    idle_workers += kept; /* already, so that others do not count on the same room */
    pthread_mutex_unlock(&lock);
    if (kept == 0) {
        end_pool(pool);
        return;
    }
    stop_workers(pool, kept + 1);
    pthread_mutex_lock(&lock);
    pool->next = idle_pools;
    idle_pools = pool;
    pthread_mutex_unlock(&lock);
}

void bp_pool_release(void) {
    for (bp_pool *pool; (pool = take_idle_pool()) != NULL;) end_pool(pool);
}

/* Look for signals where the last look is some time ago. */
static void poll_signals(bp_interrupt *interrupt) {
    interrupt->work = 0;
    if (interrupt->stop || monotonic_ns() < interrupt->due_ns) return;
    if (interrupt->check()) __atomic_store_n(&interrupt->stop, 1, __ATOMIC_RELAXED);
    interrupt->due_ns = monotonic_ns() + POLL_NS;
}

bp_interrupt *bp_interruptible(bp_interrupt *interrupt, int (*check)(void)) {
    if (syscall(SYS_gettid) != getpid()) return NULL; /* signals are the main thread's */
    *interrupt = (bp_interrupt){
        .poll = poll_signals, .check = check, .due_ns = monotonic_ns() + POLL_NS};
    return interrupt;
}

void bp_wait_for_parts(const ptrdiff_t *counter, ptrdiff_t count, bp_interrupt *interrupt,
                       int thread) {
    for (int reads = 0; __atomic_load_n(counter, __ATOMIC_ACQUIRE) < count; reads++) {
        if (reads < READS_BEFORE_YIELD) {
            cpu_relax();
            continue;
        }
        sched_yield();
        if (bp_leave_off(interrupt, thread, BP_POLL_WORK)) return;
    }
}
