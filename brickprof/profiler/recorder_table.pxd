"""What a kernel's threads are handed for their recorders."""

from brickprof.tile cimport bp_recorder_table


cdef class RecorderTable:
    cdef bp_recorder_table c
    cdef list recorders             # the Recorders that it keeps alive; empty when off

    cdef tuple handles(self)
    cdef str complaint(self)
    cdef void close(self, tuple handles) noexcept


cdef RecorderTable new_table(list recorders)
