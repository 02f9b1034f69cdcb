"""Reads the limits on CPU time and memory that Linux control groups put on this process."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from brickprof.machine.sysfs import parse_int, read_text


@dataclass(frozen=True, slots=True)
class _Mount:
    """A mounted hierarchy: which group is its top (`top`) and where it hangs (`point`)."""

    version: int
    top: str
    point: str


def read_quota(root: Path) -> tuple[float, str] | None:
    """Return the tightest CPU quota on this process and its source; None without one.

    Both hierarchies of a hybrid system count, and in each the process's own group and all of its
    ancestors up to the mount, because a parent's quota binds its children.
    """
    found: list[tuple[float, str]] = []
    for version, read in ((2, _quota_v2), (1, _quota_v1)):
        for folder in _folders_of(root, version):
            quota = read(folder)
            if quota is not None:
                found.append((quota, f"cgroup v{version}"))
    return min(found, key=lambda pair: pair[0], default=None)


def read_memory_room(root: Path) -> int | None:
    """Return the bytes that control groups still let this process allocate; None without a limit.

    As for `read_quota` all ancestors count. What a group uses less what it can drop at once, its
    inactive cache of files, is taken off its limit.
    """
    rooms = [
        room
        for version, names in ((2, _MEMORY_V2), (1, _MEMORY_V1))
        for folder in _folders_of(root, version, "memory")
        if (room := _memory_room(folder, *names)) is not None
    ]
    return min(rooms, default=None)


_MEMORY_V2 = ("memory.current", "inactive_file", "memory.max", "memory.high")
_MEMORY_V1 = ("memory.usage_in_bytes", "total_inactive_file", "memory.limit_in_bytes")
_NO_LIMIT = 1 << 60
"""Bytes from which a v1 group has no limit: it holds the largest whole number of pages."""


def _memory_room(folder: Path, usage: str, droppable: str, *limits: str) -> int | None:
    """Return the bytes below a group's limit; None without one."""
    found = [parse_int(read_text(folder / name)) for name in limits]
    known = [limit for limit in found if limit is not None and 0 <= limit < _NO_LIMIT]
    if not known:
        return None
    stat = dict(
        line.split(maxsplit=1)
        for line in read_text(folder / "memory.stat").splitlines()
        if len(line.split()) == 2
    )
    used = parse_int(read_text(folder / usage)) or 0
    return max(min(known) - max(used - (parse_int(stat.get(droppable, "")) or 0), 0), 0)


def group_folders(root: Path) -> list[Path]:
    """Return the folders of the groups that may limit this process, of all hierarchies."""
    return [*_folders_of(root, 2), *_folders_of(root, 1)]


def _folders_of(root: Path, version: int, controller: str = "cpu") -> list[Path]:
    """Return the folders of the process's group and its ancestors, of the v1 or v2 hierarchy."""
    mounts = _mounts(read_text(root / "proc/self/mountinfo"), controller)
    paths = _group_paths(read_text(root / "proc/self/cgroup"), controller)
    mine = [mount for mount in mounts if mount.version == version]
    return _group_folders(root, mine, paths.get(version))


def _mounts(mountinfo: str, controller: str) -> list[_Mount]:
    """Return the cgroup mounts that may carry a controller's limits."""
    mounts = []
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        place, kind = left.split(), right.split()
        if not separator or len(place) < 5 or not kind:
            continue
        if kind[0] == "cgroup2":
            version = 2
        elif kind[0] == "cgroup" and controller in kind[-1].split(","):
            version = 1
        else:
            continue
        mounts.append(_Mount(version, _unescape(place[3]), _unescape(place[4])))
    return mounts


def _unescape(field: str) -> str:
    r"""Undo mountinfo's octal escapes, such as ``\040`` for a blank."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _group_paths(text: str, controller: str) -> dict[int, str]:
    """Return the process's group path in the v2 and in a controller's v1 hierarchy."""
    paths: dict[int, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        if parts[0] == "0" and not parts[1]:
            paths[2] = parts[2]
        elif controller in parts[1].split(","):
            paths[1] = parts[2]
    return paths


def _group_folders(root: Path, mounts: list[_Mount], path: str | None) -> list[Path]:
    """Return the folders of the process's group and its ancestors up to the mount."""
    if not mounts:
        return []
    mount = mounts[0]
    parts: tuple[str, ...] = ()
    for candidate in mounts:
        inside = _below(path, candidate.top)
        if inside is not None:
            mount, parts = candidate, inside
            break
    point = _inside(root, mount.point)
    if point is None:
        return []
    folders = [point]
    for part in parts:
        folders.append(folders[-1] / part)
    # Of a folder that may not be read, is_dir() raises what this does not.
    return folders if os.path.isdir(folders[-1]) else [point]


def _below(path: str | None, top: str) -> tuple[str, ...] | None:
    """Return the components of `path` below `top`; None if it is not below, or has ".."."""
    if path is None:
        return None
    whole, first = PurePosixPath(path), PurePosixPath(top)
    if ".." in whole.parts or not whole.is_relative_to(first):
        return None
    return whole.relative_to(first).parts


def _inside(root: Path, point: str) -> Path | None:
    """Return a mount point below `root`; None if ".." would leave it."""
    parts = PurePosixPath(point).parts
    return None if ".." in parts else root.joinpath(*(part for part in parts if part != "/"))


def _quota_v2(folder: Path) -> float | None:
    """Return the CPUs that ``cpu.max`` allows, None for no limit."""
    parts = read_text(folder / "cpu.max").split()
    return _ratio(parts[0], parts[1]) if len(parts) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    """Return the CPUs that ``cpu.cfs_quota_us`` over its period allows, None for no limit."""
    return _ratio(read_text(folder / "cpu.cfs_quota_us"), read_text(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    """Return quota over period when both are positive integers."""
    above, below = parse_int(quota), parse_int(period)
    if above is None or below is None or above <= 0 or below <= 0:
        return None
    return above / below
