"""Counts the CPUs: those online, those this process may use, and the physical cores."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from brickprof.core.checks import checked_integer, checked_items, short_repr
from brickprof.core.importing import IMPORTING
from brickprof.machine.cpuinfo import parse_cpuinfo
from brickprof.machine.sysfs import parse_cpu_list, parse_cpu_mask, parse_int, read_text


def is_real(root: Path) -> bool:
    """Tell whether `root` is the running machine's own."""
    return root == Path("/")


def online_cpus(root: Path) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the CPUs that are online, and the name of this fact if it is assumed."""
    online = parse_cpu_list(read_text(root / "sys/devices/system/cpu/online"))
    if not online:
        blocks = parse_cpuinfo(read_text(root / "proc/cpuinfo"))
        numbers = (parse_int(block.get("processor", "")) for block in blocks)
        online = tuple(sorted({number for number in numbers if number is not None}))
    if not online and is_real(root):
        online = tuple(range(os.cpu_count() or 0))
    return (online, ()) if online else ((0,), ("logical_cores",))


def usable_cpus(
    root: Path, online: tuple[int, ...], affinity: Collection[int] | None
) -> tuple[int, ...]:
    """Return the online CPUs that the process may run on."""
    if affinity is not None:
        if not isinstance(affinity, Collection) or isinstance(affinity, str):
            raise TypeError(
                f"affinity must be a collection of CPU numbers, got {short_repr(affinity)}"
            )
        numbers = {
            checked_integer(f"affinity[{place}]", cpu, 0)
            for place, cpu in enumerate(checked_items("affinity", affinity))
        }
        chosen = tuple(cpu for cpu in online if cpu in numbers)
        if not chosen:
            raise ValueError(f"affinity must hold a CPU that is online, got {short_repr(affinity)}")
        return chosen
    if is_real(root) and hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
    else:
        allowed = set(online)
    return tuple(cpu for cpu in online if cpu in allowed) or online


def physical_cores(root: Path, cpus: tuple[int, ...]) -> int | None:
    """Return the number of cores that some CPUs are threads of, or None.

    The kernel's lists of sibling threads tell; numbers of cores are unique only within a cluster of
    some packages, within a die of others, and the same for all on a few.
    """
    cores = [_core_of(root, cpu) for cpu in cpus]
    if any(cores):
        # A CPU of which nothing is told is a core.
        return len({core or ("alone", cpu) for core, cpu in zip(cores, cpus, strict=True)})
    if not is_real(root):
        return None
    with IMPORTING:
        import psutil  # type: ignore[import-untyped,unused-ignore]  # needed on few machines only

    try:
        found: int | None = psutil.cpu_count(logical=False)
    except (OSError, ValueError):
        return None
    return min(found, len(cpus)) if found else None


def _core_of(root: Path, cpu: int) -> tuple[object, ...] | None:
    """Return what names the core of a CPU; None where nothing tells."""
    folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    for name in ("core_cpus", "thread_siblings"):
        for siblings in (
            parse_cpu_list(read_text(folder / f"{name}_list")),
            parse_cpu_mask(read_text(folder / name)),
        ):
            if cpu in siblings:
                return ("siblings", *siblings)
    ids = [parse_int(read_text(folder / name)) for name in _PLACES]
    package, core = ids[0], ids[-1]
    if package is None or core is None or core < 0:
        return None
    return ("ids", *ids)


_PLACES = (
    "physical_package_id",
    "drawer_id",
    "book_id",
    "die_id",
    "cluster_id",
    "core_id",
)
"""Files that say where a CPU is, outermost first."""
