from collections.abc import Callable

from brickprof.profiler.brick_profiler import BrickProfiler

@final
class Hook:
    """A callable whose calls are seen."""

    name: str
    def __init__(
        self,
        callable_: object,
        name: str,
        kind: int,
        inputs: int = 2,
        flops: int = 0,
        complex_flops: int = 0,
    ) -> None: ...

@final
class CallRecorder:
    """What calls are recorded with while hooks are installed."""

    def __init__(
        self,
        profiler: BrickProfiler,
        hooks: list[Hook],
        min_elements: int,
        work_of: Callable[..., tuple[int, int, int, int]],
        name_of: Callable[..., str],
        caches: tuple[int, int],
    ) -> None: ...
    def install(self) -> None:
        """See the calls from now on."""
    def remove(self) -> None:
        """Put everything back."""

def calls_are_recorded() -> bool:
    """Tell whether hooks are installed."""
