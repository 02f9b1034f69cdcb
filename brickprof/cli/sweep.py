"""``brickprof sweep``: times a problem or a function at several thread counts."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brickprof.cli._callables import load, target
from brickprof.cli._options import add_isa, add_json, amount, positive, thread_counts
from brickprof.cli._output import Justify, print_json, print_lines, print_table, progress_bar
from brickprof.cli._problems import (
    GemmProblem,
    Problem,
    add_attention_arguments,
    add_gemm_arguments,
    attention_problem,
    gemm_problem,
)
from brickprof.cli._runs import prepared
from brickprof.core import metrics, units
from brickprof.core.dtypes import itemsize_of
from brickprof.machine import detect_machine
from brickprof.planning.budget import thread_budget

if TYPE_CHECKING:
    from brickprof.tuning.scalability import Scalability
    from brickprof.tuning.sweep import Sweep, SweepPoint

NAME = "sweep"
HELP = "time a product, attention or a function of yours at several thread counts"

_DEFAULT = GemmProblem(1024, 1024, 1024)
_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class _Task:
    """What is swept: a label, what takes a thread count, its work in a unit, the rule's choice."""

    label: str
    run: Callable[[int], object]
    work: float
    unit: str
    rule: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser, and the options to those of the problems as well."""
    _add_options(parser)
    add_isa(parser)
    parser.set_defaults(rounds=_ROUNDS, task=_kernel(lambda args: _DEFAULT))
    # Nothing by default: what was given before the problem would be lost.
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_options(options)
    kernels = argparse.ArgumentParser(
        add_help=False, argument_default=argparse.SUPPRESS, parents=[options]
    )
    add_isa(kernels)
    problems = parser.add_subparsers(title="problem", metavar="PROBLEM", help=_DEFAULT.label)
    gemm = problems.add_parser("gemm", help="a matrix product", parents=[kernels])
    add_gemm_arguments(gemm)
    gemm.set_defaults(task=_kernel(gemm_problem))
    attention = problems.add_parser("attention", help="attention", parents=[kernels])
    add_attention_arguments(attention)
    attention.set_defaults(task=_kernel(attention_problem))
    python = problems.add_parser("python", help="a function of a Python file", parents=[options])
    _add_function_arguments(python)
    python.set_defaults(task=_function)


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
    parser.add_argument(
        "--plot", type=_svg, metavar="FILE.svg", help="draw throughputs and the fitted law"
    )
    add_json(parser)


def _add_function_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which function to call and what a call does."""
    parser.add_argument(
        "target",
        type=target,
        metavar="FILE:FUNCTION",
        help="a function that does its work with the number of threads that it is given",
    )
    parser.add_argument(
        "--work", type=amount, default=1.0, metavar="W", help="what a call does (default: 1)"
    )
    parser.add_argument(
        "--unit", default="calls", metavar="U", help="unit of the work (default: %(default)s)"
    )


