"""Checks on single values: arguments, and fields of models that files may have damaged.

A value of the wrong type is a TypeError and one out of range a ValueError, both naming it; models
pass the `error` to raise for either instead.
"""

from __future__ import annotations

import math
import operator
from numbers import Real

from brickprof.core.errors import BrickprofError
from brickprof.core.limits import MAX_INTEGER, MAX_SIZE, MAX_THREADS

Error = type[BrickprofError] | None


def checked_integer(
    name: str, value: object, minimum: int, maximum: int = MAX_SIZE, error: Error = None
) -> int:
    """Return an integer in [minimum, maximum], Python's or NumPy's but no bool, as an int."""
    number = _as_int(value)
    if number is not None and minimum <= number <= maximum:
        return number
    allowed = f"in [{_bound(minimum)}, {_bound(maximum)}], got {_shown(value)}"
    if number is None:
        raise (error or TypeError)(f"{name} must be an integer {allowed}")
    raise (error or ValueError)(f"{name} must be {allowed}")


def checked_thread_count(name: str, value: object) -> int:
    """Return an argument that is a number of threads as an int."""
    return checked_integer(name, value, 1, MAX_THREADS)


def checked_number(name: str, value: object, zero: bool = False, error: Error = None) -> float:
    """Return a finite number > 0 (or >= 0, if `zero`) as a float."""
    wanted = f"a finite number {'>=' if zero else '>'} 0, got {_shown(value)}"
    real = None if isinstance(value, bool) else as_real(value)
    if real is None:
        raise (error or TypeError)(f"{name} must be {wanted}")
    if not math.isfinite(real) or real < 0 or (real == 0 and not zero):
        raise (error or ValueError)(f"{name} must be {wanted}")
    return real


def as_real(value: object) -> float | None:
    """Return a real number as a float, infinite if it is beyond one; None for what is none."""
    if not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def checked_text(name: str, value: object, error: type[BrickprofError]) -> str:
    """Return a str that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise error(f"{name} must be a non-empty string, got {value!r}")
    return value


def check_integer_field(
    model: object, name: str, minimum: int, maximum: int = MAX_SIZE, error: Error = None
) -> None:
    """Check a field of a frozen dataclass, and make it an int: NumPy's would wrap around."""
    number = checked_integer(name, getattr(model, name), minimum, maximum, error)
    object.__setattr__(model, name, number)


def check_saved_integers(
    model: object, names: tuple[str, ...], minimum: int, error: type[BrickprofError]
) -> None:
    """Check fields of a frozen dataclass that files hold, and make them ints."""
    for name in names:
        check_integer_field(model, name, minimum, MAX_INTEGER, error)


def _as_int(value: object) -> int | None:
    """Return an integer as an int; None for bools, and for what is no integer."""
    # By name, since NumPy before 2.3 lets its own bool be an index.
    if type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # what is none raises
    except TypeError:
        return None


def _bound(bound: int) -> str:
    """Return a bound in digits, or a large one as a power of two."""
    size = abs(bound)
    if size >= 2**32 and size & (size - 1) == 0:
        return f"{'-' if bound < 0 else ''}2**{size.bit_length() - 1}"
    if bound >= 2**32 - 1 and bound & (bound + 1) == 0:
        return f"2**{bound.bit_length()} - 1"
    return str(bound)


def _shown(value: object) -> str:
    """Return a value as an error shows it."""
    # Python refuses to write out a number of thousands of digits.
    if isinstance(value, int) and value.bit_length() > 512:
        return f"an integer of {value.bit_length()} bits"
    return repr(value)
