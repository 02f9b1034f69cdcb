"""Pictures in HTML pages: inline, in light and dark, with marks that link within the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from brickprof.reports.markup import Markup, element
from brickprof.reports.pictures.vega import THEMES, Theme, linked, to_inline_svg


def figure(
    name: str, title: str, instead: str, picture: Callable[[Theme], dict[str, Any]]
) -> Iterator[Markup]:
    """Yield a heading and a picture in the colors that the reader's system asks for.

    Parameters
    ----------
    name : str
        The id of the heading.
    title : str
        The heading.
    instead : str
        What the picture shows, for those who cannot see it, and where its figures are.
    picture : callable
        Returns the Vega-Lite description for a theme.

    Raises
    ------
    MissingPackageError
        If vl-convert-python is not installed.
    """
    drawn = []
    said: str | list[str] = ""
    for theme in THEMES:
        whole = picture(theme)
        said = whole["title"]["subtitle"]
        svg = to_inline_svg(linked(_untitled(whole)), f"{name}-{theme}-")
        drawn.append(element("div", Markup(svg), class_=theme))
    label = f"{title}. {instead} Arrow keys go from mark to mark."
    yield element("h2", title, id=name)
    yield element("figure", *drawn, tabindex="0", role="group", aria_label=label)
    yield element("p", said if isinstance(said, str) else "; ".join(said), class_="dim")


def _untitled(picture: dict[str, Any]) -> dict[str, Any]:
    """Return a picture without its title, which is the heading above it."""
    return {**picture, "title": {**picture["title"], "text": ""}}
