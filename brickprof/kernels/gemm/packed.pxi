# A matrix packed once and used many times.

cdef class PackedMatrix:
    """The right side of products, in the micro-kernel's strips; made by `pack`.

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
    cdef char *strips
    cdef object memory                              # the array that the strips lie in
    cdef const bp_isa *chosen
    cdef bint single
    cdef Py_ssize_t k, n, kc

    def __cinit__(self):
        # One made without `pack` is empty.
        self.chosen = best_isa
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
        return "float32" if self.single else "float64"

    @property
    def isa(self):
        return self.chosen.name.decode()

    @property
    def nbytes(self):
        return self.memory.nbytes

    def __repr__(self):
        return f"<PackedMatrix {self.k} x {self.n} {self.dtype}, {self.isa}>"


cdef void pack_strips(PackedMatrix packed, const bp_ukr *ukr, const char *b, Py_ssize_t row_step,
                      Py_ssize_t column_step, Py_ssize_t itemsize) noexcept nogil:
    """Pack all strips, one depth of tiles after the other."""
    cdef Py_ssize_t padded = round_up(packed.n, ukr.lanes), row, column, p, kb, j, width
    for row in range(ceil_div(packed.k, packed.kc)):
        p = row * packed.kc
        kb = min(packed.kc, packed.k - p)
        for column in range(ceil_div(packed.n, ukr.nr)):
            j = column * ukr.nr
            width = min(ukr.nr, packed.n - j)
            ukr.pack(round_up(width, ukr.lanes), width, kb,
                     b + (p * row_step + j * column_step) * itemsize, column_step, row_step,
                     packed.strips + (p * padded + j * kb) * itemsize)


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
    cdef cnp.ndarray array = as_input(b, "b", 2, 2, -1)
    cdef const bp_isa *chosen = find_isa(isa)
    cdef bint single = cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT32
    cdef const bp_ukr *ukr = chosen.f32 if single else chosen.f64
    cdef PackedMatrix packed = PackedMatrix.__new__(PackedMatrix)
    cdef Py_ssize_t itemsize = 4 if single else 8, padded, row_step, column_step
    cdef gemm_blocks_t blocks
    gemm_default_blocks(chosen, single, &blocks)
    packed.chosen, packed.single = chosen, single
    packed.k, packed.n = cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1)
    packed.kc = balanced(packed.k, blocks.kc, 4)
    padded = round_up(packed.n, ukr.lanes)
    if <double> padded * packed.k * itemsize > 2.0 ** 62:
        raise MemoryError("no memory for a packed matrix")
    packed.memory = np.empty((padded * packed.k + 2 * ukr.lanes) * itemsize + 64, np.uint8)
    packed.strips = <char *> cnp.PyArray_DATA(<cnp.ndarray> packed.memory)
    packed.strips += (64 - <size_t> packed.strips % 64) % 64
    row_step, column_step = step(array, 0), step(array, 1)
    with nogil:
        pack_strips(packed, ukr, array.data, row_step, column_step, itemsize)
    return packed


cdef object gemm_right(object b, cnp.ndarray left, const bp_isa *chosen):
    """Check the right side of a product against the left."""
    cdef PackedMatrix packed
    cdef cnp.ndarray array
    cdef Py_ssize_t rows
    if isinstance(b, PackedMatrix):
        packed = b
        if packed.single != (cnp.PyArray_TYPE(left) == cnp.NPY_FLOAT32):
            raise TypeError(f"b must be packed from a's dtype {left.dtype}, got {packed.dtype}")
        if packed.chosen != chosen:
            raise ValueError(
                f"b must be packed for the instruction set that is used, "
                f"{chosen.name.decode()}, got {packed.isa}")
        rows = packed.k
    else:
        b = array = as_input(b, "b", 2, 2, cnp.PyArray_TYPE(left))
        rows = cnp.PyArray_DIM(array, 0)
    if cnp.PyArray_DIM(left, 1) != rows:
        raise ValueError(
            f"b must have as many rows as a has columns, got shapes "
            f"{np.shape(left)} and {b.shape}")
    return b


cdef int gemm_keep_depth(gemm_job *job, PackedMatrix packed, object plan) except -1:
    """Take the depth of tiles that a matrix was packed in."""
    if plan is not None and balanced(job.k, job.blocks.kc, 4) != packed.kc:
        raise ValueError(
            f"plan must have the depth that b was packed in, {packed.kc}, got {plan.kc}")
    job.blocks.kc = max(packed.kc, 1)
    return 0
