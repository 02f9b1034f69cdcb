"""``brickprof sweep``: times a problem or a function at several thread counts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from brickprof.cli._callables import UserFunction, target
from brickprof.cli._options import add_isa, add_json, amount, positive, thread_counts
from brickprof.cli._output import progress_bar, write_output
from brickprof.cli._runs import check_writable, prepared
from brickprof.cli.kernel import add_sizes, problem_of
from brickprof.core.checks import short_repr
from brickprof.core.dtypes import itemsize_of
from brickprof.core.files import write_file
from brickprof.kernels.registry import KERNELS
from brickprof.kernels.spec import KernelSpec, Problem
from brickprof.machine import detect_machine
from brickprof.planning.budget import thread_budget
from brickprof.reports.layout import stdout_console
from brickprof.reports.pictures.vega import (
    PICTURE_SUFFIXES,
    THEMES,
    check_installed,
    described,
    to_bytes,
)

NAME = "sweep"
HELP = "time a kernel of the library, or a function of yours, at several thread counts"

_KERNEL = KERNELS[0]
_DEFAULT = _KERNEL.examples[-1]
_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class _Task:
    """What is swept: a label, a function of the thread count, its work, the rule's choice.

    What the function raises is reported in `errors`.
    """

    label: str
    run: Callable[[int], object]
    work: float
    unit: str
    rule: int | None
    errors: Callable[[], AbstractContextManager[None]] = nullcontext


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser, and its options to the parsers of problems too."""
    _add_options(parser)
    add_isa(parser)
    parser.set_defaults(rounds=_ROUNDS, task=_task_of(_KERNEL, lambda args: _DEFAULT))
    # A default here would overwrite an option that was given before the problem.
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_options(options)
    kernels = argparse.ArgumentParser(
        add_help=False, argument_default=argparse.SUPPRESS, parents=[options]
    )
    add_isa(kernels)
    problems = parser.add_subparsers(title="problem", metavar="PROBLEM", help=_DEFAULT.label)
    for kernel in KERNELS:
        one = problems.add_parser(kernel.name, help=kernel.noun, parents=[kernels])
        add_sizes(one, kernel)
        one.set_defaults(task=_task_of(kernel, partial(problem_of, kernel=kernel)))
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
        "--plot",
        type=_picture,
        metavar="FILE.svg|FILE.png",
        help="draw throughputs and the fitted law",
    )
    parser.add_argument("--theme", choices=THEMES, help="its colors (default: light)")
    add_json(parser)


def _add_function_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the function to call and the work of a call."""
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


def _picture(text: str) -> Path:
    """Read the path of a picture to write."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        ends = " or ".join(PICTURE_SUFFIXES)
        raise argparse.ArgumentTypeError(f"must end in {ends}, got {short_repr(text)}")
    return path


def _task_of(
    kernel: KernelSpec, choose: Callable[[argparse.Namespace], Problem]
) -> Callable[[argparse.Namespace], _Task]:
    """Return a function that makes the task of one of the library's kernels."""

    def make_task(args: argparse.Namespace) -> _Task:
        from brickprof.tuning.threads import optimal_threads

        problem = choose(args)
        run = prepared(kernel, problem, args.isa)
        rule = optimal_threads(
            problem.elements, itemsize_of(problem.dtype), physical_cores=thread_budget()
        )
        return _Task(
            problem.label, lambda threads: run(threads, None), problem.flops / 1e9, "GFLOP", rule
        )

    return make_task


def _function(args: argparse.Namespace) -> _Task:
    """Return the task of a user's function."""
    path, name = args.target
    function = UserFunction(path, name, "a thread count").loaded()
    return _Task(f"{path}:{name}", function, args.work, args.unit, None, function.reported)


def run(args: argparse.Namespace) -> int:
    """Time the problem and print a row for each thread count."""
    from brickprof.reports import sweep_json, sweep_text
    from brickprof.reports.pictures.sweep import sweep as draw
    from brickprof.tuning.sweep import sweep_threads

    if args.plot is not None:
        check_installed()
        check_writable(args.plot)
    task: _Task = args.task(args)
    counts = args.counts or default_counts(detect_machine().usable_cores)
    with task.errors(), progress_bar("sweeping") as progress:
        sweep = sweep_threads(
            task.run, counts, args.rounds, task.work, task.unit, progress=progress, rule=task.rule
        )
    try:
        if args.json:
            write_output(sweep_json.render(sweep, task.label, args.rounds))
        else:
            text = sweep_text.render(
                sweep,
                task.label,
                args.rounds,
                has_rule=task.rule is not None,
                console=stdout_console(),
            )
            write_output(text)
    finally:
        # A closed pipe must not lose the picture.
        if args.plot is not None:
            picture = described(draw(sweep, task.label), args.theme or THEMES[0])
            write_file(args.plot, to_bytes(picture, args.plot.suffix.lower()))
    return 0


def default_counts(usable: int) -> tuple[int, ...]:
    """Return powers of two up to the usable cores, and these."""
    powers = {1 << power for power in range(usable.bit_length())}
    return tuple(sorted(powers | {usable}))
