"""What calls of other libraries are recorded with; see _hooks.pyx."""

from libc.stdint cimport uint32_t, uint64_t

from brickprof.profiler.state cimport ProfilerState


cdef class CallRecorder:
    cdef ProfilerState profiler
    cdef list hooks                 # none where another one placed them
    cdef CallRecorder outer         # that sees no calls of the context until this one is removed
    cdef bint is_installed
    cdef readonly uint64_t min_elements
    cdef object work_of, name_of
    cdef int threads                # that products are shared out to
    cdef uint64_t l1_bytes, l2_bytes, resets
    cdef dict sites                 # (code, place, dtype, operation) -> number of a brick
    cdef dict known                 # signature of a call -> its work

    cdef int place_hooks(self) except -1
    cdef int put_back(self) except -1
    cdef object known_site(self, tuple key)
    cdef uint32_t brick(self, code, int line, str operation, str dtype, int threads) except? 0xFFFFFFFF
    cdef int level(self, uint64_t nbytes) noexcept

cdef int *inside_hook() noexcept    # of the calling thread: whether it is in a call that is recorded

cdef CallRecorder active_recorder()
