"""The CPU quota of control groups, on fake trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from brickprof.machine import CpuBudget, available_memory, cpu_budget, detect_machine

V1 = "33 31 0:30 {top} {point} rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct"
V2 = "41 31 0:38 {top} {point} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
CPU = "/sys/fs/cgroup/cpu,cpuacct"
UNIFIED = "/sys/fs/cgroup"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the tree of a machine with eight CPUs."""
    put(tmp_path, "sys/devices/system/cpu/online", "0-7")
    return tmp_path


def put(root: Path, path: str, content: str) -> None:
    """Write a file of a fake tree."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{content}\n")


def mount(root: Path, *lines: str) -> None:
    """Write mountinfo, with mounts around the ones that matter."""
    around = [
        "22 1 8:1 / / rw - ext4 /dev/vda rw",
        "32 31 0:9 / /sys/fs/cgroup/pids rw - cgroup c rw,pids",
    ]
    put(root, "proc/self/mountinfo", "\n".join([around[0], "junk", *lines, around[1]]))


def v2(top: str = "/", point: str = UNIFIED) -> str:
    return V2.format(top=top, point=point)


def v1(top: str = "/", point: str = CPU) -> str:
    return V1.format(top=top, point=point)


def group(root: Path, *lines: str) -> None:
    put(root, "proc/self/cgroup", "\n".join(["9:name=systemd:/x", "bad line", *lines]))


def limit_v2(root: Path, folder: str, content: str) -> None:
    put(root, f"{folder}/cpu.max", content)


def limit_v1(root: Path, folder: str, quota: str, period: str = "100000") -> None:
    put(root, f"{folder}/cpu.cfs_quota_us", quota)
    put(root, f"{folder}/cpu.cfs_period_us", period)


def test_no_control_groups(root: Path) -> None:
    assert cpu_budget(root) == CpuBudget(8, None, "all cpus")


def test_v2(root: Path) -> None:
    mount(root, v2())
    group(root, "0::/app")
    limit_v2(root, f"{UNIFIED}/app", "350000 100000")
    budget = cpu_budget(root)
    assert budget == CpuBudget(8, 3.5, "cgroup v2")
    assert budget.usable == 3
    machine = detect_machine(root)
    assert (machine.usable_cores, machine.quota_cores, machine.logical_cores) == (3, 3.5, 8)


def test_v1(root: Path) -> None:
    mount(root, v1())
    group(root, "4:cpu,cpuacct:/app")
    limit_v1(root, f"{CPU}/app", "100000", "50000")
    assert cpu_budget(root) == CpuBudget(8, 2.0, "cgroup v1")


@pytest.mark.parametrize("order", [1, -1])
def test_v1_group_of_another_controller_does_not_count(root: Path, order: int) -> None:
    mount(root, v1())
    group(root, *["3:cpuset:/set", "4:cpu:/app"][::order])
    limit_v1(root, f"{CPU}/set", "100000")
    limit_v1(root, f"{CPU}/app", "500000")
    assert cpu_budget(root).quota == 5.0


@pytest.mark.parametrize(("one", "two", "source"), [(2, 5, "cgroup v1"), (5, 2, "cgroup v2")])
def test_hybrid_takes_the_tighter(root: Path, one: int, two: int, source: str) -> None:
    mount(root, v1(), v2(point="/sys/fs/cgroup/unified"))
    group(root, "1:cpu,cpuacct:/a", "0::/b")
    limit_v1(root, f"{CPU}/a", f"{one}00000")
    limit_v2(root, "/sys/fs/cgroup/unified/b", f"{two}00000 100000")
    assert cpu_budget(root) == CpuBudget(8, 2.0, source)


@pytest.mark.parametrize("tight", ["", "/a", "/a/b", "/a/b/c"])
def test_nested_groups_take_the_tightest(root: Path, tight: str) -> None:
    mount(root, v2())
    group(root, "0::/a/b/c")
    for folder in ("", "/a", "/a/b", "/a/b/c"):
        limit_v2(root, UNIFIED + folder, "200000 100000" if folder == tight else "600000 100000")
    assert cpu_budget(root).quota == 2.0


def test_groups_beside_and_below_do_not_count(root: Path) -> None:
    mount(root, v2())
    group(root, "0::/a/b")
    limit_v2(root, f"{UNIFIED}/a/b", "400000 100000")
    limit_v2(root, f"{UNIFIED}/a/c", "100000 100000")
    limit_v2(root, f"{UNIFIED}/a/b/c", "100000 100000")
    assert cpu_budget(root).quota == 4.0


def test_mount_s_root_is_taken_off_the_path(root: Path) -> None:
    mount(root, v1(top="/docker/abc"))
    group(root, "4:cpu,cpuacct:/docker/abc/job")
    limit_v1(root, f"{CPU}/job", "300000")
    limit_v1(root, f"{CPU}/docker/abc/job", "100000")
    assert cpu_budget(root).quota == 3.0


def test_mount_s_root_is_compared_by_component(root: Path) -> None:
    mount(root, v1(top="/docker/ab"))
    group(root, "4:cpu,cpuacct:/docker/abc")
    limit_v1(root, CPU, "300000")
    limit_v1(root, f"{CPU}/c", "100000")
    assert cpu_budget(root).quota == 3.0


@pytest.mark.parametrize("path", ["/not/there", "/../outside", "/a/../../outside", ""])
def test_path_outside_the_namespace_falls_back_to_the_mount(root: Path, path: str) -> None:
    mount(root, v2())
    group(root, f"0::{path}")
    limit_v2(root, UNIFIED, "300000 100000")
    limit_v2(root, f"{UNIFIED}/not", "100000 100000")
    limit_v2(root, "/sys/fs/outside", "100000 100000")
    limit_v2(root, "/sys/outside", "100000 100000")
    assert cpu_budget(root).quota == 3.0


def test_mount_point_may_not_leave_the_root(root: Path) -> None:
    mount(root / "inner", v2(point="/../cgroup"))
    group(root / "inner", "0::/")
    limit_v2(root, "cgroup", "100000 100000")
    assert cpu_budget(root / "inner").quota is None


def test_of_two_mounts_the_one_that_holds_the_group_counts(root: Path) -> None:
    mount(root, v2(top="/other", point="/mnt/other"), v2())
    group(root, "0::/app")
    limit_v2(root, "/mnt/other", "100000 100000")
    limit_v2(root, f"{UNIFIED}/app", "500000 100000")
    assert cpu_budget(root).quota == 5.0


def test_mount_point_with_a_blank(root: Path) -> None:
    mount(root, v2(point=r"/my\040groups"))
    group(root, "0::/app")
    limit_v2(root, "/my groups/app", "200000 100000")
    assert cpu_budget(root).quota == 2.0


def test_without_a_group_file_the_mount_counts(root: Path) -> None:
    mount(root, v2())
    limit_v2(root, UNIFIED, "200000 100000")
    assert cpu_budget(root).quota == 2.0


@pytest.mark.parametrize(
    ("quota", "usable"), [("50000", 1), ("1000", 1), ("150000", 1), ("200000", 2)]
)
def test_quota_is_rounded_down_but_not_to_zero(root: Path, quota: str, usable: int) -> None:
    mount(root, v2())
    group(root, "0::/")
    limit_v2(root, UNIFIED, f"{quota} 100000")
    budget = cpu_budget(root)
    assert (budget.usable, budget.source) == (usable, "cgroup v2")


def test_quota_of_half_a_cpu_bites_on_a_single_cpu(root: Path) -> None:
    mount(root, v2())
    limit_v2(root, UNIFIED, "50000 100000")
    assert cpu_budget(root, affinity=[0]) == CpuBudget(1, 0.5, "cgroup v2")


def test_loose_quota_does_not_bite(root: Path) -> None:
    mount(root, v2())
    limit_v2(root, UNIFIED, "400000 100000")
    budget = cpu_budget(root, affinity=[0, 1])
    assert (budget, budget.usable) == (CpuBudget(2, 4.0, "affinity"), 2)


@pytest.mark.parametrize(
    "content",
    ["max 100000", "", "junk", "100000", "1e5 100000", "-1 100000", "0 100000", "1 0", "1 2 3"],
)
def test_no_limit_or_junk_in_v2(root: Path, content: str) -> None:
    mount(root, v2())
    group(root, "0::/")
    limit_v2(root, UNIFIED, content)
    assert cpu_budget(root).quota is None


@pytest.mark.parametrize(
    ("quota", "period"),
    [("-1", "100000"), ("", ""), ("x", "1"), ("1", "0"), ("1", "-5"), ("0", "1")],
)
def test_no_limit_or_junk_in_v1(root: Path, quota: str, period: str) -> None:
    mount(root, v1())
    group(root, "4:cpu,cpuacct:/")
    limit_v1(root, CPU, quota, period)
    assert cpu_budget(root).quota is None


def test_unreadable_files_are_no_limit(root: Path) -> None:
    mount(root, v1(), v2())
    group(root, "4:cpu,cpuacct:/", "0::/")
    (root / f"{UNIFIED[1:]}/cpu.max").mkdir(parents=True)
    (root / f"{CPU[1:]}/cpu.cfs_quota_us").mkdir(parents=True)
    assert cpu_budget(root).quota is None


@pytest.mark.parametrize("junk", ["", " - ", "1 2 3 - cgroup2", "a b c d e - ", "\0\0"])
def test_junk_mountinfo_is_no_limit(root: Path, junk: str) -> None:
    put(root, "proc/self/mountinfo", junk)
    limit_v2(root, UNIFIED, "100000 100000")
    assert cpu_budget(root).quota is None


# Memory.

MEMORY_V1 = "34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


def memory_v2(root: Path, folder: str, limit: str, used: int, droppable: int = 0) -> None:
    put(root, f"{folder}/memory.max", limit)
    put(root, f"{folder}/memory.current", str(used))
    put(root, f"{folder}/memory.stat", f"anon 5\ninactive_file {droppable}\njunk")


def test_the_tightest_group_bounds_the_memory(root: Path) -> None:
    put(root, "proc/meminfo", "MemTotal: 99 kB\nMemAvailable:    1000 kB")
    assert available_memory(root) == 1_024_000
    mount(root, v2())
    group(root, "0::/a/b")
    memory_v2(root, f"{UNIFIED}/a/b", "max", 50_000)
    assert available_memory(root) == 1_024_000
    memory_v2(root, f"{UNIFIED}/a", "400000", 300_000, 100_000)
    assert available_memory(root) == 200_000
    put(root, f"{UNIFIED}/a/b/memory.high", "90000")
    assert available_memory(root) == 40_000
    memory_v2(root, f"{UNIFIED}/a", "400000", 900_000)
    assert available_memory(root) == 0


def test_memory_of_the_first_hierarchy(root: Path) -> None:
    put(root, "proc/meminfo", "MemAvailable:    1000 kB")
    mount(root, MEMORY_V1)
    group(root, "7:memory:/box")
    folder = "/sys/fs/cgroup/memory/box"
    put(root, f"{folder}/memory.limit_in_bytes", "9223372036854771712")
    put(root, f"{folder}/memory.usage_in_bytes", "5000")
    assert available_memory(root) == 1_024_000
    put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "70000")
    put(root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "junk")
    assert available_memory(root) == 70_000
    put(root, f"{folder}/memory.limit_in_bytes", "9000")
    put(root, f"{folder}/memory.stat", "total_inactive_file 1000")
    assert available_memory(root) == 5_000


def test_memory_without_proc(tmp_path: Path) -> None:
    assert available_memory(tmp_path) > 0
    put(tmp_path, "proc/meminfo", "MemAvailable: junk")
    assert available_memory(tmp_path) > 0


def test_an_error_of_a_folder_is_no_group(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(root, v2())
    group(root, "0::/a/b")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "is_dir", refuse)
    assert cpu_budget(root).quota is None
