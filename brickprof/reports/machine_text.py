"""A machine as text: CPU, caches, thread budget and stored roofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.core.dtypes import KERNEL_DTYPES
from brickprof.machine import CpuBudget, Machine
from brickprof.reports import layout
from brickprof.roofline import MEMORY, Roofs

if TYPE_CHECKING:
    from rich.console import Console

CACHES: layout.Columns = (
    ("Cache", "left"),
    ("Size", "right"),
    ("Line", "right"),
    ("Ways", "right"),
    ("Shared by", "right"),
    ("", "left"),
)

_ROOFS: layout.Columns = (
    ("Threads", "right"),
    ("ISA", "left"),
    *((dtype, "right") for dtype in KERNEL_DTYPES),
    *((name, "right") for name in MEMORY),
    ("Measured", "left"),
    ("Verdict", "left"),
)


def render(
    machine: Machine, budget: CpuBudget, roofs: Sequence[Roofs], *, console: Console | None = None
) -> str:
    """Render a machine as text.

    Parameters
    ----------
    machine : Machine
        The machine.
    budget : CpuBudget
        How many CPUs the process may keep busy.
    roofs : sequence of Roofs
        The roofs that are stored for the machine.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    lines = [
        *(line for fact in _facts(machine, budget) for line in layout.hanging(console, *fact)),
        "",
        *layout.table(console, CACHES, cache_rows(machine)),
        "",
    ]
    if roofs:
        heading = "Stored roofs, in GFLOP/s and GB/s of all threads together"
        lines += layout.paragraphs(console, heading, "")
        lines += layout.table(console, _ROOFS, map(_roof_row, roofs))
    else:
        lines += layout.paragraphs(console, "No stored roofs: run `brickprof calibrate`.")
    return layout.text_of(lines)


def _facts(machine: Machine, budget: CpuBudget) -> Iterator[tuple[str, str]]:
    """Yield the facts above the tables, each behind its heading."""
    yield "CPU      ", f"{machine.cpu} ({machine.arch})"
    yield "ISA      ", f"{machine.isa}, of {', '.join(machine.isas)}"
    physical = f"{machine.physical_cores} physical{_assumed(machine, 'physical_cores')}"
    yield "Cores    ", f"{physical}, {machine.logical_cores} logical"
    quota = "no quota" if budget.quota is None else f"quota {units.format_number(budget.quota)}"
    limits = f"affinity {budget.affinity}, {quota}; limited by: {budget.source}"
    yield "Budget   ", f"{budget.usable} thread{'' if budget.usable == 1 else 's'} ({limits})"


def _assumed(machine: Machine, fact: str) -> str:
    """Return a mark for a fact that could not be detected."""
    return " (assumed)" if fact in machine.assumed else ""


def cache_rows(machine: Machine) -> Iterator[tuple[str, ...]]:
    """Yield a row for each cache."""
    for cache in machine.caches:
        name = f"L{cache.level}"
        facts = (fact.partition(".") for fact in machine.assumed)
        assumed = [field.replace("_", " ") or "all" for of, _, field in facts if of == name]
        yield (
            name,
            units.format_bytes(cache.size_bytes),
            units.format_bytes(cache.line_bytes),
            str(cache.ways) if cache.ways else "?",
            f"{cache.shared_by} cpu{'' if cache.shared_by == 1 else 's'}",
            f"assumed: {', '.join(assumed)}" if assumed else "",
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
