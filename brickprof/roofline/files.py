"""Keeps one JSON file per host: locked, replaced atomically, distrusted when read."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from brickprof.core.errors import RoofsError
from brickprof.core.files import is_private, open_regular, read_json, write_json

if sys.platform != "win32":
    import fcntl

_SCHEMA = 1
_MAX_ENTRIES = 1024
"""One for each thread count and instruction set that was ever calibrated; more is no such file."""

_VARIABLE = "BRICKPROF_CACHE_DIR"

PATIENCE_S = 5.0
"""Seconds after which a lock that another process holds is an error: it is held for a few ms."""


def default_folder() -> Path:
    """Return the folder from the environment or the user's cache folder.

    Raises
    ------
    RoofsError
        If the user has no home folder and the environment names none.
    """
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        return Path(chosen)
    folder = platformdirs.user_cache_path("brickprof", appauthor=False)
    # Without a home, platformdirs leaves "~" in place, and a folder of that name would be made.
    if not folder.is_absolute():
        raise RoofsError(f"no home folder to keep roofs in: set {_VARIABLE}")
    return folder


def read_entries(path: Path, fingerprint: str) -> list[object]:
    """Return the entries of a host's file.

    There are none if it is missing, damaged, another host's, or not this user's alone to write.
    """
    try:
        # A bad entry costs the others nothing; whoever may write here could lie about all roofs.
        content = read_json(path, RoofsError, nan=True, private=True)
    except (OSError, RoofsError):
        return []
    if not isinstance(content, dict) or type(content.get("schema")) is not int:
        return []
    if content["schema"] != _SCHEMA or content.get("fingerprint") != fingerprint:
        return []
    entries = content.get("roofs")
    return entries if isinstance(entries, list) and len(entries) <= _MAX_ENTRIES else []


def write_entries(path: Path, fingerprint: str, entries: list[dict[str, object]]) -> None:
    """Replace a host's file in one step, so that a reader sees the old or the new one."""
    content = {"schema": _SCHEMA, "fingerprint": fingerprint, "roofs": entries}
    write_json(path, content, indent=1)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to a host's file, where the system has such locks.

    Without one, of two writers at once the last wins; the file is whole in any case.

    Raises
    ------
    OSError
        If the lock cannot be opened, is a link or no regular file, or another process does not let
        it go, or if the file is another user's, who would lose what is in it.
    """
    _check_owner(path)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with open(open_regular(path.with_suffix(".lock"), flags, 0o600), "r+b") as file:
        if sys.platform != "win32":
            _wait_for(file.fileno(), path)
        yield


def _check_owner(path: Path) -> None:
    """Raise where a file is there that this user should not replace."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "a link, or no regular file", str(path))
    if not is_private(facts):
        raise PermissionError(errno.EACCES, "another user owns it, or may write to it", str(path))


def _wait_for(descriptor: int, path: Path) -> None:
    """Lock a file, within `PATIENCE_S` seconds."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(
                    errno.ETIMEDOUT, "another process holds its lock", str(path)
                ) from None
            time.sleep(0.01)
        except OSError:  # a file system without locks
            return
