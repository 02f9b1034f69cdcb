"""What a function does is counted from the shapes of its calls of NumPy, SciPy and PyTorch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import brickprof as bp
from brickprof.integrations.instrument import numpy_hooks

A = np.random.default_rng(0).random((30, 30), np.float32)
X = np.random.default_rng(1).random((10, 20))
V = X[0].copy()
K = np.arange(200).reshape(10, 20)
C = X + 1j * X
N = X.size


def softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of rows, of 5 operations an element and some a row."""
    shifted = x - x.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def in_place(x: NDArray[np.float64]) -> None:
    """Change an array twice."""
    x += 1
    x *= x


BY_HAND: list[tuple[str, Callable[[], Any], tuple[int, int, int]]] = [
    ("in place", lambda: in_place(X.copy()), (2 * N, 3 * 8 * N, 2 * 8 * N)),
    ("out", lambda: np.add(X, X, out=np.empty_like(X)), (N, 16 * N, 8 * N)),
    (
        "out of a product",
        lambda: np.matmul(X, X.T, out=np.empty((10, 10))),
        (11 * N, 16 * N, 800),  # half of a symmetric result
    ),
    ("row spread", lambda: X + V, (N, 8 * (N + 20), 8 * N)),
    ("column spread", lambda: X * V[:10, None], (N, 8 * (N + 10), 8 * N)),
    ("both spread", lambda: V[:, None] - V, (400, 8 * 40, 8 * 400)),
    ("number", lambda: 2.5 * X, (N, 8 * N, 8 * N)),
    ("no array of two dimensions", lambda: X + np.float64(1), (N, 8 * N, 8 * N)),
    ("transposed view", lambda: X.T / 3, (N, 8 * N, 8 * N)),
    ("every other row", lambda: X[::2] + 1, (N // 2, 4 * N, 4 * N)),
    ("reversed view", lambda: np.exp(X[:, ::-1]), (N, 8 * N, 8 * N)),
    ("picked rows", lambda: X[[0, 3, 5]] + 1, (60, 480, 480)),
    ("picked by a mask", lambda: X[X >= 0].sum(), (N, 8 * N + 8 * N, N + 8)),
    ("integers", lambda: K + K, (0, 16 * N, 8 * N)),
    ("integers to numbers", lambda: K / 2, (N, 8 * N, 8 * N)),
    ("integers with numbers", lambda: K * X, (N, 16 * N, 8 * N)),
    ("product of integers", lambda: K @ K.T, (0, 16 * N, 800)),
    ("mean of integers", lambda: K.mean(), (N, 8 * N, 8)),
    ("sum along an axis", lambda: X.sum(axis=1), (N, 8 * N, 80)),
    ("running sum", lambda: np.cumsum(V), (20, 160, 160)),
    ("sum of a ufunc", lambda: np.add.reduce(X), (N, 8 * N, 160)),
    ("largest of a ufunc", lambda: np.maximum.reduce(X, axis=None), (N, 8 * N, 8)),
    ("running product of a ufunc", lambda: np.multiply.accumulate(V), (20, 160, 160)),
    ("outer sum of a ufunc", lambda: np.add.outer(V, V), (400, 320, 3200)),
    (
        "sums at places",
        lambda: np.add.at(np.zeros(5), np.array([0, 0, 4]), 1.0),
        (3, 8 * (5 + 3), 0),
    ),
    (
        "whether any",
        lambda: np.logical_or.reduce(X > 0, axis=None),
        (0, 9 * N, N + 1),
    ),
    ("sum of complex", lambda: C.sum(), (2 * N, 16 * N, 16)),
    ("product of complex", lambda: C * C, (6 * N, 32 * N, 16 * N)),
    ("clipped", lambda: X.clip(0.1, 0.9), (2 * N, 8 * N, 8 * N)),
    ("folded", lambda: np.convolve(V, V[:3]), (2 * 60, 8 * 23, 8 * 22)),
    ("folded, as long", lambda: np.convolve(V, V[:3], "same"), (2 * 58, 8 * 23, 8 * 20)),
    ("correlated", lambda: np.correlate(V, V[:3]), (2 * 54, 8 * 23, 8 * 18)),
    ("axes by number", lambda: np.einsum(X, [0, 1], V, [1], [0]), (2 * N, 8 * (N + 20), 80)),
    ("lists", lambda: np.add([1.0, 2.0], [3.0, 4.0]), (2, 0, 16)),
    ("matrices", lambda: np.dot(X.view(np.matrix), X.T), (11 * N, 16 * N, 800)),
    ("two matrices", lambda: np.dot(X, X.T.copy()), (2 * 10 * N, 16 * N, 800)),
    ("matrix and vector", lambda: np.matvec(X, V), (2 * N, 8 * (N + 20), 80)),
    ("vector and matrix", lambda: np.vecmat(V[:10], X), (2 * N, 8 * (N + 10), 160)),
    ("half", lambda: np.sqrt(X.astype(np.float16)), (N, 2 * N, 2 * N)),
    ("of no elements", lambda: np.ones((0, 3)) @ np.ones((3, 2)), (0, 48, 0)),
    ("one number", lambda: np.float64(2) * 3.0, (0, 0, 0)),
]


@pytest.mark.parametrize("number", range(len(BY_HAND)))
def test_expressions_are_those_counted_by_hand(number: int) -> None:
    name, call, expected = BY_HAND[number]
    found = bp.count(call)
    assert (found.flops, found.loaded_bytes, found.stored_bytes) == expected, name


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
    assert found.work_source == "counted"


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
    assert bp.count(softmax, A).flops == 5 * A.size


def test_a_count_takes_its_calls_from_what_is_around_it() -> None:
    with bp.auto_instrument(min_elements=1) as prof:
        assert bp.count(softmax, A).flops == 5 * A.size
        with pytest.raises(ValueError, match="matmul"):
            bp.count(lambda: A @ np.ones(3))
        _ = A + A
    assert prof.recording().open_tiles == 0
    assert sum(stats.flops for stats in prof.all_tile_stats()) == A.size


class StopNow(BaseException):
    """What no handler of errors expects."""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, StopNow])
