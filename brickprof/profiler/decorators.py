"""Functions whose calls are tiles, or calls of a brick: ``@prof.tile`` and ``@prof.brick``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from brickprof.core.checks import short_repr

_P = ParamSpec("_P")
_R = TypeVar("_R")


def wrapped_calls(
    function: Any, enter: Callable[[tuple[Any, ...], dict[str, Any]], AbstractContextManager[Any]]
) -> Any:
    """Return a function that makes each call inside a block of its own.

    Parameters
    ----------
    function : callable
        A function, method or coroutine function. The tile of a coroutine is open while it waits.
    enter : callable
        Makes the block from the arguments of a call.

    Raises
    ------
    TypeError
        If `function` is a generator function, whose body runs when nobody knows, or no function.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"a generator cannot be timed as a whole: put its loop's body into a tile, got "
            f"{short_repr(function)}"
        )
    if not callable(function):
        raise TypeError(f"expected a function to time, got {short_repr(function)}")
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def timed_coroutine(*args: Any, **kwargs: Any) -> Any:
            with enter(args, kwargs):
                return await function(*args, **kwargs)

        return timed_coroutine

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        with enter(args, kwargs):
            return function(*args, **kwargs)

    return timed


class TileDecorator:
    """A tile whose place or work depends on the arguments of the function that it is around.

    Parameters
    ----------
    make_tile : callable
        The profiler's ``tile``.
    given : mapping
        Its arguments by name; those that are functions get the arguments of each call.
    """

    def __init__(self, make_tile: Callable[..., Any], given: Mapping[str, Any]) -> None:
        self._make_tile = make_tile
        self._given = dict(given)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return the function, each call of which is a tile."""
        computed = {name: value for name, value in self._given.items() if callable(value)}
        fixed = {name: value for name, value in self._given.items() if name not in computed}

        profiler: Any = getattr(self._make_tile, "__self__", None)

        def enter(args: tuple[Any, ...], kwargs: dict[str, Any]) -> AbstractContextManager[Any]:
            if not profiler.is_tile_profiling_enabled:
                return nullcontext()
            values = {name: compute(*args, **kwargs) for name, compute in computed.items()}
            tile: AbstractContextManager[Any] = self._make_tile(**fixed, **values)
            return tile

        timed: Callable[_P, _R] = wrapped_calls(function, enter)
        return timed

    def __enter__(self) -> Any:
        computed = [name for name, value in self._given.items() if callable(value)]
        raise TypeError(
            f"{', '.join(computed)} must be numbers in a with statement: functions of the "
            "arguments are for @prof.tile(...)"
        )

    def __exit__(self, *exception: object) -> None:
        return None
