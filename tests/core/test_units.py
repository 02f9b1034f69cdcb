"""Numbers as text: three digits, the right unit, and correct at the seams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from brickprof.core import units

FORMATS = {
    units.format_number: "x",
    units.format_ns: "ns",
    units.format_gflops: "x",
    units.format_gbs: "x",
    units.format_intensity: "x",
    units.format_percent: "fraction",
    units.format_bytes: "n",
}
SCALES = {
    "ns": 1,
    "µs": 1e3,
    "ms": 1e6,
    "s": 1e9,
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
formats = pytest.mark.parametrize(("format_", "name"), FORMATS.items())


def parse(text: str) -> tuple[float, str]:
    """Split a text into its figure and its unit."""
    figure, _, unit = text.partition(" ")
    return float(figure.replace(",", "")), unit


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (0.408, "0.408 ns"),
        (7, "7 ns"),
        (19.0, "19 ns"),
        (19.25, "19.2 ns"),
        (812, "812 ns"),
        (999, "999 ns"),
        (999.4, "999 ns"),
        (999.6, "1.00 µs"),
        (1000, "1.00 µs"),
        (14_200, "14.2 µs"),
        (999_499, "999 µs"),
        (999_500.1, "1.00 ms"),
        (3_070_000, "3.07 ms"),
        (999_999_999, "1.00 s"),
        (1.24e9, "1.24 s"),
        (1234e9, "1,234 s"),
        (2**63, "9,223,372,037 s"),
        (1e300, "1.00e291 s"),
    ],
)
def test_times(ns: float, text: str) -> None:
    assert units.format_ns(ns) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 B"),
        (48, "48 B"),
        (1023, "1,023 B"),
        (1024, "1 KiB"),
        (1536, "1.50 KiB"),
        (32 * 1024, "32 KiB"),
        (33_000, "32.2 KiB"),
        (1023 * 1024, "1,023 KiB"),
        (2**20 - 1, "1.00 MiB"),
        (2**20, "1 MiB"),
        (1.5 * 2**30, "1.50 GiB"),
        (2**30 - 1, "1.00 GiB"),
        (2**50, "1,024 TiB"),
    ],
)
def test_sizes(n: float, text: str) -> None:
    assert units.format_bytes(n) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (1e-4, "1.00e-4"),
        (0.0009999, "0.00100"),
        (0.001, "0.00100"),
        (0.5, "0.500"),
        (2.666, "2.67"),
        (9.996, "10.0"),
        (76.44, "76.4"),
        (99.96, "100"),
        (999.6, "1,000"),
        (123_456.7, "123,457"),
        (1e14, "100,000,000,000,000"),
        (1e15, "1.00e15"),
    ],
)
def test_figures(x: float, text: str) -> None:
    assert units.format_number(x) == text
    assert units.format_gflops(x) == f"{text} GFLOP/s"
    assert units.format_gbs(x) == f"{text} GB/s"
    assert units.format_intensity(x) == f"{text} flop/byte"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (0.973, "97.3 %"),
        (0.07, "7.00 %"),
        (1, "100 %"),
        (1.31, "131 %"),
        (25, "2,500 %"),
    ],
)
def test_percentages(fraction: float, text: str) -> None:
    assert units.format_percent(fraction) == text


@given(st.integers(0, 2**200))
def test_counts_are_never_rounded(n: int) -> None:
    text = units.format_count(n)
    assert int(text.replace(",", "")) == n
    first, *groups = text.split(",")
    assert 1 <= len(first) <= 3
    assert all(len(group) == 3 for group in groups)


def test_known_counts() -> None:
    assert units.format_count(0) == "0"
    assert units.format_count(1234567) == "1,234,567"
    thousand: Any = np.int64(1000)
    assert units.format_count(thousand) == "1,000"


@pytest.mark.parametrize("format_", [units.format_ns, units.format_bytes])
@given(value=st.one_of(st.floats(1e-3, 1e6), st.floats(1e-3, 1e15), st.integers(1, 2**50)))
@example(value=999.5)
@example(value=999_500)
@example(value=1023.5)
@example(value=1024 * 1023.5)
def test_scaled_text_is_within_half_a_digit(format_: Callable[[float], str], value: float) -> None:
    figure, unit = parse(format_(value))
    assert figure * SCALES[unit] == pytest.approx(value, rel=0.00501)
    assert "e" not in format_(value)
    if unit not in ("s", "TiB"):
        assert figure < (1000 if unit in ("ns", "µs", "ms") else 1024)
    if unit not in ("ns", "B"):
        assert figure >= 1


@given(st.floats(0.001, 9e14))
def test_three_digits_are_shown_and_right(x: float) -> None:
    text = units.format_number(x)
    assert parse(text)[0] == pytest.approx(x, rel=0.00501)
    digits = text.replace(",", "").replace(".", "").lstrip("0")
    assert len(digits) >= 3
    assert len(digits) == 3 or "." not in text


@formats
@given(one=st.floats(0, 1e300), other=st.floats(0, 1e300))
def test_order_is_kept(
    format_: Callable[[float], str], name: str, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assume(low < high)
    (low_figure, low_unit), (high_figure, high_unit) = parse(format_(low)), parse(format_(high))
    assert low_figure * SCALES.get(low_unit, 1) <= high_figure * SCALES.get(high_unit, 1)


@formats
@pytest.mark.parametrize("bad", [-1, -1e-9, float("nan"), float("inf"), -float("inf")])
def test_bad_number_is_named(format_: Callable[[float], str], name: str, bad: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a finite number >= 0"):
        format_(bad)


@formats
def test_number_that_is_too_large_is_named(format_: Callable[[float], str], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is too large"):
        format_(10**400)


@formats
@pytest.mark.parametrize("bad", ["1", None, 1j])
def test_what_is_no_number_is_named(
    format_: Callable[[object], str], name: str, bad: object
) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be a number"):
        format_(bad)


@formats
def test_numpy_numbers_will_do(format_: Callable[[Any], str], name: str) -> None:
    assert format_(np.float32(2.5)) == format_(np.float64(2.5)) == format_(2.5)
    assert format_(np.int64(7)) == format_(7)


def test_bad_counts() -> None:
    with pytest.raises(ValueError, match="n must be an integer >= 0, got -1"):
        units.format_count(-1)
    with pytest.raises(TypeError, match=r"n must be an integer, got 1\.5"):
        units.format_count(1.5)  # type: ignore[arg-type]


def test_percentage_beyond_a_float_is_named() -> None:
    with pytest.raises(ValueError, match="fraction must be a finite number"):
        units.format_percent(1e307)


def test_lists_read_as_sentences_do() -> None:
    assert units.listed([]) == ""
    assert units.listed(["a"]) == "a"
    assert units.listed(["a", "b"]) == "a and b"
    assert units.listed(("a", "b", "c")) == "a, b and c"
    assert units.format_threads(1) == "1 thread"
    assert units.format_threads(1200) == "1,200 threads"


@pytest.mark.parametrize(
    ("x", "rough", "power"),
    [
        (0, "0", "0.00e0"),
        (1e-4, "1.0e-4", "1.00e-4"),
        (0.01234, "0.012", "1.23e-2"),
        (0.9999, "1.0", "1.00e0"),
        (7.649, "7.6", "7.65e0"),
        (9.96, "10", "9.96e0"),
        (1234.5, "1,234", "1.23e3"),
        (1e15, "1.0e15", "1.00e15"),
    ],
)
def test_ends_of_intervals_and_powers_of_ten(x: float, rough: str, power: str) -> None:
    assert (units.format_rough(x), units.format_power(x)) == (rough, power)
    assert units.format_ratio(x) == f"{units.format_number(x)}x"
    for function in (units.format_rough, units.format_power, units.format_ratio):
        with pytest.raises(ValueError, match="^x must be a finite number >= 0"):
            function(-1)
