/* workspace.c: memory for packed panels, kept by each thread from call to call. */
#include "kernels/runtime/workspace.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE_PAGE = 1 << 21 };

typedef struct {
    void *memory;
    size_t bytes;
} workspace;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int key_made;

static void release(void *value) {
    free(((workspace *)value)->memory);
    free(value);
}

static void make_key(void) { key_made = pthread_key_create(&key, release) == 0; }

void *bp_workspace(size_t bytes) {
    workspace *mine;
    void *memory = NULL;
    pthread_once(&once, make_key);
    if (!key_made) return NULL;
    mine = pthread_getspecific(key);
    if (mine == NULL) {
        mine = calloc(1, sizeof *mine);
        if (mine == NULL) return NULL;
        if (pthread_setspecific(key, mine) != 0) {
            free(mine);
            return NULL;
        }
    }
    if (bytes <= mine->bytes) return mine->memory;
    if (posix_memalign(&memory, bytes < HUGE_PAGE ? PAGE : HUGE_PAGE, bytes) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    /* Packed blocks are gone over again and again: small pages would miss the TLB each time. */
    if (bytes >= HUGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    free(mine->memory);
    mine->memory = memory;
    mine->bytes = bytes;
    return memory;
}
