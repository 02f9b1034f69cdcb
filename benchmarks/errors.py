"""How far results are from those in float64, next to those of the other backends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.backends import Array, Backends
from benchmarks.kernels.base import subset
from benchmarks.kernels.table import KERNELS
from benchmarks.ratios import OURS, Case
from benchmarks.rounds import rounded


def error_cases(backends: Backends) -> Iterator[Case]:
    """Compare max-norm relative errors of float32 results."""
    for kernel in KERNELS.values():
        for problem in subset(kernel.error_problems, backends.quick):
            prepared = kernel.prepare(problem, "float32", backends, None)
            for call in prepared.calls.values():
                call()
            found = {name: result() for name, result in prepared.results.items()}
            yield _compared(f"{kernel.name} {problem.title}", found, prepared.reference())


def _compared(title: str, found: dict[str, Array], wanted: Array) -> Case:
    """Return each one's error, and the others' over brickprof's."""
    scale = np.abs(wanted).max()
    errors = {name: float(np.abs(result - wanted).max() / scale) for name, result in found.items()}
    return {
        "title": title,
        "errors": {name: rounded(error) for name, error in errors.items()},
        "ratios": {
            name: rounded(errors[OURS] / error) for name, error in errors.items() if name != OURS
        },
    }
