from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar, final

_P = ParamSpec("_P")
_R = TypeVar("_R")

@final
class TileTimer:
    """An open tile, from start_tile to stop_tile; dropped unstopped, its tile is abandoned."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...

@final
class TileBlock:
    """``with prof.tile(...)``: a tile around a block; left by an exception it is abandoned."""

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return a function each call of which is such a tile."""
    def __enter__(self) -> TileBlock: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
