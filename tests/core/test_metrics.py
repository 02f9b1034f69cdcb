"""Every formula against its definition in exact fractions, its scale laws and its limits."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brickprof.core import metrics

NON_NEGATIVE = st.integers(0, 2**63)
POSITIVE = st.integers(1, 2**63)
FLOATS = st.floats(1e-90, 1e90)

# A formula, and the units in which its two arguments enter its numerator and denominator.
RATIOS: list[tuple[Callable[[Any, Any], float], int, int]] = [
    (metrics.gflops, 1, 1),
    (metrics.bandwidth_gbs, 1, 1),
    (metrics.throughput, 10**9, 1),
    (metrics.average_us, 1, 1000),
    (metrics.arithmetic_intensity, 1, 1),
    (metrics.cache_efficiency, 1, 1),
    (metrics.ridge_point, 1, 1),
    (metrics.share, 1, 1),
]
ratios = pytest.mark.parametrize(("ratio", "top", "bottom"), RATIOS)
FORMULAS = [
    function
    for name, function in inspect.getmembers(metrics, inspect.isfunction)
    if not name.startswith("_") and function.__module__ == metrics.__name__
]
ARGUMENTS = [
    (formula, name)
    for formula in FORMULAS
    for name in inspect.signature(formula).parameters
    if name not in ("limit_percent", "kinds")
]


def test_every_formula_is_tested() -> None:
    others = {
        metrics.attainable_gflops,
        metrics.bound_by,
        metrics.interval,
        metrics.mix_bandwidth,
        metrics.rate_interval,
        metrics.tile_error_ns,
        metrics.tiles_to_batch,
    }
    assert {ratio for ratio, _, _ in RATIOS} | others == set(FORMULAS)


@ratios
@given(above=NON_NEGATIVE, below=POSITIVE)
@example(above=2**63, below=1)
@example(above=1, below=2**63)
@example(above=2**63, below=2**63 - 1)
def test_ratio_is_the_exact_fraction_rounded_once(
    ratio: Callable[[float, float], float], top: int, bottom: int, above: int, below: int
) -> None:
    assert ratio(above, below) == float(Fraction(above * top, below * bottom))


@pytest.mark.parametrize(
    "ratio",
    [
        metrics.gflops,
        metrics.bandwidth_gbs,
        metrics.arithmetic_intensity,
        metrics.cache_efficiency,
        metrics.ridge_point,
        metrics.share,
    ],
)
@given(above=FLOATS, below=FLOATS)
def test_ratio_of_floats_is_rounded_once(
    ratio: Callable[[float, float], float], above: float, below: float
) -> None:
    assert ratio(above, below) == float(Fraction(above) / Fraction(below))


@ratios
@given(above=NON_NEGATIVE, below=POSITIVE, power=st.integers(0, 60), factor=st.integers(1, 10**6))
def test_ratio_scales(
    ratio: Callable[[float, float], float],
    top: int,
    bottom: int,
    above: int,
    below: int,
    power: int,
    factor: int,
) -> None:
    value, scale = ratio(above, below), 2**power
    assert ratio(above * scale, below) == value * scale
    assert ratio(above, below * scale) == value / scale
    assert ratio(above * factor, below * factor) == value


@ratios
@given(above=NON_NEGATIVE)
def test_ratio_of_nothing_is_zero(
    ratio: Callable[[float, float], float], top: int, bottom: int, above: int
) -> None:
    for value in (ratio(above, 0), ratio(above, 0.0), ratio(0, above)):
        assert value == 0.0
        assert isinstance(value, float)


@given(peak=NON_NEGATIVE, intensity=NON_NEGATIVE, bandwidth=NON_NEGATIVE)
def test_attainable_of_integers_is_exact(peak: int, intensity: int, bandwidth: int) -> None:
    assert metrics.attainable_gflops(peak, intensity, bandwidth) == min(peak, intensity * bandwidth)


@given(peak=FLOATS, intensity=FLOATS, bandwidth=FLOATS, power=st.integers(0, 60))
def test_attainable_is_the_lower_roof(
    peak: float, intensity: float, bandwidth: float, power: int
) -> None:
    memory_roof = float(Fraction(intensity) * Fraction(bandwidth))
    value = metrics.attainable_gflops(peak, intensity, bandwidth)
    assert value == min(peak, memory_roof)
    scale = 2.0**power
    assert metrics.attainable_gflops(peak * scale, intensity, bandwidth * scale) == value * scale
    assert metrics.attainable_gflops(peak, intensity * scale, bandwidth / scale) == value


@given(intensity=FLOATS, ridge=FLOATS)
def test_bound_changes_at_the_ridge(intensity: float, ridge: float) -> None:
    assert metrics.bound_by(ridge, ridge) == "compute"
    assert metrics.bound_by(intensity, ridge) == ("memory" if intensity < ridge else "compute")


def test_bound_without_a_ridge_takes_the_rule_of_thumb() -> None:
    assert metrics.RULE_OF_THUMB_INTENSITY == 10.0
    assert metrics.bound_by(9.99) == "memory"
    assert metrics.bound_by(10) == "compute"


@given(overhead=NON_NEGATIVE, time=POSITIVE, percent=st.integers(1, 99))
@example(overhead=9, time=1, percent=10)
def test_batch_is_the_least_that_is_below_the_limit(overhead: int, time: int, percent: int) -> None:
    def share(tiles: int) -> Fraction:
        return Fraction(overhead, overhead + tiles * time)

    tiles = metrics.tiles_to_batch(overhead, time, percent)
    assert tiles >= 1
    assert share(tiles) < Fraction(percent, 100)
    assert tiles == 1 or share(tiles - 1) >= Fraction(percent, 100)


def test_batch_of_nothing() -> None:
    assert metrics.OVERHEAD_LIMIT_PERCENT == 10
    assert metrics.tiles_to_batch(10, 0) == 0
    assert metrics.tiles_to_batch(0, 10) == 1
    assert metrics.tiles_to_batch(20, 20) == metrics.tiles_to_batch(20, 20, 10) == 10


@pytest.mark.parametrize("percent", [0, 100, -1, 101])
def test_batch_limit_out_of_range(percent: int) -> None:
    with pytest.raises(ValueError, match="limit_percent must be above 0 and below 100"):
        metrics.tiles_to_batch(1, 1, percent)


@ratios
@pytest.mark.parametrize("huge", [1e308, 10**400])
def test_a_result_beyond_floats_is_an_error(
    ratio: Callable[[float, float], float], top: int, bottom: int, huge: float
) -> None:
    with pytest.raises(ValueError, match="must be within the range of a float"):
        ratio(huge, 1e-300)


def test_a_step_that_overflows_is_no_error() -> None:
    assert metrics.throughput(1e300, 1e10) == pytest.approx(1e299)
    assert metrics.average_us(1e308, 1e306) == pytest.approx(0.1)  # type: ignore[arg-type]
    assert metrics.gflops(10**400, 10**399) == 10.0
    assert metrics.attainable_gflops(7.0, 10**400, 0.5) == 7.0
    assert metrics.attainable_gflops(7.0, 10**400, 0.0) == 0.0


def test_known_values() -> None:
    assert metrics.gflops(2 * 512**3, 2_684_354) == pytest.approx(100.0, rel=1e-6)
    assert metrics.throughput(500, 1000) == 5e8
    assert metrics.average_us(3_000_000, 2) == 1500.0
    assert metrics.bandwidth_gbs(64, 2) == 32.0
    assert metrics.ridge_point(116, 58) == 2.0
    assert metrics.attainable_gflops(116, 0.25, 69) == 17.25


def test_shares_are_not_clamped() -> None:
    assert metrics.cache_efficiency(150, 100) == 1.5
    assert metrics.share(3, 2) == 1.5


@pytest.mark.parametrize(("formula", "name"), ARGUMENTS)
@pytest.mark.parametrize("bad", [-1, -(2**64), -1e-300, float("nan"), float("inf"), -float("inf")])
def test_bad_number_is_named(formula: Callable[..., object], name: str, bad: float) -> None:
    arguments = dict.fromkeys(inspect.signature(formula).parameters, 1.0) | {name: bad}
    arguments |= {"kinds": [(0.0, 1.0)]} if formula is metrics.mix_bandwidth else {}
    with pytest.raises(ValueError, match=rf"^{name} must be a finite number >= 0"):
        formula(**arguments)


@pytest.mark.parametrize(("formula", "name"), ARGUMENTS)
@pytest.mark.parametrize("bad", ["1", None, 1j, [1]])
def test_what_is_no_number_is_named(formula: Callable[..., object], name: str, bad: object) -> None:
    arguments = dict.fromkeys(inspect.signature(formula).parameters, 1.0) | {name: bad}
    arguments |= {"kinds": [(0.0, 1.0)]} if formula is metrics.mix_bandwidth else {}
    with pytest.raises(TypeError, match=rf"^{name} must be a number"):
        formula(**arguments)


@ratios
def test_numpy_numbers_count_as_their_values(
    ratio: Callable[[Any, Any], float], top: int, bottom: int
) -> None:
    assert ratio(np.int64(2**62), np.int64(2**61)) == ratio(2**62, 2**61)
    assert ratio(np.float32(0.5), np.float32(3)) == ratio(0.5, 3.0)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1e4)), min_size=1, max_size=6),
    st.floats(0, 1),
)
def test_a_mix_takes_the_least_time_of_all_pairs(
    kinds: list[tuple[float, float]], stored: float
) -> None:
    rate = metrics.mix_bandwidth(kinds, stored)
    shares = [share for share, _ in kinds]
    if not min(shares) <= stored <= max(shares):
        assert rate == 0.0
        return
    assert 0 < rate <= max(rate for _, rate in kinds) * (1 + 1e-9)
    for share, of_kind in kinds:
        if share == stored:
            assert rate >= of_kind * (1 - 1e-9)


def test_mixes_by_hand() -> None:
    kinds = [(0.0, 10.0), (1.0, 5.0)]
    assert metrics.mix_bandwidth(kinds, 0.5) == pytest.approx(1 / (0.05 + 0.1))
    assert metrics.mix_bandwidth([*kinds, (0.5, 20.0)], 0.25) == pytest.approx(1 / (0.05 + 0.025))
    with pytest.raises(ValueError, match="at most 1"):
        metrics.mix_bandwidth(kinds, 1.5)
    with pytest.raises(ValueError, match="at most 1"):
        metrics.mix_bandwidth([(2.0, 1.0)], 0.5)


@given(st.floats(1e-3, 1e9), st.floats(0, 3), st.floats(0, 1))
def test_an_interval_holds_all_that_the_error_allows(
    time: float, error: float, place: float
) -> None:
    low, high = metrics.interval(time, error)
    assert 0 <= low <= time <= high
    actual = low + place * (high - low)
    slow, fast = metrics.rate_interval(1 / time, error)
    assert slow <= 1 / time <= fast
    if actual:
        assert slow * (1 - 1e-9) <= 1 / actual <= fast * (1 + 1e-9)
    assert (low == 0) == (error >= 1) == math.isinf(fast)


def test_intervals_by_hand() -> None:
    assert metrics.interval(100, 0.25) == (75, 125)
    assert metrics.rate_interval(100, 0.25) == (80, pytest.approx(400 / 3))
    assert metrics.tile_error_ns(500, 100, 10.0) == 15.0
    assert metrics.tile_error_ns(0, 0, 10.0) == 10.0
