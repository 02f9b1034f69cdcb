"""A calibration as text: the measured roofs of each thread count, and where they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.core.units import format_threads
from brickprof.reports import layout
from brickprof.roofline import MEMORY, Roofs
from brickprof.roofline.model import CEILINGS

if TYPE_CHECKING:
    from rich.console import Console

_PEAK_COLUMNS: layout.Columns = (
    ("Peak", "left"),
    ("GFLOP/s", "right"),
    ("A thread", "right"),
    ("Spread", "right"),
)

_KINDS = ("load", "store", "copy", "update", "daxpy", "nt-store")

_MEMORY_COLUMNS: layout.Columns = (
    ("GB/s", "left"),
    *((kind, "right") for kind in _KINDS),
    ("Spread", "right"),
    ("Ridge", "right"),
    ("Latency", "right"),
    ("Working set", "right"),
)


def render(roofs: Roofs, *, console: Console | None = None) -> str:
    """Render one set of roofs as text.

    Parameters
    ----------
    roofs : Roofs
        What was measured.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With an empty line at the end.
    """
    console = console or layout.plain_console()
    facts = (roofs.cpu, format_threads(roofs.threads), roofs.isa, roofs.method, roofs.verdict)
    lines = [
        *layout.paragraphs(console, " · ".join(facts), ""),
        *layout.table(console, _PEAK_COLUMNS, _peak_rows(roofs)),
        "",
        *layout.table(console, _MEMORY_COLUMNS, _memory_rows(roofs)),
        "",
    ]
    if roofs.ceilings_gflops:
        lines += [*layout.table(console, _ceiling_columns(roofs), _ceiling_rows(roofs)), ""]
    return layout.text_of(lines)


def render_stored(path: Path, kept: Sequence[Roofs], *, console: Console | None = None) -> str:
    """Return the lines that say where roofs are stored, and what is kept besides the new ones.

    Parameters
    ----------
    path : Path
        The file in which they are stored.
    kept : sequence of Roofs
        Stored ones that differ from the new ones: the better of each figure.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    lines = [
        f"Kept are the better figures of this and earlier measurements of "
        f"{format_threads(roofs.threads)}: {roofs.method}, {roofs.verdict}"
        for roofs in kept
    ]
    console = console or layout.plain_console()
    return layout.text_of(layout.paragraphs(console, *lines, f"Stored in {path}"))


def render_forgotten(path: Path, forgotten: int, *, console: Console | None = None) -> str:
    """Return the line that says what was removed.

    Parameters
    ----------
    path : Path
        The file that held the roofs.
    forgotten : int
        How many there were.
    console : Console, optional
        Where it will be shown; by default one of `layout.WIDTH` columns without styles.

    Returns
    -------
    str
        With a newline at the end.
    """
    console = console or layout.plain_console()
    removed = f"Removed the roofs of {units.format_count(forgotten)} calibrations from {path}"
    text = removed if forgotten else f"No roofs were stored in {path}"
    return layout.text_of(layout.paragraphs(console, text))


def _peak_rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Yield a row for each peak."""
    for dtype, peak in roofs.peak_by_dtype.items():
        per_thread = units.format_number(peak / roofs.threads)
        spread = units.format_percent(roofs.spread[dtype])
        yield dtype, units.format_number(peak), per_thread, spread


def _memory_rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Yield a row for each memory."""
    for memory in MEMORY:
        rates = roofs.kinds_gbs(memory)
        latency = roofs.latency_ns.get(memory)
        yield (
            memory,
            *(units.format_number(rates[kind]) if kind in rates else "-" for kind in _KINDS),
            units.format_percent(roofs.spread[memory]),
            units.format_intensity(roofs.ridge(memory)),
            "-" if latency is None else units.format_ns(latency),
            units.format_bytes(roofs.working_set_bytes[memory]),
        )


def _ceiling_names(roofs: Roofs) -> list[str]:
    """Return the ceilings that were measured of any element type."""
    measured = {key.partition(" ")[2] for key in roofs.ceilings_gflops}
    return [name for name in CEILINGS if name in measured]


def _ceiling_columns(roofs: Roofs) -> layout.Columns:
    """Return a column for each element type."""
    dtypes = [dtype for dtype in roofs.peak_by_dtype if f"{dtype} scalar" in roofs.ceilings_gflops]
    return (("Ceiling, GFLOP/s", "left"), *((dtype, "right") for dtype in dtypes))


def _ceiling_rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Yield a row for each ceiling inside the core."""
    dtypes = [heading for heading, _ in _ceiling_columns(roofs)[1:]]
    for name in _ceiling_names(roofs):
        rates = [roofs.ceilings_gflops.get(f"{dtype} {name}") for dtype in dtypes]
        yield name, *("-" if rate is None else units.format_number(rate) for rate in rates)
