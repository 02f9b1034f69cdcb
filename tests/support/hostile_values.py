"""Arguments that do something else while their value is taken: resize arrays, add operations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import Any

import numpy as np
from support.kernel_checks import Array

import brickprof as bp

Act = Callable[[], None]


def shrink(array: Array) -> None:
    """Give an array's memory back, if NumPy lets one."""
    with suppressed():
        array.resize((1,) * array.ndim, refcheck=False)


def reshape(array: Array) -> None:
    """Make one axis of all of an array's, with the others of length 1."""
    with suppressed():
        array.shape = (array.size,) + (1,) * (array.ndim - 1)


def drop_axes(array: Array) -> None:
    """Make an array 1-D."""
    with suppressed():
        array.shape = (array.size,)


@contextmanager
def suppressed() -> Iterator[None]:
    """Go on where NumPy refuses."""
    with warnings.catch_warnings(), suppress(ValueError, AttributeError):
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class Truth:
    """True, after doing something."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def __bool__(self) -> bool:
        self.act()
        return True


class Whole:
    """An integer, after doing something."""

    def __init__(self, value: int, act: Act) -> None:
        self.value, self.act = value, act

    def __index__(self) -> int:
        self.act()
        return self.value


class Number(int):
    """A number that does something whenever it is compared or converted."""

    act: Act

    def __float__(self) -> float:
        self.act()
        return 1.0

    def __lt__(self, other: object) -> bool:
        self.act()
        return False

    __gt__ = __lt__

    def __le__(self, other: object) -> bool:
        self.act()
        return True

    __ge__ = __le__


def number(act: Act) -> Number:
    """Return such a number."""
    made = Number(1)
    made.act = act
    return made


class Name(str):
    """A name that is equal to every other one, or says that it is another, doing something."""

    act: Act = staticmethod(lambda: None)

    def __str__(self) -> Name:
        self.act()
        return self

    def __eq__(self, other: object) -> bool:
        self.act()
        return True

    def __ne__(self, other: object) -> bool:
        self.act()
        return True

    def __hash__(self) -> int:
        return str.__hash__(self)


def name(text: str, act: Act) -> Name:
    """Return such a name."""
    made = Name(text)
    made.act = act
    return made


class Lazy:
    """An array, after doing something."""

    def __init__(self, array: Array, act: Act) -> None:
        self.array, self.act = array, act

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        self.act()
        return self.array


class Liar(np.ndarray[Any, Any]):
    """An array whose attributes and operators say that it is much larger."""

    @property
    def shape(self) -> Any:
        return (4096,) * self.ndim

    @property
    def strides(self) -> Any:
        return (1 << 20,) * 2

    @property
    def dtype(self) -> Any:
        return np.dtype("float64")

    @property
    def nbytes(self) -> Any:
        return 1 << 40

    def __getitem__(self, key: object) -> Any:
        return np.zeros((1, 1), "float32")

    def __setitem__(self, key: object, value: object) -> None:
        raise AssertionError("an array is written to by its memory")

    def __array_function__(self, *arguments: object) -> Any:
        return False

    def __array_ufunc__(self, *arguments: object, **more: object) -> Any:
        return self

    def __array__(self, *arguments: object, **more: object) -> Any:
        return np.zeros((1, 1), "float32")


def liar(array: Array) -> Array:
    """Return a view that lies."""
    return array.view(Liar)


def plan_that_acts(plan: Any, field: str, act: Act) -> Any:
    """Return a plan that does something whenever one of its attributes is read."""

    class Sly(type(plan)):  # type: ignore[misc]
        def __getattribute__(self, attribute: str) -> Any:
            if attribute == field:
                act()
            return super().__getattribute__(attribute)

    return Sly(**{one.name: getattr(plan, one.name) for one in fields(plan)})


def recording_profiler() -> bp.BrickProfiler:
    """Return a profiler that is on."""
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    return profiler
