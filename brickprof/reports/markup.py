"""HTML from texts that may be anything: all of them printable and escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from brickprof.core.plain_text import printable


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: what it shows, and the number that its column is sorted by.

    Parameters
    ----------
    shown : str
        Text, or `Markup`.
    value : float or None
        The number; None in columns of texts.
    """

    shown: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    title : str
        Its head, with the unit.
    meaning : str
        What its figures are and where they come from, as a sentence.
    number : bool
        Whether it holds numbers.
    """

    title: str
    meaning: str
    number: bool = True


def element(tag: str, *content: str, **attributes: str | None) -> Markup:
    """Return an element.

    Parameters
    ----------
    tag : str
        Its name.
    *content : str
        What is in it: `Markup`, or text, which is escaped.
    **attributes : str or None
        Texts by name, with ``_`` for ``-`` and at the end of Python's own words; None is left out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(printable(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{given}>{''.join(map(text, content))}</{tag}>")


def text(content: str) -> Markup:
    """Return text as HTML; `Markup` stays as it is."""
    return content if isinstance(content, Markup) else Markup(escape(printable(content)))


LONGEST_NAME = 80
"""Characters of a name that are shown; the JSON output has it whole."""


def name_text(name: str) -> Markup:
    """Return a name, cut where it is very long."""
    shown = printable(name)
    return text(shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…")


def figure_text(shown: str, source: str) -> Markup:
    """Return a figure with a note on hover and focus that says where it comes from.

    Parameters
    ----------
    shown : str
        The figure as text.
    source : str
        A sentence.
    """
    return element("span", shown, class_="figure", tabindex="0", title=source)


def joined(parts: Iterable[str]) -> Markup:
    """Return parts one after the other, a line each."""
    return Markup("\n".join(map(text, parts)))


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[tuple[str | None, Sequence[Cell]]],
    *,
    sortable: bool = True,
) -> Markup:
    """Return a table, whose columns the page's script explains and sorts by.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : sequence of Column
        Its columns.
    rows : iterable of (str or None, sequence of Cell)
        The id of each row, or None, and its cells.
    sortable : bool
        Whether the heads are buttons: not where no script sorts, or rows are few.
    """
    heads = [
        element(
            "th",
            element("button", column.title, type="button") if sortable else column.title,
            scope="col",
            class_="number" if column.number else None,
            title=column.meaning,
        )
        for column in columns
    ]
    body = joined(
        element("tr", *_cells(columns, cells), id=anchor, tabindex=None if anchor is None else "-1")
        for anchor, cells in rows
    )
    whole = element(
        "table",
        element("caption", caption, class_="dim"),
        element("thead", element("tr", *heads)),
        element("tbody", body),
        class_="sortable" if sortable else "fixed",
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def _cells(columns: Sequence[Column], cells: Sequence[Cell]) -> list[Markup]:
    """Return the cells of a row."""
    return [
        element(
            "td",
            cell.shown,
            class_="number" if column.number else "name",
            data_value=None if cell.value is None else repr(cell.value),
        )
        for column, cell in zip(columns, cells, strict=True)
    ]


def meanings(columns: Iterable[Column]) -> Markup:
    """Return what the figures of some columns mean, folded away."""
    entries = [
        part
        for column in columns
        for part in (element("dt", column.title), element("dd", column.meaning))
    ]
    return element("details", element("summary", "What these figures are"), element("dl", *entries))
