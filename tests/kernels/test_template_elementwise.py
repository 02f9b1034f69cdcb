"""The element-wise templates, at vector widths that this CPU may lack."""

from __future__ import annotations

import ctypes
import shutil

import numpy as np
import pytest
from support.template_library import COMPILER, SHIPPED, Library, at, compiled, size

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER.split()[0]) is None, reason="there is no C compiler"
)

LENGTHS = (1, 2, 7, 16, 31, 64, 100, 131)


@pytest.fixture(scope="module", params=SHIPPED)
def library(request: pytest.FixtureRequest) -> Library:
    """Compile the template for one register block."""
    return compiled(request.param)


@pytest.mark.parametrize("n", LENGTHS)
def test_rms_norm(library: Library, n: int) -> None:
    x, weight, out = np.random.default_rng(n).standard_normal((3, n)).astype("float32")
    library.wide_rms_norm(at(x), at(weight), at(out), size(n), ctypes.c_float(0.25))
    wide = x.astype("float64")
    expected = wide / np.sqrt((wide**2).mean() + 0.25) * weight
    np.testing.assert_allclose(out, expected, rtol=2e-6)


@pytest.mark.parametrize("n", LENGTHS)
def test_swiglu(library: Library, n: int) -> None:
    gate, up, out = 9 * np.random.default_rng(n).standard_normal((3, n)).astype("float32")
    library.wide_swiglu(at(gate), at(up), at(out), size(n))
    wide = gate.astype("float64")
    np.testing.assert_allclose(out, wide / (1 + np.exp(-wide)) * up, rtol=1e-5)


@pytest.mark.parametrize("half", LENGTHS)
def test_rotate(library: Library, half: int) -> None:
    rng = np.random.default_rng(half)
    x, angles = rng.standard_normal((2, half)).astype("float32"), rng.standard_normal(half)
    cosine, sine = np.cos(angles).astype("float32"), np.sin(angles).astype("float32")
    rotated = (x[0] + 1j * x[1]) * np.exp(1j * angles)
    out = np.empty((2, half), "float32")
    for target in (out, x):
        library.wide_rotate(at(x), at(cosine), at(sine), at(target), size(half))
        np.testing.assert_allclose(target[0] + 1j * target[1], rotated, atol=1e-6)
