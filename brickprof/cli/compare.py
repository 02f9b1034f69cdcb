"""``brickprof compare``: compares saved recordings of two builds; needs no compiled module."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from pathlib import Path

from brickprof.cli._files import check_output
from brickprof.cli._output import write_output
from brickprof.core.checks import checked_percentage, short_repr
from brickprof.diagnose.comparison import compare_recordings
from brickprof.diagnose.divergence import find_divergence, is_unknown_beyond
from brickprof.recording import Recording, load_recording
from brickprof.reports import divergence_text
from brickprof.reports.comparisons import BINARY, EXTENSIONS, output_for, render_comparison
from brickprof.reports.layout import stdout_console

NAME = "compare"
HELP = "say whether recordings of one build are faster or slower than those of another"

SLOWER = 3
"""Exit code where something is slower than allowed."""

PARTED = 3
"""Exit code where two runs part."""

CANNOT_TELL = 1
"""Exit code where they do not, as far as checksums were kept."""


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
        "--divergence",
        action="store_true",
        help="say by which checksum of BrickProfiler.checksum A and B part first, and exit with 3 "
        "where they do, and with 1 where that is unknown as not all were kept",
    )
    parser.add_argument(
        "--rtol",
        type=_tolerance,
        metavar="X",
        help="relative distance of arrays that is no divergence (default: 0, bit for bit)",
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
    if args.rtol is not None and not args.divergence:
        args.parser.error("argument --rtol: it is for --divergence")
    check_output(args.parser, args.output, [*before, *after])
    sides = [[load_recording(path) for path in side] for side in (before, after)]
    if args.divergence:
        return _divergence(args, output, [one for side in sides for one in side])
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


def _divergence(args: argparse.Namespace, output: str, recordings: list[Recording]) -> int:
    """Print where two recordings part, and return the exit code."""
    if len(recordings) != 2:
        args.parser.error("argument --divergence: expected two recordings, A and B")
    if args.fail_above is not None:
        args.parser.error("argument --fail-above: it is not for --divergence")
    if output not in ("text", "json"):
        args.parser.error("argument --format: a divergence is shown as text or json")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what it says is printed
            found = find_divergence(*recordings, rtol=args.rtol or 0.0)
    except ValueError as error:
        args.parser.error(str(error))
    render = divergence_text.render_json if output == "json" else divergence_text.render
    write_output(render(found, *recordings), args.output)
    if found is not None:
        return PARTED
    return CANNOT_TELL if is_unknown_beyond(*recordings) else 0


def _tolerance(text: str) -> float:
    """Read a relative tolerance."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number >= 0, got {short_repr(text)}")
    return number


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
