"""The table of the kernels that are measured, from which all else learns what there is."""

from __future__ import annotations

from benchmarks.kernels import attention, gemm
from benchmarks.kernels.base import KernelBenchmark

KERNELS: dict[str, KernelBenchmark] = {
    kernel.name: kernel for kernel in (gemm.BENCHMARK, attention.BENCHMARK)
}
"""By name, in the order of the page. Another kernel is a module beside these and its name here."""


def unequal_families() -> list[str]:
    """Return the families in which the backends do not do the same work."""
    return [family for kernel in KERNELS.values() for family in kernel.unequal]
