"""What calls of NumPy do: elements, floating-point operations and bytes, from shapes and dtypes.

An addition, multiplication, division, root or elementary function of real numbers is one operation;
complex ones are their real operations. Bytes are those of the operands and of the result, each
once: what has to be moved at least. Operations of factorizations are those of the usual algorithms;
G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th edition, 2013, sections 3.2, 4.2, 5.2,
7.5, 8.3 and 8.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Args = tuple[Any, ...]
Kwargs = Mapping[str, Any]


class Work(NamedTuple):
    """What a call did: elements of the result, operations, and bytes loaded and stored."""

    elements: int
    flops: int
    loaded_bytes: int
    stored_bytes: int


def work_of(operation: str, args: Args, kwargs: Kwargs, result: Any) -> Work:
    """Return what a call of a function of NumPy did.

    Parameters
    ----------
    operation : str
        Its name, such as ``"matmul"`` or ``"linalg.solve"``, or that of a ufunc.
    args, kwargs : tuple and mapping
        Its arguments.
    result : object
        What it returned.

    Returns
    -------
    Work
        Without operations where none are known of it.
    """
    # What is given by name, in the order of the call, stands for what is not given by place.
    named = [
        one
        for name, one in kwargs.items()
        if isinstance(one, np.ndarray) and name not in ("out", "where")
    ]
    args = (*args, *named)
    read = [one for one in args if isinstance(one, np.ndarray)]
    made = _arrays(result)
    flops = 0
    formula = FORMULAS.get(operation)
    if operation.startswith("ufunc."):
        flops = _method_flops(operation, args, made)
    elif formula is not None:
        flops = round(formula(args, kwargs, result) * _real_operations(read, made))
    elif operation in UFUNC_FLOPS:
        flops = sum(one.size for one in made) * ufunc_flops(operation, made)
    return Work(
        elements=sum(one.size for one in made),
        flops=flops,
        loaded_bytes=sum(one.nbytes for one in read),
        stored_bytes=sum(one.nbytes for one in made),
    )


def _arrays(result: Any) -> list[Any]:
    """Return the arrays and scalars of a result."""
    if isinstance(result, tuple | list):
        return [array for one in result for array in _arrays(one)]
    return [result] if isinstance(result, np.ndarray | np.generic) else []


def _is_complex(arrays: list[Any]) -> bool:
    """Tell whether any of some arrays is complex."""
    return any(one.dtype.kind == "c" for one in arrays)


def _real_operations(read: list[Any], made: list[Any]) -> int:
    """Return the real operations for each of a linear algebra formula: none of integers."""
    if _is_complex(read) or _is_complex([one for one in made if read]):
        return 4
    return int(any(one.dtype.kind == "f" for one in (*read, *made)))


# Elementwise functions.

_ONE = (
    *("add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "remainder", "mod"),
    *("fmod", "negative", "absolute", "fabs", "square", "reciprocal", "sqrt", "cbrt", "power"),
    *("float_power", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp"),
    *("logaddexp2", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "hypot", "sinh"),
    *("cosh", "tanh", "arcsinh", "arccosh", "arctanh", "maximum", "minimum", "fmax", "fmin"),
    *("rint", "floor", "ceil", "trunc", "degrees", "radians", "deg2rad", "rad2deg", "heaviside"),
    *("divmod", "modf", "frexp", "ldexp"),
)
_TWO = ("clip",)
_COMPLEX = {"add": 2, "subtract": 2, "negative": 2, "multiply": 6, "square": 6, "divide": 11}

UFUNC_FLOPS: dict[str, int] = {**dict.fromkeys(_ONE, 1), **dict.fromkeys(_TWO, 2)}
"""Operations for an element of a ufunc's result, of real numbers; others compute none."""


def complex_flops(name: str) -> int:
    """Return the real operations for an element of a ufunc of complex numbers."""
    return _COMPLEX.get(name.replace("true_", ""), UFUNC_FLOPS.get(name, 0))


