"""Checks of arguments; errors begin with the argument's name."""

from __future__ import annotations

import argparse
import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return an integer in a range.

    Parameters
    ----------
    name : str
        The argument's name.
    value : object
        What was given; an int or a NumPy integer, and no bool.
    least, most : int
        The range, both ends included.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is out of range.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < least or (most is not None and number > most):
        wanted = f"at least {least}" if most is None else f"in [{least}, {most}]"
        raise ValueError(f"{name} must be {wanted}, got {number}")
    return number


def token_ids(name: str, ids: ArrayLike, vocab: int) -> NDArray[np.int64]:
    """Return ids as an array.

    Parameters
    ----------
    name : str
        The argument's name.
    ids : array_like of integers, shape (rows,)
        What was given.
    vocab : int
        Ids are below this.

    Returns
    -------
    ndarray, shape (rows,)
        int64.

    Raises
    ------
    TypeError
        If they are no integers.
    ValueError
        If there are none, they are not 1-D, or one is out of range.
    """
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one id")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    for end in (int(array.min()), int(array.max())):
        if not 0 <= end < vocab:
            raise ValueError(f"{name} must be in [0, {vocab - 1}], got {end}")
    return array.astype(np.int64)


def positive(text: str) -> int:
    """Read a whole number of at least 1 from a command line.

    Parameters
    ----------
    text : str
        The argument.

    Returns
    -------
    int

    Raises
    ------
    argparse.ArgumentTypeError
        If it is no such number.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")
    return int(text)
