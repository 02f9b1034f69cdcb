"""The template's softmax and what goes with it, at vector widths that this CPU may lack."""

from __future__ import annotations

import ctypes
import math
import shutil

import numpy as np
import pytest
from support.template_library import COMPILER, SHIPPED, Library, at, compiled, size

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER.split()[0]) is None, reason="there is no C compiler"
)


@pytest.fixture(scope="module", params=SHIPPED)
def library(request: pytest.FixtureRequest) -> Library:
    """Compile the template for one register block."""
    return compiled(request.param)


@pytest.mark.parametrize("step", [0, 1])
def test_online_softmax(library: Library, step: int) -> None:
    nr, rows, width = library.wide_nr(0), 9, library.wide_nr(0) * 2
    rng = np.random.default_rng(3)
    ld, scale = 4 * nr, 0.3 * math.log2(math.e)
    maximum, total = np.full(rows, -np.inf, "float32"), np.zeros(rows, "float32")
    out = np.zeros((rows, width), "float32")
    values = rng.standard_normal((4, 4 * nr, width)).astype("float32")
    scores = 20 * rng.standard_normal((4, rows, 4 * nr)).astype("float32")
    weighted, seen_scores = np.zeros((rows, width)), np.full((4, rows, 4 * nr), -np.inf)
    for block, keys in enumerate((4 * nr, 3 * nr + 1, nr, 1)):
        visible = 2 * nr + 1 - block * nr if step else keys
        given = np.full((rows, ld), np.nan, "float32")
        given[:, :keys] = scores[block, :, :keys]
        library.wide_softmax(
            at(given),
            size(ld),
            rows,
            keys,
            size(visible),
            step,
            ctypes.c_float(scale),
            at(maximum),
            at(total),
            at(out),
            size(width),
            width,
        )
        for row in range(rows):
            seen = min(max(visible + row * step, 0), keys)
            seen_scores[block, row, :seen] = 0.3 * scores[block, row, :seen].astype("float64")
            assert not given[row, seen:keys].any()
        out += given[:, :keys] @ values[block, :keys]
    top = seen_scores.max((0, 2))
    weights = np.exp(seen_scores - top[None, :, None])
    weighted = np.einsum("brk,bkw->rw", weights, values)
    assert np.allclose(maximum, top / 0.3, rtol=1e-6)
    assert np.allclose(total, weights.sum((0, 2)), rtol=1e-4)
    assert np.allclose(out, weighted, rtol=1e-4, atol=1e-4)
    divided = np.empty(width, "float32")
    library.wide_divide(at(out[2]), ctypes.c_float(total[2]), at(divided), size(width))
    assert np.array_equal(divided, out[2] / total[2])


def test_negate(library: Library) -> None:
    data = np.arange(-20, 21, dtype="float32")
    library.wide_negate(at(data), size(data.size - 1))
    assert np.array_equal(data, [*range(20, -20, -1), 20])


def test_powers_of_two(library: Library) -> None:
    nr = library.wide_nr(0)
    exponents = np.concatenate(
        [
            -np.geomspace(2.0**-30, 125.9, 4000),
            -np.arange(126.0),
            -np.arange(126.0) - 0.5,
            [-126.5, -127, -200, -1e9, -3e38, -np.inf, np.nan, 0],
        ]
    ).astype("float32")
    for first in range(0, exponents.size, nr - 1):
        some = exponents[first : first + nr - 1]
        row = np.zeros(nr, "float32")
        row[1 : 1 + some.size] = some
        maximum, total = np.array([-np.inf], "float32"), np.zeros(1, "float32")
        library.wide_softmax(
            at(row),
            size(nr),
            1,
            1 + some.size,
            size(1 + some.size),
            0,
            ctypes.c_float(1),
            at(maximum),
            at(total),
            at(np.zeros(nr, "f4")),
            size(nr),
            nr,
        )
        wanted = np.exp2(some.astype("float64"))
        wanted[some < -126] = 0
        got = row[1 : 1 + some.size]
        good = abs(got - wanted) <= 5 * 2.0**-24 * wanted
        assert (good | (np.isnan(got) & np.isnan(some))).all()


def test_all_finite(library: Library) -> None:
    data = np.zeros((5, 40), "float32")
    data[:, 33:] = np.nan
    assert library.wide_all_finite(at(data), size(5), size(40), size(33))
    for bad in (np.nan, np.inf, -np.inf):
        for row, column in ((0, 0), (4, 32), (2, 17)):
            spoilt = data.copy()
            spoilt[row, column] = bad
            assert not library.wide_all_finite(at(spoilt), size(5), size(40), size(33))
    data[0, 0], data[1, 1] = 3e38, 3e38
    assert library.wide_all_finite(at(data), size(5), size(40), size(33))
