"""The outputs of a comparison, by name and by the extension of a file."""

from __future__ import annotations

from importlib import import_module
from os import PathLike, fspath

from brickprof.core.importing import IMPORTING
from brickprof.diagnose.comparison import Comparison

EXTENSIONS = {
    "text": ".txt",
    "json": ".json",
    "markdown": ".md",
    "html": ".html",
    "svg": ".svg",
    "png": ".png",
}
"""Outputs, with the extension of their files; each is the module ``comparison_NAME``."""

BINARY = {"png"}
"""Outputs that are bytes."""


def output_for(path: str | PathLike[str]) -> str:
    """Return the output whose extension a file's name has.

    Raises
    ------
    ValueError
        If it has that of none.
    """
    for name, extension in EXTENSIONS.items():
        if fspath(path).lower().endswith(extension):
            return name
    extensions = ", ".join(EXTENSIONS.values())
    raise ValueError(f"path must end in one of {extensions}, got {fspath(path)!r}")


def render_comparison(
    output: str,
    comparison: Comparison,
    names_a: list[str],
    names_b: list[str],
    **options: object,
) -> str | bytes:
    """Render a comparison.

    Parameters
    ----------
    output : str
        A key of `EXTENSIONS`.
    comparison : Comparison
        The comparison.
    names_a, names_b : list of str
        Names of the recordings of either side.
    **options
        Those of the output's ``render``, such as ``fail_above``.

    Raises
    ------
    ValueError
        If there is no such output.
    """
    if output not in EXTENSIONS:
        raise ValueError(f"output must be one of {', '.join(EXTENSIONS)}, got {output!r}")
    with IMPORTING:
        module = import_module(f"brickprof.reports.comparison_{output}")
    rendered: str | bytes = module.render(comparison, names_a, names_b, **options)
    return rendered