def test_nothing_stays_patched_after_an_error(error: type[BaseException]) -> None:
    def failing() -> None:
        _ = A @ A
        raise error("own")

    finders = list(sys.meta_path)
    with pytest.raises(error, match="own"):
        bp.count(failing)
    assert sys.meta_path == finders
    assert len(numpy_hooks()) > 100  # which refuses what is hooked
    with bp.auto_instrument(bp.BrickProfiler(clock="manual"), min_elements=1) as prof:
        _ = A @ A
    assert sum(stats.count for stats in prof.all_tile_stats()) == 1


def test_a_count_inside_of_another_counts_alone_and_the_outer_one_goes_on() -> None:
    def nested() -> int:
        _ = A + A
        inner = bp.count(softmax, A).flops
        _ = A + A
        return inner

    outer = bp.count(nested)
    assert (outer.result, outer.flops) == (5 * A.size, 2 * A.size)


def test_generators_count_where_they_run() -> None:
    def rows() -> Iterator[Any]:
        for row in X:
            yield row * 2.0

    later = bp.count(rows)
    assert later.flops == 0
    assert len(list(later.result)) == 10
    assert bp.count(lambda: list(rows())).flops == N


def test_calls_of_other_threads_are_counted() -> None:
    def shared() -> None:
        threads = [threading.Thread(target=lambda: A @ A) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert bp.count(shared).flops == 3 * 2 * 30**3


def test_files_in_memory_are_counted_as_arrays(tmp_path: Path) -> None:
    X.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float64, "r", shape=X.shape)
    found = bp.count(lambda: np.sqrt(mapped) @ V)
    assert (found.flops, found.loaded_bytes) == (N + 2 * N, 8 * (N + N + 20))


class Foreign:
    """An operand that computes by itself, with NumPy."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [one.values if isinstance(one, Foreign) else one for one in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)


class ForeignArray(np.ndarray):
    """An array that computes by itself, with NumPy."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(one) for one in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)


def test_masked_arrays_are_counted_without_their_bookkeeping() -> None:
    assert bp.count(lambda: np.ma.array(X, mask=X > 1) * 2.0).flops == N


def test_operands_that_compute_by_themselves_are_counted_once() -> None:
    assert bp.count(lambda: np.add(Foreign(X), 1.0)).flops == N
    assert bp.count(lambda: X.view(ForeignArray) + X).flops == N


def test_scipy_is_counted_under_whatever_module_imported_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    linalg, sparse = pytest.importorskip("scipy.linalg"), pytest.importorskip("scipy.sparse")
    square = A.astype(np.float64) + 30 * np.eye(30)
    assert bp.count(linalg.cholesky, square @ square.T).flops == round(30**3 / 3)
    monkeypatch.setattr(sys.modules[__name__], "inv", linalg.inv, raising=False)
    assert bp.count(lambda: globals()["inv"](square)).flops == 2 * 30**3
    assert globals()["inv"] is linalg.inv
    rows = sparse.csr_array(np.eye(30))
    assert bp.count(lambda: rows @ np.ones(30)).flops == 2 * 30


def test_pytorch_is_counted() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(30, 7, bias=False)
    found = bp.count(lambda: layer(torch.ones(5, 30)).sum().backward())
    assert found.flops == 2 * 2 * 5 * 30 * 7
    assert bp.count(lambda: torch.ones(4, 4) @ torch.ones(4, 4)).flops == 2 * 4**3
