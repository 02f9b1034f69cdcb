"""What several threads gain over one, in a process that has all."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Iterator

from benchmarks.backends import Backends
from benchmarks.kernels.table import KERNELS
from benchmarks.ratios import Case
from benchmarks.rounds import Effort, interleave, outcome, rounded


def gain_cases(backends: Backends) -> Iterator[Case]:
    """Hold all threads against one."""
    several = f"{backends.threads} threads"
    effort = Effort(0.2 if backends.quick else 3.0, pause=backends.effort.pause)
    for title, call in _calls():
        calls = {
            several: functools.partial(call, threads=backends.threads),
            "1 thread": functools.partial(call, threads=1),
        }
        times = interleave(calls, effort)
        gain = statistics.median(times["1 thread"]) / statistics.median(times[several])
        yield {
            "title": title,
            "threads": backends.threads,
            "gain": rounded(min(times["1 thread"]) / min(times[several])),
            "median gain": rounded(gain),
            **outcome(times),
        }


def _calls() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield each kernel's problems in all its element types, which are named where several."""
    for kernel in KERNELS.values():
        for dtype in kernel.dtypes:
            for problem in kernel.gain_problems:
                suffix = f" {dtype}" if len(kernel.dtypes) > 1 else ""
                yield f"{kernel.name} {problem.title}{suffix}", kernel.call(problem, dtype)
