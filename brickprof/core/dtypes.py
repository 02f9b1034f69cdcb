"""The element types: what a brick may declare, and which of them kernels take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from brickprof.core.checks import short_repr
from brickprof.core.importing import IMPORTING

if TYPE_CHECKING:
    import numpy as np

DTypeLike: TypeAlias = "str | np.dtype[Any] | type[np.generic]"
"""What may stand for an element type in an argument."""


@dataclass(frozen=True, slots=True)
class DType:
    """An element type.

    Parameters
    ----------
    name : str
        Its name, as numpy and ml_dtypes spell it.
    itemsize : int
        Bytes of a stored element.
    accumulator : str
        Name of the type that products of such elements are summed in.
    kind : {"float", "int"}
        Floating point numbers or integers.
    in_kernels : bool
        Whether the library's kernels take it, and calibration measures its ceilings.
    """

    name: str
    itemsize: int
    accumulator: str
    kind: Literal["float", "int"]
    in_kernels: bool = False


DTYPES = (
    DType("float32", 4, "float32", "float", in_kernels=True),
    DType("float64", 8, "float64", "float", in_kernels=True),
    DType("float16", 2, "float32", "float"),
    DType("bfloat16", 2, "float32", "float"),
    DType("int8", 1, "int32", "int"),
)
"""All of them, in the order in which they are shown."""

DTYPE_NAMES = tuple(dtype.name for dtype in DTYPES)
"""Names that a brick may declare, and that roofs may hold a peak for."""

KERNEL_DTYPES = tuple(dtype.name for dtype in DTYPES if dtype.in_kernels)
"""Names that kernels take and calibration measures."""

_BY_NAME = {dtype.name: dtype for dtype in DTYPES}


def dtype_of(value: object, argument: str = "dtype") -> DType:
    """Return the element type that an argument stands for.

    Parameters
    ----------
    value : str, numpy.dtype or type
        A name, a numpy dtype, or one of numpy's or ml_dtypes' scalar types.
    argument : str
        The argument's name, for errors.

    Returns
    -------
    DType

    Raises
    ------
    TypeError
        If `value` is of no such type.
    ValueError
        If it is none of the table's types.
    """
    return _checked(value, argument, DTYPE_NAMES)


def kernel_dtype(value: object, argument: str = "dtype") -> DType:
    """Return the element type that an argument stands for, if kernels take it.

    Parameters and errors are those of `dtype_of`.
    """
    return _checked(value, argument, KERNEL_DTYPES)


def itemsize_of(name: str) -> int:
    """Return the bytes of a stored element of a dtype that `dtype_of` accepts."""
    return dtype_of(name).itemsize


def _checked(value: object, argument: str, names: tuple[str, ...]) -> DType:
    """Return the element type of a value, if its name is among `names`."""
    name = value if isinstance(value, str) else _numpy_name(value)
    if name in names:
        return _BY_NAME[name]
    *others, last = map(repr, names)
    error = TypeError if name is None else ValueError
    raise error(f"{argument} must be {', '.join(others)} or {last}, got {short_repr(value)}")


def _numpy_name(value: object) -> str | None:
    """Return the name of a numpy dtype or scalar type; None for anything else."""
    # Reports read recordings without numpy: only a dtype that is no name needs it.
    with IMPORTING:
        import numpy as np

    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        name: str = np.dtype(value).name
        return name
    return None
