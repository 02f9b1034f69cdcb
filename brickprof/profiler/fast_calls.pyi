from typing import TypeVar

_Class = TypeVar("_Class", bound=type)

def with_own_methods(profiler_class: _Class) -> _Class:
    """Give a subclass of BrickProfiler descriptors of its own for what is called for each tile."""
