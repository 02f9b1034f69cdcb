"""Packed matrices: right products, whatever they were packed from, and errors that say why not."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.array_layouts import LAYOUTS
from support.kernel_checks import (
    DEFAULT_ISA,
    DTYPES,
    ISAS,
    Array,
    assert_product,
    exact_product,
    fenced,
    integers,
    normals,
)

import brickprof as bp

each_isa = pytest.mark.parametrize("isa", ISAS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
sizes = st.integers(0, 9) | st.integers(10, 120)


@each_isa
@given(
    m=sizes,
    n=sizes,
    k=sizes,
    dtype=st.sampled_from(DTYPES),
    b_how=st.sampled_from(sorted(LAYOUTS)),
    a_how=st.sampled_from(sorted(LAYOUTS)),
    out_how=st.sampled_from([None, "C", "Fortran", "slice", "both backwards"]),
    threads=st.integers(1, 3),
)
def test_a_packed_matrix_stands_for_it(
    isa: str,
    m: int,
    n: int,
    k: int,
    dtype: str,
    b_how: str,
    a_how: str,
    out_how: str | None,
    threads: int,
) -> None:
    rng = np.random.default_rng(m + n * k)
    a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
    if a.size:
        a = LAYOUTS[a_how](a)
    if b.size:
        b = LAYOUTS[b_how](b)
    out = None if out_how is None else LAYOUTS[out_how](np.full((m, n), 7, dtype))
    packed = bp.pack(b, isa)
    got = bp.gemm(a, packed, out=out, threads=threads, isa=isa)
    assert got is out or out is None
    assert got.dtype == dtype
    assert np.array_equal(got, exact_product(a, b))


@each_dtype
@each_isa
@pytest.mark.parametrize("m, n, k", [(1, 700, 1100), (7, 65, 1031), (300, 130, 521), (129, 1, 64)])
def test_error_is_within_the_bound(isa: str, dtype: str, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(m)
    a, b = normals(rng, (m, k), dtype), normals(rng, (k, n), dtype)
    for source in (b, np.asfortranarray(b)):
        packed = bp.pack(source, isa)
        c = bp.gemm(a, packed, isa=isa)
        assert_product(c, a, b)
        for threads in (1, 2, 4):
            assert np.array_equal(bp.gemm(a, packed, isa=isa, threads=threads), c)


@each_dtype
@each_isa
def test_no_memory_around_the_source_is_touched(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(2)
    for k, n in [(1, 1), (3, 5), (17, 33), (40, 100), (700, 9)]:
        b = integers(rng, (k, n), dtype)
        for matrix in (b, np.asfortranarray(b)):
            for after in (True, False):
                packed = bp.pack(fenced(matrix, after), isa)
                assert np.array_equal(bp.gemm(np.eye(k, dtype=dtype), packed, isa=isa), b)


@each_isa
def test_later_changes_do_not_show(isa: str) -> None:
    b = np.ones((30, 50), "float32")
    packed = bp.pack(b, isa)
    b[...] = np.nan
    a = np.ones((4, 30), "float32")
    assert (bp.gemm(a, packed, isa=isa) == 30).all()
    del b
    assert (bp.gemm(a, packed, isa=isa) == 30).all()


@each_dtype
@each_isa
def test_what_it_says_of_itself(isa: str, dtype: str) -> None:
    packed = bp.pack(np.ones((30, 50), dtype), isa)
    assert isinstance(packed, bp.PackedMatrix)
    assert packed.shape == (30, 50)
    assert (packed.dtype, packed.isa) == (dtype, isa)
    assert repr(packed) == f"<PackedMatrix 30 x 50 {dtype}, {isa}>"
    lanes = bp.plan_gemm(1, 1, 1, dtype, isa=isa).micro.lanes
    least = 30 * 50 * np.dtype(dtype).itemsize
    assert least <= packed.nbytes <= least * (1 + lanes / 50) + 1024
    for name in ("shape", "dtype", "isa", "nbytes"):
        with pytest.raises(AttributeError):
            setattr(packed, name, None)


@pytest.mark.parametrize("k, n", [(0, 5), (5, 0), (0, 0)])
def test_empty_matrices(k: int, n: int) -> None:
    packed = bp.pack(np.ones((k, n), "float32"))
    assert packed.shape == (k, n)
    out = np.full((3, n), np.nan, "float32")
    assert bp.gemm(np.ones((3, k), "float32"), packed, out=out) is out
    assert not out.any()


def test_the_default_isa_is_that_of_gemm() -> None:
    packed = bp.pack([[1.0, 2.0], [3.0, 4.0]])
    assert (packed.dtype, packed.isa) == ("float64", DEFAULT_ISA)
    assert bp.gemm([[1.0, 1.0]], packed).tolist() == [[4.0, 6.0]]


@pytest.mark.parametrize("make", [lambda: bp.PackedMatrix(), lambda: bp.PackedMatrix([[1.0]])])
def test_it_is_made_by_pack_alone(make: Any) -> None:
    with pytest.raises(TypeError):
        make()


def test_one_made_behind_its_back_is_empty() -> None:
    hollow = bp.PackedMatrix.__new__(bp.PackedMatrix)
    assert hollow.shape == (0, 0)
    assert (hollow.isa, hollow.nbytes) == (DEFAULT_ISA, 0)
    assert "0 x 0" in repr(hollow)
    with pytest.raises((TypeError, ValueError), match="^b must"):
        bp.gemm(np.ones((2, 3), hollow.dtype), hollow)
    assert bp.gemm(np.ones((2, 0), hollow.dtype), hollow).shape == (2, 0)


@pytest.mark.parametrize("work", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied_by_its_pointer(work: Any) -> None:
    with pytest.raises(TypeError, match="packed matrix is of this CPU"):
        work(bp.pack(np.ones((3, 3), "float32")))


BAD: dict[str, tuple[type[Exception], str, Any]] = {
    "none": (ValueError, "^b must be 2-D", None),
    "1-D": (ValueError, r"^b must be 2-D, got shape \(3,\)", np.ones(3, "f4")),
    "3-D": (ValueError, "^b must be 2-D", np.ones((1, 2, 3), "f4")),
    "text": (ValueError, "^b must be 2-D", "matrix"),
    "integers": (TypeError, "^b must be float32 or float64", np.ones((2, 3), int)),
    "float16": (TypeError, "^b must be float32 or float64", np.ones((2, 3), "f2")),
    "ragged": (ValueError, "^b must be an array of one shape", [[1.0], [1.0, 2.0]]),
    "packed": (ValueError, "^b must be 2-D", bp.pack([[1.0]])),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_matrices_are_named(case: str) -> None:
    error, message, b = BAD[case]
    with pytest.raises(error, match=message):
        bp.pack(b)


@pytest.mark.parametrize(
    ("isa", "error", "message"),
    [
        ("sse9", ValueError, "^isa must be one of"),
        (2, TypeError, "^isa must be the name of an instruction set"),
        (b"base", TypeError, "^isa must be the name of an instruction set"),
    ],
)
def test_a_bad_isa_is_named(isa: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bp.pack([[1.0]], isa)


def refused(a: Array, packed: bp.PackedMatrix, **more: Any) -> str:
    """Return why a product is refused, and check that nothing was written."""
    out = np.full((a.shape[0], packed.shape[1]), 7, a.dtype)
    with pytest.raises((TypeError, ValueError)) as caught:
        bp.gemm(a, packed, out=out, **more)
    assert (out == 7).all()
    return str(caught.value)


def test_a_product_that_it_was_not_packed_for_is_refused() -> None:
    packed = bp.pack(np.ones((30, 50), "float32"))
    assert refused(np.ones((4, 30)), packed).startswith("b must be packed from a's dtype float64")
    assert "got shapes (4, 31) and (30, 50)" in refused(np.ones((4, 31), "f4"), packed)
    for other in set(ISAS) - {packed.isa}:
        text = refused(np.ones((4, 30), "f4"), packed, isa=other)
        assert text.startswith("b must be packed for the instruction set that is used, " + other)
    with pytest.raises((TypeError, ValueError), match="^a must be"):
        bp.gemm(packed, np.ones((50, 3), "f4"))
    with pytest.raises(ValueError, match="^out must have shape"):
        bp.gemm(np.ones((4, 30), "f4"), packed, out=np.ones((4, 51), "f4"))


def test_a_plan_of_another_depth_is_refused() -> None:
    k = 900
    packed = bp.pack(np.ones((k, 50), "float32"))
    plan = bp.plan_gemm(100, 50, k, threads=1, b_layout="packed")
    a = np.ones((100, k), "float32")
    blocks = replace(plan.blocks, kc=64)
    shallow = bp.plan_gemm(100, 50, k, threads=1, b_layout="packed", blocks=blocks)
    assert refused(a, packed, plan=shallow).startswith("plan must have the depth that b was packed")
    assert (bp.gemm(a, packed, plan=plan) == k).all()
    assert refused(a, packed, plan=bp.plan_gemm(100, 51, k)).startswith("plan must be of this")
    for b, layout in ((packed, "rows"), (np.ones((k, 50), "float32"), "packed")):
        other = bp.plan_gemm(100, 50, k, b_layout=layout)
        assert refused(a, b, plan=other).startswith("plan must be made with b_layout='packed'")


def test_a_result_that_cannot_be_written_in_place_is_copied() -> None:
    rng = np.random.default_rng(3)
    a, b = integers(rng, (20, 30), "float32"), integers(rng, (30, 40), "float32")
    room = np.full((40, 80), np.nan, "float32")
    for out in (room[:, ::4].T, room[::-2, ::2][:, :40][:20]):
        bp.gemm(a, bp.pack(b), out=out[:20, :40], threads=2)
        assert np.array_equal(out, exact_product(a, b))


@pytest.mark.parametrize("shape", ["(2**59, 1)", "(2**60, 1)", "(1, 2**60)", "(2**30, 2**30)"])
def test_a_matrix_that_passes_all_memory_is_an_error(shape: str) -> None:
    code = (
        "import numpy as np, brickprof as bp\n"
        f"b = np.broadcast_to(np.float32(1), {shape})\n"
        "try:\n"
        "    bp.pack(b)\n"
        "except MemoryError:\n"
        "    print('refused')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout == "refused\n", (run.returncode, run.stderr)
