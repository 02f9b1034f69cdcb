"""A calibration as text: the measured roofs of each thread count, and where they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.diagnose.summary import threads_text
from brickprof.reports import layout
from brickprof.roofline import MEMORY, Roofs

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS: layout.Columns = (
    ("Roof", "left"),
    ("Best", "right"),
    ("A thread", "right"),
    ("Spread", "right"),
    ("Ridge", "right"),
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
    facts = (roofs.cpu, threads_text(roofs.threads), roofs.isa, roofs.method, roofs.verdict)
    lines = [
        *layout.paragraphs(console, " · ".join(facts), ""),
        *layout.table(console, _COLUMNS, _rows(roofs)),
        "",
    ]
    return layout.text_of(lines)


def render_stored(path: Path, kept: Sequence[Roofs]) -> str:
    """Return the lines that say where roofs are stored.

    Parameters
    ----------
    path : Path
        The file in which they are stored.
    kept : sequence of Roofs
        Better roofs, measured before, that stay stored instead of new ones.

    Returns
    -------
    str
        With a newline at the end.
    """
    lines = [
        f"Better ones of {threads_text(roofs.threads)} stay stored: {roofs.method}, {roofs.verdict}"
        for roofs in kept
    ]
    return "".join(f"{line}\n" for line in [*lines, f"Stored in {path}"])


def _rows(roofs: Roofs) -> Iterator[tuple[str, ...]]:
    """Yield a row for each peak and each memory."""
    for dtype, peak in roofs.peak_by_dtype.items():
        per_thread = units.format_gflops(peak / roofs.threads)
        spread = units.format_percent(roofs.spread[dtype])
        yield dtype, units.format_gflops(peak), per_thread, spread, "-", "-"
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
