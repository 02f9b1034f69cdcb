/* workspace.c: memory for packed panels, kept by each thread from call to call. */
#define _GNU_SOURCE
#include "kernels/runtime/workspace.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    HUGE_PAGE = 1 << 21,
    /* What a thread keeps at most: what packing usually takes, so that a loop of calls pays for no
     * page faults. */
    MIN_KEPT_BYTES = 64 << 20,
    KEPT_BYTES_PER_CPU = 4 << 20,
};

/* As linux/membarrier.h has them, which systems with musl come without. */
enum { PRIVATE_EXPEDITED = 1 << 3, REGISTER_PRIVATE_EXPEDITED = 1 << 4 };

/* Where a thread keeps its workspace between calls. */
typedef struct place {
    struct place *next, **back;
    bp_workspace *kept;
    int busy; /* its thread is about to change it */
} place;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static place *places;
static pthread_key_t key;
static int key_made;
static size_t kept_bytes = MIN_KEPT_BYTES;
static int releasing;

static void free_workspace(bp_workspace *workspace) {
    if (workspace == NULL) return;
    free(workspace->memory);
    free(workspace);
}

/* Keep another workspace and return the one that was kept.
 *
 * An atomic exchange would cost each small call 5 ns. Instead a release, which is rare, makes all
 * threads pass a memory barrier after it has set `releasing`: a thread whose `busy` it does not see
 * then, sees `releasing` and waits. */
static bp_workspace *exchange(place *mine, bp_workspace *workspace) {
    bp_workspace *before;
    __atomic_store_n(&mine->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    while (__builtin_expect(__atomic_load_n(&releasing, __ATOMIC_ACQUIRE), 0)) {
        __atomic_store_n(&mine->busy, 0, __ATOMIC_RELEASE);
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
        __atomic_store_n(&mine->busy, 1, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    before = __atomic_load_n(&mine->kept, __ATOMIC_RELAXED);
    __atomic_store_n(&mine->kept, workspace, __ATOMIC_RELEASE);
    __atomic_store_n(&mine->busy, 0, __ATOMIC_RELEASE);
    return before;
}

/* Let all threads of the process pass a memory barrier; false where the system cannot. */
static int barrier_on_all_threads(void) {
    return syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
           syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* At the end of a thread. */
static void end_place(void *value) {
    place *mine = value;
    pthread_mutex_lock(&lock);
    *mine->back = mine->next;
    if (mine->next != NULL) mine->next->back = mine->back;
    pthread_mutex_unlock(&lock);
    free_workspace(mine->kept);
    free(mine);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }

/* At load: a fork in the middle of it at first use would leave it half done. */
__attribute__((constructor)) static void prepare(void) {
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus > 0 && (size_t)cpus * KEPT_BYTES_PER_CPU > kept_bytes)
        kept_bytes = (size_t)cpus * KEPT_BYTES_PER_CPU;
    key_made = pthread_key_create(&key, end_place) == 0;
    pthread_atfork(before_fork, after_fork, after_fork);
}

static place *make_place(void) {
    place *mine = key_made ? calloc(1, sizeof *mine) : NULL;
    if (mine == NULL || pthread_setspecific(key, mine) != 0) {
        free(mine);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    mine->next = places;
    mine->back = &places;
    if (places != NULL) places->back = &mine->next;
    places = mine;
    pthread_mutex_unlock(&lock);
    return mine;
}

static bp_workspace *make_workspace(size_t bytes) {
    bp_workspace *made = malloc(sizeof *made);
    void *memory = NULL;
    if (made == NULL || posix_memalign(&memory, bytes < HUGE_PAGE ? PAGE : HUGE_PAGE, bytes) != 0) {
        free(made);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    /* Packed blocks are gone over again and again: small pages would miss the TLB each time. */
    if (bytes >= HUGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    *made = (bp_workspace){memory, bytes};
    return made;
}

bp_workspace *bp_workspace_take(size_t bytes) {
    place *mine = pthread_getspecific(key);
    bp_workspace *kept;
    if (mine == NULL && (mine = make_place()) == NULL) return NULL;
    kept = exchange(mine, NULL);
    if (kept != NULL && bytes <= kept->bytes) return kept;
    free_workspace(kept);
    return make_workspace(bytes);
}

void bp_workspace_give(bp_workspace *workspace) {
    place *mine;
    if (workspace == NULL) return;
    mine = pthread_getspecific(key);
    if (mine == NULL || workspace->bytes > kept_bytes)
        free_workspace(workspace);
    else
        free_workspace(exchange(mine, workspace));
}

void bp_workspace_release(void) {
    place *mine = pthread_getspecific(key);
    if (mine != NULL) free_workspace(exchange(mine, NULL));
    pthread_mutex_lock(&lock);
    __atomic_store_n(&releasing, 1, __ATOMIC_SEQ_CST);
    if (barrier_on_all_threads()) {
        for (place *at = places; at != NULL; at = at->next) {
            if (__atomic_load_n(&at->busy, __ATOMIC_ACQUIRE)) continue;
            free_workspace(__atomic_load_n(&at->kept, __ATOMIC_ACQUIRE));
            __atomic_store_n(&at->kept, NULL, __ATOMIC_RELAXED);
        }
    }
    __atomic_store_n(&releasing, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
