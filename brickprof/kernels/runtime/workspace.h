/* workspace.h: memory for packed panels, kept by each thread from call to call. */
#ifndef BRICKPROF_WORKSPACE_H
#define BRICKPROF_WORKSPACE_H

#include <stddef.h>

/* Memory of at least `bytes` bytes, aligned to a page; NULL where there is none. It is the calling
 * thread's until its next call, and is freed when the thread ends. */
void *bp_workspace(size_t bytes);

#endif
