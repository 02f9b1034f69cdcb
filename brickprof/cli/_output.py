"""Where verbs print to: standard output or a file, and a progress bar on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_output(output: str | bytes, path: Path | None = None) -> None:
    """Write text or bytes to a file, or to standard output where there is none."""
    if path is not None:
        path.write_bytes(output.encode("utf-8") if isinstance(output, str) else output)
        print(f"saved {path}", file=sys.stderr)
    elif isinstance(output, str):
        sys.stdout.write(output)
    else:
        sys.stdout.buffer.write(output)
    sys.stdout.flush()


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None] | None]:
    """Yield a function that draws progress on standard error; None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    # auto_refresh would draw from a thread of its own, which competes with what is measured.
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
