"""``brickprof gemm``: profiles the library's matrix product."""

from __future__ import annotations

import argparse

from brickprof.cli._options import add_run_options
from brickprof.cli._problems import add_gemm_arguments, gemm_problem
from brickprof.cli._runs import profile_problem

NAME = "gemm"
HELP = "profile a matrix product of random arrays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_gemm_arguments(parser)
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """Profile the product and print the report."""
    return profile_problem(args, gemm_problem(args))
