"""gemm as IEEE says: NaN and infinity, overflow, and memory that is none of its business."""

from __future__ import annotations

import numpy as np
import pytest
from support.kernel_checks import (
    DTYPES,
    ISAS,
    Array,
    exact_product,
    fenced,
    integers,
    layouts_of,
    tiny_plan,
)

import brickprof as bp

each_isa = pytest.mark.parametrize("isa", ISAS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def ieee_pattern(a: Array, b: Array) -> Array:
    """Return the sums of products of numbers that are 0, 1, -1, inf, -inf or NaN."""
    with np.errstate(invalid="ignore"):
        return (a[:, :, None].astype("float64") * b[None].astype("float64")).sum(1)


@each_dtype
@each_isa
@pytest.mark.parametrize("tiny", [False, True])
def test_nan_and_infinity_as_ieee_says(isa: str, dtype: str, tiny: bool) -> None:
    rng = np.random.default_rng(10)
    numbers = np.array([0, 1, -1, np.inf, -np.inf, np.nan], dtype)
    for m, n, k in [
        (1, 1, 1),
        (5, 3, 2),
        (6, 16, 7),
        (1, 40, 20),
        (40, 1, 20),
        (3, 50, 35),
        (50, 3, 35),
        (13, 33, 11),
        (29, 70, 12),
        (40, 90, 3),
    ]:
        for special in (0.01, 0.1):
            chances = [0.3 - special / 2] * 3 + [special / 2] * 3
            chances = [chance / sum(chances) for chance in chances]
            a = rng.choice(numbers, (m, k), p=chances)
            b = rng.choice(numbers, (k, n), p=chances)
            wanted = ieee_pattern(a, b)
            for left in (a, np.asfortranarray(a)):
                for right in (b, np.asfortranarray(b)):
                    lies = layouts_of(left, right)
                    plan = tiny_plan(m, n, k, dtype, isa, 2, **lies) if tiny else None
                    c = bp.gemm(left, right, plan=plan, isa=isa)
                    assert np.array_equal(c, wanted, equal_nan=True)
            packed = bp.gemm(a, bp.pack(b, isa), isa=isa)
            assert np.array_equal(packed, wanted, equal_nan=True)


@each_dtype
@each_isa
def test_a_nan_poisons_its_row_or_column_alone(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(11)
    a, b = integers(rng, (20, 9), dtype), integers(rng, (9, 40), dtype)
    for row in range(20):
        poisoned = a.copy()
        poisoned[row, row % 9] = np.nan
        wanted = np.zeros((20, 40), bool)
        wanted[row] = True
        assert np.array_equal(np.isnan(bp.gemm(poisoned, b, isa=isa, threads=1)), wanted)
    for column in range(40):
        poisoned = b.copy()
        poisoned[column % 9, column] = np.nan
        wanted = np.zeros((20, 40), bool)
        wanted[:, column] = True
        assert np.array_equal(np.isnan(bp.gemm(a, poisoned, isa=isa, threads=1)), wanted)


@each_dtype
@each_isa
def test_infinity_times_zero_and_infinities_of_both_signs(isa: str, dtype: str) -> None:
    inf = np.inf
    a = np.array([[inf, 1], [inf, -inf], [inf, inf], [-inf, 2]], dtype)
    b = np.array([[0, 1], [1, 1]], dtype)
    c = bp.gemm(a, b, isa=isa)
    assert np.array_equal(
        c,
        np.array([[np.nan, inf], [np.nan] * 2, [np.nan, inf], [np.nan, -inf]], dtype),
        equal_nan=True,
    )
    assert bp.gemm(a[2:3], np.ones((2, 1), dtype), isa=isa)[0, 0] == inf


@each_isa
def test_overflow_is_infinity_and_subnormals_are_kept(isa: str) -> None:
    huge = np.full((1, 2), 3e38, "float32")
    assert bp.gemm(huge, np.ones((2, 1), "float32"), isa=isa)[0, 0] == np.inf
    least = np.full((1, 1), 2.0**-149, "float32")
    assert bp.gemm(least, np.ones((1, 1), "float32"), isa=isa)[0, 0] == least[0, 0]


SHAPES = [(1, 1, 1), (1, 37, 9), (5, 3, 33), (9, 70, 21), (33, 5, 40), (2, 130, 67), (40, 41, 5)]


@each_dtype
@each_isa
@pytest.mark.parametrize("after", [True, False])
def test_memory_around_the_arguments_is_not_touched(isa: str, dtype: str, after: bool) -> None:
    rng = np.random.default_rng(12)
    for m, n, k in SHAPES:
        a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
        wanted = exact_product(a, b)
        for turn_a in (False, True):
            for turn_b in (False, True):
                left = fenced(np.asfortranarray(a) if turn_a else a, after)
                right = fenced(np.asfortranarray(b) if turn_b else b, after)
                out = fenced(np.zeros((m, n), dtype), after)
                lies = layouts_of(left, right)
                for plan in (None, tiny_plan(m, n, k, dtype, isa, **lies)):
                    out[...] = -1
                    bp.gemm(left, right, out=out, isa=isa, plan=plan)
                    assert np.array_equal(out, wanted), (m, n, k)
                packed = bp.pack(right, isa)
                assert np.array_equal(bp.gemm(left, packed, isa=isa, out=out), wanted)


@each_dtype
@each_isa
def test_what_lies_beside_b_in_memory_never_leaks(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(13)
    for m, n, k in SHAPES:
        a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
        left = np.full((m + 2, k + 40), np.nan, dtype)[1 : m + 1, 9 : 9 + k]
        right = np.full((k + 2, n + 40), np.nan, dtype)[1 : k + 1, 9 : 9 + n]
        left[...], right[...] = a, b
        lies = layouts_of(left, right)
        tiny = tiny_plan(m, n, k, dtype, isa, **lies)
        for plan in (None, tiny, tiny_plan(m, n, k, dtype, isa, l2_bytes=1, **lies)):
            c = bp.gemm(left, right, isa=isa, plan=plan)
            assert np.array_equal(c, exact_product(a, b)), (m, n, k)
        by_columns = np.full((n + 1, k + 7), np.nan, dtype)[:n, 3 : 3 + k].T
        by_columns[...] = b
        for plan in (None, tiny_plan(m, n, k, dtype, isa, **layouts_of(left, by_columns))):
            c = bp.gemm(left, by_columns, isa=isa, plan=plan)
            assert np.array_equal(c, exact_product(a, b))
