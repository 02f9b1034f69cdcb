"""How much memory this process may still allocate."""

from __future__ import annotations

import os
from pathlib import Path

from brickprof.machine.cgroup import read_memory_room
from brickprof.machine.sysfs import parse_int, read_text


def available_memory(root: str | Path = "/") -> int:
    """Return the bytes that may be allocated without harm: free, and within all groups' limits.

    Parameters
    ----------
    root : str or Path
        Folder below which ``proc`` and ``sys`` are read.

    Returns
    -------
    int
    """
    base = Path(root)
    free = _free_memory(base)
    room = read_memory_room(base)
    return free if room is None else min(free, room)


def _free_memory(root: Path) -> int:
    """Return MemAvailable, or without it the free pages."""
    for line in read_text(root / "proc/meminfo").splitlines():
        name, _, size = line.partition(":")
        if name == "MemAvailable":
            kib = parse_int(size.strip().removesuffix(" kB"))
            if kib is not None:
                return kib * 1024
    try:
        return max(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), 0)
    except (OSError, ValueError):
        return 1 << 30  # a gibibyte, which any machine of today has
