"""``brickprof tune``: races tile sizes of a kernel, or arguments of a function of the user's."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from brickprof.cli._callables import UserFunction, target
from brickprof.cli._options import add_isa, add_json, add_threads, positive, share
from brickprof.cli._output import progress_bar, say, write_output
from brickprof.cli._runs import check_memory
from brickprof.cli.kernel import add_sizes, problem_of
from brickprof.core.checks import short_repr
from brickprof.core.plain_text import printable
from brickprof.kernels.registry import KERNELS
from brickprof.kernels.spec import KernelSpec
from brickprof.reports.layout import stdout_console

NAME = "tune"
HELP = "race tile sizes of a kernel, or arguments of a function of yours, and prove the fastest"


@dataclass(frozen=True, slots=True)
class _Task:
    """What is tuned: a label, a function, its space, its default; and whether to store blocks.

    What the function raises for the default is reported in `errors`.
    """

    label: str
    fn: Callable[..., object]
    space: Any
    default: Mapping[str, object] | None
    stores: bool
    errors: Callable[[], AbstractContextManager[None]] = nullcontext


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser, and its options to the parsers of problems."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--rounds",
        type=positive,
        default=15,
        metavar="R",
        help="rounds of the race of the fastest (default: %(default)s)",
    )
    options.add_argument(
        "--margin",
        type=share,
        default=0.02,
        metavar="S",
        help="share by which a winner must be faster than the default (default: %(default)s)",
    )
    add_json(options)
    problems = parser.add_subparsers(title="problem", metavar="PROBLEM", required=True)
    for kernel in KERNELS:
        if kernel.block_space is not None:
            one = problems.add_parser(kernel.name, help=kernel.noun, parents=[options])
            add_sizes(one, kernel)
            add_threads(one, "as many as this process may use")
            add_isa(one)
            one.set_defaults(task=partial(_kernel, kernel))
    python = problems.add_parser("python", help="a function of a Python file", parents=[options])
    _add_function_arguments(python)
    python.set_defaults(task=_function)


def _add_function_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the function to call and the values of its arguments to try."""
    parser.add_argument(
        "target",
        type=target,
        metavar="FILE:FUNCTION",
        help="a function that returns its result, to be compared, and may take a profiler",
    )
    parser.add_argument(
        "--try",
        type=_axis,
        action="append",
        required=True,
        dest="axes",
        metavar="NAME=V,V,...",
        help="values of an argument, the default's first; once for each argument",
    )
    parser.add_argument(
        "--no-check", action="store_true", help="take all results for right, also None"
    )


def _axis(text: str) -> tuple[str, tuple[object, ...]]:
    """Read the values of an argument: whole numbers, other numbers, or text."""
    name, separator, values = text.partition("=")
    if not separator or not name.isidentifier() or not all(values.split(",")):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE,VALUE,..., got {short_repr(text)}")
    return name, tuple(map(_value, values.split(",")))


def _value(text: str) -> object:
    """Return the number that a text is, or the text."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _kernel(kernel: KernelSpec, args: argparse.Namespace) -> _Task:
    """Return the task of one of the library's kernels."""
    from brickprof.tuning.kernel_task import KernelTask

    problem = problem_of(args, kernel)
    check_memory(problem)
    task = KernelTask(kernel.name, problem, args.threads, args.isa)
    return _Task(problem.label, task, task.space(), task.default(), stores=True)


def _function(args: argparse.Namespace) -> _Task:
    """Return the task of a user's function."""
    path, name = args.target
    axes = dict(args.axes)
    if len(axes) < len(args.axes):
        args.parser.error("argument --try: each argument can be given once")
    function = UserFunction(path, name)
    return _Task(f"{path}:{name}", function, axes, None, stores=False, errors=function.reported)


def run(args: argparse.Namespace) -> int:
    """Tune the problem, print what was found, and keep proved blocks of the library's kernels."""
    from brickprof.reports import tuning_json, tuning_text
    from brickprof.tuning.tune import tune

    task: _Task = args.task(args)
    with task.errors(), progress_bar("tuning") as progress:
        tuning = tune(
            task.fn,
            task.space,
            (lambda result, first: True) if getattr(args, "no_check", False) else None,
            default=task.default,
            rounds=args.rounds,
            margin=args.margin,
            progress=progress,
        )
    if args.json:
        write_output(tuning_json.render(tuning, task.label))
    else:
        write_output(tuning_text.render(tuning, task.label, console=stdout_console()))
    if task.stores and tuning.improved and tuning.proof is not None:
        from brickprof.tuning.tuned_blocks import store_tuned

        path = store_tuned(task.fn, tuning.best, tuning.proof.median)  # type: ignore[arg-type]
        say(f"stored {printable(str(path))}: used with --tuned, and by tuned_blocks()")
    return 0
