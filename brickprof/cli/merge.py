"""``brickprof merge``: adds up saved recordings to one; needs no compiled module."""

from __future__ import annotations

import argparse
from pathlib import Path

from brickprof.cli._files import FILES_HELP, check_output, merged, named_files
from brickprof.cli._output import say
from brickprof.cli._runs import check_writable
from brickprof.core import units
from brickprof.core.plain_text import printable

NAME = "merge"
HELP = "add up saved recordings of many processes to one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILES_HELP)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the recording to write, for report and compare",
    )
    parser.add_argument(
        "--skip-damaged",
        action="store_true",
        help="leave out files that cannot be read, which are named (default: write nothing then)",
    )


def run(args: argparse.Namespace) -> int:
    """Merge the files and save the sum."""
    check_writable(args.output)
    files = named_files(args.files)
    check_output(args.parser, args.output, files)
    recording, count = merged(files, skip_damaged=args.skip_damaged)
    path = printable(str(recording.save(args.output)))
    plural = "" if count == 1 else "s"
    say(f"saved {path}: the sum of {units.format_count(count)} recording{plural}")
    return 0
