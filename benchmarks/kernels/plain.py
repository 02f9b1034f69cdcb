"""What is measured of a kernel that has no module here: its own examples, against itself alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.backends import Backends
from benchmarks.kernels.base import KernelBenchmark, Prepared, RateChart
from benchmarks.ratios import OURS
from brickprof.kernels.spec import KernelSpec


class Example(NamedTuple):
    """One of a kernel's examples."""

    title: str
    work: float
    number: int


def benchmark_of(kernel: KernelSpec) -> KernelBenchmark:
    """Return what can be measured without a reference: threads, and what profiling costs."""
    examples = [
        Example(problem.label, float(problem.flops), number)
        for number, problem in enumerate(kernel.examples)
    ]

    def call(example: Example, dtype: str) -> Callable[..., object]:
        run = kernel.run(kernel.examples[example.number], None)
        return lambda threads=None, profiler=None: run(threads, profiler)

    def prepare(example: Example, dtype: str, backends: Backends, family: str | None) -> Prepared:
        ours = call(example, dtype)
        result = np.asarray(ours(threads=1))
        calls = {OURS: lambda: ours(threads=backends.threads)}
        return Prepared(calls, {OURS: lambda: result}, lambda: result, lambda: None)

    return KernelBenchmark(
        name=kernel.name,
        heading=kernel.name,
        families={f"{kernel.name} examples": examples},
        dtypes=kernel.dtypes[:1],
        prepare=prepare,
        call=call,
        error_problems=(),
        gain_problems=examples[-1:],
        slowdown_problem=examples[-1],
        chart=RateChart(
            name=kernel.name,
            caption=f"Rates of {kernel.noun}",
            shown=lambda case: False,
            row=lambda case: case["dtype"],
            size=lambda case: int(case["shape"][2]),
            size_title="example",
        ),
    )
