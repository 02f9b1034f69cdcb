"""Which instruction set kernels use unless told otherwise."""

from __future__ import annotations

import os

from brickprof.machine.model import Machine


def default_isa(machine: Machine) -> str:
    """Return the best instruction set of a machine, or what BRICKPROF_ISA lowers it to.

    Parameters
    ----------
    machine : Machine
        The host.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the environment's BRICKPROF_ISA names none that the machine has.
    """
    asked = os.environ.get("BRICKPROF_ISA")
    if not asked:
        return machine.isa
    if asked not in machine.isas:
        raise ValueError(f"BRICKPROF_ISA: isa must be one of {machine.isas}, got {asked!r}")
    return asked
