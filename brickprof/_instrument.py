"""The door to recording calls of other libraries in code that is not changed."""

from __future__ import annotations

from brickprof._profiler import BrickProfiler
from brickprof.integrations.instrument import MIN_ELEMENTS, Instrumentation


def auto_instrument(
    profiler: BrickProfiler | None = None, *, min_elements: int = MIN_ELEMENTS
) -> Instrumentation[BrickProfiler]:
    """Return a with statement in which calls of NumPy, SciPy and PyTorch are tiles.

    Each call of a product, factorization, sum or elementwise function with large operands is one.
    Its flops and bytes are counted from shapes and element types; its brick is the line that calls,
    and its level the one whose cache its operands fit. Calls inside of others are part of them.
    Results and exceptions stay what they are, and nothing stays changed after the block.

    Calls of all threads are seen. Where several such blocks are open at once, a thread or a task of
    asyncio has its calls in the one that it entered last, or in the first where it entered none.

    Parameters
    ----------
    profiler : BrickProfiler, optional
        What records; by default a new one, which the with statement gives. It is on inside.
    min_elements : int
        Elements of the largest operand or result from which a call of NumPy is recorded.

    Returns
    -------
    Instrumentation

    Raises
    ------
    TypeError, ValueError
        If an argument is of another type or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import brickprof as bp
    >>> a = np.ones((100, 100))
    >>> with bp.auto_instrument() as prof:
    ...     b = a @ a
    >>> [stats.flops for stats in prof.all_tile_stats()]
    [0, 2000000, 0]
    """
    chosen = BrickProfiler() if profiler is None else profiler
    return Instrumentation(chosen, min_elements)
