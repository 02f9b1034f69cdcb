"""Text layout that all text outputs share: consoles, tables, paragraphs and bulleted lists."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Literal

from brickprof.core.importing import IMPORTING
from brickprof.core.plain_text import printable

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns of text whose reader's width is not known."""

MIN_WIDTH, MAX_WIDTH = 60, 200
"""Columns that text for a narrower or a wider terminal has."""

_COMMAND = re.compile("`[^`]*`")
_BEFORE_UNIT = re.compile(
    r"(?<=\d) (?=(?:%|[nµum]?s|[KMG]i?B|B|G?B/s|GFLOP/s|flop/B|flop/byte)(?!\w))"
)
"""A blank between a figure and its unit."""

_JOINT = "\ue000"
"""Stands for a blank inside a command while lines are broken: private use, which no text that was
made printable has in it."""

Justify = Literal["left", "right"]

Columns = Sequence[tuple[str, Justify]]
"""Headings of a table from left to right, each with the side to which its cells are aligned."""


_HEIGHT = 25
"""Lines of a console, on which nothing depends: without it rich reads COLUMNS, which may be no
number, to find it."""


def plain_console(width: int = WIDTH) -> Console:
    """Return a console of some columns without styles, the same in every environment."""
    with IMPORTING:
        from rich.console import Console

    return Console(
        file=StringIO(),
        width=width,
        height=_HEIGHT,
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
    """Return a console as wide as standard output, and with the styles that it takes.

    There are no styles where NO_COLOR is set, whatever else is (no-color.org).
    """
    with IMPORTING:
        from rich.console import Console

    width = stdout_width()
    if sys.stdout is None or os.environ.get("NO_COLOR"):
        return plain_console(width)
    return Console(
        # What is rendered is returned: rich would flush standard output, which may be full.
        file=io.StringIO(),
        force_terminal=sys.stdout.isatty() or None,
        width=width,
        height=_HEIGHT,
        markup=False,
        emoji=False,
        highlight=False,
    )


def stdout_width() -> int:
    """Return the columns of text for standard output, from `MIN_WIDTH` to `MAX_WIDTH`.

    They are those that COLUMNS of the environment says, or of the terminal; `WIDTH` without either.
    """
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and len(said) < 10 and int(said):
        columns = int(said)
    elif sys.stdout is not None and sys.stdout.isatty():
        columns = shutil.get_terminal_size((WIDTH, 24)).columns
    else:
        columns = WIDTH
    return min(max(columns, MIN_WIDTH), MAX_WIDTH)


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
    keys: int = 1,
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
    keys : int
        Columns that say what a row is of: where there is no room for all columns side by side, the
        others go on below, beside these.
    """
    cells = [tuple(map(printable, row)) for row in rows]
    lines: list[str] = []
    gap = 1 if full_width else 2
    for numbers in _columns_side_by_side(console.width, columns, cells, gap, keys):
        part = [columns[number] for number in numbers]
        parts = [tuple(row[number] for number in numbers) for row in cells]
        lines += [""] if lines else []
        lines += _table(console, part, parts, bold, full_width)
    return lines


def _columns_side_by_side(
    width: int, columns: Columns, rows: Sequence[tuple[str, ...]], gap: int, keys: int
) -> Iterator[list[int]]:
    """Yield the numbers of the columns of each part of a table; the first `keys` are in all."""
    with IMPORTING:
        from rich.cells import cell_len

    widths = [
        gap + max(map(cell_len, (heading, *(row[number] for row in rows))))
        for number, (heading, _) in enumerate(columns)
    ]
    numbers = list(range(keys))
    for number in range(keys, len(columns)):
        if len(numbers) > keys and sum(widths[one] for one in (*numbers, number)) - 1 > width:
            yield numbers
            numbers = list(range(keys))
        numbers.append(number)
    yield numbers


def _table(
    console: Console,
    columns: Columns,
    rows: Iterable[Sequence[str]],
    bold: int | None,
    full_width: bool,
) -> list[str]:
    """Return the lines of a table that fits a console."""
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
        layout.add_row(*row, style="bold" if number == bold else None)
    with console.capture() as capture:
        console.print(layout)
    return capture.get().splitlines()


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a paragraph, broken between words.

    A word that is wider than a line, such as a path, has a line of its own; commands in backticks
    count as one word, and so do figures with their units.
    """
    with IMPORTING:
        from rich.cells import cell_len

    lines: list[str] = []
    line = ""
    for word in re.findall(r"\s*\S+", _joined(printable(text))):
        if line and cell_len(line + word) > width:
            lines.append(line)
            line = word.lstrip()
        else:
            line += word
    return [one.replace(_JOINT, " ") for one in (*lines, line)]


def _joined(text: str) -> str:
    """Return text in which commands, and figures with units, have no blanks to break them at."""
    whole = _BEFORE_UNIT.sub(_JOINT, text)
    return _COMMAND.sub(lambda found: found[0].replace(" ", _JOINT), whole)


def paragraphs(console: Console, *texts: str) -> list[str]:
    """Return the lines of paragraphs, each broken at the width of a console."""
    return [line for text in texts for line in wrapped(text, console.width)]


def bullets(console: Console, heading: str, texts: Iterable[str]) -> list[str]:
    """Return a bulleted list of paragraphs under a heading; no line without paragraphs."""
    lines = [line for text in texts for line in hanging(console, " - ", text)]
    return [heading, *lines] if lines else []


def hanging(console: Console, bullet: str, text: str) -> list[str]:
    """Return a paragraph as lines in the width of a console that hang behind its bullet."""
    lines = wrapped(text, console.width - len(bullet))
    return [(bullet if not i else " " * len(bullet)) + line for i, line in enumerate(lines)]


def packed(console: Console, items: Iterable[str], separator: str = " · ") -> list[str]:
    """Return items joined by dots, with lines broken between items.

    An item that no line of `WIDTH` could hold is clipped, and what a narrower one cannot is broken
    between words.
    """
    with IMPORTING:
        from rich.cells import cell_len

    width = console.width
    lines: list[str] = []
    for item in items:
        item = clipped(printable(item), max(width, WIDTH) - 8)
        longer = f"{lines[-1]}{separator}{item}" if lines else item
        if cell_len(longer) <= width:
            lines[-1:] = [longer]
        else:
            lines += hanging(console, "  ", item) if lines else wrapped(item, width)
    return lines


def clipped(text: str, width: int) -> str:
    """Return text cut to a width in columns, with an ellipsis where something was cut off."""
    with IMPORTING:
        from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def clipped_words(text: str, width: int) -> str:
    """Return text cut to a width in columns, between words where one ends in its second half.

    A command is not cut.
    """
    with IMPORTING:
        from rich.cells import cell_len

    text = _joined(text)
    cut = clipped(text, width)
    end = cut.rfind(" ")
    whole = cell_len(text) <= width or text[len(cut) - 1 : len(cut)] == " "
    if whole or (end < width // 2 and (end < 0 or _JOINT not in cut[end:])):
        return cut.replace(_JOINT, " ")
    cut = cut.replace(_JOINT, " ")
    return f"{cut[:end].rstrip(' ,;:(')} …"
