"""Checks of arguments; errors begin with the argument's name."""

from __future__ import annotations

import argparse
import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FLOAT32 = np.dtype(np.float32)


def integer(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """Return an integer in a range.

    Parameters
    ----------
    name : str
        The argument's name.
    value : object
        What was given; an int or a NumPy integer, and no bool.
    minimum, maximum : int
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
    if number < minimum or (maximum is not None and number > maximum):
        allowed = f"at least {minimum}" if maximum is None else f"in [{minimum}, {maximum}]"
        raise ValueError(f"{name} must be {allowed}, got {number}")
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
    for bound in (int(array.min()), int(array.max())):
        if not 0 <= bound < vocab:
            raise ValueError(f"{name} must be in [0, {vocab - 1}], got {bound}")
    return array.astype(np.int64)


def logits_array(name: str, out: object, vocab: int) -> NDArray[np.float32]:
    """Return the array that logits go to.

    Parameters
    ----------
    name : str
        The argument's name.
    out : object
        What was given; None for a new array.
    vocab : int
        How many logits there are.

    Returns
    -------
    ndarray, shape (vocab,)
        float32: `out` itself, or an unfilled one.

    Raises
    ------
    TypeError
        If it is no float32 array.
    ValueError
        If it is of another shape, read-only or not aligned.
    """
    if out is None:
        return np.empty(vocab, np.float32)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name} must be a numpy array or None, got {type(out).__name__}")
    if out.dtype != _FLOAT32:
        raise TypeError(f"{name} must be float32, got dtype {out.dtype}")
    if out.shape != (vocab,):
        raise ValueError(f"{name} must have shape {(vocab,)}, got {out.shape}")
    flags = out.flags
    if not flags.writeable:
        raise ValueError(f"{name} must be writeable, got a read-only array")
    if not flags.aligned:
        raise ValueError(f"{name} must be aligned, its stride whole elements")
    return out


def positive_int(text: str) -> int:
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
