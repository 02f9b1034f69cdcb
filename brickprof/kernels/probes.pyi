from typing import Any

import numpy as np
from numpy.typing import NDArray

def probe_peak(
    dtype: str | np.dtype[Any] | type[np.generic], steps: int, isa: str | None = None
) -> int:
    """Run independent multiply-adds without the GIL and return their floating point operations."""

def probe_load(data: NDArray[np.uint8], steps: int, isa: str | None = None) -> int:
    """Load an array over and over without the GIL and return the bytes that were loaded."""

def probe_timer(handle: object, pairs: int) -> tuple[float, float]:
    """Time start/stop pairs without the GIL, next to as many pairs of bare clock reads."""
