"""Outputs whose elements lie between others': accepted exactly where no two are one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from support.kernel_checks import Array, assert_product, normals

import brickprof as bp


def addresses(out: Array) -> list[int]:
    """Return where the elements lie, in bytes from the first, by brute force."""
    return [
        int(np.dot(index, out.strides)) for index in product(*[range(size) for size in out.shape])
    ]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(-6, 6)), min_size=2, max_size=2),
)
def test_a_product_is_written_where_no_two_elements_are_one(axes: list[tuple[int, int]]) -> None:
    room = np.zeros(200, "float32")
    m, n = (size for size, _ in axes)
    out = as_strided(room[100:], (m, n), [4 * stride for _, stride in axes])
    rng = np.random.default_rng(3)
    a, b = normals(rng, (m, 3)), normals(rng, (3, n))
    if len(set(addresses(out))) == m * n:
        bp.gemm(a, b, out=out)
        assert_product(out.copy(), a, b)
        assert np.count_nonzero(room) <= m * n
    else:
        with pytest.raises(ValueError, match="^out must not overlap itself"):
            bp.gemm(a, b, out=out)
        assert not room.any()


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(-8, 8)), min_size=3, max_size=4),
)
def test_so_is_attention(axes: list[tuple[int, int]]) -> None:
    room = np.zeros(400, "float32")
    shape = tuple(size for size, _ in axes)
    out = as_strided(room[200:], shape, [4 * stride for _, stride in axes])
    inputs = np.ones(shape, "float32")
    if len(set(addresses(out))) == inputs.size:
        bp.attention(inputs, inputs, inputs, out=out)
        assert (out == 1).all()
        assert np.count_nonzero(room) == inputs.size
    else:
        with pytest.raises(ValueError, match="^out must not overlap itself"):
            bp.attention(inputs, inputs, inputs, out=out)
        assert not room.any()


def test_two_outputs_and_an_input_may_share_lines() -> None:
    rng = np.random.default_rng(4)
    a, b = normals(rng, (9, 7)), normals(rng, (7, 11))
    both = np.empty((9, 22), "float32")
    bp.gemm(a, b, out=both[:, ::2])
    bp.gemm(both[:, ::2], np.eye(11, dtype="float32"), out=both[:, 1::2])
    assert_product(both[:, ::2].copy(), a, b)
    assert (both[:, 1::2] == both[:, ::2]).all()
    with pytest.raises(ValueError, match="^out must not overlap a$"):
        bp.gemm(both[:, :11], np.eye(11, dtype="float32"), out=both[:, 1::2])
