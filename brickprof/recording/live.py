"""Live recordings: where a running process writes its levels, and how a reader asks it to.

Beside the file lies its request file, which says which process writes and which every reader
touches: the process writes once for each touch. It is there for as long as the process may write.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from brickprof.core.errors import BrickprofError, RecordingError
from brickprof.core.files import host_digits, is_private, open_regular, read_json, write_file
from brickprof.machine.sysfs import parse_int, read_text

_SCHEMA = "brickprof-live"
_FOLDER = "live"
_NAME = re.compile(r"([0-9a-f]{8})-([0-9]{1,10})\.json(?:\.ask)?")
_STARTED = 19
"""Place of the start time among the fields of /proc/PID/stat behind the name, proc_pid_stat(5)."""

Look = tuple[int, int]
"""A version of a file: its inode and when it was changed, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Writer:
    """The process that writes a live recording.

    Parameters
    ----------
    pid : int
        Its number.
    started : int or None
        When it started, in the kernel's ticks since the machine did; None where that is unknown.
    token : str
        What tells this writer from others of the same file.
    """

    pid: int
    started: int | None
    token: str

    @property
    def runs(self) -> bool:
        """Whether the process is there, and no other one has its number."""
        if not os.path.isdir("/proc/self"):
            return True
        started = start_of(self.pid)
        return started is not None and self.started in (None, started)


def request_path(path: Path) -> Path:
    """Return the request file that belongs to a live recording."""
    return Path(f"{path}.ask")


def start_of(pid: int) -> int | None:
    """Return when a process started, in ticks; None where there is none, or it has ended."""
    fields = read_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if len(fields) <= _STARTED or fields[0] in ("Z", "X"):  # ended, and not yet waited for
        return None
    return parse_int(fields[_STARTED])


def live_folders() -> list[Path]:
    """Return the folders in which processes write live recordings by their number, best first.

    They are those of the environment's BRICKPROF_CACHE_DIR, of XDG_RUNTIME_DIR where that is this
    user's alone, and of the user's cache.
    """
    folders = [Path(chosen) for chosen in (os.environ.get("BRICKPROF_CACHE_DIR"),) if chosen]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isabs(runtime):
        with suppress(OSError, ValueError):
            facts = os.stat(runtime)
            if facts.st_uid == os.geteuid() and is_private(facts):
                folders.append(Path(runtime) / "brickprof")
    cache = platformdirs.user_cache_path("brickprof", appauthor=False)
    if cache.is_absolute():  # without a home, platformdirs leaves "~" in place
        folders.append(cache)
    return [folder / _FOLDER for folder in folders]


def own_path() -> Path:
    """Return the file in which this process writes where it was given none.

    Its folder is made, and what ended processes left there is removed.

    Raises
    ------
    RecordingError
        If there is no folder to take.
    OSError
        If it cannot be made, or is not this user's alone.
    """
    folders = live_folders()
    if not folders:
        raise RecordingError("live needs a path: there is no home folder, nor BRICKPROF_CACHE_DIR")
    folder = folders[0]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_private(folder.stat()):
        raise PermissionError(errno.EACCES, "another user owns it, or may write to it", str(folder))
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found and found[1] == host_digits() and start_of(int(found[2])) is None:
                with suppress(OSError):
                    os.unlink(entry.path)
    return folder / _name_of(os.getpid())


def path_of(pid: int) -> Path | None:
    """Return the file in which a process writes by its number, or None if it does not."""
    for folder in live_folders():
        path = folder / _name_of(pid)
        writer = read_writer(path)
        if writer is not None and writer.pid == pid:
            return path
    return None


def _name_of(pid: int) -> str:
    """Return the name of a process's file: folders of users may be those of several hosts."""
    return f"{host_digits()}-{pid}.json"


def announce(path: Path) -> Writer:
    """Make the request file of this process for a live recording, in place of any other's.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    writer = Writer(os.getpid(), start_of(os.getpid()), uuid.uuid4().hex)
    said = {"schema": _SCHEMA, "pid": writer.pid, "start": writer.started, "token": writer.token}
    write_file(request_path(path), json.dumps(said).encode() + b"\n")
    return writer


def withdraw(path: Path, writer: Writer) -> None:
    """Remove the request file of a writer; another one's stays."""
    with suppress(OSError):
        if read_writer(path) == writer:
            request_path(path).unlink()


def read_writer(path: Path) -> Writer | None:
    """Return which process writes a live recording; None where nobody says so.

    Raises
    ------
    PermissionError
        If another user does.
    """
    request = request_path(path)
    try:
        owner = os.lstat(request).st_uid
        said = read_json(request, BrickprofError)
    except FileNotFoundError:
        return None
    except (BrickprofError, OSError):
        said = None
    if said is not None and owner != os.geteuid() and os.geteuid() != 0:
        raise PermissionError(errno.EACCES, "another user's process writes it", str(path))
    if not isinstance(said, dict) or said.get("schema") != _SCHEMA:
        return None
    pid, started, token = said.get("pid"), said.get("start"), said.get("token")
    if type(pid) is not int or pid < 1 or not isinstance(token, str):
        return None
    return Writer(pid, started if type(started) is int else None, token)


def ask(path: Path) -> None:
    """Touch the request file of a live recording, so that its process writes.

    Raises
    ------
    OSError
        If it is not there, or another user's.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
    descriptor = open_regular(request_path(path), flags)
    try:
        now = time.time_ns()
        os.utime(descriptor, ns=(now, now))
    finally:
        os.close(descriptor)


def look_at(path: Path) -> Look | None:
    """Return which version of a file is there; None where there is none."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns
