"""What a function does is counted from the shapes of its calls of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import brickprof as bp

A = np.random.default_rng(0).random((30, 30), np.float32)


def softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of rows, of 5 operations an element and some a row."""
    shifted = x - x.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def test_work_is_that_counted_by_hand() -> None:
    found = bp.count(softmax, A)
    np.testing.assert_array_equal(found.result, softmax(A))
    n, edge, size = A.size, 30, A.nbytes
    assert found.flops == 5 * n
    assert found.elements == 3 * n + 2 * edge
    assert found.stored_bytes == 3 * size + 2 * 4 * edge
    assert found.loaded_bytes == 5 * size + 2 * 4 * edge
    assert found.nbytes == found.loaded_bytes + found.stored_bytes
    assert found.arithmetic_intensity == found.flops / found.nbytes


def test_lines_add_up_and_the_largest_comes_first() -> None:
    found = bp.count(lambda x, y: (x @ y) + 1, A, y=A)
    assert [line.name.partition(" ")[2] for line in found.lines] == ["matmul", "add"]
    assert sum(line.flops for line in found.lines) == found.flops == 2 * 30**3 + 900
    assert sum(line.nbytes for line in found.lines) == found.nbytes
    assert [line.calls for line in found.lines] == [1, 1]


def test_a_function_without_arrays_does_nothing_that_is_counted() -> None:
    found = bp.count(sum, [1, 2, 3])
    assert (found.result, found.flops, found.nbytes, found.lines) == (6, 0, 0, ())
    assert found.arithmetic_intensity == 0


def test_errors_are_the_functions_own_and_leave_nothing_behind() -> None:
    with pytest.raises(ValueError, match="matmul"):
        bp.count(lambda: A @ np.ones(3))
    with pytest.raises(TypeError, match="function"):
        bp.count(3)  # type: ignore[arg-type]
    with bp.auto_instrument() as prof, pytest.raises(RuntimeError, match="recorded already"):
        bp.count(softmax, A)
    assert prof.recording().open_tiles == 0
    assert bp.count(softmax, A).flops == 5 * A.size
