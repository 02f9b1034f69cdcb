"""How far results are from those in float64, next to NumPy's and PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks import shapes
from benchmarks.backends import Array, Backends, heads_of, operands
from benchmarks.ratios import OURS, Case
from benchmarks.rounds import rounded


def error_cases(backends: Backends) -> Iterator[Case]:
    """Compare max-norm relative errors of float32 results."""
    for problem in shapes.chosen(shapes.ERRORS_GEMM, backends.quick):
        a, b = operands(problem, "float32")
        calls, outs = backends.products(a, b)
        for call in calls.values():
            call()
        wanted = a.astype("float64") @ b.astype("float64")
        yield _compared(f"gemm {problem.title}", outs, wanted)
    for heads in shapes.chosen(shapes.ERRORS_ATTENTION, backends.quick):
        q, k, v = heads_of(heads)
        calls, results = backends.attentions(q, k, v, heads.causal)
        for call in calls.values():
            call()
        found = {name: result() for name, result in results.items()}
        yield _compared(f"attention {heads.title}", found, _attention(q, k, v, heads.causal))


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


def _attention(q: Array, k: Array, v: Array, causal: bool) -> Array:
    """Return the attention in float64."""
    q, k, v = (array.astype("float64") for array in (q, k, v))
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    if causal:
        scores[:, ~np.tri(q.shape[1], k.shape[1], dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights @ v / weights.sum(-1, keepdims=True)
