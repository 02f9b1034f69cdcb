"""Whether two results count as the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.tuning.same_result import kept, same

ONES = np.ones((3, 4), np.float32)


@pytest.mark.parametrize(
    ("first", "result"),
    [
        (ONES, ONES * np.float32(1 + 1e-5)),
        (ONES * 1e6, ONES * 1e6 + 10),
        (np.array([1.0, 1e-30]), np.array([1.0, 0.0])),
        (np.array([np.nan, np.inf, 1]), np.array([np.nan, np.inf, 1])),
        (np.arange(5), np.arange(5)),
        (3, 3),
        (2.5, 2.5 + 1e-12),
        (1j, 1j),
        ("a", "a"),
        ([ONES, 2], (ONES.copy(), 2)),
        ({"x": ONES}, {"x": ONES}),
    ],
)
def test_the_same(first: Any, result: Any) -> None:
    assert same(result, first)


@pytest.mark.parametrize(
    ("first", "result"),
    [
        (ONES, ONES * np.float32(1.01)),
        (ONES, ONES[:2]),
        (ONES, ONES.astype(int)),
        (np.array([np.nan, 1]), np.array([0, 1.0])),
        (np.array([np.inf, 1]), np.array([1.0, 1.0])),
        (np.arange(5), np.arange(5) + 1),
        (3, 4),
        (3, "3"),
        ("a", "b"),
        ([ONES, 2], [ONES]),
        ([1], 1),
        ({"x": ONES}, {"y": ONES}),
        ({"x": ONES}, [ONES]),
    ],
)
def test_not_the_same(first: Any, result: Any) -> None:
    assert not same(result, first)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.randoms())
def test_sums_in_another_order_are_the_same(values: list[float], order: Any) -> None:
    shuffled = values[:]
    order.shuffle(shuffled)
    scale = max(map(abs, values))
    assert same(np.array([sum(shuffled), scale]), np.array([sum(values), scale]))


def test_what_is_kept_cannot_be_overwritten() -> None:
    out = np.zeros(3)
    first = kept({"out": [out]})
    out[:] = 1
    assert same(first, {"out": [np.zeros(3)]})
