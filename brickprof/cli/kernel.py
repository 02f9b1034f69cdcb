"""``brickprof gemm``, ``brickprof attention``: profiles one of the library's kernels."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from brickprof.cli._options import add_dtype, add_run_options, positive
from brickprof.cli._runs import profile_problem
from brickprof.kernels.spec import Argument, KernelSpec, Problem, ProblemError


@dataclass(frozen=True, slots=True)
class KernelVerb:
    """The verb of a kernel."""

    kernel: KernelSpec

    @property
    def NAME(self) -> str:  # as a verb's module spells it
        """The kernel's name."""
        return self.kernel.name

    @property
    def HELP(self) -> str:
        """What the verb does."""
        return f"profile {self.kernel.noun} on random arrays"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments to its parser."""
        add_sizes(parser, self.kernel)
        add_run_options(parser)
        if self.kernel.blocks is not None:
            parser.add_argument(
                "--tuned",
                action="store_true",
                help="run in the blocks that `brickprof tune` stored",
            )

    def run(self, args: argparse.Namespace) -> int:
        """Profile the problem and print the report."""
        return profile_problem(args, self.kernel, problem_of(args, self.kernel))


def add_sizes(parser: argparse.ArgumentParser, kernel: KernelSpec) -> None:
    """Add a kernel's sizes and, where there is a choice, the dtype."""
    for argument in kernel.arguments:
        _add(parser, argument)
    if len(kernel.dtypes) > 1:
        add_dtype(parser, kernel.dtypes)


def problem_of(args: argparse.Namespace, kernel: KernelSpec) -> Problem:
    """Return the problem that was asked for, or leave with a usage error."""
    try:
        return kernel.problem_of(vars(args))
    except ProblemError as error:
        options = {argument.name: _option(argument) for argument in kernel.arguments}
        reason = error.reason.format(**options)
        parser: argparse.ArgumentParser = args.parser
        parser.error(f"argument {options[error.argument]}: {reason}")


def _add(parser: argparse.ArgumentParser, argument: Argument) -> None:
    """Add one size."""
    if argument.positional:
        parser.add_argument(
            argument.name, type=positive, metavar=argument.name.upper(), help=argument.help
        )
    elif argument.flag:
        parser.add_argument(_option(argument), action="store_true", help=argument.help)
    else:
        shown = f"{argument.help} (default: %(default)s)" if argument.default else argument.help
        names = [_option(argument), *([f"--{argument.alias}"] if argument.alias else [])]
        parser.add_argument(
            *names, type=positive, default=argument.default, metavar="N", help=shown
        )


def _option(argument: Argument) -> str:
    """Return an argument's name on the command line."""
    return argument.name if argument.positional else f"--{argument.name.replace('_', '-')}"
