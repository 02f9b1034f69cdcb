"""``bp.count``: the flops and bytes of a function of NumPy arrays, counted as it runs once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brickprof.core import metrics
from brickprof.core.checks import checked_callable
from brickprof.integrations.instrument import Instrumentation
from brickprof.profiler.brick_profiler import BrickProfiler


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of a function did.

    Parameters
    ----------
    name : str
        The line and the operation, such as ``"kernel.py:12 matmul"``.
    calls : int
        How often it called the operation.
    flops, nbytes : int
        Floating-point operations, and bytes loaded and stored, of all calls.
    """

    name: str
    calls: int
    flops: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Count:
    """What a function did, as `count` found.

    Parameters
    ----------
    result : object
        What it returned.
    elements, flops : int
        Elements of the results of all calls of NumPy in it, and their operations.
    loaded_bytes, stored_bytes : int
        Bytes of their operands and of their results, each once for each call.
    lines : tuple of Line
        The same by line, most flops first.
    """

    result: Any
    elements: int
    flops: int
    loaded_bytes: int
    stored_bytes: int
    lines: tuple[Line, ...]

    @property
    def work_source(self) -> str:
        """``"counted"``: what a recording says of tiles that were given this as their work."""
        return "counted"

    @property
    def nbytes(self) -> int:
        """Bytes loaded and stored."""
        return self.loaded_bytes + self.stored_bytes

    @property
    def arithmetic_intensity(self) -> float:
        """Flops per byte."""
        return metrics.arithmetic_intensity(self.flops, self.nbytes)


def count(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Count:
    """Run a function once, and count what its calls of NumPy, SciPy and PyTorch do.

    Flops and bytes follow from the shapes and element types of each call, however small, as
    `brickprof.auto_instrument` counts them; calls inside of others are part of them, and those of
    other threads count as well. Loops in Python over elements, indexing, copies and sorting count
    nothing, nor does what a generator or coroutine does later.

    Parameters
    ----------
    function : callable
        What to run.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    Count

    Raises
    ------
    TypeError
        If `function` cannot be called.

    Notes
    -----
    Inside of `brickprof.auto_instrument` or of another `count`, calls are counted by the inner one
    alone.

    Examples
    --------
    >>> import numpy as np
    >>> import brickprof as bp
    >>> a = np.ones((100, 100))
    >>> found = bp.count(lambda a: a @ a + 1, a)
    >>> found.flops, found.nbytes
    (2010000, 400000)
    """
    checked_callable("function", function)
    profiler = BrickProfiler(clock="manual")
    instrumentation = Instrumentation(profiler, 0)
    with instrumentation:
        result = instrumentation.seen(function)(*args, **kwargs)
    recording = profiler.recording()
    tiles = recording.tiles
    lines = (
        Line(
            name,
            sum(tile.count for tile in tiles if tile.brick == name),
            sum(tile.flops for tile in tiles if tile.brick == name),
            sum(tile.nbytes for tile in tiles if tile.brick == name),
        )
        for name in dict.fromkeys(tile.brick or "" for tile in tiles)
    )
    return Count(
        result=result,
        elements=sum(tile.elements for tile in tiles),
        flops=sum(tile.flops for tile in tiles),
        loaded_bytes=sum(tile.loaded_bytes for tile in tiles),
        stored_bytes=sum(tile.stored_bytes for tile in tiles),
        lines=tuple(sorted(lines, key=lambda line: (-line.flops, -line.nbytes, line.name))),
    )
