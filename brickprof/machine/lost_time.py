"""Time that the host of a virtual machine and the control group's quota take from this process."""

from __future__ import annotations

import os
from pathlib import Path

from brickprof.machine.cgroup import group_folders
from brickprof.machine.sysfs import parse_int, read_text

_STEAL = 8
"""Place of the stolen time in the first line of /proc/stat, proc_stat(5)."""


class LostTime:
    """What was lost since this was made.

    Parameters
    ----------
    root : str or Path
        Folder below which ``proc`` and ``sys`` are read.
    """

    def __init__(self, root: str | Path = "/") -> None:
        self._root = Path(root)
        self._folders = group_folders(self._root)
        self._before = self._read()

    def steal_ns(self) -> int:
        """Return what the host gave to others, over all processors, in nanoseconds.

        The kernel counts it in clock ticks, mostly of 10 ms.
        """
        return max(self._read()[0] - self._before[0], 0)

    def throttled_ns(self) -> int:
        """Return for how long the quota stopped the group's threads, in nanoseconds."""
        return max(self._read()[1] - self._before[1], 0)

    def _read(self) -> tuple[int, int]:
        """Return the stolen and the throttled time since the machine started."""
        return _steal_ns(self._root), max(map(_throttled_ns, self._folders), default=0)


def _steal_ns(root: Path) -> int:
    """Return the stolen time of all processors; 0 where it is not known."""
    words = read_text(root / "proc/stat").partition("\n")[0].split()
    if len(words) <= _STEAL or words[0] != "cpu":
        return 0
    ticks = parse_int(words[_STEAL]) or 0
    return ticks * 10**9 // os.sysconf("SC_CLK_TCK")


def _throttled_ns(folder: Path) -> int:
    """Return the throttled time of a control group, whichever version it is of; 0 if unknown."""
    values = dict(
        line.split() for line in read_text(folder / "cpu.stat").splitlines() if line.count(" ") == 1
    )
    v2, v1 = (parse_int(values.get(key, "")) for key in ("throttled_usec", "throttled_time"))
    return max((v2 or 0) * 1000, v1 or 0)
