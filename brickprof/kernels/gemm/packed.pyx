"""A matrix packed once and used many times."""

import numpy as np

cimport numpy as cnp

from brickprof.kernels.arrays cimport as_input, dtype_of, private_view, step
from brickprof.kernels.gemm.plan cimport gemm_machine_blocks
from brickprof.kernels.gemm.shape cimport gemm_block_sizes
from brickprof.kernels.partition cimport balanced, ceil_div, round_up
from brickprof.kernels.runtime.runtime cimport (
    PACK_FLOPS, bp_interrupt, bp_isa, bp_leave_off, bp_micro_kernels, dtype_name, interruptible,
    isa_of, kernel_dtypes,
)

cnp.import_array()


cdef class PackedMatrix:
    """The right side of products, in the micro-kernel's micropanels; made by `pack`.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns, (k, n).
    dtype : str
        ``"float32"`` or ``"float64"``.
    isa : str
        Instruction set that it is packed for.
    nbytes : int
        Bytes of memory that it takes.
    """

    def __cinit__(self):
        # One made without `pack` is empty.
        self.packed_for = isa_of(None)
        self.memory = np.empty(0, np.uint8)

    def __init__(self):
        raise TypeError("packed matrices are made by brickprof.pack")

    def __reduce__(self):
        raise TypeError("a packed matrix is of this CPU alone: copy or pickle what it was made of, "
                        "and pack that")

    @property
    def shape(self):
        return self.k, self.n

    @property
    def dtype(self):
        return dtype_name(self.dtype_number)

    @property
    def isa(self):
        return self.packed_for.name.decode()

    @property
    def nbytes(self):
        return self.memory.nbytes

    def __repr__(self):
        return f"<PackedMatrix {self.k} x {self.n} {self.dtype}, {self.isa}>"


cdef int pack_micropanels(PackedMatrix packed, const bp_micro_kernels *micro, const char *b,
                          Py_ssize_t row_step, Py_ssize_t column_step, Py_ssize_t itemsize,
                          bp_interrupt *interrupt) except -1 nogil:
    """Pack all micropanels, one depth of tiles after the other."""
    cdef Py_ssize_t padded = round_up(packed.n, micro.lanes), row, column, p, kb, j, width
    for row in range(ceil_div(packed.k, packed.kc)):
        p = row * packed.kc
        kb = min(packed.kc, packed.k - p)
        for column in range(ceil_div(packed.n, micro.nr)):
            j = column * micro.nr
            width = min(micro.nr, packed.n - j)
            micro.pack(round_up(width, micro.lanes), width, kb,
                       b + (p * row_step + j * column_step) * itemsize, column_step, row_step,
                       packed.micropanels + (p * padded + j * kb) * itemsize)
            if bp_leave_off(interrupt, 0, PACK_FLOPS * width * kb):
                return -1
    return 0


def pack(b, isa=None):
    """Pack the right side of products that is used many times, such as a layer's weights.

    Parameters
    ----------
    b : array_like, shape (k, n)
        float32 or float64, of any strides; ``weight.T`` for a linear layer's ``x @ weight.T``.
    isa : str, optional
        Instruction set to pack for; by default the best one, or what BRICKPROF_ISA says.

    Returns
    -------
    PackedMatrix
        What ``gemm(a, packed)`` takes in place of `b`; a copy, so that later changes of `b` do
        not show.

    Raises
    ------
    TypeError, ValueError
        If `b` is no matrix of such a dtype, or `isa` unknown or not supported.
    MemoryError
        If there is no memory for the copy.
    """
    cdef const bp_isa *chosen = isa_of(isa)
    cdef list kept = []
    cdef cnp.ndarray array = as_input(
        private_view(as_input(b, "b", 2, 2, kernel_dtypes), kept), "b", 2, 2, kernel_dtypes)
    cdef int dtype = dtype_of(array)
    cdef const bp_micro_kernels *micro = chosen.micro[dtype]
    cdef PackedMatrix packed = PackedMatrix.__new__(PackedMatrix)
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(array), padded, row_step, column_step
    cdef const char *data = <const char *> cnp.PyArray_DATA(array)
    cdef gemm_block_sizes blocks
    gemm_machine_blocks(chosen, dtype, &blocks)
    packed.packed_for, packed.dtype_number = chosen, dtype
    packed.k, packed.n = cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1)
    packed.kc = balanced(packed.k, blocks.kc, 4)
    padded = round_up(packed.n, micro.lanes)
    if <double> padded * packed.k * itemsize > 2.0 ** 62:
        raise MemoryError("no memory for a packed matrix")
    packed.memory = np.empty((padded * packed.k + 2 * micro.lanes) * itemsize + 64, np.uint8)
    packed.micropanels = <char *> cnp.PyArray_DATA(<cnp.ndarray> packed.memory)
    packed.micropanels += (64 - <size_t> packed.micropanels % 64) % 64
    row_step, column_step = step(array, 0), step(array, 1)
    cdef bp_interrupt space
    cdef bp_interrupt *interrupt = interruptible(
        &space, <double> PACK_FLOPS * packed.k * packed.n)
    with nogil:
        pack_micropanels(packed, micro, data, row_step, column_step, itemsize, interrupt)
    return packed
