"""Plans of attention: views of what the kernel will run, and the blocks for this machine."""

from brickprof.kernels.attention.shape cimport attention_job


cdef int attention_machine_blocks(const attention_job *job, Py_ssize_t *rows,
                                  Py_ssize_t *keys) except -1
cdef int attention_tile(attention_job *job, object plan, int threads) except -1
