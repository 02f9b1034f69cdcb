"""``brickprof report``: renders saved recordings; needs no compiled module."""

from __future__ import annotations

import argparse
import sys

NAME = "report"
HELP = "render saved recordings, merged when there are several"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    from brickprof.reports import RENDERERS

    parser.add_argument("files", nargs="+", metavar="FILE", help="what --save or save() wrote")
    parser.add_argument(
        "--format", choices=tuple(RENDERERS), default="text", help="output (default: %(default)s)"
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
    """Print the report."""
    from brickprof.recording import load_recording, merge_recordings
    from brickprof.reports import render

    recordings = [load_recording(path) for path in args.files]
    recording = recordings[0] if len(recordings) == 1 else merge_recordings(recordings)
    sys.stdout.write(render(args.format, recording))
    return 0
