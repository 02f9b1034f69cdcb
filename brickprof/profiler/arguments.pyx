"""Arguments from Python: levels, whole numbers, names of bricks and dtypes, footprints."""

import operator
from collections.abc import Mapping
from dataclasses import fields
from numbers import Rational, Real

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from brickprof.tile cimport BP_LEVELS

import numpy as np

from brickprof.core.dtypes import itemsize_of
from brickprof.core.levels import TileLevel
from brickprof.recording import Overhead

# Members of an enum live as long as their module, so that borrowed pointers are enough.
MACRO = <PyObject *> TileLevel.MACRO
MIDI = <PyObject *> TileLevel.MIDI
MICRO = <PyObject *> TileLevel.MICRO

cdef set known_dtypes = set()       # names that were found in the table


cdef int refuse_level(object level) except -1:
    """Raise for what is no TileLevel."""
    raise TypeError(f"level must be a TileLevel, got {level!r}")


cdef uint64_t as_count_slow(object value, str name) except? 0xFEFEFEFEFEFEFEFE:
    """Take NumPy integers, whole floats and huge numbers; refuse the rest."""
    if isinstance(value, (bool, np.bool_)):     # NumPy before 2.3 lets its own be an index
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


cdef str as_brick(object name):
    """Return the name of a brick."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"brick must be a name, got {name!r}")
    return str(name)


cdef str as_dtype(object dtype):
    """Return the name of an element type that is given by name or as NumPy's."""
    if isinstance(dtype, str) and dtype in known_dtypes:
        return str(dtype)
    if isinstance(dtype, np.dtype) or isinstance(dtype, type) and issubclass(dtype, np.generic):
        name = np.dtype(dtype).name
    elif isinstance(dtype, str):
        name = str(dtype)
    else:
        raise ValueError(f"dtype must be a name or a NumPy dtype, got {dtype!r}")
    itemsize_of(name)
    known_dtypes.add(name)
    return name


cdef str as_isa(object isa):
    """Return the name of an instruction set, or None where none is given."""
    if isa is None:
        return None
    if not isinstance(isa, str) or not isa:
        raise TypeError(f"isa must be a name or None, got {isa!r}")
    return str(isa)


cdef int check_overhead(object overhead) except -1:
    """Raise unless this is None or an Overhead of costs that fit the clock's ticks."""
    if overhead is None:
        return 0
    if not isinstance(overhead, Overhead):
        raise TypeError(f"overhead must be an Overhead or None, got {overhead!r}")
    for field in fields(overhead):
        cost = getattr(overhead, field.name)
        if not isinstance(cost, (int, float)):
            raise TypeError(f"overhead.{field.name} must be a number, got {cost!r}")
        if not 0 <= cost <= 1e18:
            raise ValueError(f"overhead.{field.name} must be in [0, 1e18] ns, got {cost!r}")
    return 0
