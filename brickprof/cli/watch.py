"""``brickprof watch``: shows a running process's levels, live; needs no compiled module."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from brickprof.cli._options import amount, positive
from brickprof.cli._output import refreshed_output, say
from brickprof.core import units
from brickprof.core.errors import RecordingError
from brickprof.recording import Recording, load_recording
from brickprof.recording.live import Look, Writer, ask, look_at, path_of, read_writer
from brickprof.reports.layout import stdout_console
from brickprof.reports.live_text import render

NAME = "watch"
HELP = "show the levels of a running process, or of a recording that is saved again, as they change"

WRITER_S = 1.0
"""Seconds within which a process that is not too busy answers."""

_POLL_S = 0.1
_TRIES = 10
"""Times that a file is read that is replaced meanwhile, so that its time is that of its figures."""

_PATIENCE_S = 10.0
"""Seconds after which a process that has never answered does not run Python."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments to its parser."""
    parser.add_argument(
        "source",
        metavar="PID|FILE",
        help="a process with BrickProfiler(live=True), the path of live=PATH, or a recording",
    )
    parser.add_argument(
        "--interval",
        type=amount,
        default=1.0,
        metavar="SECONDS",
        help="time between two looks; a process writes once a second at most (default: 1)",
    )
    parser.add_argument(
        "--count", type=positive, metavar="N", help="end after so many looks (default: never)"
    )


def run(args: argparse.Namespace) -> int:
    """Show the levels until the process ends, or the user has seen enough."""
    try:
        source = source_of(args.source)
        looks = islice(recordings(source, args.interval), args.count)
        before: tuple[Recording, int] | None = None
        with refreshed_output() as show:
            for recording, at_ns in looks:
                last, last_ns = before or (None, at_ns)
                title = (
                    f"{source.title} at {time.strftime('%H:%M:%S', time.localtime(at_ns / 1e9))}"
                )
                console = stdout_console()
                show(render(recording, last, at_ns - last_ns, title=title, console=console))
                before = recording, at_ns
        if source.writer is not None and source.ended:
            say(f"{source.title} has ended")
    except KeyboardInterrupt:
        pass
    return 0


@dataclass(slots=True)
class Source:
    """A file that is written again and again.

    Parameters
    ----------
    path : Path
        The file.
    writer : Writer or None
        The process that writes it when it is asked; None where it is written unasked.
    seen : (int, int) or None
        Which version of it was read last.
    """

    path: Path
    writer: Writer | None
    seen: Look | None = None

    @property
    def title(self) -> str:
        """What it is of."""
        return str(self.path) if self.writer is None else f"process {self.writer.pid}"

    @property
    def changed(self) -> bool:
        """Whether there is a version that was not read."""
        return look_at(self.path) not in (None, self.seen)

    @property
    def ended(self) -> bool:
        """Whether nobody will write it any more, as far as that can be told."""
        if self.writer is None:
            return look_at(self.path) is None
        return not self.writer.runs or read_writer(self.path) != self.writer

    def ask(self) -> None:
        """Ask the process for a new version."""
        if self.writer is not None and not self.ended:
            ask(self.path)

    def read(self) -> tuple[Recording, int]:
        """Return the newest version, and when it was written, in nanoseconds."""
        for _ in range(_TRIES):
            seen = look_at(self.path)
            recording = load_recording(self.path)
            self.seen = look_at(self.path)
            if seen == self.seen:
                break
        return recording, (self.seen or (0, time.time_ns()))[1]


def source_of(text: str) -> Source:
    """Return what a process's number, or a path, stands for.

    Raises
    ------
    RecordingError
        If there is no such process, it is another user's, has ended or writes no recording.
    OSError
        If there is no such file.
    """
    if text.isdecimal():
        return _source_of_process(text)
    path = Path(text)
    writer = read_writer(path)
    if writer is None:
        os.stat(path)
        return Source(path, None)
    if not writer.runs:
        raise RecordingError(f"{path}: process {writer.pid}, which wrote it, has ended")
    return Source(path, writer, look_at(path))


def _source_of_process(text: str) -> Source:
    """Return what a process writes."""
    try:
        owner = os.stat(f"/proc/{int(text[:18])}").st_uid
    except FileNotFoundError:
        raise RecordingError(f"there is no process {text}") from None
    path = path_of(int(text))
    writer = None if path is None else read_writer(path)
    if path is not None and writer is not None and writer.runs:
        return Source(path, writer, look_at(path))
    if owner != os.geteuid():
        raise RecordingError(f"process {text} is another user's")
    raise RecordingError(
        f"process {text} has no BrickProfiler(live=True): give the path where it has live=PATH"
    )


def recordings(
    source: Source,
    interval_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[Recording, int]]:
    """Yield a recording as it changes, and when each version was written.

    Parameters
    ----------
    source : Source
        The file.
    interval_s : float
        Seconds between two versions at least.
    clock, sleep : callable
        What times it.

    Yields
    ------
    tuple of Recording and int
        The version, and the nanoseconds since 1970 at which it was written.

    Raises
    ------
    RecordingError
        If the process does not answer at all, or writes something else.
    """
    due, asked, silent_since = clock(), -float("inf"), clock()
    answered = source.writer is None
    while True:
        now = clock()
        if now >= due and source.changed:
            yield source.read()
            due, asked, answered = clock() + interval_s, -float("inf"), True
        elif source.ended:
            if source.changed:  # the last version, which may have come before its time
                yield source.read()
            return
        elif not answered and now > silent_since + _PATIENCE_S:
            waited = units.format_ns(_PATIENCE_S * 1e9)
            raise RecordingError(f"{source.title} did not answer within {waited}")
        else:
            # Asked so late that what it then writes is new when it is shown.
            if now >= max(due - WRITER_S, asked + 2 * WRITER_S):
                source.ask()
                asked = now
            sleep(_POLL_S)
