"""What ``bp.auto_instrument()`` costs a call: ``python -m benchmarks.call_cost``.

Each function is timed without and with it, in turn, in one process. A figure is the difference of
the best of many rounds; beside it is the middle half of the rounds without.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import brickprof as bp

Call = Callable[[], object]
BATCH_S = 0.002
"""Seconds of a round of calls, about."""


def numpy_calls() -> dict[str, Call]:
    """Return calls of NumPy by name: some too small to be recorded, others just large enough."""
    tiny, row, small, square = np.ones(8), np.ones(4096), np.ones((4, 4)), np.ones((64, 64))
    return {
        "add, 8 elements": lambda: tiny + tiny,
        "matmul, 4 x 4": lambda: small @ small,
        "sum method, 8 elements": lambda: tiny.sum(),
        "add, 4096 elements": lambda: np.add(row, row),
        "matmul, 64 x 64": lambda: square @ square,
        "dot method, 64 x 64": lambda: square.dot(square),
        "sum, 4096 elements": lambda: np.sum(row),
        "einsum, 64 x 64": lambda: np.einsum("ij,jk->ik", square, square),
    }


def torch_calls() -> dict[str, Call]:
    """Return calls of PyTorch by name; none where it is not installed."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: left out")
        return {}
    torch.set_num_threads(1)
    small = torch.ones(8, 8)
    return {
        "torch add, not recorded": lambda: small + small,
        "torch mm, 8 x 8": lambda: torch.mm(small, small),
    }


def ns_of_a_call(call: Call, calls: int) -> float:
    """Return the nanoseconds of a call, the mean of some."""
    start = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - start) / calls


def measure(call: Call, rounds: int) -> tuple[float, float, float]:
    """Return nanoseconds without, what instrumenting adds, and the middle half of those without."""
    calls = max(int(BATCH_S * 1e9 / ns_of_a_call(call, 10)), 10)
    without, with_it = [], []
    prof = bp.BrickProfiler()
    for _ in range(rounds):
        without.append(ns_of_a_call(call, calls))
        with bp.auto_instrument(prof):
            call()
            with_it.append(ns_of_a_call(call, calls))
    quarter = np.percentile(without, [25, 75])
    return min(without), min(with_it) - min(without), float(quarter[1] - quarter[0])


def main() -> None:
    """Print a line for each call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    print(f"{'call':28} {'without':>10} {'adds':>10} {'spread':>8}  ns, best of {rounds} rounds")
    for name, call in {**numpy_calls(), **torch_calls()}.items():
        without, more, spread = measure(call, rounds)
        print(f"{name:28} {without:10,.0f} {more:+10,.0f} {spread:8,.0f}")


if __name__ == "__main__":
    main()
