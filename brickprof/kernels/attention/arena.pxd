"""A thread's memory for attention."""

from brickprof.kernels.attention.shape cimport attention_job
from brickprof.kernels.partition cimport round_up


cdef struct attention_arena:
    float *k                                        # packed keys of a head, unless dotxf
    float *v                                        # a block of packed values, unless direct
    float *q                                        # packed queries of a Midi tile
    float *out                                      # its output before division
    float *scores                                   # of one Micro tile
    float *maximum                                  # by row of the Midi tile
    float *sum
    int thread                                      # whose it is


cdef inline Py_ssize_t attention_lay_out(const attention_job *job, char *memory,
                                         attention_arena *arena) noexcept nogil:
    """Lay out a thread's arena and return its size in bytes."""
    cdef Py_ssize_t lanes = job.micro.lanes, at = 0, i
    cdef Py_ssize_t sizes[7]
    cdef float **parts[7]
    parts[0], parts[1], parts[2], parts[3] = &arena.k, &arena.v, &arena.q, &arena.out
    parts[4], parts[5], parts[6] = &arena.scores, &arena.maximum, &arena.sum
    sizes[0] = 0 if job.dotxf else round_up(job.keys, job.micro.nr) * job.dim
    sizes[1] = 0 if job.direct_values else job.key_block * job.width
    sizes[2] = job.row_block * job.dim
    sizes[3] = job.row_block * job.width
    sizes[4] = job.micro.mr * job.key_block
    sizes[5] = job.row_block
    sizes[6] = job.row_block
    for i in range(7):
        parts[i][0] = <float *> (memory + at)
        # Packing may write a vector too far.
        at += round_up((sizes[i] + lanes) * sizeof(float), 64)
    return round_up(at, 4096)
