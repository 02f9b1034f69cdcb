"""What this machine is: caches, instruction sets, cores, affinity and cgroup quota."""

from __future__ import annotations

from brickprof.machine.caches import Cache
from brickprof.machine.detect import checked_machine, cpu_budget, detect_machine
from brickprof.machine.lost_time import LostTime
from brickprof.machine.memory import available_memory
from brickprof.machine.model import CpuBudget, Machine

__all__ = [
    "Cache",
    "CpuBudget",
    "LostTime",
    "Machine",
    "available_memory",
    "checked_machine",
    "cpu_budget",
    "detect_machine",
]
