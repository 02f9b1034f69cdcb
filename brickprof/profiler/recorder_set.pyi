from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar, final

_P = ParamSpec("_P")
_R = TypeVar("_R")

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
