from typing import Any

import numpy as np
from numpy.typing import NDArray

def probe_peak(
    dtype: str | np.dtype[Any] | type[np.generic], steps: int, isa: str | None = None
) -> int:
    """Run independent multiply-adds without the GIL and return their floating point operations."""

def probe_load(data: NDArray[np.uint8], steps: int, isa: str | None = None) -> int:
    """Load an array over and over without the GIL and return the bytes that were loaded."""

TRAFFICS: tuple[str, ...]
CEILINGS: tuple[str, ...]

def has_probe(
    name: str,
    dtype: str | np.dtype[Any] | type[np.generic] = "float32",
    isa: str | None = None,
) -> bool:
    """Return whether an instruction set has a probe of a kind of traffic or of a ceiling."""

def probe_traffic(kind: str, data: NDArray[np.uint8], steps: int, isa: str | None = None) -> int:
    """Move an array over and over without the GIL; return the bytes loaded and stored."""

def probe_ceiling(
    name: str, dtype: str | np.dtype[Any] | type[np.generic], steps: int, isa: str | None = None
) -> int:
    """Run operations at a ceiling of the core without the GIL and return how many they were."""

def link_lines(data: NDArray[np.uint8], order: NDArray[np.int64]) -> None:
    """Make each cache line of an array point to the next one of a cyclic order."""

def probe_latency(data: NDArray[np.uint8], steps: int) -> int:
    """Load from line to line as `link_lines` left them, without the GIL; return the loads."""

def probe_timer(handle: object, pairs: int) -> tuple[float, float]:
    """Time start/stop pairs without the GIL, next to as many pairs of bare clock reads."""
