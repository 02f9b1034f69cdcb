from typing import Any

import numpy as np

from brickprof.planning.blocks import MicroKernel

C_DTYPES: dict[str, int]
"""The bp_dtype of each element type: its place in `brickprof.core.dtypes.DTYPES`."""

def isas() -> tuple[str, ...]:
    """Return the names of the instruction sets that this CPU has, best first."""

def compiled_kernels() -> dict[str, tuple[str, ...]]:
    """Return the dtypes with micro-kernels by instruction set compiled in, best first."""

def default_isa() -> str:
    """Return the instruction set that kernels use unless another is asked for."""

def release_memory() -> None:
    """Give back the memory and the threads that are kept for later calls and idle now."""

def micro_kernel(
    dtype: str | np.dtype[Any] | type[np.generic], isa: str | None = None
) -> MicroKernel:
    """Return the register block of a dtype's micro-kernels."""
