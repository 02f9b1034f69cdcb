"""``brickprof compare``: compares two saved recordings; needs no compiled module."""

from __future__ import annotations

import argparse

from brickprof.cli._options import add_json
from brickprof.cli._output import write_output
from brickprof.diagnose.comparison import compare
from brickprof.recording import load_recording
from brickprof.reports import comparison_json, comparison_text
from brickprof.reports.layout import stdout_console

NAME = "compare"
HELP = "hold two saved recordings side by side"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument("a", metavar="A", help="a saved recording")
    parser.add_argument("b", metavar="B", help="another one")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the comparison."""
    comparison = compare(load_recording(args.a), load_recording(args.b))
    if args.json:
        write_output(comparison_json.render(comparison, args.a, args.b))
    else:
        text = comparison_text.render(comparison, args.a, args.b, console=stdout_console())
        write_output(text)
    return 0
