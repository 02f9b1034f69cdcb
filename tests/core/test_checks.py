"""Checks of single values: what they return, and the kind and words of what they raise."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brickprof.core.checks import (
    checked_integer,
    checked_number,
    checked_path,
    checked_text,
    checked_thread_count,
    short_repr,
)
from brickprof.core.errors import SweepError
from brickprof.core.limits import MAX_SIZE, MAX_THREADS


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2)])
def test_integers_come_back_as_ints(value: Any) -> None:
    assert type(checked_integer("n", value, 2, 2)) is int
    assert type(checked_thread_count("n", value)) is int


@pytest.mark.parametrize("value", ["3", 3.0, 3.5, True, np.True_, None, [3], 3j, b"3"])
def test_what_is_no_integer_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError) as caught:
        checked_integer("n", value, 0, 9)
    assert str(caught.value) == f"n must be an integer in [0, 9], got {value!r}"
    with pytest.raises(SweepError) as other:
        checked_integer("n", value, 0, 9, SweepError)
    assert str(other.value) == str(caught.value)


@pytest.mark.parametrize("value", [-1, 10, 2**70, np.int64(-1)])
def test_integers_out_of_range_are_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^n must be in \[0, 9\], got ") as caught:
        checked_integer("n", value, 0, 9)
    assert not isinstance(caught.value, SweepError)
    with pytest.raises(SweepError) as other:
        checked_integer("n", value, 0, 9, SweepError)
    assert str(other.value) == str(caught.value) == f"n must be in [0, 9], got {value!r}"


def test_both_ends_are_in_range() -> None:
    assert [checked_integer("n", n, -1, 1) for n in (-1, 0, 1)] == [-1, 0, 1]
    assert checked_integer("n", MAX_SIZE, 0) == MAX_SIZE
    assert checked_thread_count("n", MAX_THREADS) == MAX_THREADS
    for beyond in (0, MAX_THREADS + 1):
        with pytest.raises(ValueError, match=r"^n must be in \[1, 4096\], got "):
            checked_thread_count("n", beyond)


@pytest.mark.parametrize(
    ("maximum", "spelled"),
    [(2**40, "2**40"), (MAX_SIZE, "2**63 - 1"), (4096, "4096"), (2**40 + 5, str(2**40 + 5))],
)
def test_large_bounds_are_powers_of_two(maximum: int, spelled: str) -> None:
    with pytest.raises(ValueError, match="^n must be in") as caught:
        checked_integer("n", -7, 0, maximum)
    assert str(caught.value) == f"n must be in [0, {spelled}], got -7"


@pytest.mark.parametrize(
    ("minimum", "spelled"),
    [(-(2**40), "-2**40"), (-(2**63), "-2**63"), (-4096, "-4096"), (1 - 2**40, str(1 - 2**40))],
)
def test_large_negative_bounds_are_powers_of_two(minimum: int, spelled: str) -> None:
    with pytest.raises(ValueError, match="^n must be in") as caught:
        checked_integer("n", 7, minimum, 0)
    assert str(caught.value) == f"n must be in [{spelled}, 0], got 7"


def test_integers_that_python_does_not_write_out_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="got an integer of 33220 bits$"):
        checked_integer("n", 10**10_000, 0)
    with pytest.raises(ValueError, match="^n must be .* got an integer of 33220 bits$"):
        checked_number("n", 10**10_000)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), Fraction(1, 2), np.int64(3)])
def test_numbers_come_back_as_floats(value: Any) -> None:
    assert type(checked_number("x", value)) is float
    assert checked_number("x", value) == value
    assert checked_number("x", 0 * value, zero=True) == 0.0


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *((value, ValueError) for value in (0, -1, -0.5, np.inf, np.nan, 10**400)),
        *((value, TypeError) for value in ("1", None, True, 1j)),
    ],
)
def test_bad_numbers_are_refused(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="^x must be a finite number > 0, got ") as caught:
        checked_number("x", value)
    with pytest.raises(SweepError) as other:
        checked_number("x", value, error=SweepError)
    assert str(other.value) == str(caught.value)
    if value != 0:
        with pytest.raises(kind, match="^x must be a finite number >= 0, got "):
            checked_number("x", value, zero=True)


@pytest.mark.parametrize("value", ["", " \n", None, 3, b"x"])
def test_bad_texts_are_refused(value: Any) -> None:
    with pytest.raises(SweepError, match="^unit must be a non-empty string, got "):
        checked_text("unit", value, SweepError)


@pytest.mark.parametrize("value", [None, 3, b"x", ["x"]])
def test_what_is_no_path_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="^path must be a path, got "):
        checked_path("path", value)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_names_that_no_file_can_have_are_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match="^path must be the name of a file, got "):
        checked_path("path", value)


def test_names_that_are_no_text_are_paths() -> None:
    assert checked_path("path", os.fsdecode(b"\xff")) == Path(os.fsdecode(b"\xff"))


class Hostile:
    """Says something else of itself than it should."""

    def __repr__(self) -> str:
        raise ZeroDivisionError

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(("x", "'x'"), (1.5, "1.5"), (None, "None"), (np.float32(2), "np.float32(2.0)")),
        *((int, "<class 'int'>"), (np.dtype("U3"), "dtype('<U3')"), ([1] * 9, "[1, 1, 1, 1, ...]")),
        *((Hostile(), "Hostile"), ([1, Hostile()], "[1, Hostile]")),
        ({1: Hostile()}, "{1: Hostile}"),
        *((np.ones((9, 9)), "ndarray"), ([[[1]]], "[[list]]"), (Fraction(1), "Fraction(1, 1)")),
        *((10**400, "an integer of 1329 bits"), ("y" * 99, "'" + "y" * 76 + "...")),
    ],
)  # fmt: skip
def test_values_are_shown_in_one_short_line(value: Any, text: str) -> None:
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        text = text.replace("np.float32(2.0)", "2.0")
    assert short_repr(value) == text
