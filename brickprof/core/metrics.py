"""The formulas: every rate, share and bound that brickprof shows is computed here.

All functions are pure. Times are nanoseconds, so that flops per nanosecond is GFLOP/s and bytes
per nanosecond is GB/s without a rounding step in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from numbers import Integral

from brickprof.core.checks import as_real as _as_real
from brickprof.core.checks import short_repr

RULE_OF_THUMB_INTENSITY = 10.0
"""flop/byte above which a kernel is called compute-bound where no roofs were measured."""

OVERHEAD_LIMIT_PERCENT = 10
"""Percent of a level's raw time above which the timer's own cost makes its tiles too short."""


def _checked(name: str, value: float) -> float:
    """Return value as an int or float, or raise an error that names it."""
    if (type(value) is int and value >= 0) or (type(value) is float and 0 <= value < math.inf):
        return value
    # Integers stay exact, of any size; NumPy's would wrap around in a product.
    real = int(value) if isinstance(value, (int, Integral)) else _as_real(value)
    if real is None:
        raise TypeError(f"{name} must be a number, got {short_repr(value)}")
    if not (real >= 0 and (isinstance(real, int) or math.isfinite(real))):
        raise ValueError(f"{name} must be a finite number >= 0, got {short_repr(value)}")
    return real


def _ratio(name: str, above: float, below: float, over: int = 1, under: int = 1) -> float:
    """Return above * over / (below * under); 0.0 for a zero denominator: no sample, no rate."""
    if not below:
        return 0.0
    try:
        top, bottom = above * over, below * under
        value = top / bottom
        if math.isfinite(value) and math.isfinite(bottom):
            return value
    except OverflowError:
        pass
    # A step in between may overflow where the result does not.
    try:
        return float(Fraction(above) * over / (Fraction(below) * under))
    except OverflowError:
        raise ValueError(f"{name} must be within the range of a float") from None


def gflops(flops: float, time_ns: float) -> float:
    """Compute rate, ``flops / seconds / 1e9``.

    Parameters
    ----------
    flops : int or float
        Floating point operations, >= 0.
    time_ns : int or float
        Time in nanoseconds, >= 0.

    Returns
    -------
    float
        GFLOP/s; 0.0 when `time_ns` is zero.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    return _ratio("flops / time_ns", _checked("flops", flops), _checked("time_ns", time_ns))


def bandwidth_gbs(nbytes: float, time_ns: float) -> float:
    """Transfer rate in GB/s (1e9 bytes per second); 0.0 when `time_ns` is zero.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    return _ratio("nbytes / time_ns", _checked("nbytes", nbytes), _checked("time_ns", time_ns))


def throughput(elements: float, time_ns: float) -> float:
    """Elements per second; 0.0 when `time_ns` is zero.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    elements, time_ns = _checked("elements", elements), _checked("time_ns", time_ns)
    return _ratio("elements / time_ns", elements, time_ns, over=1_000_000_000)


def average_us(total_ns: float, count: int) -> float:
    """Mean time of one tile in microseconds; 0.0 without tiles.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    total, tiles = _checked("total_ns", total_ns), _checked("count", count)
    return _ratio("total_ns / count", total, tiles, under=1000)


def arithmetic_intensity(flops: float, nbytes: float) -> float:
    """Arithmetic intensity in flop/byte; 0.0 when no bytes are known.

    The roofline's abscissa: S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful
    visual performance model for multicore architectures", CACM 52(4), 2009, section 3.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    return _ratio("flops / nbytes", _checked("flops", flops), _checked("nbytes", nbytes))


def cache_efficiency(actual_gflops: float, peak_gflops: float) -> float:
    """Achieved over attainable rate, as a fraction; not clamped, 0.0 for a zero peak.

    Above 1.0 means that the peak, the flops or the bytes are wrong.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    actual, peak = _checked("actual_gflops", actual_gflops), _checked("peak_gflops", peak_gflops)
    return _ratio("actual_gflops / peak_gflops", actual, peak)


def attainable_gflops(peak_gflops: float, intensity: float, bandwidth: float) -> float:
    """Roofline: ``min(peak, intensity * bandwidth)`` in GFLOP/s.

    Parameters
    ----------
    peak_gflops : float
        Compute roof in GFLOP/s.
    intensity : float
        Arithmetic intensity in flop/byte.
    bandwidth : float
        Bandwidth of the memory that feeds the kernel, in GB/s.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.

    Notes
    -----
    Williams, Waterman and Patterson 2009, CACM 52(4), section 3.
    """
    peak = _checked("peak_gflops", peak_gflops)
    intensity, bandwidth = _checked("intensity", intensity), _checked("bandwidth", bandwidth)
    try:
        return min(peak, intensity * bandwidth)
    except OverflowError:
        # An integer beyond every float, times a float.
        roof = Fraction(intensity) * Fraction(bandwidth)
        return peak if roof >= peak else float(roof)


def ridge_point(peak_gflops: float, bandwidth: float) -> float:
    """Intensity in flop/byte where the memory roof meets the compute roof; 0.0 for no bandwidth.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    peak, bandwidth = _checked("peak_gflops", peak_gflops), _checked("bandwidth", bandwidth)
    return _ratio("peak_gflops / bandwidth", peak, bandwidth)