def _svg(text: str) -> Path:
    """Read the name of a picture."""
    path = Path(text)
    if path.suffix.lower() != ".svg":
        raise argparse.ArgumentTypeError(f"must end in .svg, got {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"no such folder: {str(path.parent)!r}")
    return path


def _kernel(
    choose: Callable[[argparse.Namespace], Problem],
) -> Callable[[argparse.Namespace], _Task]:
    """Return what makes a task of one of the library's kernels, its arrays filled."""

    def task(args: argparse.Namespace) -> _Task:
        from brickprof.tuning.threads import optimal_threads

        problem = choose(args)
        run = prepared(problem, args.isa)
        rule = optimal_threads(
            problem.elements, itemsize_of(problem.dtype), physical_cores=thread_budget()
        )
        return _Task(
            problem.label, lambda threads: run(threads, None), problem.flops / 1e9, "GFLOP", rule
        )

    return task


def _function(args: argparse.Namespace) -> _Task:
    """Return a task of the user's own function."""
    path, name = args.target
    return _Task(f"{path}:{name}", load(path, name), args.work, args.unit, None)


def run(args: argparse.Namespace) -> int:
    """Time the problem and print a row for each thread count."""
    from brickprof.diagnose import diagnose_sweep
    from brickprof.reports import sweep_svg
    from brickprof.reports.text import render_findings
    from brickprof.tuning.sweep import sweep_threads

    task: _Task = args.task(args)
    counts = args.counts or default_counts(detect_machine().usable_cores)
    with progress_bar("sweeping") as tell:
        sweep = sweep_threads(
            task.run, counts, args.rounds, task.work, task.unit, progress=tell, rule=task.rule
        )
    try:
        if args.json:
            print_json(_json(task, sweep, args.rounds))
        else:
            print_lines(f"{task.label}, {_counted(args.rounds, 'round')}", "")
            print_table(_columns(sweep.unit), _rows(sweep), bold=sweep.points.index(sweep.best))
            print_lines("", *_conclusions(sweep, task.rule is not None))
            if findings := render_findings(diagnose_sweep(sweep)):
                print_lines("", findings.rstrip())
    finally:
        # A closed pipe does not cost the picture.
        if args.plot is not None:
            args.plot.write_text(sweep_svg.render(sweep, task.label), encoding="utf-8")
    return 0


def default_counts(usable: int) -> tuple[int, ...]:
    """Return powers of two up to the usable cores, and these."""
    powers = {1 << power for power in range(usable.bit_length())}
    return tuple(sorted(powers | {usable}))


def _columns(unit: str) -> tuple[tuple[str, Justify], ...]:
    """Return headings; throughputs are in a unit per second."""
    return (
        ("Threads", "right"),
        ("GF/s" if unit == "GFLOP" else f"{unit}/s", "right"),
        ("95 %", "left"),
        ("Latency", "right"),
        ("95 %", "left"),
        ("Speed-up", "right"),
        ("Per thread", "right"),
        ("Rounds", "right"),
    )


def _rows(sweep: Sweep) -> Iterator[tuple[str, ...]]:
    """Return a row for each thread count; speed-ups are over the first."""
    first = sweep.points[0]
    for point in sweep:
        speedup = metrics.share(first.median_ns, point.median_ns)
        slowest, fastest = sweep.throughput_interval(point)
        low, high = point.interval_ns
        yield (
            str(point.threads),
            units.format_number(sweep.throughput(point)),
            f"{units.format_number(slowest)} - {units.format_number(fastest)}",
            units.format_ns(point.median_ns),
            _interval(low, high),
            f"{units.format_number(speedup)} x",
            units.format_percent(speedup * first.threads / point.threads),
            str(point.rounds),
        )


def _interval(low: int, high: int) -> str:
    """Return two times with their unit, written once where it is the same."""
    (least, unit), greatest = units.format_ns(low).split(), units.format_ns(high)
    shared = greatest.endswith(f" {unit}")
    return f"{least} - {greatest}" if shared else f"{least} {unit} - {greatest}"


def _conclusions(sweep: Sweep, has_rule: bool) -> Iterator[str]:
    """Return what the sweep says, a line each; the rule wants to know of the work."""
    from brickprof.tuning.sweep import MIN_ROUNDS

    if sweep.dropped:
        yield f"Stopped early as clearly slower: {', '.join(map(str, sweep.dropped))}."
    if sweep.best.rounds < MIN_ROUNDS:
        yield f"Intervals of fewer than {MIN_ROUNDS} rounds are whole ranges, short of 95 %."
    yield f"Fastest measured: {_counted(sweep.best.threads, 'thread')}."
    law = sweep.scalability
    if law is not None:
        yield f"Model: {_optimum(law)} ({law.law}, R² {law.r_squared:.3f})."
        yield from law.caveats
    if has_rule:
        yield f"Rule: optimal_threads chooses {sweep.rule}, within a budget of {sweep.budget}."
    else:
        yield f"Budget: {_counted(sweep.budget, 'thread')}, by cores, affinity and cgroup quota."


def _optimum(law: Scalability) -> str:
    """Return in words where the fitted law peaks."""
    if law.law == "constant":
        return "throughput does not depend on the thread count"
    if math.isinf(law.optimum):
        return "throughput rises with every thread"
    if law.optimum == 1:
        return "throughput is greatest with one thread"
    return f"throughput peaks at {units.format_number(law.optimum)} threads"


def _json(task: _Task, sweep: Sweep, rounds: int) -> dict[str, object]:
    """Return the sweep for programs, with what its times say."""
    from brickprof.diagnose import diagnose_sweep
    from brickprof.reports.json import finding_json

    law = sweep.scalability
    return {
        "problem": task.label,
        "rounds": rounds,
        "points": [_point_json(point, sweep) for point in sweep],
        "best_threads": sweep.best.threads,
        "dropped": list(sweep.dropped),
        "model_optimum": None if law is None or math.isinf(law.optimum) else law.optimum,
        "model_law": law and law.law,
        "r_squared": law and law.r_squared,
        "caveats": list(law.caveats) if law else [],
        "optimal_threads": sweep.rule,
        "budget": sweep.budget,
        "findings": [finding_json(finding) for finding in diagnose_sweep(sweep)],
        "sweep": sweep.to_json(),
    }


def _point_json(point: SweepPoint, sweep: Sweep) -> dict[str, object]:
    """Return one thread count for programs; rates and speed-up are of the medians."""
    return {
        "threads": point.threads,
        "rounds": point.rounds,
        "median_ns": point.median_ns,
        "interval_ns": list(point.interval_ns),
        "best_ns": point.best_ns,
        "throughput": sweep.throughput(point),
        "throughput_interval": list(sweep.throughput_interval(point)),
        "speedup": metrics.share(sweep.points[0].median_ns, point.median_ns),
    }


def _counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
