"""``brickprof report``: renders saved recordings; needs no compiled module."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from brickprof.cli._files import FILES_HELP, check_output, cluster_of, merged, named_files
from brickprof.cli._output import say, write_output
from brickprof.core.plain_text import one_line
from brickprof.diagnose.budgets import BudgetResult, Kept, check_budgets, exceeded
from brickprof.diagnose.cluster import summarize_cluster
from brickprof.diagnose.explanations import EXPLANATIONS
from brickprof.reports import (
    RENDERERS,
    Renderer,
    Report,
    cluster_json,
    cluster_text,
    renderer_for,
)
from brickprof.reports.findings_text import explain
from brickprof.reports.layout import stdout_console

NAME = "report"
HELP = "render saved recordings, merged when there are several"

EXCEEDED = 3
"""Exit code where a budget was exceeded."""

UNCHECKED = 1
"""Exit code where there was no budget to check."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument("files", nargs="*", metavar="FILE", help=FILES_HELP)
    parser.add_argument(
        "--explain",
        choices=sorted(EXPLANATIONS),
        metavar="CODE",
        help="say at length what the code of a finding means, and what was found in the recordings",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to a file (default: print)"
    )
    parser.add_argument(
        "--format",
        choices=tuple(RENDERERS),
        metavar="OUTPUT",
        help=f"{', '.join(RENDERERS)} (default: by the extension of the file to write; text when "
        "printed)",
    )
    parser.add_argument(
        "--picture",
        choices=("roofline", "times", "thread-times", "histograms", "grids", "threads"),
        metavar="PICTURE",
        help="what to draw as svg or png: roofline (default), times, thread-times, histograms, "
        "grids or threads",
    )
    parser.add_argument(
        "--check-budgets",
        action="store_true",
        help="exit with 3 where a budget of the recordings was exceeded, and with 1 where there is "
        "none",
    )
    parser.add_argument("--theme", choices=("light", "dark"), help="its colors (default: light)")
    parser.add_argument(
        "--by-host",
        action="store_true",
        help="text or json of each host against its own roofs, with slow and lost processes; hosts "
        "are those of ClusterRecording.save(), or the folders that files are in",
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
    if args.explain is None and not args.files:
        args.parser.error("the following arguments are required: FILE")
    if args.check_budgets and not args.files:
        args.parser.error("argument --check-budgets: a FILE is required")
    renderer = _renderer(args)
    options = _options(args, renderer)
    files = named_files(args.files)
    check_output(args.parser, args.output, files)
    if args.by_host:
        return _by_host(args, renderer, files)
    report = Report.of(merged(files)[0]) if files else None
    if args.explain is not None:
        findings = report.findings if report else ()
        write_output(explain(args.explain, findings, **_shown(args, "text")), args.output)
    elif report is not None:
        options |= _shown(args, renderer.name)
        write_output(renderer.render(report, **options), args.output)
    return _verdict(report.budgets if report else ()) if args.check_budgets else 0


def _verdict(results: tuple[BudgetResult, ...]) -> int:
    """Say on standard error whether budgets were kept, and return the exit code."""
    if not results:
        say("brickprof: no budget is in the recordings, so that --check-budgets checks nothing")
        return UNCHECKED
    for result in results:
        if result.kept is not Kept.YES:
            say(one_line(f"brickprof: {result}"))
    return EXCEEDED if exceeded(results) else 0


def _by_host(args: argparse.Namespace, renderer: Renderer, files: list[str]) -> int:
    """Print the report by host, or write it to a file."""
    if renderer.name not in ("text", "json") or args.explain is not None:
        args.parser.error("argument --by-host: it is for text and json, and explains no finding")
    cluster = cluster_of(files)
    summary = summarize_cluster(cluster)
    if renderer.name == "json":
        write_output(cluster_json.render(summary), args.output)
    else:
        write_output(cluster_text.render(summary, **_shown(args, "text")), args.output)
    # A budget is of the whole run, as without --by-host.
    return _verdict(check_budgets(cluster.recording)) if args.check_budgets else 0


def _shown(args: argparse.Namespace, output: str) -> dict[str, Any]:
    """Return where an output will be shown, for text that is printed."""
    printed = output == "text" and args.output is None
    return {"console": stdout_console()} if printed else {}


def _options(args: argparse.Namespace, renderer: Renderer) -> dict[str, Any]:
    """Return the options of the renderer that were given; others are a usage error."""
    given = {name: getattr(args, name) for name in ("picture", "theme")}
    options = {name: value for name, value in given.items() if value is not None}
    for name in options:
        if name not in renderer.options:
            args.parser.error(f"argument --{name}: the output {renderer.name} has no {name}")
    return options


def _renderer(args: argparse.Namespace) -> Renderer:
    """Return the renderer that was asked for, or exit with a usage error."""
    if args.format is None and args.output is not None:
        try:
            return renderer_for(args.output)
        except ValueError as error:
            args.parser.error(f"argument -o/--output: {error}, and --format is not given")
    renderer = RENDERERS[args.format or "text"]
    if renderer.binary and args.output is None and sys.stdout is not None and sys.stdout.isatty():
        args.parser.error(
            f"argument --format: {renderer.name} is binary and cannot be shown on a terminal; "
            "write it to a file with --output FILE"
        )
    return renderer
