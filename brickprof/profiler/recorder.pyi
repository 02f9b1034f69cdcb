from typing_extensions import disjoint_base

@disjoint_base
class Recorder:
    """One thread's recorder; made by `BrickProfiler`, opaque from Python."""

    @property
    def index(self) -> int:
        """Number of this recorder in its profiler, and of its row on a time line."""
