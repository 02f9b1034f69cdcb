/* workspace.h: memory for packed panels, kept by each thread from call to call.
 *
 * A call takes the calling thread's workspace and gives it back at its end. Meanwhile nobody else has
 * it: neither a call in between on the same thread, as of a finalizer or a signal's handler, nor
 * bp_workspace_release.
 */
#ifndef BRICKPROF_WORKSPACE_H
#define BRICKPROF_WORKSPACE_H

#include <stddef.h>

typedef struct {
    char *memory; /* aligned to a page */
    size_t bytes;
} bp_workspace;

/* Take a workspace of at least `bytes` bytes; NULL where there is none. */
bp_workspace *bp_workspace_take(size_t bytes);

/* Give a workspace back, which may be NULL. A large one is freed, others when the thread ends. */
void bp_workspace_give(bp_workspace *workspace);

/* Free what no call has taken, of all threads. */
void bp_workspace_release(void);

#endif
