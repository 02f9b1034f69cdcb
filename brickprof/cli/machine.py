"""``brickprof machine``: shows what the machine told, the thread budget and the stored roofs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict

from brickprof.cli._options import add_json
from brickprof.cli._output import Justify, print_json, print_lines, print_table
from brickprof.core import units
from brickprof.core.dtypes import KERNEL_DTYPES
from brickprof.machine import CpuBudget, Machine, cpu_budget, detect_machine
from brickprof.roofline import MEMORY, Roofs, stored_roofs

NAME = "machine"
HELP = "show this machine's CPU, caches, thread budget and stored roofs"

_CACHES: tuple[tuple[str, Justify], ...] = (
    ("Cache", "left"),
    ("Size", "right"),
    ("Line", "right"),
    ("Ways", "right"),
    ("Shared by", "right"),
    ("", "left"),
)

_ROOFS: tuple[tuple[str, Justify], ...] = (
    ("Threads", "right"),
    ("ISA", "left"),
    *((dtype, "right") for dtype in KERNEL_DTYPES),
    *((name, "right") for name in MEMORY),
    ("Measured", "left"),
    ("Verdict", "left"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is known."""
    machine, budget = detect_machine(), cpu_budget()
    roofs = stored_roofs(machine)
    if args.json:
        print_json(
            {
                "machine": machine.to_json(),
                "fingerprint": machine.fingerprint(),
                "budget": asdict(budget) | {"usable": budget.usable},
                "roofs": [one.to_json() for one in roofs],
            }
        )
        return 0
    print_lines(*_facts(machine, budget), "")
    print_table(_CACHES, _cache_rows(machine))
    print_lines("")
    if roofs:
        print_lines("Stored roofs, in GF/s and GB/s of all threads together", "")
        print_table(_ROOFS, map(_roof_row, roofs))
    else:
        print_lines("No stored roofs: run `brickprof calibrate`.")
    return 0


def _facts(machine: Machine, budget: CpuBudget) -> Iterator[str]:
    """Return the lines above the tables."""
    yield f"CPU      {machine.cpu} ({machine.arch})"
    yield f"ISA      {machine.isa}, of {', '.join(machine.isas)}"
    physical = f"{machine.physical_cores} physical{_assumed(machine, 'physical_cores')}"
    yield f"Cores    {physical}, {machine.logical_cores} logical"
    quota = "no quota" if budget.quota is None else f"quota {units.format_number(budget.quota)}"
    limits = f"affinity {budget.affinity}, {quota}; limited by: {budget.source}"
    yield f"Budget   {budget.usable} thread{'' if budget.usable == 1 else 's'} ({limits})"


def _assumed(machine: Machine, fact: str) -> str:
    """Return a mark for a fact that the machine did not tell."""
    return " (assumed)" if fact in machine.assumed else ""


def _cache_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    """Return a row for each cache."""
    for cache in machine.caches:
        name = f"L{cache.level}"
        told = (fact for fact in machine.assumed if fact.split(".")[0] == name)
        guessed = [fact.partition(".")[2].replace("_", " ") for fact in told]
        mark = f"assumed: {', '.join(one or 'all' for one in guessed)}" if guessed else ""
        yield (
            name,
            units.format_bytes(cache.size_bytes),
            units.format_bytes(cache.line_bytes),
            str(cache.ways) if cache.ways else "?",
            f"{cache.shared_by} cpu{'' if cache.shared_by == 1 else 's'}",
            mark,
        )


def _roof_row(roofs: Roofs) -> tuple[str, ...]:
    """Return the row of one set of roofs."""
    peaks = (roofs.peak_by_dtype.get(dtype) for dtype in KERNEL_DTYPES)
    return (
        str(roofs.threads),
        roofs.isa,
        *("-" if peak is None else units.format_number(peak) for peak in peaks),
        *(units.format_number(roofs.bandwidth_gbs[name]) for name in MEMORY),
        f"{roofs.measured_at[:10]} ({roofs.method})",
        roofs.verdict.partition(":")[0],
    )
