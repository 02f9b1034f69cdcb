"""Copies of matrices in memory layouts of all kinds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from support.kernel_checks import Array


def misaligned(values: Array) -> Array:
    """Copy to addresses that are no multiples of the item size."""
    room = np.empty(values.nbytes + 1, np.uint8)
    view = room[1:].view(values.dtype).reshape(values.shape)
    view[...] = values
    return view


def field(values: Array) -> Array:
    """Copy into a field of packed records, an odd number of bytes apart."""
    records = np.zeros(values.shape, [("before", "u1"), ("value", values.dtype)])
    records["value"] = values
    return records["value"]


def inside(values: Array, rows: int, columns: int) -> Array:
    """Copy to every so many rows and columns of a larger array; backwards for negative steps."""
    m, n = values.shape
    room = np.full((m * abs(rows) + 3, n * abs(columns) + 2), np.nan, values.dtype)
    view = room[2 : 2 + m * abs(rows), 1 : 1 + n * abs(columns)][::rows, ::columns]
    view[...] = values
    return view


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "slice": lambda values: inside(values, 1, 1),
    "every other row": lambda values: inside(values, 2, 1),
    "every third column": lambda values: inside(values, 1, 3),
    "both backwards": lambda values: inside(values, -1, -1),
    "transposed, backwards, with steps": lambda values: inside(values.T, -3, -2).T,
    "one row repeated": lambda values: np.broadcast_to(values[:1], values.shape),
    "one column repeated": lambda values: np.broadcast_to(values[:, :1], values.shape),
    "one number repeated": lambda values: np.broadcast_to(values[:1, :1], values.shape),
    "misaligned": misaligned,
    "field": field,
    "foreign byte order": lambda values: values.astype(values.dtype.newbyteorder()),
    "read-only": lambda values: np.frombuffer(values.tobytes(), values.dtype).reshape(values.shape),
}
