from typing import Any

import numpy as np

from brickprof.planning.blocks import MicroKernel

def isas() -> tuple[str, ...]:
    """Return the names of the instruction sets that this CPU has, best first."""

def default_isa() -> str:
    """Return the instruction set that kernels use unless another is asked for."""

def micro_kernel(
    dtype: str | np.dtype[Any] | type[np.generic], isa: str | None = None
) -> MicroKernel:
    """Return the register block of a dtype's micro-kernels."""
