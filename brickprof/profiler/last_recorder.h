/* last_recorder.h: the recorder that a thread used last, which saves a look-up for each tile. */
#ifndef BRICKPROF_LAST_RECORDER_H
#define BRICKPROF_LAST_RECORDER_H

#include <Python.h>
#include <stdint.h>

#if defined(__GLIBC__) /* others cannot load a module at run time that asks for this */
#define BP_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define BP_TLS_MODEL
#endif

typedef struct bp_last_recorder {
    uint64_t profiler, holder;
    PyThreadState *thread; /* lives as long as the recorder has this holder */
    PyObject *recorder; /* borrowed: its profiler, whose id is never given again, keeps it */
} bp_last_recorder;

/* Each module that includes this has a cache of its own; a miss asks the profiler. */
static __thread bp_last_recorder bp_last BP_TLS_MODEL __attribute__((unused));

/* Whether the calling thread runs in a context (PEP 567), as each task of asyncio has its own. */
static inline int bp_in_context(const void *context) { return bp_last.thread->context == context; }

#endif
