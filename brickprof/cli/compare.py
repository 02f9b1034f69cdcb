"""``brickprof compare``: compares saved recordings of two builds; needs no compiled module."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from brickprof.cli._files import check_output
from brickprof.cli._output import write_output
from brickprof.core.checks import checked_percentage
from brickprof.diagnose.comparison import compare_recordings
from brickprof.recording import load_recording
from brickprof.reports.comparisons import BINARY, EXTENSIONS, output_for, render_comparison
from brickprof.reports.layout import stdout_console

NAME = "compare"
HELP = "say whether recordings of one build are faster or slower than those of another"

SLOWER = 3
"""Exit code where something is slower than allowed."""


def percentage(text: str) -> float:
    """Read a percentage with its sign for argparse."""
    try:
        return checked_percentage(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.usage = (
        "brickprof compare [options] A B\n"
        "       brickprof compare [options] A [A ...] --against B [B ...]"
    )
    parser.add_argument(
        "files", nargs="+", metavar="A", help="recordings of the build before; two files are A B"
    )
    parser.add_argument(
        "--against", nargs="+", metavar="B", help="recordings of the build after, one a run"
    )
    parser.add_argument(
        "--fail-above",
        type=percentage,
        metavar="P%",
        help="exit with 3 where a brick or level is slower by more than this, such as 5%%, with "
        "the whole interval of its change above it",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to a file (default: print)"
    )
    parser.add_argument(
        "--format",
        choices=tuple(EXTENSIONS),
        help="output (default: by the extension of the file to write; text when printed)",
    )
    parser.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="format",
        default=argparse.SUPPRESS,
        help="the same as --format json",
    )


def run(args: argparse.Namespace) -> int:
    """Print the comparison, or write it to a file."""
    before, after = _sides(args)
    output = _output(args)
    check_output(args.parser, args.output, [*before, *after])
    sides = [[load_recording(path) for path in side] for side in (before, after)]
    try:
        comparison = compare_recordings(*sides)
    except ValueError as error:
        args.parser.error(str(error))
    options: dict[str, object] = {"fail_above": args.fail_above}
    if output == "text" and args.output is None:
        options["console"] = stdout_console()
    write_output(render_comparison(output, comparison, before, after, **options), args.output)
    if args.fail_above is None:
        return 0
    return SLOWER if comparison.slower_than(args.fail_above) or comparison.gone else 0


def _sides(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the files of either side, or exit with a usage error."""
    if args.against is not None:
        return args.files, args.against
    if len(args.files) != 2:
        args.parser.error(
            f"expected two files, A and B, or --against between the sides, got {len(args.files)}"
        )
    return args.files[:1], args.files[1:]


def _output(args: argparse.Namespace) -> str:
    """Return the output that was asked for, or exit with a usage error."""
    if args.format is None and args.output is not None:
        try:
            return output_for(args.output)
        except ValueError as error:
            args.parser.error(f"argument -o/--output: {error}, and --format is not given")
    output: str = args.format or "text"
    if output in BINARY and args.output is None and sys.stdout is not None and sys.stdout.isatty():
        args.parser.error(
            f"argument --format: {output} is binary and cannot be shown on a terminal; -o FILE "
            "writes it to a file"
        )
    return output
