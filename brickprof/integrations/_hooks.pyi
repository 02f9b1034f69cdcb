from collections.abc import Callable
from types import CodeType
from typing import final

from brickprof.profiler.brick_profiler import BrickProfiler

LIBRARY_FOLDERS: tuple[str, ...]
"""Where the files of NumPy and SciPy are."""

@final
class Hook:
    """A callable whose calls are seen."""

    name: str
    def __init__(
        self,
        callable_: object,
        name: str,
        kind: int,
        *,
        inputs: int = 2,
        uses_blas: bool = False,
        flops: int = 0,
        complex_flops: int = 0,
    ) -> None: ...

@final
class CallRecorder:
    """What calls are recorded with while hooks are installed."""

    @property
    def min_elements(self) -> int:
        """Elements of the largest operand or result from which a call is recorded."""
    def __init__(
        self,
        profiler: BrickProfiler,
        hooks: list[Hook],
        min_elements: int,
        work_of: Callable[..., tuple[int, int, int, int]],
        name_of: Callable[..., str],
        caches: tuple[int, int],
        threads: int = 1,
    ) -> None: ...
    def install(self) -> None:
        """See the calls from now on."""
    def remove(self) -> None:
        """Put everything back."""
    def begin(
        self,
        code: CodeType | None,
        line: int,
        operation: str,
        dtype: str,
        nbytes: int,
        threads: int = 1,
    ) -> OpenCall | None:
        """Start a call that Python code makes; None inside of another one, or where none may be."""

@final
class OpenCall:
    """A call that goes on; see `CallRecorder.begin`."""

    def end(self, elements: int, flops: int, loaded_bytes: int, stored_bytes: int) -> None:
        """Add the call, which returned just now or at `stop`."""
    def stop(self) -> None:
        """Note that the call returned now: what follows is not timed."""
    def drop(self) -> None:
        """Forget the call, which raised."""

def calls_are_recorded() -> bool:
    """Tell whether hooks are installed."""
