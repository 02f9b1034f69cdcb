"""Attention of few rows: the keys of a head in parts that threads share, joined at the end.

After T. Dao, D. Haziza, F. Massa, G. Sizov, "Flash-Decoding for long-context inference", 2023.
"""

from libc.math cimport INFINITY, exp2f
from libc.string cimport memcpy, memset

from brickprof.kernels.attention.arena cimport attention_arena
from brickprof.kernels.attention.shape cimport attention_job, attention_visible


cdef inline Py_ssize_t attention_partial_floats(const attention_job *job) noexcept nogil:
    """Return the floats of a partial result: output, maximum and sum of each row."""
    return job.rows * (job.width + 2)


cdef inline void attention_store_partial(const attention_job *job, const attention_arena *arena,
                                         Py_ssize_t part) noexcept nogil:
    """Keep what a part of the keys gave."""
    cdef float *to = job.partial + part * attention_partial_floats(job)
    memcpy(to, arena.out, job.rows * job.width * sizeof(float))
    memcpy(to + job.rows * job.width, arena.maximum, job.rows * sizeof(float))
    memcpy(to + job.rows * (job.width + 1), arena.sum, job.rows * sizeof(float))


cdef inline void attention_join_row(const attention_job *job, Py_ssize_t head,
                                    Py_ssize_t row) noexcept nogil:
    """Add up the parts of one row of a head."""
    cdef Py_ssize_t stride = attention_partial_floats(job), s, j
    cdef float *parts = job.partial + head * job.splits * stride
    cdef float *maximum = parts + job.rows * job.width + row
    cdef float *sums = maximum + job.rows
    cdef float *out = job.out + (head * job.rows + row) * job.dim
    cdef float *part
    cdef float largest = -INFINITY, total = 0, factor
    memset(out, 0, job.dim * sizeof(float))
    if attention_visible(job, row) == 0:
        return
    for s in range(job.splits):
        if maximum[s * stride] > largest:
            largest = maximum[s * stride]
    for s in range(job.splits):
        # The row sees nothing of this part and the ones behind it.
        if attention_visible(job, row) <= s * job.split_keys:
            break
        factor = exp2f((maximum[s * stride] - largest) * job.scale)
        part = parts + s * stride + row * job.width
        for j in range(job.dim):
            out[j] += factor * part[j]
        total += factor * sums[s * stride]
    job.isa.divide(out, total, out, job.dim)


cdef inline void attention_join(const attention_job *job) noexcept nogil:
    """Add up the parts of all rows."""
    cdef Py_ssize_t head, row
    for head in range(job.batches * job.heads):
        for row in range(job.rows):
            attention_join_row(job, head, row)
