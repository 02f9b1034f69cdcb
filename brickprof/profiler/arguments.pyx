"""Arguments from Python: levels, whole numbers, thread counts, names, footprints."""

import operator
from collections.abc import Mapping
from dataclasses import fields
from numbers import Rational, Real

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from brickprof.tile cimport BP_LEVELS, BP_UNDECLARED

import numpy as np

from brickprof.core.checks import as_real, checked_thread_count, short_repr
from brickprof.core.dtypes import DTYPE_NAMES, dtype_of
from brickprof.core.levels import TileLevel
from brickprof.core.limits import MAX_THREADS
from brickprof.machine.isas import checked_isa_name
from brickprof.recording import WORK_SOURCES, Overhead

# Members of an enum live as long as their module, so that borrowed pointers are enough.
MACRO = <PyObject *> TileLevel.MACRO
MIDI = <PyObject *> TileLevel.MIDI
MICRO = <PyObject *> TileLevel.MICRO


cdef int refuse_level(object level) except -1:
    """Raise for what is no TileLevel."""
    raise TypeError(f"level must be a TileLevel, got {short_repr(level)}")


cdef uint64_t as_count_slow(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Take NumPy integers, whole floats and huge numbers; refuse the rest."""
    if isinstance(value, (bool, np.bool_)):     # NumPy before 2.3 lets its own be an index
        raise TypeError(f"{name} must be a whole number >= 0, got {short_repr(value)}")
    try:
        number = operator.index(value)
    except TypeError:
        if not isinstance(value, Real) or isinstance(value, Rational):
            raise TypeError(f"{name} must be a whole number >= 0, got {short_repr(value)}") from None
        if not float(value).is_integer():
            raise ValueError(f"{name} must be a whole number >= 0, got {short_repr(value)}") from None
        number = int(value)
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name} must be in [0, 2**64), got {short_repr(value)}")
    return number


cdef tile_bytes as_split_bytes(object nbytes, object loaded, object stored) except *:
    """Return loaded and stored bytes; the one that is not given is 0."""
    cdef tile_bytes declared
    declared.split = True
    declared.loaded = 0 if loaded is None else as_count(loaded, "loaded_bytes")
    declared.stored = 0 if stored is None else as_count(stored, "stored_bytes")
    declared.total = declared.loaded + declared.stored
    if declared.total < declared.loaded or declared.total == BP_UNDECLARED:
        raise ValueError("loaded_bytes and stored_bytes must add up to less than 2**64 - 1")
    if nbytes is not None and as_nbytes(nbytes) != declared.total:
        raise ValueError(
            f"nbytes must be loaded_bytes + stored_bytes, {declared.total}, got {short_repr(nbytes)}")
    return declared


cdef tuple as_footprints(object sizes):
    """Return the bytes of each level, or None where nothing is declared."""
    if sizes is None:
        return None
    if not isinstance(sizes, Mapping):
        raise TypeError(f"footprint_bytes must be a dict of TileLevel to int, got {short_repr(sizes)}")
    footprints = [0] * BP_LEVELS
    for level, size in sizes.items():
        footprints[level_of(level)] = as_count(size, "footprint_bytes")
    return tuple(footprints)


cdef str as_brick(object name):
    """Return the name of a brick."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"brick must be a name, got {short_repr(name)}")
    return str(name)


cdef str as_category(object name):
    """Return the name of a category, or None where none is given."""
    if name is None:
        return None
    if not isinstance(name, str) or not name:
        raise TypeError(f"category must be a name or None, got {short_repr(name)}")
    return str(name)


cdef str as_dtype(object dtype):
    """Return the name of an element type that is given by name or as NumPy's."""
    return dtype if type(dtype) is str and dtype in DTYPE_NAMES else dtype_of(dtype).name


cdef int as_threads(object threads) except -1:
    """Return a number of threads."""
    if type(threads) is int and 1 <= threads <= MAX_THREADS:
        return threads
    return checked_thread_count("threads", threads)


cdef str as_isa(object isa):
    """Return the name of an instruction set, of any machine, or None where none is given."""
    return None if isa is None else checked_isa_name(isa)


cdef str as_work_source(object source):
    """Return where flops and bytes come from, or None where they are declared by hand."""
    if source is None:
        return None
    names = ", ".join(map(repr, WORK_SOURCES))
    if not isinstance(source, str):
        raise TypeError(f"work_source must be one of {names} or None, got {short_repr(source)}")
    if source not in WORK_SOURCES:
        raise ValueError(f"work_source must be one of {names}, got {short_repr(source)}")
    return str(source)


cdef tuple work_found(object work):
    """Return elements, flops, loaded and stored bytes of work that was found, and its source."""
    try:
        found = (work.elements, work.flops, work.loaded_bytes, work.stored_bytes, work.work_source)
    except AttributeError:
        raise TypeError(
            f"work must be what brickprof.count returned, got {short_repr(work)}") from None
    if found[4] is None:
        raise TypeError(f"work must have a work_source, got {short_repr(work)}")
    return (*found[:4], as_work_source(found[4]))


cdef int check_overhead(object overhead) except -1:
    """Raise unless this is None or an Overhead of costs that fit the clock's ticks."""
    if overhead is None:
        return 0
    if not isinstance(overhead, Overhead):
        raise TypeError(f"overhead must be an Overhead or None, got {short_repr(overhead)}")
    for field in fields(overhead):
        cost = getattr(overhead, field.name)
        real = as_real(cost)
        if real is None:
            raise TypeError(f"overhead.{field.name} must be a number, got {short_repr(cost)}")
        if not 0 <= real <= 1e18:
            raise ValueError(f"overhead.{field.name} must be in [0, 1e18] ns, got {short_repr(cost)}")
    return 0
