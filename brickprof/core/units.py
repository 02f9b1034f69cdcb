"""Numbers to text: the one place where a figure gets its digits and its unit.

Figures have three significant digits, but whole digits are never dropped ("1,234 GFLOP/s"), and a
value that rounds up to the next unit is shown in that unit ("1.00 µs", never "1000 ns").
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Integral

from brickprof.core.checks import as_real, short_repr

_TIME_UNITS = (("ns", 1), ("µs", 10**3), ("ms", 10**6), ("s", 10**9))
_SIZE_UNITS = (("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40))

_SMALLEST_EXPONENT = -3
_MAX_EXPONENT = 14


def _checked(name: str, value: float) -> float:
    """Return value as a float, or raise an error that names it."""
    number = as_real(value)
    if number is None:
        raise TypeError(f"{name} must be a number, got {short_repr(value)}")
    if number == math.inf and isinstance(value, Integral):
        raise ValueError(f"{name} is too large to be shown")
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(f"{name} must be a finite number >= 0, got {short_repr(value)}")
    return number


def _three_digits(number: float) -> str:
    """Round to three significant digits; whole digits stay, powers of ten only at extremes."""
    if number == 0:
        return "0"
    exponent = int(f"{number:.2e}".partition("e")[2])
    if not _SMALLEST_EXPONENT <= exponent <= _MAX_EXPONENT:
        return _power_of_ten(number, 2)
    return f"{number:,.{max(2 - exponent, 0)}f}"


def _power_of_ten(number: float, decimals: int) -> str:
    """Write a number as in ``"4.20e-4"``: an exponent has neither a plus nor zeros before it."""
    mantissa, _, exponent = f"{number:.{decimals}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _in_units(number: float, units: tuple[tuple[str, int], ...], step: int) -> str:
    """Show number in the first unit in which it rounds to less than `step`, or in the last."""
    for unit, size in units:
        figure = _three_digits(number / size)
        if float(figure.replace(",", "")) < step or unit == units[-1][0]:
            break
    return f"{figure} {unit}"


def format_number(x: float) -> str:
    """Return a bare figure, for a column whose heading holds the unit.

    Parameters
    ----------
    x : int or float
        Finite, >= 0.

    Returns
    -------
    str
        Such as ``"0"``, ``"0.0125"``, ``"76.4"`` or ``"1,234"``; scientific below 0.001 and from
        1e15 up.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    return _three_digits(_checked("x", x))


def format_power(x: float) -> str:
    """Return a bare figure in powers of ten, for a column that is too narrow for its digits.

    Parameters
    ----------
    x : int or float
        Finite, >= 0.

    Returns
    -------
    str
        Such as ``"1.23e10"``.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    return _power_of_ten(_checked("x", x), 2)


def format_rough(x: float) -> str:
    """Return a bare figure with two significant digits, for the ends of intervals.

    Parameters
    ----------
    x : int or float
        Finite, >= 0.

    Returns
    -------
    str
        Such as ``"0.013"``, ``"7.6"`` or ``"1,234"``: whole digits stay.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    number = _checked("x", x)
    if not number:
        return "0"
    exponent = int(f"{number:.1e}".partition("e")[2])
    if not _SMALLEST_EXPONENT <= exponent <= _MAX_EXPONENT:
        return _power_of_ten(number, 1)
    return f"{number:,.{max(1 - exponent, 0)}f}"


def format_ns(ns: float) -> str:
    """Return a time, such as ``"812 ns"``, ``"14.2 µs"``, ``"3.07 ms"`` or ``"1.24 s"``.

    Parameters
    ----------
    ns : int or float
        Nanoseconds, finite, >= 0. Whole nanoseconds under 1000 are shown as they are.

    Raises
    ------
    TypeError
        If `ns` is no number.
    ValueError
        If `ns` is negative or not finite.
    """
    number = _checked("ns", ns)
    if number < 1000 and number.is_integer():
        return f"{number:.0f} ns"
    return _in_units(number, _TIME_UNITS, 1000)


