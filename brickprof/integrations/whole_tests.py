"""Tests that are recorded as a whole: their calls of NumPy, SciPy and PyTorch are tiles."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from brickprof.integrations._hooks import calls_are_recorded
from brickprof.integrations.instrument import Instrumentation, short_path
from brickprof.profiler.brick_profiler import BrickProfiler


class _ByFunction(Instrumentation[BrickProfiler]):
    """Names bricks by functions: numbers of lines change with every edit above them.

    Parameters
    ----------
    profiler : BrickProfiler
        What records.
    root : str
        The folder that files are named from.
    """

    def __init__(self, profiler: BrickProfiler, root: str) -> None:
        super().__init__(profiler)
        self._root = root

    def _named(self, code: CodeType, line: int, operation: str) -> str:
        path = os.path.relpath(code.co_filename, self._root)
        parts = Path(path).parts
        if os.pardir in parts or "site-packages" in parts or code.co_filename.startswith("<"):
            path = short_path(code.co_filename)
        # The operation first, since tables cut names.
        return f"{operation} in {getattr(code, 'co_qualname', code.co_name)} ({path})"


@contextmanager
def recorded(
    item: pytest.Item, profiler: BrickProfiler, brick: str, repeat: int | None, root: str
) -> Iterator[bool]:
    """Record all calls in a test, which is a brick as well.

    Parameters
    ----------
    item : pytest.Item
        The test, which is about to run.
    profiler : BrickProfiler
        What records.
    brick : str
        Name of the brick that the test is.
    repeat : int or None
        How often a test that is a plain function is run; None of others, which are run once.
    root : str
        The folder that files are named from.

    Yields
    ------
    bool
        Whether calls are recorded: not where somebody else does so already.
    """
    if calls_are_recorded():
        yield False
        return
    with _ByFunction(profiler, root):
        if isinstance(item, pytest.Function) and repeat is not None:
            function = item.obj
            item.obj = _repeated(function, profiler, brick, repeat)
            try:
                yield True
            finally:
                item.obj = function
        else:
            with profiler.brick(brick):
                yield True


def _repeated(function: Any, profiler: BrickProfiler, brick: str, repeat: int) -> Any:
    """Return a function that calls another one several times, each a call of one brick."""

    @functools.wraps(function)
    def calls(*args: Any, **names: Any) -> Any:
        for _ in range(repeat):
            with profiler.brick(brick):
                result = function(*args, **names)
        return result

    return calls
