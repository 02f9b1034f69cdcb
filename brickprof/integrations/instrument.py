"""Calls of NumPy, SciPy and PyTorch as tiles, in code that is not changed."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import CodeType, TracebackType
from typing import Any, Generic, TypeVar

import numpy as np
from threadpoolctl import threadpool_info

from brickprof.core.checks import checked_integer, short_repr
from brickprof.core.levels import TileLevel
from brickprof.integrations._hooks import CallRecorder, Hook, calls_are_recorded
from brickprof.integrations.after_import import AfterImport
from brickprof.integrations.numpy_work import FORMULAS, UFUNC_FLOPS, complex_flops, work_of
from brickprof.machine import detect_machine
from brickprof.profiler.brick_profiler import BrickProfiler

MIN_ELEMENTS = 4096
"""Elements of the largest operand or result from which a call of NumPy is recorded: a call takes
some hundred nanoseconds before it computes, as long as this many elements."""

MAX_BRICKS = 2000
"""Lines that have a brick of their own; later ones share one."""

OTHER_LINES = "other lines"

_LIBRARIES = ("torch", "scipy.linalg", "scipy.sparse")
"""What is seen besides NumPy, once it is imported."""

_UFUNC, _PRODUCT, _OTHER = 0, 1, 2
_METHODS = ("dot", "sum", "prod", "mean", "std", "var", "max", "min", "cumsum", "cumprod")
"""Methods of arrays that are seen; others compute little, or call what is seen."""

_UFUNC_METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")

_PRODUCTS = ("matmul", "dot", "inner")
"""Functions of two arrays whose results are sums along the last axis of the first one."""

_BLAS = (*_PRODUCTS, "vdot", "tensordot")
"""What BLAS does, besides linear algebra."""


_P = TypeVar("_P", bound=BrickProfiler)


class Instrumentation(Generic[_P]):
    """Records calls of other libraries in a with statement; see `brickprof.auto_instrument`.

    Parameters
    ----------
    profiler : BrickProfiler
        What records; it is on inside the block.
    min_elements : int
        Elements of the largest operand or result from which a call is recorded.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type or out of range.
    """

    def __init__(self, profiler: _P, min_elements: int = MIN_ELEMENTS) -> None:
        if not isinstance(profiler, BrickProfiler):
            raise TypeError(f"profiler must be a BrickProfiler, got {short_repr(profiler)}")
        self.profiler = profiler
        self._min_elements = checked_integer("min_elements", min_elements, 0, 2**62)
        self._names: set[str] = set()
        self._recorder: CallRecorder | None = None
        self._watcher: AfterImport | None = None
        self._undo: list[Callable[[], object]] = []
        self._seen: dict[Any, Any] = {}

    def __enter__(self) -> _P:
        """Begin to see calls; return the profiler."""
        with _CHANGING:
            self._begin()
        return self.profiler

    def _begin(self) -> None:
        """Begin to see calls, while nobody else begins or ends."""
        if self._recorder is not None:
            raise RuntimeError("this auto_instrument is entered already")
        machine = detect_machine()
        l1, l2 = (machine.cache(level).size_bytes for level in (TileLevel.MICRO, TileLevel.MIDI))
        self.profiler.__enter__()
        recorder = CallRecorder(
            self.profiler,
            [] if calls_are_recorded() else numpy_hooks(),
            self._min_elements,
            work_of,
            self._name_of,
            (l1, l2),
            blas_threads(),
        )
        try:
            recorder.install()
        except BaseException:
            self.profiler.__exit__(None, None, None)
            raise
        self._recorder = recorder
        _OPEN.append(self)
        self._watcher = AfterImport({name: self._extend for name in _LIBRARIES})
        sys.meta_path.insert(0, self._watcher)
        for name in _LIBRARIES:
            if name in sys.modules:
                self._extend(name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put everything back."""
        with _CHANGING:
            if self._recorder is None:
                raise RuntimeError("this auto_instrument is not entered")
            self._recorder.remove()
            self._recorder = None
            self.profiler.__exit__(kind, value, traceback)
            # What an inner one patched, which goes on, lies over what this one did.
            while _OPEN and _OPEN[-1]._recorder is None:
                _OPEN.pop()._put_back()

    def _put_back(self) -> None:
        """Undo what was done to libraries besides NumPy."""
        assert self._watcher is not None
        sys.meta_path.remove(self._watcher)
        while self._undo:
            self._undo.pop()()
        self._watcher = None

    def _extend(self, library: str) -> None:
        """See the calls of a library too, which was imported."""
        if self._recorder is None:  # left, while one that was entered inside goes on
            return
        if library == "torch":
            threads = import_module("brickprof.integrations.torch").EveryThread(self._recorder)
            threads.begin()
            self._undo.append(threads.end)
            return
        for module, name, function in import_module("brickprof.integrations.scipy").patches(
            self._recorder, library, blas_threads()
        ):
            original = getattr(module, name)
            self._undo.append(partial(setattr, module, name, original))
            self._seen[original] = function
            setattr(module, name, function)

    def seen(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return what sees the calls of a function that was taken from its module before."""
        try:
            return self._seen.get(function, function)  # type: ignore[no-any-return]
        except TypeError:  # of what has no hash
            return function

    def _name_of(self, code: CodeType | None, line: int, operation: str) -> str:
        """Return the name of the brick of a line."""
        name = f"unknown {operation}" if code is None else self._named(code, line, operation)
        if name not in self._names and len(self._names) >= MAX_BRICKS:
            return OTHER_LINES
        self._names.add(name)
        return name

    def _named(self, code: CodeType, line: int, operation: str) -> str:
        """Return the name of an operation in a line of a program."""
        return f"{short_path(code.co_filename)}:{line} {operation}"


_CHANGING = threading.RLock()
"""Held while one begins or ends."""

os.register_at_fork(after_in_child=_CHANGING._at_fork_reinit)  # type: ignore[attr-defined]

_OPEN: list[Instrumentation[Any]] = []
"""Those that are entered, the innermost last, and those that wait for it to be left."""


def blas_threads() -> int:
    """Return the threads that the loaded BLAS libraries share products out to."""
    pools = threadpool_info()
    return max([pool["num_threads"] for pool in pools if pool["user_api"] == "blas"], default=1)


def short_path(path: str) -> str:
    """Return the path of a source file from the folder that Python found it in."""
    absolute = os.path.abspath(path) if not path.startswith("<") else path
    folders = [os.path.abspath(folder or ".") + os.sep for folder in sys.path]
    known = [folder for folder in folders if absolute.startswith(folder)]
    return absolute[max(map(len, known), default=0) :]


def numpy_hooks() -> list[Hook]:
    """Return hooks for the functions of NumPy whose work is known."""
    found: dict[int, Hook] = {}
    numpy: Any = np
    umath = getattr(getattr(np, "_core", None), "umath", None) or numpy.core.umath  # NumPy 1
    for value in (*(getattr(np, name, None) for name in dir(np)), umath.clip):
        if isinstance(value, np.ufunc) and id(value) not in found:
            known = value.__name__
            found[id(value)] = Hook(
                value,
                known,
                _PRODUCT if known in _PRODUCTS else _OTHER if known in FORMULAS else _UFUNC,
                inputs=value.nin,
                uses_blas=known in _PRODUCTS,
                flops=UFUNC_FLOPS.get(known, 0),
                complex_flops=complex_flops(known),
            )
    for name in _METHODS:
        with suppress(TypeError):
            method = getattr(np.ndarray, name)
            found[id(method)] = _function_hook(method, name)
    for name in _UFUNC_METHODS:
        with suppress(TypeError):
            method = getattr(np.ufunc, name)
            found[id(method)] = _function_hook(method, f"ufunc.{name}")
    for path in FORMULAS:
        function: Any = np
        for part in path.split("."):
            function = getattr(function, part, None)
        if function is not None and id(function) not in found:
            with suppress(TypeError):
                found[id(function)] = _function_hook(function, path)
    return list(found.values())


def _function_hook(function: Any, name: str) -> Hook:
    """Return the hook of a function or method that is no ufunc."""
    kind = _PRODUCT if name in _PRODUCTS else _OTHER
    return Hook(function, name, kind, uses_blas=name in _BLAS or name.startswith("linalg."))