def format_gflops(x: float) -> str:
    """Return a compute rate, such as ``"76.4 GFLOP/s"``.

    Parameters
    ----------
    x : int or float
        GFLOP/s, finite, >= 0.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    return f"{_three_digits(_checked('x', x))} GFLOP/s"


def format_gbs(x: float) -> str:
    """Return a bandwidth, such as ``"17.9 GB/s"``.

    Parameters
    ----------
    x : int or float
        GB/s (1e9 bytes per second), finite, >= 0.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    return f"{_three_digits(_checked('x', x))} GB/s"


def format_intensity(x: float) -> str:
    """Return an arithmetic intensity, such as ``"10.7 flop/byte"``.

    Parameters
    ----------
    x : int or float
        flop/byte, finite, >= 0.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    return f"{_three_digits(_checked('x', x))} flop/byte"


def format_percent(fraction: float) -> str:
    """Return a share in percent, such as ``"97.3 %"`` for 0.973; not clamped.

    Parameters
    ----------
    fraction : int or float
        The share as a fraction of one, finite, >= 0.

    Raises
    ------
    TypeError
        If `fraction` is no number.
    ValueError
        If `fraction` is negative or not finite.
    """
    percent = _checked("fraction", fraction) * 100
    return f"{_three_digits(_checked('fraction', percent))} %"


def format_ratio(x: float) -> str:
    """Return how many times as much one thing is as another, such as ``"1.50x"``.

    Parameters
    ----------
    x : int or float
        Finite, >= 0.

    Raises
    ------
    TypeError
        If `x` is no number.
    ValueError
        If `x` is negative or not finite.
    """
    return f"{_three_digits(_checked('x', x))}x"


def format_bytes(n: float) -> str:
    """Return a size in binary units, such as ``"48 B"``, ``"32 KiB"`` or ``"1.50 GiB"``.

    Parameters
    ----------
    n : int or float
        Bytes, finite, >= 0. Whole multiples of a unit are shown without decimals.

    Raises
    ------
    TypeError
        If `n` is no number.
    ValueError
        If `n` is negative or not finite.
    """
    number = _checked("n", n)
    for unit, size in reversed(_SIZE_UNITS):
        if number >= size and number % size == 0 and number < size * 1024:
            return f"{number / size:,.0f} {unit}"
    return _in_units(number, _SIZE_UNITS, 1024)


def format_count(n: int) -> str:
    """Return a whole number with its thousands set apart, such as ``"1,234,567"``.

    Parameters
    ----------
    n : int
        At least 0; of any size, and never rounded.

    Raises
    ------
    TypeError
        If `n` is no integer.
    ValueError
        If `n` is negative.
    """
    try:
        number = operator.index(n)
    except TypeError:
        raise TypeError(f"n must be an integer, got {short_repr(n)}") from None
    if number < 0:
        raise ValueError(f"n must be an integer >= 0, got {short_repr(n)}")
    return f"{number:,}"


def format_counted(number: int, noun: str) -> str:
    """Write a number of things in words.

    Parameters
    ----------
    number : int
        At least 0.
    noun : str
        What they are, in the singular; its plural ends in s.

    Returns
    -------
    str

    Examples
    --------
    >>> format_counted(1, "tile"), format_counted(1234, "tile")
    ('1 tile', '1,234 tiles')
    """
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def format_threads(threads: int) -> str:
    """Write a number of threads in words.

    Parameters
    ----------
    threads : int
        At least 0.

    Returns
    -------
    str

    Examples
    --------
    >>> format_threads(1)
    '1 thread'
    """
    return format_counted(threads, "thread")


def listed(parts: Sequence[str]) -> str:
    """Join parts as in ``"Macro, Midi and Micro"``.

    Parameters
    ----------
    parts : sequence of str
        May be empty.
    """
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
