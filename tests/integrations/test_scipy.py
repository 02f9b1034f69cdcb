"""Calls of SciPy are recorded with the flops of what they compute."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brickprof as bp

scipy_blas = pytest.importorskip("scipy.linalg.blas")
scipy_linalg = pytest.importorskip("scipy.linalg")
scipy_sparse = pytest.importorskip("scipy.sparse")

N = 90
RNG = np.random.default_rng(0)
A, B = RNG.random((N, N)), RNG.random((N, 60))
S = scipy_sparse.random(500, 500, density=0.1, format="csr", random_state=0)
V = RNG.random(500)

CALLS: list[tuple[str, Callable[[], Any], float]] = [
    ("dgemm", lambda: scipy_blas.dgemm(1.0, A, B), 2 * N * N * 60),
    ("dgemm", lambda: scipy_blas.dgemm(1.0, B, A, trans_a=True), 2 * N * N * 60),
    ("dgemm", lambda: scipy_blas.dgemm(alpha=1.0, a=A, b=B), 2 * N * N * 60),
    ("ddot", lambda: scipy_blas.ddot(x=V, y=V), 2 * 500),
    ("daxpy", lambda: scipy_blas.daxpy(V, V.copy(), a=2.0), 2 * 500),
    ("coo_matvec", lambda: S.tocoo() @ V, 2 * S.nnz),
    ("linalg.inv", lambda: scipy_linalg.inv(a=A), 2 * N**3),
    ("linalg.solve", lambda: scipy_linalg.solve(a=A, b=B), 2 / 3 * N**3 + 2 * N * N * 60),
    ("dgemv", lambda: scipy_blas.dgemv(1.0, A, A[0]), 2 * N * N),
    ("csr_matvec", lambda: S @ V, 2 * S.nnz),
    ("csr_matvecs", lambda: S @ np.stack([V, V, V], 1), 6 * S.nnz),
    ("csc_matvec", lambda: S.tocsc() @ V, 2 * S.nnz),
    ("linalg.solve", lambda: scipy_linalg.solve(A, B), 2 / 3 * N**3 + 2 * N * N * 60),
    ("linalg.inv", lambda: scipy_linalg.inv(A), 2 * N**3),
    ("linalg.cholesky", lambda: scipy_linalg.cholesky(A @ A.T + N * np.eye(N)), N**3 / 3),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_flops_and_results(number: int) -> None:
    name, call, flops = CALLS[number]
    plain = call()
    with bp.auto_instrument(bp.BrickProfiler(clock="manual"), min_elements=1) as prof:
        seen = call()
    np.testing.assert_array_equal(seen, plain)
    recording = prof.recording()
    (brick,) = [one for one in recording.bricks if one.endswith(f" {name}")]
    found = sum(tile.flops for tile in recording.tiles if tile.brick == brick)
    assert found == pytest.approx(flops, rel=1e-6)


def test_sparse_products_of_complex_numbers_take_four_times_as_many() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(50, 40, density=0.2, format="csr", random_state=0)
    x = np.ones(40)
    assert bp.count(lambda: matrix @ x).flops == 2 * matrix.nnz
    assert bp.count(lambda: matrix.astype(complex) @ x).flops == 8 * matrix.nnz
    whole, ones = (matrix * 9).astype(int), x.astype(int)
    assert bp.count(lambda: whole @ ones).flops == 0


def test_everything_is_put_back() -> None:
    before = scipy_blas.dgemm, scipy_linalg.solve
    with bp.auto_instrument():
        assert scipy_blas.dgemm is not before[0]
    assert (scipy_blas.dgemm, scipy_linalg.solve) == before


def test_errors_are_the_same_and_leave_nothing_open() -> None:
    with (
        bp.auto_instrument() as prof,
        pytest.raises(scipy_linalg.LinAlgError),
    ):
        scipy_linalg.inv(np.zeros((N, N)))
    assert prof.recording().open_tiles == 0


def test_what_is_imported_later_is_seen_too() -> None:
    program = """
import brickprof as bp
with bp.auto_instrument(bp.BrickProfiler(clock="manual")) as prof:
    import numpy as np
    import scipy.linalg.blas as blas
    blas.dgemm(1.0, np.ones((70, 70)), np.ones((70, 70)))
assert sum(tile.flops for tile in prof.recording().tiles) >= 2 * 70**3
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_small_operands_are_left_out() -> None:
    with bp.auto_instrument(min_elements=N * N + 1) as prof:
        scipy_linalg.inv(A)
        scipy_blas.dgemm(1.0, A, B)
    assert prof.recording().tiles == ()


def test_what_cannot_be_counted_is_timed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "brickprof.integrations.scipy"
    monkeypatch.setitem(sys.modules[module]._BLAS, "dgemm", lambda *_: 1 / 0)
    with bp.auto_instrument(min_elements=1) as prof:
        np.testing.assert_array_equal(scipy_blas.dgemm(1.0, A, B), scipy_blas.dgemm(1.0, A, B))
    tiles = [tile for tile in prof.recording().tiles if (tile.brick or "").endswith(" dgemm")]
    assert sum(tile.count for tile in tiles) == 2
    assert all(tile.flops == 0 for tile in tiles)
