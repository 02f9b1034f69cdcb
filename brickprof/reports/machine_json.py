"""A machine as JSON: what was detected, the thread budget and the stored roofs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from brickprof.machine import CpuBudget, Machine
from brickprof.reports.json import dump
from brickprof.roofline import Roofs


def render(machine: Machine, budget: CpuBudget, roofs: Sequence[Roofs]) -> str:
    """Render a machine as JSON.

    Parameters
    ----------
    machine : Machine
        The machine.
    budget : CpuBudget
        How many CPUs the process may keep busy.
    roofs : sequence of Roofs
        The roofs that are stored for the machine.

    Returns
    -------
    str
        One JSON object with ``machine``, ``fingerprint``, ``budget`` and ``roofs``, with a newline
        at its end.
    """
    return dump(
        {
            "machine": machine.to_json(),
            "fingerprint": machine.fingerprint(),
            "budget": asdict(budget) | {"usable": budget.usable},
            "roofs": [one.to_json() for one in roofs],
        }
    )
