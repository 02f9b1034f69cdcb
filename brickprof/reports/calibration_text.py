"""A calibration as text: the measured roofs of each thread count, and where they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brickprof.core import units
from brickprof.core.units import format_threads
from brickprof.reports import layout, roof_cells
from brickprof.roofline import Roofs

if TYPE_CHECKING:
    from rich.console import Console


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
        *layout.table(console, roof_cells.PEAK_COLUMNS, roof_cells.peak_rows(roofs)),
        "",
        *layout.table(console, roof_cells.MEMORY_COLUMNS, roof_cells.memory_rows(roofs)),
        "",
    ]
    if roofs.ceilings_gflops:
        lines += [
            *layout.table(
                console, roof_cells.ceiling_columns(roofs), roof_cells.ceiling_rows(roofs)
            ),
            "",
        ]
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
