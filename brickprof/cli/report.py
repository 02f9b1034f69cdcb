"""``brickprof report``: renders saved recordings; needs no compiled module."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from brickprof.cli._output import write_output
from brickprof.recording import load_recording, merge_recordings
from brickprof.reports import RENDERERS, Renderer, Report, renderer_for

NAME = "report"
HELP = "render saved recordings, merged when there are several"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="what --save or save() wrote")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to a file (default: print)"
    )
    parser.add_argument(
        "--format",
        choices=tuple(RENDERERS),
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
    """Print the report, or write it to a file."""
    renderer = _renderer(args)
    if args.output is not None and args.output.resolve() in (Path(f).resolve() for f in args.files):
        args.parser.error(f"argument -o/--output: {args.output} is one of the recordings")
    recordings = [load_recording(path) for path in args.files]
    recording = recordings[0] if len(recordings) == 1 else merge_recordings(recordings)
    write_output(renderer.render(Report.of(recording)), args.output)
    return 0


def _renderer(args: argparse.Namespace) -> Renderer:
    """Return the renderer that was asked for, or exit with a usage error."""
    if args.format is None and args.output is not None:
        try:
            return renderer_for(args.output)
        except ValueError as error:
            args.parser.error(f"argument -o/--output: {error}, and --format is not given")
    renderer = RENDERERS[args.format or "text"]
    if renderer.binary and args.output is None and sys.stdout.isatty():
        args.parser.error(
            f"argument --format: {renderer.name} is binary and cannot be shown on a terminal; "
            "write it to a file with --output FILE"
        )
    return renderer
