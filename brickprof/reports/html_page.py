"""The shell of every HTML page: it needs nothing else and sends nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from brickprof.reports.markup import Markup, element, joined

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
"""What a browser lets the page do: show what is in it, and load nothing."""

_SCRIPTS = ("page.js", "time_line.js")


def page(title: str, sections: Iterable[str]) -> str:
    """Return a page.

    Parameters
    ----------
    title : str
        What it is of.
    sections : iterable of str
        What is in it: `Markup`, or text, which is escaped.
    """
    head = joined(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            element("title", title),
            element("style", _asset("page.css")),
        ]
    )
    body = element("main", joined(sections))
    script = element("script", joined(map(_asset, _SCRIPTS)))
    whole = element("html", element("head", head), element("body", body, script), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _asset(name: str) -> Markup:
    """Return a file of the folder ``assets``."""
    return Markup(files("brickprof.reports").joinpath("assets").joinpath(name).read_text("utf-8"))
