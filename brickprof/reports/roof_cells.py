"""The cells of the tables of measured roofs: peaks, memories and ceilings inside the core."""

from __future__ import annotations

from collections.abc import Iterator

from brickprof.core import units
from brickprof.reports import layout
from brickprof.roofline import MEMORY, Roofs
from brickprof.roofline.model import CEILINGS

PEAK_COLUMNS: layout.Columns = (
    ("Peak", "left"),
    ("GFLOP/s", "right"),
    ("A thread", "right"),
    ("Spread", "right"),
)

_KINDS = ("load", "store", "copy", "update", "daxpy", "nt-store")

MEMORY_COLUMNS: layout.Columns = (
    ("GB/s", "left"),
    *((kind, "right") for kind in _KINDS),
    ("Spread", "right"),
    ("Ridge", "right"),
    ("Latency", "right"),
    ("Working set", "right"),
)


def peak_rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Yield a row for each peak."""
    for dtype, peak in roofs.peak_by_dtype.items():
        per_thread = units.format_number(peak / roofs.threads)
        spread = units.format_percent(roofs.spread[dtype])
        yield dtype, units.format_number(peak), per_thread, spread


def memory_rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
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


def ceiling_columns(roofs: Roofs) -> layout.Columns:
    """Return a column for each element type."""
    dtypes = [dtype for dtype in roofs.peak_by_dtype if f"{dtype} scalar" in roofs.ceilings_gflops]
    return (("Ceiling, GFLOP/s", "left"), *((dtype, "right") for dtype in dtypes))


def ceiling_rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Yield a row for each ceiling inside the core."""
    dtypes = [heading for heading, _ in ceiling_columns(roofs)[1:]]
    for name in _ceiling_names(roofs):
        rates = [roofs.ceilings_gflops.get(f"{dtype} {name}") for dtype in dtypes]
        yield name, *("-" if rate is None else units.format_number(rate) for rate in rates)
