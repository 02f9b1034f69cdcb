"""A calibration as JSON: the measured roofs of each thread count, and where they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brickprof.reports.json import dump
from brickprof.roofline import Roofs


def render(path: Path, measured: Sequence[Roofs]) -> str:
    """Render a calibration as JSON.

    Parameters
    ----------
    path : Path
        The file in which the last roofs are stored.
    measured : sequence of Roofs
        One for each thread count.

    Returns
    -------
    str
        One JSON object with ``path`` and ``roofs``, with a newline at its end.
    """
    return dump({"path": str(path), "roofs": [roofs.to_json() for roofs in measured]})


def render_forgotten(path: Path, forgotten: int) -> str:
    """Render what was removed as JSON.

    Parameters
    ----------
    path : Path
        The file that held the roofs.
    forgotten : int
        How many there were.

    Returns
    -------
    str
        One JSON object with ``path`` and ``forgotten``, with a newline at its end.
    """
    return dump({"path": str(path), "forgotten": forgotten})
