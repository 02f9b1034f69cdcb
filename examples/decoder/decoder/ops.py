"""The element-wise operations of a layer, in NumPy, into arrays that the caller brings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from decoder.config import ModelConfig
from decoder.weights import Array


class PerElement(NamedTuple):
    """Work for each element: flops, and bytes that NumPy's loops load and store."""

    flops: int
    nbytes: int


RMS_NORM = PerElement(4, 8 * 4)
"""Square, sum, divide, multiply; loads 5 elements and stores 3."""
ROPE = PerElement(3, 9 * 4)
"""For each pair four products and two sums in six loops; each loads 2 and stores 1."""
SWIGLU = PerElement(6, 14 * 4)
"""Clip, negate, exponential, add, divide, multiply; loads 8 elements and stores 6."""
ADD = PerElement(1, 3 * 4)
"""Adds; loads 2 elements and stores 1."""

_MIN_GATE = np.float32(-80)  # exp(80) is far from float32's end, and 80 exp(-80) is nothing


def rms_norm(x: Array, weight: Array, eps: float, out: Array, scratch: Array, rms: Array) -> None:
    """Divide rows by the root of their mean square, and multiply by weights.

    Parameters
    ----------
    x, out, scratch : ndarray, shape (rows, hidden)
        Input, result, and room for the squares; `out` may be `scratch` and not `x`.
    weight : ndarray, shape (hidden,)
        Factors.
    eps : float
        Added to the mean square.
    rms : ndarray, shape (rows, 1)
        Room for the roots.

    Notes
    -----
    B. Zhang and R. Sennrich, "Root Mean Square Layer Normalization", 2019, equation 4.
    """
    np.multiply(x, x, out=scratch)
    np.add.reduce(scratch, axis=1, keepdims=True, out=rms)
    np.divide(rms, np.float32(x.shape[1]), out=rms)
    np.add(rms, np.float32(eps), out=rms)
    np.sqrt(rms, out=rms)
    np.divide(x, rms, out=out)
    np.multiply(out, weight, out=out)


def rope_tables(config: ModelConfig, positions: int) -> tuple[Array, Array]:
    """Return the cosines and sines by which pairs of elements are rotated.

    Parameters
    ----------
    config : ModelConfig
        The model.
    positions : int
        How many positions, from 0 on.

    Returns
    -------
    cos, sin : ndarray, shape (positions, 1, head_dim / 2)
        Computed in float64, then rounded; the middle axis is for heads.

    Notes
    -----
    J. Su et al., "RoFormer", 2021, section 3.2.2, for pairs of elements head_dim / 2 apart.
    Frequencies are stretched as in A. Dubey et al., "The Llama 3 Herd of Models", 2024, by the
    rule of transformers' ``rope_type`` "llama3".
    """
    half = config.head_dim // 2
    frequencies = config.rope_theta ** (-np.arange(half, dtype=np.float64) / half)
    scaling = config.rope_scaling
    if scaling is not None:
        rotations = scaling.original_context * frequencies / (2 * np.pi)
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        kept = np.clip((rotations - low) / (high - low), 0, 1)
        frequencies = frequencies * (kept + (1 - kept) / scaling.factor)
    angles = np.arange(positions, dtype=np.float64)[:, None, None] * frequencies
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rope(x: Array, cos: Array, sin: Array, out: Array, scratch: Array) -> None:
    """Rotate pairs of elements by their positions' angles.

    Parameters
    ----------
    x, out : ndarray, shape (rows, heads, dim)
        Input and result, which may not overlap; of any strides.
    cos, sin : ndarray, shape (rows, 1, dim / 2)
        Rows of `rope_tables`.
    scratch : ndarray, shape (rows, heads, dim / 2)
        Room for products.
    """
    half = cos.shape[2]
    first, second = x[..., :half], x[..., half:]
    np.multiply(first, cos, out=out[..., :half])
    np.multiply(second, sin, out=scratch)
    np.subtract(out[..., :half], scratch, out=out[..., :half])
    np.multiply(second, cos, out=out[..., half:])
    np.multiply(first, sin, out=scratch)
    np.add(out[..., half:], scratch, out=out[..., half:])


def swiglu(gate: Array, up: Array, out: Array) -> None:
    """Multiply ``silu(gate)`` by `up`.

    Parameters
    ----------
    gate, up, out : ndarray, shape (rows, intermediate)
        Inputs and result, which may not overlap them.

    Notes
    -----
    N. Shazeer, "GLU Variants Improve Transformer", 2020, equation 6, with ``silu(x) = x / (1 +
    exp(-x))``.
    """
    np.maximum(gate, _MIN_GATE, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.add(out, np.float32(1), out=out)
    np.divide(gate, out, out=out)
    np.multiply(out, up, out=out)
