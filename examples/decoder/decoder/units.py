"""Numbers to text as brickprof's reports show them: three digits, whole ones never dropped."""

from __future__ import annotations

_TIME_UNITS = (("ns", 1), ("µs", 10**3), ("ms", 10**6), ("s", 10**9))
_SIZE_UNITS = (("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40))


def format_number(x: float) -> str:
    """Return a bare number, such as ``"0.0125"``, ``"76.4"`` or ``"1,234"``.

    Parameters
    ----------
    x : int or float
        Finite, >= 0.

    Returns
    -------
    str
        Scientific below 0.001 and from 1e15 up.
    """
    if x == 0:
        return "0"
    scientific = f"{x:.2e}"
    exponent = int(scientific.partition("e")[2])
    if not -3 <= exponent <= 14:
        return scientific
    return f"{x:,.{max(2 - exponent, 0)}f}"


def format_ns(ns: float) -> str:
    """Return a time, such as ``"812 ns"``, ``"14.2 µs"``, ``"3.07 ms"`` or ``"1.24 s"``.

    Parameters
    ----------
    ns : int or float
        Nanoseconds, finite, >= 0. Whole nanoseconds under 1000 are shown as they are.

    Returns
    -------
    str
    """
    if ns < 1000 and float(ns).is_integer():
        return f"{ns:.0f} ns"
    return _in_units(ns, _TIME_UNITS, 1000)


def format_bytes(n: int) -> str:
    """Return a size in binary units, such as ``"48 B"``, ``"32 KiB"`` or ``"1.50 GiB"``.

    Parameters
    ----------
    n : int
        Bytes, >= 0. Whole multiples of a unit are shown without decimals.

    Returns
    -------
    str
    """
    for unit, size in reversed(_SIZE_UNITS):
        if size <= n < size * 1024 and n % size == 0:
            return f"{n // size:,} {unit}"
    return _in_units(n, _SIZE_UNITS, 1024)


def _in_units(number: float, units: tuple[tuple[str, int], ...], step: int) -> str:
    """Show a number in the first unit in which it rounds to less than `step`, or in the last."""
    for unit, size in units:
        figure = format_number(number / size)
        if float(figure.replace(",", "")) < step or unit == units[-1][0]:
            break
    return f"{figure} {unit}"