def ufunc_flops(name: str, made: list[Any]) -> int:
    """Return the operations for an element of what a ufunc made: none of integers and booleans."""
    if _is_complex(made):
        return complex_flops(name)
    return UFUNC_FLOPS.get(name, 0) * any(one.dtype.kind == "f" for one in made)


def _method_flops(operation: str, args: Args, made: list[Any]) -> int:
    """Return the operations of a ufunc's method, such as ``np.add.reduce``."""
    ufunc, array = args[0], np.asanyarray(args[1])
    if operation == "ufunc.at":
        return ufunc_flops(ufunc.__name__, [array]) * int(np.size(array[args[2]]))
    size = sum(one.size for one in made) if operation == "ufunc.outer" else array.size
    return ufunc_flops(ufunc.__name__, made) * int(size)


# Products and sums.


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, or of what becomes one."""
    return tuple(np.shape(value))


def _argument(args: Args, kwargs: Kwargs, place: int, name: str, default: Any = None) -> Any:
    """Return an argument that is given by place or by name."""
    return args[place] if place < len(args) else kwargs.get(name, default)


def _product(args: Args, kwargs: Kwargs, result: Any) -> float:
    """Two operations for each element of the result and of the axis that is summed over."""
    shape = _shape(args[0])
    return 2.0 * np.size(result) * (shape[-1] if shape and _shape(args[1]) else 0.5)


def _vdot(args: Args, kwargs: Kwargs, result: Any) -> float:
    return 2.0 * np.size(args[0])


def _outer(args: Args, kwargs: Kwargs, result: Any) -> float:
    return float(np.size(result))


def _tensordot(args: Args, kwargs: Kwargs, result: Any) -> float:
    """Both factors' sizes count the summed axes once, and the result's counts them never."""
    sizes = float(np.size(args[0])) * np.size(args[1])
    return 2.0 * math.sqrt(sizes * np.size(result)) if sizes and np.size(result) else 0.0


def _einsum(args: Args, kwargs: Kwargs, result: Any) -> float:
    """A product of all factors, and a sum where an index is summed over, for all index values."""
    factors = [one for one in args if isinstance(one, np.ndarray)]
    if not args:
        return 0.0
    if not isinstance(args[0], str):  # arrays and lists of the numbers of their axes by turns
        return _einsum((_subscripts(args[1::2]), *args[: len(args) // 2 * 2 : 2]), kwargs, result)
    if kwargs.get("optimize") not in (None, False):
        _, report = np.einsum_path(*args, optimize=kwargs["optimize"])
        return _optimized_flops(report)
    inputs = args[0].replace(" ", "").partition("->")[0]
    sizes: dict[str, int] = {}
    for names, factor in zip(inputs.split(","), factors, strict=False):
        letters = names.replace("...", "")
        shape = factor.shape
        if "..." in names:
            before = names.index("...")
            spread = len(shape) - len(letters)
            sizes["..."] = max(sizes.get("...", 1), math.prod(shape[before : before + spread]))
            shape = shape[:before] + shape[before + spread :]
        for letter, length in zip(letters, shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), length)
    whole = float(math.prod(sizes.values()))
    summed = whole > np.size(result)
    return whole * (len(factors) - 1 + summed)


def _subscripts(axes: Sequence[Any]) -> str:
    """Return the letters of axes that are given as lists of numbers."""
    return ",".join(
        "".join("..." if one is Ellipsis else chr(ord("A") + one) for one in ones) for ones in axes
    )


def _optimized_flops(report: str) -> float:
    """Read the operations of the chosen order from NumPy's report of it."""
    for line in report.splitlines():
        if "Optimized FLOP count" in line:
            return float(line.rpartition(":")[2])
    return 0.0


