"""Pictures from Vega-Lite descriptions, by vl-convert: no browser, and nothing from the network."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Literal

from brickprof.core.errors import MissingPackageError
from brickprof.core.importing import IMPORTING

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

VERSION = "5.20"
"""The Vega-Lite that pictures are described in; vl-convert brings several."""

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9a8c00")
"""Colors that the color-blind tell apart; M. Okabe and K. Ito, "Color universal design", 2008."""

_INK = {"light": "#1b1f24", "dark": "#e6edf3"}
_PAPER = {"light": "#ffffff", "dark": "#0d1117"}
_GRID = {"light": "#d8dee4", "dark": "#30363d"}

HALO = "halo"
"""Style of a text behind another one with the same letters, which hides the lines behind both."""


def described(body: dict[str, Any], theme: Theme) -> dict[str, Any]:
    """Return a whole Vega-Lite description in the colors of a theme.

    Parameters
    ----------
    body : dict
        The description but for its schema and its configuration. Texts in it are printable.
    theme : {"light", "dark"}
        Dark ink on white paper, or light ink on black.
    """
    ink, grid = _INK[theme], _GRID[theme]
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION}.json",
        "background": _PAPER[theme],
        "padding": 16,
        "config": {
            "font": "sans-serif",
            "view": {"stroke": grid},
            "axis": {
                **{name: ink for name in ("labelColor", "titleColor", "tickColor", "domainColor")},
                "gridColor": grid,
                "labelFontSize": 12,
                "titleFontSize": 13,
                "titleFontWeight": "normal",
            },
            "legend": {
                "labelColor": ink,
                "titleColor": ink,
                "labelFontSize": 12,
                "labelLimit": 220,
                "symbolBaseFillColor": ink,
                "symbolBaseStrokeColor": ink,
            },
            "title": {"color": ink, "subtitleColor": ink, "fontSize": 16, "anchor": "start"},
            "text": {"color": ink, "fontSize": 12},
            "rule": {"color": ink},
            "line": {"color": ink},
            "range": {"category": list(PALETTE)},
            "style": {
                HALO: {"stroke": _PAPER[theme], "strokeWidth": 4, "strokeJoin": "round"},
            },
        },
        **body,
    }


def time_label(field: str) -> str:
    """Return the expression of a label: a field's nanoseconds in the unit that suits them."""
    units = ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"))
    shorter = "".join(
        f"datum.{field} < {most:.0f} ? format(datum.{field} / {size:.0f}, '.4~r') + ' {unit}' : "
        for most, size, unit in units
    )
    return f"{shorter}format(datum.{field} / 1e9, '.4~r') + ' s'"


def to_svg(picture: dict[str, Any]) -> str:
    """Return a picture as SVG.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    svg: str = _converter().vegalite_to_svg(picture, vl_version=VERSION)
    # Numbered from the start of the process, so that a picture would depend on those before it.
    return f"{renumbered(svg).rstrip()}\n"


def renumbered(svg: str, prefix: str = "") -> str:
    """Return a picture whose ids are numbered from 0, after a prefix that no other one has."""
    numbers: dict[str, int] = {}
    return re.sub(
        r"(?<=[\"#])(clip|gradient_?)([0-9]+)(?=[\")])",
        lambda found: f"{prefix}{found[1]}{numbers.setdefault(found[0], len(numbers))}",
        svg,
    )


_ELSEWHERE = "https://page.invalid/#"
"""An address that Vega takes for one of the web, which it makes of those within a page."""


def linked(picture: dict[str, Any]) -> dict[str, Any]:
    """Return a picture whose marks link to what has the id in their rows' ``anchor``."""
    layers = [linked(layer) for layer in picture.get("layer", ())]
    found = {**picture, "layer": layers} if layers else dict(picture)
    rows = picture.get("data", {}).get("values", ())
    if rows and "anchor" in rows[0]:
        found["data"] = {
            "values": [{**row, "anchor": f"{_ELSEWHERE}{row['anchor']}"} for row in rows]
        }
        found["encoding"] = {**picture.get("encoding", {}), "href": {"field": "anchor"}}
    return found


def to_inline_svg(picture: dict[str, Any], prefix: str) -> str:
    """Return a picture as SVG for a page that holds others, with links within the page.

    Parameters
    ----------
    picture : dict
        The description; see `linked`.
    prefix : str
        What its ids start with.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    return renumbered(to_svg(picture), prefix).replace(f'"{_ELSEWHERE}', '"#')


def to_png(picture: dict[str, Any]) -> bytes:
    """Return a picture as PNG, with two pixels for each of its points.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    png: bytes = _converter().vegalite_to_png(picture, vl_version=VERSION, scale=2)
    return png


PICTURE_SUFFIXES = (".svg", ".png")
"""Ends of the names of files that a picture can be written to, in lower case."""


def to_bytes(picture: dict[str, Any], suffix: str) -> bytes:
    """Return a picture as the content of a file.

    Parameters
    ----------
    picture : dict
        The description.
    suffix : str
        One of `PICTURE_SUFFIXES`.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    return to_png(picture) if suffix == ".png" else to_svg(picture).encode()


def check_installed() -> None:
    """Raise before a long run what drawing a picture would raise after it.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    _converter()


def _converter() -> Any:
    """Import vl-convert."""
    try:
        with IMPORTING:
            return import_module("vl_convert")
    except ImportError as error:
        raise MissingPackageError(
            "pictures are drawn by vl-convert-python: pip install 'brickprof[report]'"
        ) from error
