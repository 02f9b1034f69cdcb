"""``brickprof calibrate``: measures this machine's roofs and keeps them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from brickprof.cli._options import add_dtype, add_isa, add_json, add_threads
from brickprof.cli._output import Justify, print_json, print_lines, print_table, progress_bar
from brickprof.core import units
from brickprof.diagnose.summary import threads_text
from brickprof.roofline import MEMORY, Roofs, load_roofs, store_roofs

NAME = "calibrate"
HELP = "measure this machine's peak and bandwidths, and keep them"

_COLUMNS: tuple[tuple[str, Justify], ...] = (
    ("Roof", "left"),
    ("Best", "right"),
    ("A thread", "right"),
    ("Spread", "right"),
    ("Ridge", "right"),
    ("Working set", "right"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_threads(parser, "1, and then what kernels use")
    add_dtype(parser)
    add_isa(parser)
    parser.add_argument(
        "--full", action="store_true", help="take a quarter of a minute rather than a second"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print and store."""
    from brickprof.calibration import calibrate
    from brickprof.machine import detect_machine
    from brickprof.planning.budget import default_threads

    machine = detect_machine()
    counts = [args.threads] if args.threads else sorted({1, default_threads()})
    measured: list[Roofs] = []
    for threads in counts:
        with progress_bar("measuring roofs") as tell:
            roofs = calibrate(
                threads,
                args.dtype,
                quick=not args.full,
                isa=args.isa,
                progress=tell,
                store=False,
                machine=machine,
            )
        measured.append(roofs)
        if not args.json:
            print_roofs(roofs)
    # Shown before they are stored: a folder that cannot be written costs no measurement.
    paths = [store_roofs(roofs, machine) for roofs in measured]
    if args.json:
        print_json({"path": str(paths[-1]), "roofs": [roofs.to_json() for roofs in measured]})
        return 0
    for roofs in measured:
        kept = load_roofs(machine, roofs.threads, roofs.dtype, roofs.isa)
        if kept is not None and kept != roofs:
            print(
                f"Better ones of {threads_text(roofs.threads)} stay stored: {kept.method}, "
                f"{kept.verdict}"
            )
    print(f"Stored in {paths[-1]}")
    return 0


def print_roofs(roofs: Roofs) -> None:
    """Print one set of roofs."""
    facts = (roofs.cpu, threads_text(roofs.threads), roofs.isa, roofs.method, roofs.verdict)
    print_lines(" · ".join(facts), "")
    print_table(_COLUMNS, _rows(roofs))
    print_lines("")


def _rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Return a row for each peak and each memory."""
    for dtype, peak in roofs.peak_by_dtype.items():
        share = units.format_gflops(peak / roofs.threads)
        spread = units.format_percent(roofs.spread[dtype])
        yield dtype, units.format_gflops(peak), share, spread, "-", "-"
    for memory in MEMORY:
        bandwidth = roofs.bandwidth_gbs[memory]
        yield (
            memory,
            units.format_gbs(bandwidth),
            units.format_gbs(bandwidth / roofs.threads),
            units.format_percent(roofs.spread[memory]),
            units.format_intensity(roofs.ridge(memory)),
            units.format_bytes(roofs.working_set_bytes[memory]),
        )
