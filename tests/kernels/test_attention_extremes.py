"""Attention at the ends of float32: huge scores beside tiny scales, and rows of -inf alone."""

from __future__ import annotations

import numpy as np
import pytest
from support.kernel_checks import ISAS, Array

import brickprof as bp


def reference(q: Array, k: Array, v: Array, scale: float) -> Array:
    """Return attention in float64, or longer where that is not enough."""
    scores = scale * (q.astype(np.longdouble) @ k.astype(np.longdouble).swapaxes(-1, -2))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    result: Array = weights / weights.sum(-1, keepdims=True) @ v
    return result


SHAPES = {
    "a dot product": (1, 2, 1),
    "rows that share keys": (4, 700, 8),
    "keys in parts": (1, 3000, 8),
    "packed keys": (40, 500, 16),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("scale", [1e-38, -1e-38, 4e-39, 3e-37, 1e-36, 1e-44, 0.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_up_to_the_end_of_float32(shape: str, scale: float, isa: str) -> None:
    rows, keys, dim = SHAPES[shape]
    rng = np.random.default_rng(5)
    q = np.zeros((1, rows, dim), "float32")
    q[..., 0] = 1
    k, v = np.zeros((1, keys, dim), "float32"), rng.random((1, keys, dim), "float32")
    k[..., 0] = rng.uniform(-3e38, 3e38, keys)
    k[0, :2, 0] = 2e38, -2e38
    got = bp.attention(q, k, v, scale=scale, isa=isa, threads=2)
    np.testing.assert_allclose(got, reference(q, k, v, scale), rtol=2e-5)


def test_a_region_does_the_same() -> None:
    q = np.ones((1, 2), "float32")
    q[0, 1] = 0
    k, v = np.zeros((1, 600, 2), "float32"), np.ones((1, 600, 2), "float32")
    k[0, ::2, 0], k[0, 1::2, 0], v[0, 1::2] = 2e38, -2e38, 2
    region, out = bp.ParallelRegion(threads=1), np.zeros((1, 2), "float32")
    region.attend(q, k, v, out, scale=1e-38)
    region.run(599)
    np.testing.assert_allclose(out, reference(q[None], k, v, 1e-38)[0], rtol=1e-6)


@pytest.mark.parametrize("keys", [3, 3000])
@pytest.mark.parametrize("rows", [1, 40])
def test_rows_whose_scores_are_all_minus_infinity_are_nan(rows: int, keys: int) -> None:
    """As softmax of such a row is; PyTorch's attention has given zeros since 2.5."""
    q, k, v = (np.ones((1, size, 4), "float32") for size in (rows, keys, keys))
    k[..., 0] = -np.inf
    assert np.isnan(bp.attention(q, k, v, threads=2)).all()
    k[0, 1] = 1
    assert (bp.attention(q, k, v, threads=2) == 1).all()


def test_rows_that_see_no_key_give_zeros() -> None:
    q, k = np.ones((1, 3, 4), "float32"), np.ones((1, 2, 4), "float32")
    assert (bp.attention(q, k, k, causal=True)[0].sum(-1) == [0, 4, 4]).all()
