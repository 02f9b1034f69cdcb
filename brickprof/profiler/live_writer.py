"""Writes a profiler's levels to a file while a reader asks for them, from a thread of its own."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from brickprof.core.checks import checked_path, short_repr
from brickprof.core.errors import BrickprofError
from brickprof.core.files import write_json
from brickprof.recording import Recording
from brickprof.recording.live import (
    Look,
    announce,
    look_at,
    own_path,
    read_writer,
    request_path,
    withdraw,
)

LOOK_S = 1.0
"""Seconds between two looks whether a reader asks."""

_WATCHED_LOOKS = 5
"""Looks since the last request up to which somebody watches, who is to see the end."""

_EXIT_S = 5.0
"""Seconds that the end of the process waits for a file that is being written."""


class _Profiler(Protocol):
    """What is written."""

    def _levels(self) -> Recording:
        """Return the recording to write."""


def checked_live_path(live: object) -> Path | None:
    """Return the absolute path that a profiler's argument means, or None for no file.

    Raises
    ------
    TypeError, ValueError, RecordingError, OSError
        If it means none, or its folder cannot be made.
    """
    if live is None or live is False:
        return None
    if live is True:
        return own_path()
    try:
        path = Path(os.path.abspath(checked_path("live", live)))
    except TypeError:
        raise TypeError(f"live must be a path, True or None, got {short_repr(live)}") from None
    if path.is_dir():
        raise ValueError(f"live must be a file, got the folder {short_repr(str(path))}")
    if path.exists() and not path.is_file():
        raise ValueError(f"live must be a regular file, got {short_repr(str(path))}")
    return path


def start_writer(path: Path, profiler: _Profiler) -> Path:
    """Start a thread that writes a profiler's levels until it is collected; return the path.

    Raises
    ------
    OSError
        If the request file cannot be written.
    """
    writer = LiveWriter(path, profiler)
    weakref.finalize(profiler, writer.stop)
    threading.Thread(target=writer.run, name="brickprof live", daemon=True).start()
    return path


class LiveWriter:
    """Answers the requests for one live recording.

    Parameters
    ----------
    path : Path
        The file to write.
    profiler : object
        The profiler, which is not kept alive.

    Raises
    ------
    OSError
        If the request file cannot be written.
    """

    def __init__(self, path: Path, profiler: _Profiler) -> None:
        self.path = path
        self._profiler = weakref.ref(profiler)
        self._stopped = threading.Event()
        self._running = threading.Lock()
        self._writer = announce(path)
        self._seen: Look | None = look_at(request_path(path))
        self._looks = _WATCHED_LOOKS + 1

    def run(self) -> None:
        """Look for requests once in `LOOK_S` until told to stop."""
        while not self._stopped.wait(LOOK_S):
            with self._running:
                if not self.look():
                    return

    def look(self) -> bool:
        """Answer a request if there is one; tell whether there may be more."""
        asked = look_at(request_path(self.path))
        if asked == self._seen:
            self._looks += 1
            return True
        if not self._is_announced():
            return False
        self._seen, self._looks = asked, 0
        return self._write()

    def stop(self) -> None:
        """End the thread, once it has written what it is writing if the process ends."""
        if os.getpid() != self._writer.pid:  # in the child of a fork
            return
        self._stopped.set()
        # A collection may come on the writer's own thread, and while others hold locks: no wait.
        if self._profiler() is not None and self._running.acquire(timeout=_EXIT_S):
            try:
                if self._looks <= _WATCHED_LOOKS and self._is_announced():
                    self._write()
            finally:
                self._running.release()
        withdraw(self.path, self._writer)

    def _is_announced(self) -> bool:
        """Tell whether the request file still is this writer's."""
        try:
            return read_writer(self.path) == self._writer
        except OSError:
            return False

    def _write(self) -> bool:
        """Write the levels; tell whether there is a profiler that may have more."""
        profiler = self._profiler()
        if profiler is None:
            return False
        # That somebody cannot be shown a program's levels must neither end it nor make it print.
        with suppress(BrickprofError, OSError, MemoryError):
            # Not by save(), which reads all of it again and takes twice as long.
            write_json(self.path, profiler._levels().to_json())
        return True
