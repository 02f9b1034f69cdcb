from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar, final

_P = ParamSpec("_P")
_R = TypeVar("_R")

def recorder_address(handle: object) -> int:
    """Return the address of the recorder behind a handle, for the functions of other languages.

    Parameters
    ----------
    handle : object
        One of those that ``with BrickProfiler.recorders(...)`` gives.

    Returns
    -------
    int
        What `get_shared_library` calls `recorder`, for one thread at a time and until the ``with``
        block is left; 0 where the profiler is off.

    Raises
    ------
    TypeError
        If `handle` is something else.
    ValueError
        If the ``with`` block that gave it was left.
    """

@final
class RecorderSet:
    """Recorders of one call of a kernel, one a thread; see `BrickProfiler.recorders`."""

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return a function each call of which is one of the brick, on the thread that calls it."""
    def __enter__(self) -> tuple[object, ...]: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
