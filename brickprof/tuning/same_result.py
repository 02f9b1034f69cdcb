"""Results of candidates: whether two calls computed the same."""

from __future__ import annotations

import copy
import numbers
from typing import Any

import numpy as np


def kept(result: object) -> object:
    """Return a copy of a result, which a later call may overwrite."""
    return copy.deepcopy(result)


def same(result: object, first: object) -> bool:
    """Tell whether two results agree: arrays and numbers up to rounding, all else exactly.

    Tiles change the order of sums, so that floating point numbers may differ by the root of the
    type's precision, relative to the largest of the array.
    """
    if isinstance(first, dict):
        return (
            isinstance(result, dict)
            and result.keys() == first.keys()
            and all(same(result[key], first[key]) for key in first)
        )
    if isinstance(first, list | tuple):
        return (
            isinstance(result, list | tuple)
            and len(result) == len(first)
            and all(map(same, result, first))
        )
    if isinstance(first, numbers.Number) or hasattr(first, "__array__"):
        return _same_arrays(np.asarray(result), np.asarray(first))
    return bool(result == first)


def _same_arrays(result: np.ndarray[Any, Any], first: np.ndarray[Any, Any]) -> bool:
    """Tell whether two arrays agree."""
    if result.shape != first.shape or result.dtype.kind != first.dtype.kind:
        return False
    if first.dtype.kind not in "fc":
        return bool(np.array_equal(result, first))
    finite = np.isfinite(first)
    scale = float(np.abs(first[finite]).max()) if finite.any() else 0.0
    near = np.sqrt(np.finfo(first.dtype).eps)
    return bool(np.allclose(result, first, rtol=near, atol=near * scale, equal_nan=True))