def bound_by(intensity: float, ridge: float = RULE_OF_THUMB_INTENSITY) -> str:
    """``"compute"`` at or above the ridge point, ``"memory"`` below it.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.
    """
    return "compute" if _checked("intensity", intensity) >= _checked("ridge", ridge) else "memory"


def mix_bandwidth(kinds: Iterable[tuple[float, float]], stored_share: float) -> float:
    """Best rate of a mix of loads and stores that measured kinds of traffic make up together.

    Of two kinds that take turns, times add up: where one stores `p` of its bytes at a rate `g` and
    the other `q` at `h`, a mix that stores `s` of its bytes has ``(q - s) / (q - p)`` of them from
    the first, and one byte takes as long as its share of both. The best pair is the solution of
    the linear program that minimizes the time.

    Parameters
    ----------
    kinds : iterable of (float, float)
        Share of stored bytes, 0 to 1, and rate in GB/s of each kind.
    stored_share : float
        Stored bytes over all bytes of the mix, 0 to 1.

    Returns
    -------
    float
        GB/s; 0.0 where no kinds make up the mix.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    wanted = _checked("stored_share", stored_share)
    known = [(_checked("share", share), _checked("rate", rate)) for share, rate in kinds]
    if wanted > 1 or any(share > 1 for share, _ in known):
        raise ValueError("shares of stored bytes must be at most 1")
    best = 0.0
    for low, low_rate in known:
        for high, high_rate in known:
            if not (low <= wanted <= high and low_rate and high_rate):
                continue
            of_low = (high - wanted) / (high - low) if high > low else 1.0
            best = max(best, 1 / (of_low / low_rate + (1 - of_low) / high_rate))
    return best


def interval(value: float, error_share: float) -> tuple[float, float]:
    """Interval around a time that is known to a share of it; its start is not below 0.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.
    """
    middle, error = _checked("value", value), _checked("error_share", error_share)
    return max(middle * (1 - error), 0.0), middle * (1 + error)


def rate_interval(rate: float, error_share: float) -> tuple[float, float]:
    """Interval of a rate whose time is known to a share of it, as of `interval`.

    The rate is highest where the time is shortest, and unbounded, ``inf``, where that may be 0.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.
    """
    middle, error = _checked("rate", rate), _checked("error_share", error_share)
    return middle / (1 + error), middle / (1 - error) if error < 1 else math.inf


def tile_error_ns(total_error_ns: float, count: int, step_ns: float) -> float:
    """Error of a single tile's time, percentiles and extremes included: its share, and a step.

    Parameters
    ----------
    total_error_ns : int or float
        Half the interval around the time of all tiles, in nanoseconds.
    count : int
        Number of tiles.
    step_ns : float
        Resolution of the clock: start and stop are each read up to one step late.

    Raises
    ------
    ValueError
        If an argument is negative or not finite.
    """
    error = _checked("total_error_ns", total_error_ns)
    return _ratio("total_error_ns / count", error, _checked("count", count)) + _checked(
        "step_ns", step_ns
    )


def share(part: float, whole: float) -> float:
    """Fraction of `whole` that `part` is; 0.0 for an empty whole.

    Raises
    ------
    ValueError
        If an argument is negative or not finite, or the result beyond the range of a float.
    """
    return _ratio("part / whole", _checked("part", part), _checked("whole", whole))


def tiles_to_batch(
    overhead_ns: int, time_ns: int, limit_percent: int = OVERHEAD_LIMIT_PERCENT
) -> int:
    """Least number of tiles to time as one, so that the timer's share falls below a limit.

    One pair then serves `n` tiles, and its share is ``overhead / (overhead + n * time)``.

    Parameters
    ----------
    overhead_ns : int
        Cost of the timer in nanoseconds, >= 0.
    time_ns : int
        Time of the same tiles without it, in nanoseconds, >= 0.
    limit_percent : int
        The share in percent, above 0 and below 100.

    Returns
    -------
    int
        At least 1; 0 when `time_ns` is zero, where no number would do.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    overhead_ns = int(_checked("overhead_ns", overhead_ns))
    time_ns = int(_checked("time_ns", time_ns))
    if not 0 < limit_percent < 100:
        raise ValueError(
            f"limit_percent must be above 0 and below 100, got {short_repr(limit_percent)}"
        )
    if not time_ns:
        return 0
    return overhead_ns * (100 - limit_percent) // (limit_percent * time_ns) + 1
