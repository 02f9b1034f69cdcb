"""Where verbs print to: standard output or a file, and a progress bar on standard error."""

from __future__ import annotations

import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brickprof.core import units
from brickprof.core.files import write_file
from brickprof.core.plain_text import NARROW, neutral, printable


def write_output(output: str | bytes, path: Path | None = None) -> None:
    """Write text or bytes to a file, or to standard output where there is none.

    Raises
    ------
    OSError
        If it could not be written, as where standard output is closed.
    """
    styles = path is None and sys.stdout is not None and sys.stdout.isatty()
    if isinstance(output, str):
        output = neutral(output, styles=styles or bool(os.environ.get("FORCE_COLOR")))
    if path is not None:
        write_file(path, output.encode() if isinstance(output, str) else output)
        say(f"saved {printable(str(path))}")
        return
    if sys.stdout is None:
        raise OSError("standard output is closed")
    try:
        if isinstance(output, str):
            sys.stdout.write(output)
        else:
            sys.stdout.buffer.write(output)
        sys.stdout.flush()
    except OSError as error:
        drop_output()
        raise OSError(error.errno, error.strerror, "standard output") from error


def drop_output() -> None:
    """Let what was not written go, which the interpreter would try to write again at its exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Write a line to standard error, if that is there."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(neutral(f"{text}\n"))


def tolerate_narrow_encodings() -> None:
    """Write characters that an output cannot encode as others that read alike."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NARROW)


_DRAW_S = 0.1
"""Seconds between two drawings of a bar, which take caches from what is measured."""


@contextmanager
def progress_bar(
    title: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[float, str], None] | None]:
    """Yield a function that draws progress on standard error; None where that is no terminal.

    The function takes the share that is done and what is being done, and adds the time left.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    began, drawn = clock(), -math.inf
    # auto_refresh would draw from a thread of its own, which competes with what is measured.
    with Progress(
        TextColumn(title, markup=False),
        BarColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    ) as bar:
        task = bar.add_task("", total=1.0, left="")

        def tell(fraction: float, what: str) -> None:
            nonlocal drawn
            now = clock()
            if now < drawn + _DRAW_S:
                return
            drawn, left = now, time_left(now - began, fraction)
            bar.update(
                task, completed=fraction, description=printable(what), left=left, refresh=True
            )

        yield tell


def time_left(elapsed_s: float, fraction: float) -> str:
    """Return how long the rest takes if it goes on like this; "" where a second cannot tell.

    Parameters
    ----------
    elapsed_s : float
        Seconds that the part that is done took.
    fraction : float
        Share of the whole that it is.
    """
    if elapsed_s < 1 or not 0 < fraction < 1:
        return ""
    left = math.ceil(elapsed_s * (1 - fraction) / fraction)
    return f"{left} s left" if left < 100 else f"{units.format_count(round(left / 60))} min left"


@contextmanager
def refreshed_output() -> Iterator[Callable[[str], None]]:
    """Yield a function that prints a text: on a terminal in place of the one before.

    Raises
    ------
    OSError
        From the function, if it could not be written, as where standard output is closed.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        yield write_output
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stdout, markup=False, emoji=False, highlight=False)
    try:
        # auto_refresh would draw from a thread of its own, for which nothing changes in between.
        with Live(console=console, auto_refresh=False, transient=False) as live:
            yield lambda text: live.update(
                Text.from_ansi(neutral(text.rstrip("\n"), styles=True), no_wrap=True), refresh=True
            )
    except OSError as error:
        if error.filename is not None:  # of another file
            raise
        drop_output()
        raise OSError(error.errno, error.strerror, "standard output") from error
