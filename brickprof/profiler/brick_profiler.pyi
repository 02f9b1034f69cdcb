from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike
from typing_extensions import Self

from brickprof.core.found_work import FoundWork
from brickprof.core.levels import TileLevel
from brickprof.profiler.decorators import TileDecorator
from brickprof.profiler.recorder_set import RecorderSet
from brickprof.profiler.tiles import TileBlock, TileTimer
from brickprof.recording import Overhead, Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import Roofs

_Count: TypeAlias = SupportsIndex | float
"""A whole number in [0, 2**64): an int, a NumPy integer, or a float without a fraction."""

_Computed: TypeAlias = _Count | Callable[..., _Count]
"""A number, or for a decorator a function of the arguments of each call."""

_DType: TypeAlias = str | np.dtype[Any] | type[np.generic]
"""An element type, by name or as NumPy's."""

def slow_path_calls() -> tuple[int, int]:
    """Return how often start_tile and stop_tile took the slow path in this process."""

class BrickProfiler:
    """Times tiles, level by level; off until `enable_tile_profiling`."""

    def __new__(
        cls,
        *,
        sample_every: _Count = 1,
        events: _Count = 0,
        grid: _Count = 0,
        clock: str = "auto",
        overhead: Overhead | None = None,
        live: str | PathLike[str] | bool | None = None,
    ) -> Self: ...
    def __enter__(self) -> Self:
        """Switch on, for the time of a with statement."""
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Switch off, or leave on what was on before."""
    @property
    def sample_every(self) -> int:
        """One tile in this many is timed."""
    @property
    def events(self) -> int:
        """Single tiles kept for each thread."""
    @property
    def grid(self) -> int:
        """Cells along an edge of each grid of tiles; 0 without grids."""
    @property
    def live(self) -> Path | None:
        """The file for ``brickprof watch``; None without one."""
    @property
    def is_tile_profiling_enabled(self) -> bool:
        """Whether tiles are recorded."""
    def enable_tile_profiling(self) -> None:
        """Switch on; the first time in a process this calibrates the clock for 20 ms."""
    def disable_tile_profiling(self) -> None:
        """Switch off; tiles that are open may still be stopped and are recorded."""
    def advance(self, ticks: _Count) -> None:
        """Move the manual clock of a profiler made with ``clock="manual"``."""
    def start_tile(self, level: TileLevel, row: _Count, col: _Count) -> TileTimer:
        """Start a tile and return its timer for `stop_tile`."""
    def stop_tile(
        self,
        timer: TileTimer,
        elements: _Count,
        flops: _Count,
        nbytes: _Count | None = None,
        *,
        loaded_bytes: _Count | None = None,
        stored_bytes: _Count | None = None,
    ) -> None:
        """Stop the innermost open tile and declare its work."""
    @overload
    def tile(  # type: ignore[overload-overlap]
        self,
        level: TileLevel,
        row: _Count,
        col: _Count,
        *,
        elements: _Count = 0,
        flops: _Count = 0,
        nbytes: _Count | None = None,
        loaded_bytes: _Count | None = None,
        stored_bytes: _Count | None = None,
    ) -> TileBlock:
        """Return a context manager that is one tile, which is a decorator as well."""
    @overload
    def tile(  # type: ignore[overload-overlap]
        self, level: TileLevel, row: _Count, col: _Count, *, work: FoundWork | None
    ) -> TileBlock: ...
    @overload
    def tile(
        self,
        level: TileLevel,
        row: _Computed,
        col: _Computed,
        *,
        elements: _Computed = 0,
        flops: _Computed = 0,
        nbytes: _Computed | None = None,
        loaded_bytes: _Computed | None = None,
        stored_bytes: _Computed | None = None,
    ) -> TileDecorator: ...
    @overload
    def tile(
        self,
        level: TileLevel,
        row: _Computed,
        col: _Computed,
        *,
        work: FoundWork | Callable[..., FoundWork],
    ) -> TileDecorator: ...
    def record_elapsed(
        self,
        name: str,
        ns: float,
        elements: _Count = 0,
        flops: _Count = 0,
        nbytes: _Count | None = None,
        *,
        level: TileLevel | None = None,
        dtype: _DType = "float32",
        isa: str | None = None,
        category: str | None = None,
        loaded_bytes: _Count | None = None,
        stored_bytes: _Count | None = None,
        work_source: str | None = None,
    ) -> None:
        """Record work that was timed elsewhere as a call of a brick, of one tile."""
    def recorders(
        self,
        brick: str,
        threads: SupportsIndex = 1,
        dtype: _DType = "float32",
        footprint_bytes: Mapping[TileLevel, _Count] | None = None,
        isa: str | None = None,
        *,
        category: str | None = None,
        work_source: str | None = None,
    ) -> RecorderSet:
        """Return a context manager that enters a brick and gives recorders to nogil threads."""
    def brick(
        self,
        name: str,
        dtype: _DType = "float32",
        footprint_bytes: Mapping[TileLevel, _Count] | None = None,
        isa: str | None = None,
        *,
        category: str | None = None,
        work_source: str | None = None,
    ) -> RecorderSet:
        """Return a context manager: tiles of this thread inside it belong to this kernel."""
    def checksum(self, array: ArrayLike, name: str = "out") -> None:
        """Keep a checksum of an array, by which `brickprof.find_divergence` compares two runs."""
    def budget(
        self,
        name: str,
        *,
        of: str = "brick",
        ns: float | None = None,
        percentile: float | None = None,
        gflops: float | None = None,
        efficiency: float | None = None,
    ) -> None:
        """Hold a brick or a category to limits, from now on and in all recordings."""
    def tile_stats(self, level: TileLevel, brick: str | None = None) -> TileStats:
        """Return the TileStats of a level, of one brick or summed over all."""
    def all_tile_stats(self) -> tuple[TileStats, ...]:
        """Return the TileStats of all levels over all bricks, indexed by TileLevel."""
    def reset_tile_stats(self) -> None:
        """Forget all that was recorded."""
    def to_json(self) -> dict[str, Any]:
        """Return what `Recording.to_json` does, of all that was recorded so far."""
    def recording(self, roofs: Roofs | None = None) -> Recording:
        """Return all that was recorded so far as a frozen Recording."""
