"""Text layout that all text outputs share: consoles, tables, paragraphs and bulleted lists."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Literal

from brickprof.core.importing import IMPORTING
from brickprof.core.plain_text import printable

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns of all text, except on a wider terminal."""

Justify = Literal["left", "right"]

Columns = Sequence[tuple[str, Justify]]
"""Headings of a table from left to right, each with the side to which its cells are aligned."""


def plain_console() -> Console:
    """Return a console of `WIDTH` columns without styles, the same in every environment."""
    with IMPORTING:
        from rich.console import Console

    return Console(
        file=StringIO(),
        width=WIDTH,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )


def stdout_console() -> Console:
    """Return a console as wide as a terminal that is standard output, and with its styles.

    Where standard output is no terminal it has `WIDTH` columns. There are no styles where NO_COLOR
    is set, whatever else is (no-color.org).
    """
    with IMPORTING:
        from rich.console import Console

    if sys.stdout is None or os.environ.get("NO_COLOR"):
        return plain_console()
    on_terminal = sys.stdout.isatty()
    return Console(
        # What is rendered is returned: rich would flush standard output, which may be full.
        file=io.StringIO(),
        force_terminal=on_terminal or None,
        width=max(shutil.get_terminal_size().columns, WIDTH) if on_terminal else WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )


def text_of(lines: Iterable[str]) -> str:
    """Return lines as one text without trailing blanks, each with a newline at its end."""
    return "".join(f"{line.rstrip()}\n" for line in lines)


def table(
    console: Console,
    columns: Columns,
    rows: Iterable[Sequence[str]],
    *,
    bold: int | None = None,
    full_width: bool = False,
) -> list[str]:
    """Return the lines of a table.

    Parameters
    ----------
    console : Console
        Where it will be shown.
    columns : sequence of (str, str)
        Headings and alignments.
    rows : iterable of sequence of str
        The cells of each row, shown literally.
    bold : int, optional
        Number of the row that stands out where the console has styles.
    full_width : bool
        Whether columns spread over the whole width; else each is as wide as its cells.
    """
    with IMPORTING:
        from rich import box
        from rich.table import Table

    layout = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0 if full_width else (0, 1, 0, 0),
        expand=full_width,
    )
    for heading, justify in columns:
        layout.add_column(heading, justify=justify, no_wrap=True)
    for number, row in enumerate(rows):
        layout.add_row(*map(printable, row), style="bold" if number == bold else None)
    with console.capture() as capture:
        console.print(layout)
    return capture.get().splitlines()


def paragraphs(console: Console, *texts: str) -> list[str]:
    """Return the lines of paragraphs, each broken at the width of a console."""
    with console.capture() as capture:
        for text in texts:
            console.print(printable(text))
    return capture.get().splitlines()


def bullets(console: Console, heading: str, texts: Iterable[str]) -> list[str]:
    """Return a bulleted list of paragraphs under a heading; no line without paragraphs."""
    lines = [line for text in texts for line in hanging(console, " - ", text)]
    return [heading, *lines] if lines else []


def hanging(console: Console, bullet: str, text: str) -> list[str]:
    """Return a paragraph as lines of at most `WIDTH` columns that hang behind its bullet."""
    with IMPORTING:
        from rich.text import Text

    lines = [line.plain for line in Text(printable(text)).wrap(console, WIDTH - len(bullet))]
    return [(bullet if not i else " " * len(bullet)) + line for i, line in enumerate(lines)]


def packed(items: Iterable[str]) -> list[str]:
    """Return items joined by dots, with lines broken between items only.

    An item that no line could hold is clipped.
    """
    with IMPORTING:
        from rich.cells import cell_len

    lines: list[str] = []
    for item in items:
        item = clipped(printable(item), WIDTH - 8)
        longer = f"{lines[-1]} · {item}" if lines else item
        if lines and cell_len(longer) > WIDTH:
            lines.append(f"  {item}")
        else:
            lines[-1:] = [longer]
    return lines


def clipped(text: str, width: int) -> str:
    """Return text cut to a width in columns, with an ellipsis where something was cut off."""
    with IMPORTING:
        from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def clipped_words(text: str, width: int) -> str:
    """Return text cut to a width in columns, between words where one ends in its second half."""
    with IMPORTING:
        from rich.cells import cell_len

    cut = clipped(text, width)
    if cell_len(text) <= width:
        return cut
    end = cut.rfind(" ")
    if end < width // 2 or text[len(cut) - 1 : len(cut)] == " ":
        return cut
    return f"{cut[:end].rstrip(' ,;:(')} …"
