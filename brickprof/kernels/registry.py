"""The kernels: what the command line, sweeps, benchmarks and tests know of each."""

from __future__ import annotations

from brickprof.kernels.attention.spec import ATTENTION
from brickprof.kernels.gemm.spec import GEMM
from brickprof.kernels.spec import KernelSpec

KERNELS: tuple[KernelSpec, ...] = (GEMM, ATTENTION)
"""All of them, in the order in which they are shown."""
