"""Detects the machine: CPU, ISAs, cores and caches, and how many CPUs the process may keep busy."""

from __future__ import annotations

import functools
import math
import platform
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from brickprof.core.checks import checked_path, short_repr
from brickprof.machine.caches import Cache, find_caches
from brickprof.machine.cgroup import read_quota
from brickprof.machine.cpuinfo import cpu_name, guess_arch, normal_arch, parse_cpuinfo
from brickprof.machine.isas import isas_from_cpuinfo
from brickprof.machine.model import CpuBudget, Machine
from brickprof.machine.sysfs import read_text
from brickprof.machine.topology import is_real, online_cpus, physical_cores, usable_cpus


def cpu_budget(root: str | Path = "/", *, affinity: Collection[int] | None = None) -> CpuBudget:
    """Return how many CPUs this process may keep busy, and which limit decides.

    Parameters
    ----------
    root, affinity
        As for `detect_machine`.

    Returns
    -------
    CpuBudget

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If no CPU of `affinity` is online.
    """
    base = checked_path("root", root)
    online = online_cpus(base)[0]
    return _budget(base, online, usable_cpus(base, online, affinity))


def detect_machine(
    root: str | Path = "/",
    *,
    affinity: Collection[int] | None = None,
    arch: str | None = None,
) -> Machine:
    """Return the facts of this machine.

    Parameters
    ----------
    root : str or Path
        Folder below which ``proc`` and ``sys`` are read. With any other than "/", nothing is
        taken from the running machine.
    affinity : collection of int, optional
        Numbers of the CPUs that the process may run on; by default what the system says or, for
        another root, all that are online.
    arch : str, optional
        Architecture; by default the running one or, for another root, what cpuinfo suggests.

    Returns
    -------
    Machine
        With typical values, listed in ``assumed``, for what the machine does not report.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If no CPU of `affinity` is online.
    """
    if arch is not None and not isinstance(arch, str):
        raise TypeError(f"arch must be a string or None, got {short_repr(arch)}")
    base = checked_path("root", root)
    online, assumed = online_cpus(base)
    cpus = usable_cpus(base, online, affinity)
    budget = _budget(base, online, cpus)
    # Quota and affinity may change while the process runs; the rest may not, and costs file reads.
    read = _fixed_facts_once if is_real(base) else _fixed_facts
    fixed = read(base, online, cpus, arch)
    return Machine(
        cpu=fixed.cpu,
        arch=fixed.arch,
        isa=fixed.isas[0],
        isas=fixed.isas,
        physical_cores=fixed.physical_cores,
        logical_cores=len(online),
        usable_cores=budget.usable,
        quota_cores=budget.quota,
        caches=fixed.caches,
        assumed=assumed + fixed.assumed,
    )


@dataclass(frozen=True, slots=True)
class _FixedFacts:
    """The facts that stay while a process runs."""

    cpu: str
    arch: str
    isas: tuple[str, ...]
    physical_cores: int
    caches: tuple[Cache, ...]
    assumed: tuple[str, ...]


def _fixed_facts(
    root: Path, online: tuple[int, ...], cpus: tuple[int, ...], arch: str | None
) -> _FixedFacts:
    """Read the CPU's name, ISAs, cores and caches."""
    real = is_real(root)
    blocks = parse_cpuinfo(read_text(root / "proc/cpuinfo"))
    name = normal_arch(arch or (platform.machine() if real else guess_arch(blocks)) or "unknown")
    isas = isas_from_cpuinfo(blocks, name)
    cores = physical_cores(root, online)
    physical = cores or len(online)
    per_core = max(1, len(online) // physical)
    caches, assumed = find_caches(root, cpus, real, len(online), per_core)
    unknown = [fact for fact, value in (("isas", isas), ("physical_cores", cores)) if not value]
    board = read_text(root / "proc/device-tree/model")
    return _FixedFacts(
        cpu=cpu_name(blocks, name, board),
        arch=name,
        isas=isas or ("base",),
        physical_cores=physical,
        caches=caches,
        assumed=(*unknown, *assumed),
    )


def checked_machine(machine: object) -> Machine:
    """Return an argument ``machine``: a Machine, or this one for None."""
    if machine is None:
        return detect_machine()
    if not isinstance(machine, Machine):
        raise TypeError(f"machine must be a Machine or None, got {short_repr(machine)}")
    return machine


_fixed_facts_once = functools.lru_cache(maxsize=8)(_fixed_facts)


def _budget(root: Path, online: tuple[int, ...], cpus: tuple[int, ...]) -> CpuBudget:
    """Return the budget of a process that may run on `cpus`."""
    found = read_quota(root)
    usable = len(cpus)
    if usable < len(online):
        # Threads of one core take turns: a part of the CPUs is worth as many as it has cores.
        usable = physical_cores(root, cpus) or usable
    if found is not None and math.floor(found[0]) < usable:
        source = found[1]
    elif len(cpus) < len(online):
        source = "affinity"
    else:
        source = "all cpus"
    return CpuBudget(usable, found[0] if found else None, source)
