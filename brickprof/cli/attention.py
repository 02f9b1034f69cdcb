"""``brickprof attention``: profiles the library's attention."""

from __future__ import annotations

import argparse

from brickprof.cli._options import add_run_options
from brickprof.cli._problems import add_attention_arguments, attention_problem
from brickprof.cli._runs import profile_problem

NAME = "attention"
HELP = "profile attention over random arrays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_attention_arguments(parser)
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """Profile attention and print the report."""
    return profile_problem(args, attention_problem(args))
