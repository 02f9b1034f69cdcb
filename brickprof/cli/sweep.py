"""``brickprof sweep``: times a problem at several thread counts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from brickprof import metrics, units
from brickprof.cli._options import add_isa, add_json, positive, thread_counts
from brickprof.cli._output import Justify, print_json, print_lines, print_table
from brickprof.cli._problems import (
    GemmProblem,
    Problem,
    add_attention_arguments,
    add_gemm_arguments,
    attention_problem,
    gemm_problem,
)
from brickprof.cli._runs import prepared
from brickprof.limits import ITEMSIZES
from brickprof.machine import detect_machine

if TYPE_CHECKING:
    from brickprof.threads import SweepPoint

NAME = "sweep"
HELP = "time a product or attention at several thread counts"

_DEFAULT = GemmProblem(1024, 1024, 1024)
_ROUNDS = 7

_COLUMNS: tuple[tuple[str, Justify], ...] = (
    ("Threads", "right"),
    ("Median", "right"),
    ("Best", "right"),
    ("GFLOP/s", "right"),
    ("Speed-up", "right"),
    ("Per thread", "right"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser, and the options to those of the problems as well."""
    _add_options(parser)
    parser.set_defaults(rounds=_ROUNDS, problem=lambda args: _DEFAULT)
    # Nothing by default: what was given before the problem would be lost.
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_options(options)
    problems = parser.add_subparsers(title="problem", metavar="PROBLEM", help=_DEFAULT.label)
    gemm = problems.add_parser("gemm", help="a matrix product", parents=[options])
    add_gemm_arguments(gemm)
    gemm.set_defaults(problem=gemm_problem)
    attention = problems.add_parser("attention", help="attention", parents=[options])
    add_attention_arguments(attention)
    attention.set_defaults(problem=attention_problem)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, which may be given before the problem and after it."""
    parser.add_argument(
        "--counts",
        type=thread_counts,
        metavar="N,N,...",
        help="thread counts (default: powers of two up to the cores that may be used)",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        metavar="R",
        help=f"times that each is measured, in turn (default: {_ROUNDS})",
    )
    add_isa(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Time the problem and print a row for each thread count."""
    from brickprof.threads import optimal_threads, sweep_threads

    problem: Problem = args.problem(args)
    work = prepared(problem, args.isa)
    counts = args.counts or default_counts(detect_machine().usable_cores)
    points = sweep_threads(lambda threads: work(threads, None), counts, args.rounds)
    chosen = optimal_threads(problem.elements, ITEMSIZES[problem.dtype])
    best = min(points, key=lambda point: point.median_ns)
    if args.json:
        print_json(
            {
                "problem": problem.label,
                "flops": problem.flops,
                "rounds": args.rounds,
                "points": [_json(point, points[0], problem.flops) for point in points],
                "best_threads": best.threads,
                "optimal_threads": chosen,
            }
        )
        return 0
    print_lines(f"{problem.label}, {args.rounds} rounds", "")
    print_table(_COLUMNS, _rows(points, problem.flops), bold=points.index(best))
    print_lines("", f"Fastest: {_threads(best.threads)}. optimal_threads chooses {chosen}.")
    return 0


def default_counts(usable: int) -> tuple[int, ...]:
    """Return powers of two up to the usable cores, and these."""
    powers = {1 << power for power in range(usable.bit_length())}
    return tuple(sorted(powers | {usable}))


def _rows(points: tuple[SweepPoint, ...], flops: int) -> Iterator[tuple[str, ...]]:
    """Return a row for each thread count."""
    first = points[0]
    for point in points:
        speedup = metrics.share(first.median_ns, point.median_ns)
        yield (
            str(point.threads),
            units.format_ns(point.median_ns),
            units.format_ns(point.best_ns),
            units.format_number(metrics.gflops(flops, point.median_ns)),
            f"{units.format_number(speedup)} x",
            units.format_percent(speedup * first.threads / point.threads),
        )


def _json(point: SweepPoint, first: SweepPoint, flops: int) -> dict[str, object]:
    """Return one thread count for programs; rates and speed-up are of the medians."""
    return {
        "threads": point.threads,
        "median_ns": point.median_ns,
        "best_ns": point.best_ns,
        "gflops": metrics.gflops(flops, point.median_ns),
        "speedup": metrics.share(first.median_ns, point.median_ns),
    }


def _threads(threads: int) -> str:
    """Return a number of threads in words."""
    return f"{threads} thread{'' if threads == 1 else 's'}"
