"""The decoder's element-wise operations, its sampling and its units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from decoder_models import SMALL
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from decoder.config import Llama3Scaling
from decoder.ops import rms_norm, rope, rope_tables, swiglu
from decoder.sampling import Sampling
from decoder.units import format_bytes, format_ns, format_number

Array = Any


def numbers(*shape: int, most: float = 1e4) -> st.SearchStrategy[Array]:
    """Give float32 arrays."""
    return arrays(np.float32, shape, elements=st.floats(-most, most, width=32))


def normed(x: Array, weight: Array, eps: float) -> Array:
    """Return rms_norm's result, computed as a layer does."""
    out = np.empty_like(x)
    rms_norm(x, weight, eps, out, out, np.empty((len(x), 1), np.float32))
    return out


@given(numbers(3, 16), numbers(16, most=4.0))
def test_rms_norm(x: Array, weight: Array) -> None:
    exact = x.astype(np.float64)
    exact = exact / np.sqrt((exact**2).mean(1, keepdims=True) + 1e-5) * weight
    np.testing.assert_allclose(normed(x, weight, 1e-5), exact, rtol=1e-5, atol=1e-6)


@given(numbers(2, 3, 8), st.integers(0, 500))
def test_rope_keeps_lengths_and_knows_distances_only(x: Array, first: int) -> None:
    """Products of rotated vectors depend on how far apart their positions are."""
    cos, sin = rope_tables(SMALL, 602)
    products = []
    for start in (first, first + 100):
        out, scratch = np.empty_like(x), np.empty((2, 3, 4), np.float32)
        here = slice(start, start + 2)
        rope(x, cos[here], sin[here], out, scratch)
        scale = 1 + np.abs(x).max()
        np.testing.assert_allclose(
            np.linalg.norm(out, axis=2) / scale, np.linalg.norm(x, axis=2) / scale, atol=1e-5
        )
        products.append((out[0].astype(np.float64) * out[1]).sum(1) / scale**2)
    np.testing.assert_allclose(*products, atol=1e-5)


def test_rope_leaves_the_first_position() -> None:
    x = np.random.default_rng(0).standard_normal((1, 2, 8)).astype(np.float32)
    cos, sin = rope_tables(SMALL, 1)
    out = np.empty_like(x)
    rope(x, cos, sin, out, np.empty((1, 2, 4), np.float32))
    np.testing.assert_array_equal(out, x)


def test_llama3_keeps_high_frequencies_and_slows_low_ones() -> None:
    config = replace(SMALL, head_dim=64, rope_scaling=Llama3Scaling(8.0, 1.0, 4.0, 100))
    plain = rope_tables(replace(config, rope_scaling=None), 9)[1]
    scaled = rope_tables(config, 9)[1]
    np.testing.assert_array_equal(scaled[..., 0], plain[..., 0])
    np.testing.assert_allclose(scaled[8, 0, -1], plain[1, 0, -1], rtol=1e-6)


@given(numbers(2, 9, most=2.0**60), numbers(2, 9))
def test_swiglu(gate: Array, up: Array) -> None:
    out = np.empty_like(gate)
    swiglu(gate, up, out)
    exact = gate.astype(np.float64)
    exact = exact / (1 + np.exp(-np.maximum(exact, -700))) * up
    np.testing.assert_allclose(out, exact, rtol=1e-5, atol=1e-6 * (1 + np.abs(up).max()))


def drawn(sampling: Sampling, logits: Array, times: int = 4000) -> Array:
    """Return the share of draws of each id."""
    random = np.random.default_rng(11)
    ids = [sampling.draw(logits, random) for _ in range(times)]
    return np.bincount(ids, minlength=len(logits)) / times


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(0.0), [0, 1, 0, 0]),
        (Sampling(1.0), [0.2, 0.4, 0.3, 0.1]),
        (Sampling(0.5), [4 / 30, 16 / 30, 9 / 30, 1 / 30]),
        (Sampling(1e-300), [0, 1, 0, 0]),
        (Sampling(1.0, top_k=2), [0, 4 / 7, 3 / 7, 0]),
        (Sampling(1.0, top_p=0.3), [0, 1, 0, 0]),
        (Sampling(1.0, top_p=0.6), [0, 4 / 7, 3 / 7, 0]),
        (Sampling(1.0, top_p=0.75), [2 / 9, 4 / 9, 3 / 9, 0]),
        (Sampling(1.0, top_k=3, top_p=0.7), [0, 4 / 7, 3 / 7, 0]),
        (Sampling(1.0, top_k=9, top_p=1.0), [0.2, 0.4, 0.3, 0.1]),
    ],
)
def test_shares_of_draws(sampling: Sampling, expected: list[float]) -> None:
    logits = np.log(np.array([0.2, 0.4, 0.3, 0.1])).astype(np.float32) + 3
    shares = drawn(sampling, logits)
    np.testing.assert_allclose(shares, expected, atol=0.03)
    assert not shares[np.array(expected) == 0].any()


def test_of_equal_logits_the_first_is_taken() -> None:
    logits = np.array([1, 2, 2, 2], np.float32)
    assert drawn(Sampling(), logits, 1)[1] == 1
    assert drawn(Sampling(1.0, top_k=1), logits, 50)[1] == 1
    assert drawn(Sampling(1.0, top_k=2), logits, 50)[3] == 0


@pytest.mark.parametrize(("top_p", "kept"), [(0.5, 2), (0.5001, 3), (0.25, 1), (1e-9, 1), (1.0, 4)])
def test_no_more_ids_than_reach_top_p(top_p: float, kept: int) -> None:
    shares = drawn(Sampling(1.0, top_p=top_p), np.zeros(4, np.float32), 400)
    assert np.count_nonzero(shares) == kept


def test_an_id_of_minus_infinity_is_never_drawn() -> None:
    logits = np.array([-np.inf, 0, -np.inf, 0], np.float32)
    assert drawn(Sampling(5.0), logits, 200)[[0, 2]].sum() == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="logits must have a finite maximum"):
        Sampling(1.0).draw(np.array([0, bad], np.float32), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("temperature", -0.1, ValueError),
        ("temperature", np.nan, ValueError),
        ("temperature", np.inf, ValueError),
        ("temperature", None, ValueError),
        ("temperature", "1", TypeError),
        ("temperature", True, TypeError),
        ("top_k", 0, ValueError),
        ("top_k", 1.0, TypeError),
        ("top_k", True, TypeError),
        ("top_p", 0.0, ValueError),
        ("top_p", 1.1, ValueError),
        ("top_p", np.nan, ValueError),
        ("top_p", "0.5", TypeError),
    ],
)
def test_bad_sampling(field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{field} must be"):
        Sampling(**{field: value})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (format_number(0), "0"),
        (format_number(0.01254), "0.0125"),
        (format_number(76.44), "76.4"),
        (format_number(1234.4), "1,234"),
        (format_number(0.000123), "1.23e-04"),
        (format_number(1e15), "1.00e+15"),
        (format_ns(812), "812 ns"),
        (format_ns(0.5), "0.500 ns"),
        (format_ns(999.6), "1.00 µs"),
        (format_ns(3_071_000), "3.07 ms"),
        (format_ns(1e13), "10,000 s"),
        (format_bytes(48), "48 B"),
        (format_bytes(32 << 10), "32 KiB"),
        (format_bytes(1023 * 1024 + 1023), "1.00 MiB"),
        (format_bytes(3 << 29), "1.50 GiB"),
        (format_bytes(1 << 52), "4,096 TiB"),
    ],
)
def test_units(text: str, shown: str) -> None:
    assert text == shown
