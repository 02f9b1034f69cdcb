"""The map of outputs: a line each in RENDERERS, and a module of that name in this folder."""

from __future__ import annotations

from os import PathLike, fspath

from brickprof.recording import Recording
from brickprof.reports.base import Renderer, Report
from brickprof.roofline import Roofs

__all__ = ["RENDERERS", "Renderer", "Report", "render", "renderer_for"]

RENDERERS: dict[str, Renderer] = {
    renderer.name: renderer
    for renderer in (
        Renderer("text", ".txt", options=("console",)),
        Renderer("json", ".json"),
        Renderer("html", ".html"),
        Renderer("markdown", ".md"),
        Renderer("csv", ".csv"),
        Renderer("svg", ".svg", options=("picture", "theme")),
        Renderer("png", ".png", binary=True, options=("picture", "theme")),
        Renderer("trace", ".trace.json"),
        Renderer("perfetto", ".perfetto-trace", binary=True),
        Renderer("speedscope", ".speedscope.json"),
        Renderer("hatchet", ".hatchet.json"),
        Renderer("tree", ".tree.txt"),
        Renderer("dot", ".dot"),
        Renderer("tree_json", ".tree.json"),
    )
}
"""Renderers by name."""


def renderer_for(path: str | PathLike[str]) -> Renderer:
    """Return the renderer whose extension a file's name has.

    Parameters
    ----------
    path : str or path-like
        Name of the file. Of several extensions that it ends in, the longest counts.

    Returns
    -------
    Renderer

    Raises
    ------
    ValueError
        If it has the extension of no renderer.
    """
    name = fspath(path).lower()
    matching = [one for one in RENDERERS.values() if name.endswith(one.extension)]
    if not matching:
        extensions = ", ".join(one.extension for one in RENDERERS.values())
        raise ValueError(f"path must end in one of {extensions}, got {fspath(path)!r}")
    return max(matching, key=lambda one: len(one.extension))


def render(
    name: str, recording: Recording, roofs: Roofs | None = None, **options: object
) -> str | bytes:
    """Render a recording.

    Parameters
    ----------
    name : str
        The output: a key of `RENDERERS`.
    recording : Recording
        The recording.
    roofs : Roofs, optional
        Roofs to compare with; by default the recording's own.
    **options
        Those of the renderer; see `Renderer.options`.

    Returns
    -------
    str or bytes
        Bytes where the renderer is binary.

    Raises
    ------
    ValueError
        If there is no such output.
    TypeError
        If `recording` or `roofs` is of another type.
    """
    if name not in RENDERERS:
        raise ValueError(f"name must be one of {', '.join(RENDERERS)}, got {name!r}")
    return RENDERERS[name].render(Report.of(recording, roofs), **options)
