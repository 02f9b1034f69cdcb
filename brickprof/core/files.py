"""JSON files: replaced in one step, and read strictly; regular files alone are opened."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import stat
import uuid
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from brickprof.core.errors import BrickprofError

MAX_BYTES = 512 * 1024**2
"""Size of the largest file that is read: a recording with 4 million tiles of a time line."""

BYTES_PER_PART = {b"{": 40, b"[": 6}
"""Bytes of a file for each JSON object and each list in it, at the least: either takes 64 bytes of
memory and more; the smallest of a recording are written in 46 and in 6."""

_TEMPORARY = re.compile(r"\.brickprof-([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{32}\.tmp")


def open_regular(path: Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """Open a regular file without waiting for anything, and return its descriptor.

    Parameters
    ----------
    path : Path
        The file. A FIFO would wait for a writer, and a device may never end.
    flags, mode
        As of `os.open`.

    Raises
    ------
    OSError
        If it cannot be opened, or is no regular file.
    """
    extra = os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    descriptor = os.open(path, flags | extra, mode)
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return descriptor


def read_regular(path: Path, *, private: bool = False) -> bytes:
    """Return what is in a regular file of at most `MAX_BYTES`.

    Parameters
    ----------
    path : Path
        The file.
    private : bool
        Refuse what others own or may write to.

    Raises
    ------
    OSError
        If it cannot be read, is no regular file, too large, or not private.
    """
    with open(open_regular(path), "rb") as file:
        facts = os.fstat(file.fileno())
        if private and not is_private(facts):
            raise PermissionError(
                errno.EACCES, "another user owns it, or may write to it", str(path)
            )
        if facts.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MAX_BYTES} bytes", str(path))
        return file.read(facts.st_size)  # and not what is added meanwhile


def is_private(facts: os.stat_result) -> bool:
    """Tell whether a file is this user's or the system's, and nobody else may write to it."""
    if not hasattr(os, "geteuid"):
        return True
    return facts.st_uid in (os.geteuid(), 0) and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write_json(path: Path, data: object, indent: int | None = None) -> Path:
    """Write JSON values to a file, so that a reader sees the old one or the new; return the path.

    Parameters
    ----------
    path : Path
        The file; its folder must exist. A link is followed. An older file's permissions and owner
        are kept, as far as the system lets.
    data : object
        What JSON can hold: no NaN and no infinity.
    indent : int, optional
        Spaces to indent by; all on one line when None.

    Raises
    ------
    OSError
        If the file cannot be written, or is no regular one; an older one is left as it was.
    ValueError
        If a number is not finite.
    """
    write_file(path, json.dumps(data, indent=indent, allow_nan=False).encode() + b"\n")
    return path


def write_file(path: Path, content: bytes) -> None:
    """Replace a file in one step, as `write_json` does.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    content : bytes
        All that it is to hold.

    Raises
    ------
    OSError
        If the file cannot be written, or is no regular one; an older one is left as it was.
    """
    try:
        _replace(_target(path), content)
    except OSError as error:
        # The caller knows the path, not the temporary file beside it.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _target(path: Path) -> Path:
    """Return the file to replace: behind all links, and neither a device nor a pipe."""
    target = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        facts = os.lstat(path)
        if stat.S_ISLNK(facts.st_mode) and facts.st_uid not in (os.geteuid(), 0):
            raise PermissionError(errno.EACCES, "a link that another user made", str(path))
    # What stands for an open file, such as /dev/stdout, must not be cut off from it.
    if _stands_for_open_file(path) or (
        target.exists() and not target.is_file() and not target.is_dir()
    ):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return target


def _stands_for_open_file(path: Path) -> bool:
    """Tell whether a path, or a link that it leads through, is one of the system's own."""
    step = os.path.abspath(path)
    for _ in range(40):  # as many links as Linux follows
        place = os.path.join(os.path.realpath(os.path.dirname(step)), os.path.basename(step))
        if place.startswith("/proc/") or (
            place.startswith("/dev/") and not place.startswith("/dev/shm/")
        ):
            return True
        if not os.path.islink(place):
            return False
        step = os.path.abspath(os.path.join(os.path.dirname(place), os.readlink(place)))
    return False


def _replace(target: Path, content: bytes) -> None:
    """Replace a file in one step, as it is owned and may be read."""
    _sweep(target.parent)
    name = f".brickprof-{host_digits()}-{os.getpid()}-{uuid.uuid4().hex}.tmp"
    temporary = target.parent / name
    try:
        with open(temporary, "xb") as file:
            with suppress(FileNotFoundError):
                _take_over(file.fileno(), target.stat())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _take_over(descriptor: int, older: os.stat_result) -> None:
    """Give a new file the owner and the permissions of an older one."""
    if hasattr(os, "fchown"):
        with suppress(OSError):  # of another user's file only the content can be replaced
            os.fchown(descriptor, older.st_uid, older.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(older.st_mode))


def host_digits() -> str:
    """Return 8 hexadecimal digits that name this host: process numbers are its own."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _sweep(folder: Path) -> None:
    """Remove what processes of this host that were killed while they wrote left in a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found and found[1] == host_digits() and not _runs(int(found[2])):
                with suppress(OSError):
                    os.unlink(entry.path)


def _runs(process: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def read_json(
    path: Path, error: type[BrickprofError], nan: bool = False, *, private: bool = False
) -> object:
    """Return the JSON values in a file.

    Parameters
    ----------
    path : Path
        The file.
    error : type of BrickprofError
        What to raise where it holds something else.
    nan : bool
        Let NaN and Infinity pass, for a caller who refuses them part by part.
    private : bool
        Refuse a file that others own or may write to.

    Raises
    ------
    BrickprofError
        The given `error`, if the file holds no JSON text, an object with the same key twice, or
        more objects than its size explains.
    OSError
        If it cannot be read, or is no regular file.
    """
    content = read_regular(path, private=private)
    for bracket, size in BYTES_PER_PART.items():
        if content.count(bracket) * size > len(content) + 65536:
            raise error("not a JSON text of this library: it is full of tiny objects or lists")
    try:
        values: object = json.loads(
            content.decode(),
            parse_constant=None if nan else _refuse_constant,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError) as cause:
        raise error(f"not a JSON text: {cause}") from cause
    return values


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object whose keys must differ, since readers would not agree on what it says."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("an object has the same key twice")
    return made


def _refuse_constant(literal: str) -> NoReturn:
    """Refuse the literals NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{literal} is no JSON number")
