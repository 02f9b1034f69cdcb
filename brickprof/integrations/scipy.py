"""SciPy: BLAS, factorizations and products of sparse matrices as tiles."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from brickprof.integrations._hooks import LIBRARY_FOLDERS, CallRecorder
from brickprof.integrations.numpy_work import FORMULAS, Work, work_of

_Formula = Callable[[tuple[Any, ...], Mapping[str, Any], Any], float]


def _operand(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    """Return an operand that is given by place or by name."""
    return args[place] if place < len(args) else kwargs[name]


def _gemm(args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> float:
    """Return twice the result's elements times the edge that the factors have in common."""
    a = np.shape(_operand(args, kwargs, 1, "a"))
    rows, cols = np.shape(result)
    return 2.0 * cols * a[0] * a[1] if rows else 0.0


def _gemv(args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> float:
    """Return two operations for each element of the matrix."""
    return 2.0 * np.size(_operand(args, kwargs, 1, "a"))


def _dot(args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> float:
    """Return two operations for each element of a vector."""
    return 2.0 * np.size(_operand(args, kwargs, 0, "x"))


def _nonzeros(place: int) -> _Formula:
    """Return the formula of a product: two operations for each element that is stored."""

    def formula(args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> float:
        return 2.0 * np.size(args[place])

    return formula


def _nonzeros_of_several(place: int) -> _Formula:
    """Return the formula of a product with several vectors, whose number is the third argument."""

    def formula(args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> float:
        return 2.0 * np.size(args[place]) * float(args[2])

    return formula


_BLAS: dict[str, _Formula] = {
    **{f"{kind}gemm": _gemm for kind in "sd"},
    **{f"{kind}gemv": _gemv for kind in "sd"},
    **{f"{kind}dot": _dot for kind in "sd"},
    **{f"{kind}axpy": _dot for kind in "sd"},
}

_SPARSE: dict[str, _Formula] = {
    **{f"{kind}_matvec": _nonzeros(4) for kind in ("csr", "csc")},
    "coo_matvec": _nonzeros(3),
    **{f"{kind}_matvecs": _nonzeros_of_several(5) for kind in ("csr", "csc")},
}

_LINALG = ("solve", "inv", "det", "cholesky", "qr", "svd", "svdvals", "eigh", "eigvalsh", "eig")


def patches(
    recorder: CallRecorder, package: str, blas: int
) -> Iterator[tuple[ModuleType, str, Any]]:
    """Yield the functions of a part of SciPy that is imported, and what sees their calls.

    Parameters
    ----------
    recorder : CallRecorder
        What records them.
    package : str
        The part, such as ``"scipy.linalg"``.
    blas : int
        Threads that BLAS shares work out to.

    Yields
    ------
    module, name, function
        What to put into the module under the name.
    """
    modules = [one for one in list(sys.modules.values()) if isinstance(one, ModuleType)]
    for path, formulas, threads in (
        ("scipy.linalg._fblas", _BLAS, blas),
        ("scipy.sparse._sparsetools", _SPARSE, 1),
    ):
        module = sys.modules.get(path) if path.startswith(package) else None
        for name, formula in formulas.items():
            function = getattr(module, name, None)
            if function is not None:
                work = functools.partial(_work, formula)
                seen = _seen(recorder, function, name, work, threads)
                for holder in _holders(modules, name, function):
                    yield holder, name, seen
    module = sys.modules.get("scipy.linalg") if package == "scipy.linalg" else None
    for name in _LINALG:
        if module is not None and hasattr(module, name):
            formula_name = f"linalg.{name}"
            assert formula_name in FORMULAS
            work = functools.partial(work_of, formula_name)
            function = getattr(module, name)
            seen = _seen(recorder, function, formula_name, work, blas)
            for holder in _holders(modules, name, function):
                yield holder, name, seen


def _holders(modules: list[ModuleType], name: str, function: Any) -> list[ModuleType]:
    """Return those of some modules that have a function under its name, its own included."""
    # Attributes of a module that is loaded lazily would load it.
    return [
        one for one in modules if object.__getattribute__(one, "__dict__").get(name) is function
    ]


def _seen(
    recorder: CallRecorder,
    function: Any,
    name: str,
    work: Callable[[Any, Any, Any], Work],
    threads: int,
) -> Any:
    """Return a function that does what another one does, as a tile."""

    def seen(*args: Any, **kwargs: Any) -> Any:
        arrays = [one for one in (*args, *kwargs.values()) if isinstance(one, np.ndarray)]
        if max((one.size for one in arrays), default=0) < recorder.min_elements:
            return function(*args, **kwargs)
        frame = _caller(sys._getframe(1))
        dtype = "float32" if any(one.dtype.char in "fF" for one in arrays) else "float64"
        read = sum(one.nbytes for one in arrays)
        call = recorder.begin(frame.f_code, frame.f_lineno, name, dtype, read, threads)
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException:
            call.drop()
            raise
        call.stop()
        found = Work(0, 0, 0, 0)  # of arguments that nobody thought of
        with suppress(Exception):
            found = work(args, kwargs, result)
        call.end(*found)
        return result

    functools.update_wrapper(seen, function, assigned=("__name__", "__doc__"), updated=())
    return seen


def _caller(frame: FrameType) -> FrameType:
    """Return the innermost frame outside of NumPy's and SciPy's files."""
    at: FrameType | None = frame
    while at is not None and at.f_code.co_filename.startswith(LIBRARY_FOLDERS):
        at = at.f_back
    return frame if at is None else at


def _work(formula: _Formula, args: Any, kwargs: Any, result: Any) -> Work:
    """Return the work of a BLAS or sparse function; sparse ones write to their last argument."""
    arrays = [one for one in (*args, *kwargs.values()) if isinstance(one, np.ndarray)]
    made = result if isinstance(result, np.ndarray | float) else arrays[-1]
    read = sum(one.nbytes for one in arrays)
    kinds = {one.dtype.kind for one in arrays}
    times = 4 if "c" in kinds else int("f" in kinds)  # real operations: of integers there are none
    flops = times * round(formula(args, kwargs, result))
    return Work(np.size(made), flops, read, np.asarray(made).nbytes)
