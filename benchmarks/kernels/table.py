"""The table of the kernels that are measured, from which all else learns what there is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from benchmarks.kernels import plain
from benchmarks.kernels.base import KernelBenchmark
from brickprof.kernels.registry import KERNELS as REGISTERED
from brickprof.kernels.spec import KernelSpec


def benchmark_of(kernel: KernelSpec) -> KernelBenchmark:
    """Return what is measured of a kernel: what the module of its name says, or its examples."""
    name = f"benchmarks.kernels.{kernel.name}"
    if find_spec(name) is None:
        return plain.benchmark_of(kernel)
    benchmark: KernelBenchmark = import_module(name).BENCHMARK
    return benchmark


KERNELS: dict[str, KernelBenchmark] = {kernel.name: benchmark_of(kernel) for kernel in REGISTERED}
"""By name, in the order of the library's registry."""


def unequal_families() -> list[str]:
    """Return the families in which the backends do not do the same work."""
    return [family for kernel in KERNELS.values() for family in kernel.unequal]
