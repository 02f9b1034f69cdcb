"""Time lost to the host and to the quota, on fake trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from brickprof.machine import LostTime

TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")
V2 = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
V1 = "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"


def put(root: Path, path: str, content: str) -> None:
    """Write a file of a fake tree."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{content}\n")


def stolen(root: Path, ticks: int) -> None:
    put(root, "proc/stat", f"cpu  1 2 3 4 5 6 7 {ticks} 9 10\ncpu0 1 2 3 4 5 6 7 99 9 10")


def test_steal_is_counted_from_the_start(tmp_path: Path) -> None:
    stolen(tmp_path, 20)
    lost = LostTime(tmp_path)
    assert (lost.steal_ns(), lost.throttled_ns()) == (0, 0)
    stolen(tmp_path, 23)
    assert lost.steal_ns() == 3 * TICK_NS
    stolen(tmp_path, 19)
    assert lost.steal_ns() == 0


@pytest.mark.parametrize(
    ("mounts", "group", "folder", "line", "ns"),
    [
        (V2, "0::/a/b", "sys/fs/cgroup/a", "nr_throttled 3\nthrottled_usec {}", 1000),
        (V2, "0::/a/b", "sys/fs/cgroup/a/b", "junk\nthrottled_usec {}\nx y z", 1000),
        (V1, "4:cpu,cpuacct:/a", "sys/fs/cgroup/cpu/a", "nr_periods 1\nthrottled_time {}", 1),
    ],
)
def test_the_most_throttled_of_the_groups_counts(
    tmp_path: Path, mounts: str, group: str, folder: str, line: str, ns: int
) -> None:
    put(tmp_path, "proc/self/mountinfo", mounts)
    put(tmp_path, "proc/self/cgroup", group)
    (tmp_path / "sys/fs/cgroup/a/b").mkdir(parents=True)
    put(tmp_path, f"{folder}/cpu.stat", line.format(500))
    lost = LostTime(tmp_path)
    put(tmp_path, f"{folder}/cpu.stat", line.format(1700))
    assert (lost.throttled_ns(), lost.steal_ns()) == (1200 * ns, 0)


@pytest.mark.parametrize("junk", ["", "intr 1 2", "cpu 1 2", "cpu 1 2 3 4 5 6 7 many", "\0\0"])
def test_junk_is_no_steal(tmp_path: Path, junk: str) -> None:
    put(tmp_path, "proc/stat", junk)
    assert LostTime(tmp_path).steal_ns() == 0


def test_this_machine_tells_or_says_nothing() -> None:
    lost = LostTime()
    assert lost.steal_ns() >= 0
    assert lost.throttled_ns() >= 0
