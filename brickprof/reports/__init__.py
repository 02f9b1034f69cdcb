"""The map of a recording's reports: a module each, with ``render(recording, roofs) -> str``."""

from __future__ import annotations

from collections.abc import Callable

from brickprof.recording import Recording
from brickprof.reports import json, text
from brickprof.roofline import Roofs

__all__ = ["RENDERERS", "render"]

RENDERERS: dict[str, Callable[[Recording, Roofs | None], str]] = {
    "text": text.render,
    "json": json.render,
}
"""Renderers by the name of their output."""


def render(name: str, recording: Recording, roofs: Roofs | None = None) -> str:
    """Render a recording.

    Parameters
    ----------
    name : str
        The output: a key of `RENDERERS`.
    recording : Recording
        What a profiler saw.
    roofs : Roofs, optional
        What to hold it against; by default the recording's own.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no such output.
    TypeError
        If `recording` or `roofs` is of another type.
    """
    if name not in RENDERERS:
        raise ValueError(f"name must be one of {', '.join(RENDERERS)}, got {name!r}")
    return RENDERERS[name](recording, roofs)
