from typing import Any

import numpy as np

from brickprof.machine import Machine
from brickprof.planning.blocks import MicroKernel
from brickprof.planning.gemm import Blocks, GemmPlan

def plan_gemm(
    m: int,
    n: int,
    k: int,
    dtype: str | np.dtype[Any] | type[np.generic] = "float32",
    machine: Machine | None = None,
    threads: int | None = None,
    isa: str | None = None,
    a_layout: str = "rows",
    b_layout: str = "rows",
    *,
    a_stride: int | None = None,
    b_stride: int | None = None,
    blocks: Blocks | None = None,
    micro: MicroKernel | None = None,
) -> GemmPlan:
    """Plan the tiles of an (m x k) by (k x n) product, as `gemm` will run it."""
