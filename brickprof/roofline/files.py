"""Keeps one JSON file per host: locked, replaced atomically, distrusted when read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from brickprof.core.errors import RoofsError
from brickprof.core.files import read_json, write_json

if sys.platform != "win32":
    import fcntl

_SCHEMA = 1
_VARIABLE = "BRICKPROF_CACHE_DIR"


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
    """Return the entries of a host's file; none if it is missing, damaged or another host's."""
    try:
        content = read_json(path, RoofsError, nan=True)  # a bad entry costs the others nothing
    except (OSError, RoofsError):
        return []
    if not isinstance(content, dict) or type(content.get("schema")) is not int:
        return []
    if content["schema"] != _SCHEMA or content.get("fingerprint") != fingerprint:
        return []
    entries = content.get("roofs")
    return entries if isinstance(entries, list) else []


def write_entries(path: Path, fingerprint: str, entries: list[dict[str, object]]) -> None:
    """Replace a host's file in one step, so that a reader sees the old or the new one."""
    content = {"schema": _SCHEMA, "fingerprint": fingerprint, "roofs": entries}
    write_json(path, content, indent=1)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to a host's file, where the system has such locks.

    Without one, of two writers at once the last wins; the file is whole in any case.
    """
    with open(path.with_suffix(".lock"), "ab") as file:
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