def _all_elements(times: float) -> Callable[[Args, Kwargs, Any], float]:
    """Return a formula of so many operations for each element that is read."""

    def formula(args: Args, kwargs: Kwargs, result: Any) -> float:
        return times * np.size(args[0]) if args else 0.0

    return formula


def _sums(times: float) -> Callable[[Args, Kwargs, Any], float]:
    """Return a formula of so many additions for each element that is read.

    Of complex numbers an addition is two, where `work_of` counts four.
    """

    def formula(args: Args, kwargs: Kwargs, result: Any) -> float:
        if not args:
            return 0.0
        return times * np.size(args[0]) * (0.5 if np.iscomplexobj(args[0]) else 1.0)

    return formula


def _convolve(default: str) -> Callable[[Args, Kwargs, Any], float]:
    """Return a product and a sum for each pair of elements that lie over each other."""

    def formula(args: Args, kwargs: Kwargs, result: Any) -> float:
        long, short = sorted((np.size(args[0]), np.size(args[1])), reverse=True)
        mode = str(_argument(args, kwargs, 2, "mode", default))[:1].lower()
        over = short - 1
        left = {"v": over, "s": over // 2}.get(mode, 0)
        right = {"v": over, "s": over - over // 2}.get(mode, 0)
        # Each place nearer to the end than the shorter one is long has one pair less.
        cut = sum(edge * (edge + 1) for edge in (left, right)) / 2
        return 2.0 * (long * short - cut)

    return formula


def _fft(axes: int | None, each: float) -> Callable[[Args, Kwargs, Any], float]:
    """Return N log2 N times so many, over as many axes, or all.

    J. W. Cooley and J. W. Tukey, Math. Comp. 19, 1965: 5 of complex numbers, half of real ones.
    """

    def formula(args: Args, kwargs: Kwargs, result: Any) -> float:
        whole = max(args[0], result, key=np.size)  # of a real transform the other one has half
        shape = _shape(whole)
        length = math.prod(shape if axes is None else shape[-axes:])
        # `work_of` counts four real operations for each of complex numbers.
        return each * np.size(whole) * math.log2(max(length, 2)) / 4

    return formula


# Linear algebra, of the matrices in the last two axes.


def _matrices(value: Any) -> tuple[float, float, float]:
    """Return the number of matrices, and their rows and columns."""
    shape = _shape(value)
    if len(shape) < 2:
        return 0.0, 0.0, 0.0
    return float(math.prod(shape[:-2])), float(shape[-2]), float(shape[-1])


def _of_matrices(formula: Callable[[float, float], float]) -> Callable[[Args, Kwargs, Any], float]:
    """Return a formula of the longer and the shorter edge of each matrix."""

    def whole(args: Args, kwargs: Kwargs, result: Any) -> float:
        count, rows, cols = _matrices(args[0])
        return count * formula(max(rows, cols), min(rows, cols))

    return whole


def _solve(args: Args, kwargs: Kwargs, result: Any) -> float:
    count, n, _ = _matrices(args[0])
    return count * 2 / 3 * n**3 + 2 * n * np.size(result)


def _svd(args: Args, kwargs: Kwargs, result: Any) -> float:
    count, rows, cols = _matrices(args[0])
    m, n = max(rows, cols), min(rows, cols)
    if not _argument(args, kwargs, 2, "compute_uv", True):
        return count * (4 * m * n**2 - 4 / 3 * n**3)
    full = _argument(args, kwargs, 1, "full_matrices", True)
    return count * ((4 * m**2 * n + 8 * m * n**2 + 9 * n**3) if full else 14 * m * n**2 + 8 * n**3)


def _qr(args: Args, kwargs: Kwargs, result: Any) -> float:
    count, m, n = _matrices(args[0])
    k = min(m, n)
    factor = 2 * k**2 * (max(m, n) - k / 3)
    return count * (factor if _argument(args, kwargs, 1, "mode") == "r" else 2 * factor)


def _multi_dot(args: Args, kwargs: Kwargs, result: Any) -> float:
    """The least over all orders; T. H. Cormen et al., "Introduction to Algorithms", 14.2."""
    shapes = [_shape(one) for one in args[0]]
    sizes = [shapes[0][0] if len(shapes[0]) == 2 else 1, *(shape[-1] for shape in shapes[:-1])]
    sizes += [shapes[-1][0], shapes[-1][1] if len(shapes[-1]) == 2 else 1]
    edges = sizes[:-2] + sizes[-1:] if len(sizes) > len(shapes) + 1 else sizes
    count = len(edges) - 1
    least = [[0.0] * count for _ in range(count)]
    for span in range(1, count):
        for i in range(count - span):
            least[i][i + span] = min(
                least[i][k]
                + least[k + 1][i + span]
                + 2.0 * edges[i] * edges[k + 1] * edges[i + span + 1]
                for k in range(i, i + span)
            )
    return least[0][-1]


def _matrix_power(args: Args, kwargs: Kwargs, result: Any) -> float:
    count, n, _ = _matrices(args[0])
    power = abs(int(_argument(args, kwargs, 1, "n")))
    products = max(power.bit_length() - 1 + power.bit_count() - 1, 0) if power else 0
    return count * products * 2 * n**3


FORMULAS: dict[str, Callable[[Args, Kwargs, Any], float]] = {
    **dict.fromkeys(("matmul", "dot", "inner", "vecdot", "matvec", "vecmat"), _product),
    "vdot": _vdot,
    "outer": _outer,
    "kron": _outer,
    "tensordot": _tensordot,
    "einsum": _einsum,
    **dict.fromkeys(("sum", "cumsum", "nansum", "mean", "nanmean"), _sums(1)),
    **dict.fromkeys(("prod", "cumprod"), _all_elements(1)),
    "convolve": _convolve("full"),
    "correlate": _convolve("valid"),
    **dict.fromkeys(("var", "std", "nanvar", "nanstd"), _all_elements(4)),
    **dict.fromkeys(("max", "min", "amax", "amin", "ptp"), _all_elements(1)),
    **dict.fromkeys(("linalg.norm",), _all_elements(2)),
    **{
        f"fft.{kind}fft{ending}": _fft(axes, 2.5 if "r" in kind else 5.0)
        for kind in ("", "i", "r", "ir")
        for ending, axes in (("", 1), ("2", 2), ("n", None))
    },
    "linalg.solve": _solve,
    "linalg.inv": _of_matrices(lambda m, n: 2 * n**3),
    "linalg.pinv": _of_matrices(lambda m, n: 14 * m * n**2 + 8 * n**3 + 2 * m * n**2),
    "linalg.cholesky": _of_matrices(lambda m, n: n**3 / 3),
    "linalg.det": _of_matrices(lambda m, n: 2 / 3 * n**3),
    "linalg.slogdet": _of_matrices(lambda m, n: 2 / 3 * n**3),
    "linalg.eigvalsh": _of_matrices(lambda m, n: 4 / 3 * n**3),
    "linalg.eigh": _of_matrices(lambda m, n: 9 * n**3),
    "linalg.eigvals": _of_matrices(lambda m, n: 10 * n**3),
    "linalg.eig": _of_matrices(lambda m, n: 25 * n**3),
    "linalg.lstsq": _of_matrices(lambda m, n: 4 * m * n**2 + 8 * n**3),
    "linalg.matrix_rank": _of_matrices(lambda m, n: 4 * m * n**2 - 4 / 3 * n**3),
    "linalg.svd": _svd,
    "linalg.svdvals": _of_matrices(lambda m, n: 4 * m * n**2 - 4 / 3 * n**3),
    "linalg.qr": _qr,
    "linalg.multi_dot": _multi_dot,
    "linalg.matrix_power": _matrix_power,
}
"""Real operations of functions, of real numbers; of complex ones there are four times as many."""
