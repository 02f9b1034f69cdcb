"""The libraries that are compared in one process, and how long each case is measured."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from benchmarks import blis
from benchmarks.rounds import MAX_PAUSE_SECONDS, Call, Effort, spinning
from brickprof._kernels import probe_peak

Array = NDArray[Any]

PEAK = "peak"
PEAK_SECONDS = 2e-3


@dataclass(frozen=True, slots=True)
class Backends:
    """What takes part in this process, on how many threads and for how long.

    Parameters
    ----------
    threads : int
        Threads of every library.
    torch : module or None
        PyTorch, where it is installed.
    blis : ctypes.CDLL or None
        BLIS, where it is installed.
    effort : Effort
        How long each case is measured.
    quick : bool
        Whether only a few light problems are run.
    """

    threads: int
    torch: Any
    blis: Any
    effort: Effort
    quick: bool

    @classmethod
    def here(cls, threads: int, seconds: float, quick: bool) -> Backends:
        """Load what is installed and hold it to the threads."""
        try:
            import torch
        except ImportError:
            torch = None
        else:
            torch.set_num_threads(threads)
            torch.set_grad_enabled(False)
        library = os.environ.get("BENCH_BLIS")
        effort = Effort(seconds, 3 if quick else 5)
        return cls(threads, torch, library and blis.load(library), effort, quick)

    def warmed_up(self, calls: Mapping[str, Call]) -> Backends:
        """Run each call, which starts its library's workers; pause until they idle again."""
        if self.threads == 1:
            for call in calls.values():
                call()
            return self
        pause = min(spinning(calls) + 1e-3, MAX_PAUSE_SECONDS)
        return replace(self, effort=replace(self.effort, pause=pause))


def peak_call(dtype: str, threads: int) -> tuple[Call, float]:
    """Return a call that does nothing but multiply-adds, and the flops of as many threads as it."""
    steps = 1000
    before = time.perf_counter()
    probe_peak(dtype, steps)
    steps = max(steps, int(steps * PEAK_SECONDS / (time.perf_counter() - before)))
    flops = float(probe_peak(dtype, steps))
    return functools.partial(probe_peak, dtype, steps), flops * threads
