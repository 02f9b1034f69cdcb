"""The cases of any kernel: every backend's call in interleaved rounds, with results checked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.backends import PEAK, Backends, peak_call
from benchmarks.kernels.base import KernelBenchmark, Problem, subset
from benchmarks.ratios import Case
from benchmarks.rounds import Call, interleave, outcome, rounded


def family_cases(kernel: KernelBenchmark, family: str, backends: Backends) -> Iterator[Case]:
    """Measure one family in all its element types, where there is another backend."""
    peak = functools.cache(peak_call)
    for dtype in kernel.dtypes:
        for problem in subset(kernel.families[family], backends.quick):
            yield from _measured(kernel, family, problem, dtype, backends, peak)


def _measured(
    kernel: KernelBenchmark,
    family: str,
    problem: Problem,
    dtype: str,
    backends: Backends,
    peak: Callable[[str, int], tuple[Call, float]],
) -> Iterator[Case]:
    """Measure one problem, and the multiply-add peak in the same rounds where it is shown."""
    prepared = kernel.prepare(problem, dtype, backends, family)
    if len(prepared.calls) == 1:
        return
    calls = dict(prepared.calls)
    if kernel.peak_shown(problem):
        calls[PEAK], flops = peak(dtype, backends.threads)
    times = interleave(calls, backends.effort)
    prepared.check()
    case: Case = {
        "kind": kernel.name,
        "family": family,
        "title": problem.title,
        "shape": list(problem),
        "dtype": dtype,
        "threads": backends.threads,
        "work": problem.work,
    }
    if PEAK in times:
        case["peak"] = {
            "best": rounded(flops / min(times[PEAK]) / 1e9),
            "median": rounded(flops / float(np.median(times.pop(PEAK))) / 1e9),
        }
    yield {**case, **outcome(times)}
