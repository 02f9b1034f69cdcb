from collections.abc import Callable
from typing import Any, final

from typing_extensions import disjoint_base

from brickprof.integrations._hooks import CallRecorder

@final
class Library:
    """What is known of PyTorch, for all threads."""

    def __init__(
        self,
        recorder: CallRecorder,
        tensor: type,
        folder: str,
        describe: Callable[[Any], tuple[Any, str, bool, Any]],
        work_of: Callable[[Any, Any, Any, Any], tuple[int, int, int, int]],
        operands_of: Callable[[Any, Any], tuple[str, int, int] | None],
        push: Callable[[Any], None],
        pop: Callable[[None], Any],
        is_plain: Callable[[Any], bool],
    ) -> None: ...

@final
class Operation:
    """What is known of an operation of PyTorch."""

@final
class Site:
    """What is known of a call from a place, with operands of a signature."""

@disjoint_base
class OperationRecorder:
    """The state of a dispatch mode."""

    def __init__(self, library: Library) -> None: ...

torch_dispatch: Any
"""What a mode calls for each operation: it runs it, as a tile if it is recorded."""
