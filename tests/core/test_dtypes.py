"""The table of element types, and what may stand for one of them."""

from __future__ import annotations

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import brickprof
from brickprof.core.dtypes import (
    DTYPE_NAMES,
    DTYPES,
    KERNEL_DTYPES,
    DType,
    dtype_of,
    itemsize_of,
    kernel_dtype,
)
from brickprof.kernels.runtime.runtime import C_DTYPES, compiled_kernels


def numpy_dtype(name: str) -> np.dtype:
    """Return numpy's dtype of a name, ml_dtypes' where numpy has none."""
    return np.dtype(getattr(ml_dtypes, name, name))


@pytest.mark.parametrize(
    "expected",
    [
        DType("float32", 4, "float32", "float", in_kernels=True),
        DType("float64", 8, "float64", "float", in_kernels=True),
        DType("float16", 2, "float32", "float"),
        DType("bfloat16", 2, "float32", "float"),
        DType("int8", 1, "int32", "int"),
    ],
    ids=lambda dtype: dtype.name,
)
def test_the_table(expected: DType) -> None:
    assert dtype_of(expected.name) == expected
    assert expected in DTYPES


def test_numbers_are_those_of_the_compiled_kernels() -> None:
    assert {name: place for place, name in enumerate(DTYPE_NAMES)} == C_DTYPES
    header = Path(brickprof.__file__).parent / "kernels" / "micro" / "micro_kernels.h"
    declared = re.search(r"enum bp_dtype \{(.*?)\}", header.read_text(), re.DOTALL)
    assert declared
    names = re.findall(r"BP_(\w+),", declared[1])
    assert [name.lower() for name in names] == [*DTYPE_NAMES, "dtypes"]


def test_every_instruction_set_has_micro_kernels_for_what_kernels_take() -> None:
    assert set(compiled_kernels().values()) == {KERNEL_DTYPES}


@pytest.mark.parametrize("name", DTYPE_NAMES)
def test_sizes_are_numpys_and_every_spelling_is_known(name: str) -> None:
    dtype = numpy_dtype(name)
    assert itemsize_of(name) == dtype.itemsize
    for spelling in (name, np.str_(name), dtype, dtype.type, dtype.newbyteorder()):
        assert dtype_of(spelling) is dtype_of(name)


def test_kernels_take_some_of_them() -> None:
    assert KERNEL_DTYPES == ("float32", "float64")
    assert kernel_dtype(np.float64).name == "float64"
    with pytest.raises(ValueError, match="^dtype must be 'float32' or 'float64', got 'int8'$"):
        kernel_dtype("int8")
    with pytest.raises(ValueError, match="^of must be 'float32' or 'float64', got dtype"):
        kernel_dtype(np.dtype("float16"), "of")


@pytest.mark.parametrize("value", ["int7", "", "FLOAT32", "f4", np.int64, np.dtype("U3")])
def test_unknown_types_are_refused_by_name(value: object) -> None:
    known = "'float32', 'float64', 'float16', 'bfloat16' or 'int8'"
    with pytest.raises(ValueError, match=f"^element must be {known}, got "):
        dtype_of(value, "element")


@pytest.mark.parametrize("value", [None, 4, b"float32", float, int, ["float32"], np.float32(1)])
def test_what_is_no_type_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="^dtype must be 'float32', .*, got "):
        dtype_of(value)
