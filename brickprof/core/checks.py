"""Checks on single values that come from callers and from JSON."""

from __future__ import annotations

import math
import operator
from numbers import Real

from brickprof.core.errors import BrickprofError
from brickprof.core.limits import MAX_INTEGER, MAX_THREADS


def whole(name: str, value: object, wanted: str, error: type[Exception]) -> int:
    """Return an argument that is an integer, Python's or NumPy's but no bool, as an int.

    Else raise `error`, which names the argument and says what was `wanted`.
    """
    try:
        if not isinstance(value, bool):
            return operator.index(value)  # type: ignore[arg-type]  # what is none raises
    except TypeError:
        pass
    raise error(f"{name} must be {wanted}, got {value!r}")


def at_least(name: str, value: object, least: int) -> int:
    """Return an argument that is an integer of at least `least`, else raise an error naming it."""
    count = whole(name, value, f"an integer >= {least}", TypeError)
    if count < least:
        raise ValueError(f"{name} must be >= {least}, got {value!r}")
    return count


def thread_count(name: str, value: object) -> int:
    """Return an argument that is a number of threads, else raise an error naming it."""
    count = whole(name, value, "an integer >= 1", TypeError)
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"{name} must be in [1, {MAX_THREADS}], got {value!r}")
    return count


def above_zero(name: str, value: object) -> float:
    """Return an argument that is a finite number > 0 as a float, else raise an error naming it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a finite number > 0, got {value!r}")
    try:
        real = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be within the range of a float") from None
    if not 0 < real < math.inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return real


def integer(name: str, value: object, least: int, error: type[BrickprofError]) -> int:
    """Return `value` if it is an int of at least `least`, else raise `error` naming it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise error(f"{name} must be an integer of at least {least}, got {value!r}")
    if value > MAX_INTEGER:
        raise error(f"{name} must be an integer of at most 2**512, got one that is larger")
    return value


def number(name: str, value: object, error: type[BrickprofError], zero: bool = False) -> float:
    """Return `value` as a finite float above zero (or at zero, if `zero`), else raise `error`."""
    wanted = "a finite number, zero or more" if zero else "a finite number above zero"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise error(f"{name} must be {wanted}, got {value!r}")
    try:
        real = float(value)
    except OverflowError:
        raise error(f"{name} must be {wanted}, got an integer too large") from None
    if not math.isfinite(real) or real < 0 or (real == 0 and not zero):
        raise error(f"{name} must be {wanted}, got {value!r}")
    return real


def text(name: str, value: object, error: type[BrickprofError]) -> str:
    """Return `value` if it is a str that is not blank, else raise `error` naming it."""
    if not isinstance(value, str) or not value.strip():
        raise error(f"{name} must be a non-empty string, got {value!r}")
    return value
