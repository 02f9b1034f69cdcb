"""The element types that a brick may declare, and the bytes of an element."""

from __future__ import annotations

_ITEMSIZES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}


def itemsize_of(name: str) -> int:
    """Return the bytes of an element.

    Parameters
    ----------
    name : str
        Name of the element type.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such element type.
    """
    if name not in _ITEMSIZES:
        known = ", ".join(map(repr, _ITEMSIZES))
        raise ValueError(f"dtype must be one of {known}, got {name!r}")
    return _ITEMSIZES[name]
