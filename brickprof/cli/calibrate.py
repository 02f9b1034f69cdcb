"""``brickprof calibrate``: measures this machine's roofs and stores them."""

from __future__ import annotations

import argparse

from brickprof.cli._options import add_dtype, add_isa, add_json, add_threads
from brickprof.cli._output import progress_bar, write_output
from brickprof.core.units import format_threads
from brickprof.reports import calibration_json, calibration_text
from brickprof.reports.calibration_text import render_forgotten
from brickprof.reports.layout import stdout_console
from brickprof.roofline import Roofs, forget_roofs, load_roofs, roofs_path, store_roofs

NAME = "calibrate"
HELP = "measure this machine's peak and bandwidths, and keep them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_threads(parser, "1, and then what kernels use")
    add_dtype(parser)
    add_isa(parser)
    parser.add_argument(
        "--full", action="store_true", help="take half a minute rather than two seconds"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace stored roofs, even by lower ones"
    )
    parser.add_argument(
        "--forget", action="store_true", help="remove this machine's stored roofs, measure nothing"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print and store."""
    from brickprof.calibration import calibrate
    from brickprof.machine import detect_machine
    from brickprof.planning.budget import default_threads

    machine = detect_machine()
    if args.forget:
        forgotten = forget_roofs(machine)
        path = roofs_path(machine)
        if args.json:
            write_output(calibration_json.render_forgotten(path, forgotten))
        else:
            write_output(render_forgotten(path, forgotten, console=stdout_console()))
        return 0
    counts = [args.threads] if args.threads else sorted({1, default_threads()})
    measured: list[Roofs] = []
    for threads in counts:
        with progress_bar(f"measuring roofs of {format_threads(threads)}") as progress:
            roofs = calibrate(
                threads,
                args.dtype,
                quick=not args.full,
                isa=args.isa,
                progress=progress,
                store=False,
                machine=machine,
            )
        measured.append(roofs)
        if not args.json:
            write_output(calibration_text.render(roofs, console=stdout_console()))
    # Printed before they are stored: a folder that cannot be written costs no measurement.
    paths = [store_roofs(roofs, machine, force=args.force) for roofs in measured]
    if args.json:
        write_output(calibration_json.render(paths[-1], measured))
        return 0
    stored = [
        (roofs, load_roofs(machine, roofs.threads, roofs.dtype, roofs.isa)) for roofs in measured
    ]
    kept = [better for _, better in stored if better is not None and not better.noisy]
    kept = [better for better in kept if better not in measured]
    write_output(calibration_text.render_stored(paths[-1], kept, console=stdout_console()))
    return 0
