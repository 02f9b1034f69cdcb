"""gemm's results: sizes, strides, threads, and what IEEE says of NaN and infinity."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.array_layouts import LAYOUTS
from support.kernel_checks import (
    DTYPES,
    ISAS,
    assert_product,
    exact_product,
    integers,
    layouts_of,
    normals,
    tiny_plan,
)

import brickprof as bp

each_isa = pytest.mark.parametrize("isa", ISAS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


OUT_LAYOUTS = tuple(LAYOUTS)[:7]

sizes = st.one_of(st.integers(1, 9), st.integers(10, 70))


@each_dtype
@each_isa
def test_every_edge_of_every_block(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    micro = tiny_plan(1, 1, 1, dtype, isa).micro
    around = {
        unit: [0, 1, unit - 1, unit, unit + 1, 2 * unit - 1, 2 * unit + 1, 5 * unit + 2]
        for unit in (micro.mr, micro.nr)
    }
    depths = (0, 1, 4, 5, 6, 23)
    cases = itertools.product(around[micro.mr], around[micro.nr], depths)
    for number, (m, n, k) in enumerate(cases):
        plan = tiny_plan(m, n, k, dtype, isa, threads=1 if number % 8 else 1 + number // 8 % 4)
        a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
        out = np.full((m, n), np.nan, dtype)
        assert bp.gemm(a, b, out=out, plan=plan, isa=isa) is out
        assert np.array_equal(out, exact_product(a, b)), (m, n, k, plan.workers)
    assert -(-m // plan.mc) > 2
    assert plan.grid[1] > 2
    assert -(-k // plan.kc) > 2


@each_dtype
@each_isa
@pytest.mark.parametrize(
    "m, n, k", [(1, 1, 1), (7, 11, 13), (61, 67, 71), (127, 131, 521), (31, 37, 1031)]
)
def test_error_is_within_the_bound_at_primes(isa: str, dtype: str, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(m)
    a, b = normals(rng, (m, k), dtype), normals(rng, (k, n), dtype)
    c = bp.gemm(a, b, isa=isa)
    assert c.dtype == dtype
    assert c.flags.c_contiguous
    assert_product(c, a, b)


@each_dtype
def test_error_is_within_the_bound_where_magnitudes_differ(dtype: str) -> None:
    rng = np.random.default_rng(3)
    a = normals(rng, (40, 300), dtype) * (10.0 ** rng.integers(-9, 9, (40, 300))).astype(dtype)
    b = normals(rng, (300, 50), dtype) * (10.0 ** rng.integers(-9, 9, (300, 50))).astype(dtype)
    assert_product(bp.gemm(a, b), a, b)


@each_isa
@given(data=st.data(), m=sizes, n=sizes, k=st.integers(1, 40), dtype=st.sampled_from(DTYPES))
def test_any_strides(isa: str, data: st.DataObject, m: int, n: int, k: int, dtype: str) -> None:
    rng = np.random.default_rng(m * n + k)
    a = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)), "layout of a")](
        integers(rng, (m, k), dtype)
    )
    b = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)), "layout of b")](
        integers(rng, (k, n), dtype)
    )
    layout = data.draw(st.none() | st.sampled_from(OUT_LAYOUTS), "layout of out")
    threads = data.draw(st.integers(1, 3), "threads")
    tiny = tiny_plan(m, n, k, dtype, isa, threads, **layouts_of(a, b))
    plan = data.draw(st.sampled_from([None, tiny]), "plan")
    out = None if layout is None else LAYOUTS[layout](np.full((m, n), 7, dtype))
    got = bp.gemm(a, b, out=out, isa=isa, threads=threads, plan=plan)
    assert got is out or out is None
    assert np.array_equal(got, exact_product(a, b))


@pytest.mark.parametrize("layout", [name for name in OUT_LAYOUTS if name not in ("C", "Fortran")])
def test_nothing_around_out_is_written(layout: str) -> None:
    rng = np.random.default_rng(5)
    a, b = integers(rng, (37, 9), "float32"), integers(rng, (9, 41), "float32")
    out = LAYOUTS[layout](np.zeros((37, 41), "float32"))
    room = out
    while room.base is not None:
        room = room.base
    around = np.isnan(room).sum()
    assert around == room.size - out.size
    bp.gemm(a, b, out=out)
    assert np.isnan(room).sum() == around
    assert np.array_equal(out, exact_product(a, b))


@each_dtype
def test_vectors(dtype: str) -> None:
    rng = np.random.default_rng(6)
    row, column = integers(rng, (1, 777), dtype), integers(rng, (777, 1), dtype)
    assert np.array_equal(bp.gemm(row, column), exact_product(row, column))
    assert np.array_equal(bp.gemm(column, row), exact_product(column, row))
    for out in (
        np.empty((1, 777), dtype),
        np.empty((777, 1), dtype).T,
        np.empty((2, 777), dtype)[::2],
    ):
        bp.gemm(row[:, :1], row, out=out)
        assert np.array_equal(out, exact_product(row[:, :1], row))


@pytest.mark.parametrize("m, n, k", [(0, 5, 4), (5, 0, 4), (0, 0, 0), (5, 4, 0), (0, 4, 0)])
def test_empty_products(m: int, n: int, k: int) -> None:
    out = np.full((m, n), np.nan, "float32")
    assert bp.gemm(np.ones((m, k), "float32"), np.ones((k, n), "float32"), out=out) is out
    assert not out.any()
    assert bp.gemm(np.ones((m, k)), np.ones((k, n)), threads=3).shape == (m, n)


def test_lists_of_floats_are_float64() -> None:
    c = bp.gemm([[1.0, 2.0], [3.0, 4.0]], [[1.0], [1.0]])
    assert c.dtype == np.float64
    assert c.tolist() == [[3.0], [7.0]]


def test_float64_keeps_what_float32_cannot() -> None:
    a = np.array([[2.0**53 - 1, 1.0]])
    assert bp.gemm(a, np.array([[1.0], [-1.0]]))[0, 0] == 2.0**53 - 2


@each_dtype
@each_isa
@pytest.mark.parametrize("m, n", [(300, 40), (9, 500), (64, 64), (1, 300), (300, 1)])
def test_threads_do_not_change_a_bit(isa: str, dtype: str, m: int, n: int) -> None:
    rng = np.random.default_rng(8)
    a, b = normals(rng, (m, 70), dtype), normals(rng, (70, n), dtype)
    alone = bp.gemm(a, b, threads=1, isa=isa)
    l2 = bp.plan_gemm(m, n, 70, dtype, isa=isa).blocks.l2_bytes
    for threads in (2, 3, 4):
        plan = tiny_plan(m, n, 70, dtype, isa, threads, deep=100, l2_bytes=l2)
        assert bp.gemm(a, b, threads=threads, isa=isa).tobytes() == alone.tobytes()
        assert bp.gemm(a, b, plan=plan, isa=isa).tobytes() == alone.tobytes()


@each_isa
@pytest.mark.parametrize("threads", [2, 3, 4])
@pytest.mark.parametrize("m, n, k", [(16, 2000, 1031), (5, 9000, 37), (7, 41500, 9)])
def test_threads_that_share_columns_keep_off_each_others_panels(
    isa: str, threads: int, m: int, n: int, k: int
) -> None:
    rng = np.random.default_rng(n)
    a, b = integers(rng, (m, k), "float32"), integers(rng, (k, n), "float32")
    micro = tiny_plan(m, n, k, "float32", isa).micro
    blocks = bp.Blocks(micro.mr, 17 * micro.nr, 4)
    tiny = bp.plan_gemm(m, n, k, threads=threads, isa=isa, blocks=blocks)
    wanted = exact_product(a, b)
    assert tiny.grid[1] > 1
    assert tiny.workers > 1
    for _ in range(15):
        assert np.array_equal(bp.gemm(a, b, threads=threads, isa=isa), wanted)
        assert np.array_equal(bp.gemm(a, b, plan=tiny, isa=isa), wanted)


@each_dtype
@each_isa
def test_transposing_all_is_the_same_product(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(9)
    for m, n, k in [(67, 45, 600), (2, 300, 600), (300, 1, 90)]:
        a, b = normals(rng, (m, k), dtype), normals(rng, (k, n), dtype)
        transposed = bp.gemm(b.T, a.T, isa=isa).T
        assert_product(transposed, a, b)
        out = np.empty((m, n), dtype, order="F")
        assert_product(bp.gemm(a, b, out=out, isa=isa), a, b)
        # A result by columns is computed as its transpose, bit by bit.
        assert n == 1 or np.array_equal(out, transposed)


@each_isa
@given(
    m=sizes,
    n=sizes,
    k=st.integers(1, 40),
    dtype=st.sampled_from(DTYPES),
    up=st.integers(-20, 20),
    down=st.integers(-20, 20),
)
def test_powers_of_two_scale_exactly(
    isa: str, m: int, n: int, k: int, dtype: str, up: int, down: int
) -> None:
    rng = np.random.default_rng(m + n + k)
    a, b = normals(rng, (m, k), dtype), normals(rng, (k, n), dtype)
    one = a.dtype.type(1)
    scaled = bp.gemm(a * np.ldexp(one, up), b * np.ldexp(one, down), isa=isa)
    assert np.array_equal(scaled, np.ldexp(bp.gemm(a, b, isa=isa), up + down))


@each_isa
@given(data=st.data(), m=sizes, n=sizes, k=st.integers(1, 40), dtype=st.sampled_from(DTYPES))
def test_rows_and_columns_can_be_shuffled(
    isa: str, data: st.DataObject, m: int, n: int, k: int, dtype: str
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    a, b = normals(rng, (m, k), dtype), normals(rng, (k, n), dtype)
    rows, columns = rng.permutation(m), rng.permutation(n)
    shuffled = bp.gemm(a[rows], np.ascontiguousarray(b[:, columns]), isa=isa)
    assert np.array_equal(shuffled, bp.gemm(a, b, isa=isa)[rows][:, columns])


def test_out_is_overwritten_whatever_it_held() -> None:
    a = np.ones((30, 1300), "float32")
    out = np.full((30, 40), np.nan, "float32")
    bp.gemm(a, np.ones((1300, 40), "float32"), out=out)
    assert (out == 1300).all()
    assert (bp.gemm(a, np.ones((1300, 40), "float32"), out=out) == 1300).all()


def test_views_that_interleave_with_out_are_taken() -> None:
    room = np.zeros((24, 40), "float32")
    room[::2] = 1
    out = room[1::2]
    wanted = exact_product(room[::2, :12], room[::2])
    bp.gemm(room[::2, :12], room[::2], out=out)
    assert np.array_equal(out, wanted)
    assert (room[::2] == 1).all()
