"""GEMM and attention by every backend, family by family, checked as they are timed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

import brickprof as bp
from benchmarks import shapes
from benchmarks.backends import PEAK, Array, Backends, heads_of, operands, peak_call, torch
from benchmarks.ratios import Case
from benchmarks.rounds import interleave, outcome, rounded
from benchmarks.shapes import Heads, Product

GEMM_BOUND = 256.0
ATTENTION_BOUND = 16.0
"""Units in the last place, times the square root of the depth, that a result may be off by."""


def gemm_cases(family: str, backends: Backends) -> Iterator[Case]:
    """Time one family of products in both element types."""
    if family == shapes.PACKED and not hasattr(bp, "pack"):
        return
    peak = functools.cache(peak_call)
    for dtype in shapes.DTYPES:
        for problem in shapes.chosen(shapes.GEMM[family], backends.quick):
            yield _gemm_case(family, problem, dtype, backends, peak)


def _gemm_case(
    family: str, problem: Product, dtype: str, backends: Backends, peak: Callable[..., tuple]
) -> Case:
    """Time one product, and the multiply-add peak in the same rounds where the product is large."""
    a, b = operands(problem, dtype)
    calls, outs = backends.products(a, b, packed=family == shapes.PACKED)
    runners = dict(calls)
    if min(problem[:3]) >= shapes.PEAK_FROM:
        runners[PEAK], flops = peak(dtype, backends.threads)
    times = interleave(runners, backends.effort)
    wanted = a.astype("float64") @ b.astype("float64")
    bound = GEMM_BOUND * np.finfo(dtype).eps * problem.k**0.5
    for name, out in outs.items():
        np.testing.assert_allclose(
            out, wanted, rtol=0, atol=bound, err_msg=f"{name} {problem.title} {dtype}"
        )
    case = _case("gemm", family, problem, dtype, backends.threads)
    if PEAK in times:
        case["peak"] = {
            "best": rounded(flops / min(times[PEAK]) / 1e9),
            "median": rounded(flops / float(np.median(times.pop(PEAK))) / 1e9),
        }
    return {**case, **outcome(times)}


def attention_cases(family: str, backends: Backends) -> Iterator[Case]:
    """Time one family of attentions; without PyTorch there is nothing to compare."""
    if not torch:
        return
    for problem in shapes.chosen(shapes.ATTENTION[family], backends.quick):
        q, k, v = heads_of(problem)
        calls, results = backends.attentions(q, k, v, problem.causal)
        times = interleave(calls, backends.effort)
        ours, theirs = (result() for result in results.values())
        _check(ours, theirs, problem)
        yield {
            **_case("attention", family, problem, "float32", backends.threads),
            **outcome(times),
        }


def _check(ours: Array, theirs: Array, problem: Heads) -> None:
    """Hold brickprof's attention against the other's."""
    bound = ATTENTION_BOUND * np.finfo("float32").eps * problem.dim**0.5
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound, err_msg=problem.title)


def _case(kind: str, family: str, problem: Product | Heads, dtype: str, threads: int) -> Case:
    """Return what a case is, before what came of it."""
    return {
        "kind": kind,
        "family": family,
        "title": problem.title,
        "shape": list(problem),
        "dtype": dtype,
        "threads": threads,
        "work": problem.work,
    }
