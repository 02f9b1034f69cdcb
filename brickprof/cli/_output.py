"""What verbs print: tables, JSON, and a progress bar on a terminal's standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100
"""Columns that tables may take, as in the text report; on a wider terminal more."""

Justify = Literal["left", "right"]


def print_json(data: object) -> None:
    """Print one JSON value."""
    print(json.dumps(data, indent=2, allow_nan=False))


def print_lines(*lines: str) -> None:
    """Print text literally, broken at the width of tables."""
    console = _console()
    with console.capture() as capture:
        for line in lines:
            console.print(line)
    _print_stripped(capture.get())


def print_table(
    columns: Sequence[tuple[str, Justify]], rows: Iterable[Sequence[str]], bold: int | None = None
) -> None:
    """Print rows of cells under headings; on a terminal the row number `bold` stands out."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, justify in columns:
        table.add_column(heading, justify=justify, no_wrap=True)
    for number, row in enumerate(rows):
        table.add_row(*row, style="bold" if number == bold else None)
    console = _console()
    with console.capture() as capture:
        console.print(table)
    _print_stripped(capture.get())


def _print_stripped(text: str) -> None:
    """Print text without the blanks that a layout leaves at the ends of lines."""
    for line in text.splitlines():
        print(line.rstrip())


def _console() -> Console:
    """Return a console that shows text literally, and plain off a terminal."""
    from rich.console import Console

    width = max(shutil.get_terminal_size().columns, WIDTH) if sys.stdout.isatty() else WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None] | None]:
    """Give a function that draws progress on a terminal's standard error; None off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    # Drawn between rounds alone: a thread that draws would be measured with the rest.
    with Progress(
        TextColumn(title),
        BarColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    ) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda fraction, what: bar.update(
            task, completed=fraction, description=what, refresh=True
        )
