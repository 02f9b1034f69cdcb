# Arguments from Python: levels, whole numbers and footprints.

cdef PyObject *MACRO = <PyObject *> TileLevel.MACRO
cdef PyObject *MIDI = <PyObject *> TileLevel.MIDI
cdef PyObject *MICRO = <PyObject *> TileLevel.MICRO


cdef inline int level_of(object level) except -1:
    """Return a TileLevel's number."""
    if <PyObject *> level == MICRO:
        return 2
    if <PyObject *> level == MIDI:
        return 1
    if <PyObject *> level == MACRO:
        return 0
    raise TypeError(f"level must be a TileLevel, got {level!r}")


cdef extern from *:
    """
    /* The value of a small exact int that is not negative; 0 where the slow way is needed. */
    static inline int bp_small_int(PyObject *x, uint64_t *value) {
        if (!PyLong_CheckExact(x)) return 0;
    #if PY_VERSION_HEX >= 0x030C0000
        if (!PyUnstable_Long_IsCompact((PyLongObject *)x)) return 0;
        Py_ssize_t compact = PyUnstable_Long_CompactValue((PyLongObject *)x);
        *value = (uint64_t)compact;
        return compact >= 0;
    #else
        Py_ssize_t digits = Py_SIZE(x);
        if (digits != 1 && digits != 0) return 0;
        *value = digits ? ((PyLongObject *)x)->ob_digit[0] : 0;
        return 1;
    #endif
    }
    """
    bint bp_small_int(PyObject *x, uint64_t *value)


cdef inline uint64_t as_count(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Return a whole number in [0, 2**64), or raise an error that names the argument."""
    cdef uint64_t number
    if bp_small_int(<PyObject *> value, &number):
        return number
    return as_count_slow(value, name)


cdef uint64_t as_count_slow(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Take NumPy integers, whole floats and huge numbers; refuse the rest."""
    if isinstance(value, (bool, bool_)):     # NumPy before 2.3 lets its own be an index
        raise TypeError(f"{name} must be a whole number >= 0, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        if not isinstance(value, Real) or isinstance(value, Rational):
            raise TypeError(f"{name} must be a whole number >= 0, got {value!r}") from None
        if not float(value).is_integer():
            raise ValueError(f"{name} must be a whole number >= 0, got {value!r}") from None
        number = int(value)
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name} must be in [0, 2**64), got {value!r}")
    return number


cdef inline uint64_t as_nbytes(object value) except? 0xFEFEFEFEFEFEFEFE:
    """Return bytes, or BP_UNDECLARED for None."""
    cdef uint64_t nbytes
    if value is None:
        return BP_UNDECLARED
    nbytes = as_count(value, "nbytes")
    if nbytes == BP_UNDECLARED:
        raise ValueError("nbytes must be in [0, 2**64 - 1)")
    return nbytes


cdef tuple as_footprints(object sizes):
    """Return the bytes of each level, or None where nothing is declared."""
    if sizes is None:
        return None
    if not isinstance(sizes, Mapping):
        raise TypeError(f"footprint_bytes must be a dict of TileLevel to int, got {sizes!r}")
    footprints = [0] * BP_LEVELS
    for level, size in sizes.items():
        footprints[level_of(level)] = as_count(size, "footprint_bytes")
    return tuple(footprints)
