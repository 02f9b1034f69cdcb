"""Subclasses of ndarray: masked arrays are refused by name, others are taken as what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.kernel_checks import Array

import brickprof as bp


class Tagged(np.ndarray[Any, Any]):
    """A subclass that adds nothing."""


def ones(*shape: int) -> Array:
    return np.ones(shape, "float32")


def region_arguments() -> dict[str, dict[str, Array]]:
    """Return the arrays of each operation of a region."""
    cache = {"keys": ones(2, 5, 8), "values": ones(2, 5, 8)}
    return {
        "rms_norm": {"x": ones(4), "weight": ones(4), "out": ones(4)},
        "matvec": {"w": ones(3, 4), "x": ones(4), "out": ones(3), "bias": ones(3)},
        "swiglu": {"gate": ones(4), "up": ones(4), "out": ones(4)},
        "rotate_and_store": {
            "q": ones(4, 8),
            "k": ones(2, 8),
            "v": ones(2, 8),
            "cosine": ones(5, 4),
            "sine": ones(5, 4),
            **cache,
        },
        "attend": {"q": ones(4, 8), **cache, "out": ones(4, 8)},
    }


CALLS: dict[str, tuple[Any, dict[str, Array]]] = {
    "gemm": (bp.gemm, {"a": ones(2, 3), "b": ones(3, 4), "out": ones(2, 4)}),
    "pack": (bp.pack, {"b": ones(3, 4)}),
    "attention": (
        bp.attention,
        {"q": ones(2, 3, 4), "k": ones(2, 5, 4), "v": ones(2, 5, 4), "out": ones(2, 3, 4)},
    ),
    **{
        operation: (getattr(bp.ParallelRegion(threads=1), operation), arguments)
        for operation, arguments in region_arguments().items()
    },
}
EVERY = [(call, argument) for call, (_, arguments) in CALLS.items() for argument in arguments]


@pytest.mark.parametrize("call, argument", EVERY)
def test_masked_arrays_are_refused_by_name(call: str, argument: str) -> None:
    function, arguments = CALLS[call]
    masked: Any = np.ma.masked_array(arguments[argument], mask=False)
    with pytest.raises(TypeError, match=f"^{argument} must not be a masked array"):
        function(**{**arguments, argument: masked})


class Column:
    """Something that turns into a masked array when it is asked for one."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.ma.masked_array(ones(3, 3), mask=False)


def test_what_turns_into_a_masked_array_is_refused() -> None:
    with pytest.raises(TypeError, match="^b must not be a masked array"):
        bp.gemm(ones(3, 3), Column())


@pytest.mark.parametrize("call, argument", EVERY)
def test_other_subclasses_are_taken(call: str, argument: str) -> None:
    function, arguments = CALLS[call]
    function(**{**arguments, argument: arguments[argument].view(Tagged)})


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_results_are_plain_arrays_unless_a_subclass_is_given_to_write_to() -> None:
    a: Any = np.matrix("1 2; 3 4", dtype="float32")
    product = bp.gemm(a, a.T)
    assert type(product) is np.ndarray
    assert product.tolist() == [[5, 11], [11, 25]]
    out: Any = np.matrix(np.zeros((2, 2)), dtype="float32")
    assert bp.gemm(a, a.T, out) is out
    assert out.tolist() == [[5, 11], [11, 25]]
    heads = ones(2, 3, 4).view(Tagged)
    assert type(bp.attention(heads, heads, heads)) is np.ndarray
    out = np.zeros((2, 4, 3), "float32").swapaxes(1, 2).view(Tagged)
    assert bp.attention(heads, heads, heads, out=out) is out
    assert (out == 1).all()
