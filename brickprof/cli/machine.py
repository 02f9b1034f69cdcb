"""``brickprof machine``: shows what was detected, the thread budget and the stored roofs."""

from __future__ import annotations

import argparse

from brickprof.cli._options import add_json
from brickprof.cli._output import write_output
from brickprof.machine import cpu_budget, detect_machine
from brickprof.reports import machine_json, machine_text
from brickprof.reports.layout import stdout_console
from brickprof.roofline import stored_roofs

NAME = "machine"
HELP = "show this machine's CPU, caches, thread budget and stored roofs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is known."""
    machine, budget = detect_machine(), cpu_budget()
    roofs = stored_roofs(machine)
    if args.json:
        write_output(machine_json.render(machine, budget, roofs))
    else:
        write_output(machine_text.render(machine, budget, roofs, console=stdout_console()))
    return 0
