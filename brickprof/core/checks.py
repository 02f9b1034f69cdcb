"""Checks on single values: arguments, and fields of models that files may have damaged.

A value of the wrong type is a TypeError and one out of range a ValueError, both naming it; models
pass the `error` to raise for either instead.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from brickprof.core.errors import BrickprofError
from brickprof.core.limits import MAX_INTEGER, MAX_SIZE, MAX_THREADS

Error = type[BrickprofError] | None
T = TypeVar("T")

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type)
_BRACKETS: dict[type, str] = {list: "[]", tuple: "()", dict: "{}"}
_MAX_PARTS = 4
_MAX_CHARACTERS = 80


def checked_integer(
    name: str, value: object, minimum: int, maximum: int = MAX_SIZE, error: Error = None
) -> int:
    """Return an integer in [minimum, maximum], Python's or NumPy's but no bool, as an int."""
    number = _as_int(value)
    if number is not None and minimum <= number <= maximum:
        return number
    allowed = f"in [{_bound(minimum)}, {_bound(maximum)}], got {short_repr(value)}"
    if number is None:
        raise (error or TypeError)(f"{name} must be an integer {allowed}")
    raise (error or ValueError)(f"{name} must be {allowed}")


def checked_thread_count(name: str, value: object) -> int:
    """Return an argument that is a number of threads as an int."""
    return checked_integer(name, value, 1, MAX_THREADS)


def checked_number(name: str, value: object, zero: bool = False, error: Error = None) -> float:
    """Return a finite number > 0 (or >= 0, if `zero`) as a float."""
    real = None if isinstance(value, bool) else as_real(value)
    if real is not None and math.isfinite(real) and (real > 0 or (real == 0 and zero)):
        return real
    wanted = f"a finite number {'>=' if zero else '>'} 0, got {short_repr(value)}"
    raise (error or (TypeError if real is None else ValueError))(f"{name} must be {wanted}")


def checked_flag(name: str, value: object) -> bool:
    """Return an argument that is true or false; an array of several elements is neither."""
    try:
        return bool(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be True or False, got {short_repr(value)}") from error


def checked_callable(name: str, value: T) -> T:
    """Return an argument that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, got {short_repr(value)}")
    return value


def checked_items(name: str, value: Iterable[T]) -> Iterator[T]:
    """Yield the items of an argument of one dimension; a text is none of items."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        items = iter(value)
    except (TypeError, NotImplementedError):  # the latter from a memoryview of two dimensions
        raise TypeError(f"{name} must be an iterable, got {short_repr(value)}") from None
    yield from items


def checked_path(name: str, value: object) -> Path:
    """Return an argument that is a path."""
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{name} must be a path, got {short_repr(value)}")
    path = Path(value)
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise ValueError(f"{name} must be the name of a file, got {short_repr(value)}")
    return path


def checked_percentage(text: str) -> float:
    """Return a percentage with its sign, such as ``5%`` or ``2.5%``, as a fraction.

    Without the sign 5 could be a factor of five, and 0.05 a twentieth of a percent.
    """
    try:
        number = float(text.removesuffix("%")) if text.endswith("%") else math.nan
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(
            f"must be a percentage >= 0 with its sign, such as 5% or 2.5%, got {short_repr(text)}"
        )
    return number / 100


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
        raise error(f"{name} must be a non-empty string, got {short_repr(value)}")
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


def short_repr(value: object) -> str:
    """Return a value for an error's one line: plain values as written, of others the type alone.

    What an array, or an object of somebody's class, says of itself may take pages, seconds or an
    exception of its own.
    """
    return _shortened(value, 2)


def _shortened(value: Any, depth: int) -> str:
    """Return a value as `short_repr` does, with containers in it down to a depth."""
    kind = type(value)
    if kind is int and value.bit_length() > 512:  # Python refuses to write it out
        text = f"an integer of {value.bit_length()} bits"
    elif kind in _PLAIN or _is_plain_elsewhere(kind):
        text = repr(value)
    elif kind in _BRACKETS and depth:
        parts = [
            f"{_shortened(part, depth - 1)}: {_shortened(value[part], depth - 1)}"
            if kind is dict
            else _shortened(part, depth - 1)
            for part in islice(value, _MAX_PARTS)
        ]
        if len(value) > _MAX_PARTS:
            parts.append("...")
        brackets = _BRACKETS[kind]
        text = f"{brackets[0]}{', '.join(parts)}{brackets[1]}"
    else:
        text = kind.__name__
    return text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 3] + "..."


def _is_plain_elsewhere(kind: type) -> bool:
    """Tell whether a type is of exact numbers, or of NumPy's own scalars or dtypes."""
    if kind.__module__ in ("decimal", "fractions"):
        return True
    bases = [(base.__module__, base.__name__) for base in kind.__mro__]
    return kind.__module__ in ("numpy", "numpy.dtypes") and any(
        base in bases for base in (("numpy", "generic"), ("numpy", "dtype"))
    )
