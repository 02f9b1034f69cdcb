"""The instruction sets that kernels are written for, and which of them to use."""

from __future__ import annotations

import os
from dataclasses import dataclass

from brickprof.machine.model import Machine

VARIABLE = "BRICKPROF_ISA"
"""Environment variable that lowers the choice of an instruction set."""


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """A vector instruction set, and how /proc/cpuinfo shows it.

    Parameters
    ----------
    name : str
        Its name in plans, recordings and arguments.
    arch : str or None
        The architecture that has it, as Linux names it; None for all.
    flags : frozenset of str
        The flags (on ARM: features) that all processors list; none where the architecture is
        enough.
    """

    name: str
    arch: str | None = None
    flags: frozenset[str] = frozenset()


_AVX2 = frozenset({"avx2", "fma"})

INSTRUCTION_SETS = (
    InstructionSet("avx512", "x86_64", _AVX2 | {"avx512f", "avx512dq", "avx512vl", "avx512bw"}),
    InstructionSet("avx2", "x86_64", _AVX2),
    InstructionSet("neon", "aarch64"),
    InstructionSet("base"),
)
"""All of them, best first; the last one is every machine's."""

ISA_NAMES = tuple(isa.name for isa in INSTRUCTION_SETS)
"""Their names, best first."""


def isas_from_cpuinfo(blocks: tuple[dict[str, str], ...], arch: str) -> tuple[str, ...] | None:
    """Return the names of the ISAs that every processor has, best first.

    None where the architecture has some that only flags could show, and there are no flags.
    """
    candidates = [isa for isa in INSTRUCTION_SETS if isa.arch in (None, arch)]
    lists = [block.get("flags", block.get("features")) for block in blocks]
    flags = [frozenset(listed.split()) for listed in lists if listed is not None]
    common = frozenset.intersection(*flags) if flags else frozenset()
    supported = tuple(isa.name for isa in candidates if isa.flags <= common)
    if not flags and len(candidates) > 1 and supported == ISA_NAMES[-1:]:
        return None
    return supported


def default_isa(machine: Machine) -> str:
    """Return the instruction set that kernels use on a machine unless they are given one.

    Parameters
    ----------
    machine : Machine
        Whose instruction sets to choose from. Names that this version does not know, which the
        recording of a newer one may hold, are passed over.

    Returns
    -------
    str
        The best, or what the environment variable BRICKPROF_ISA lowers it to at this call.

    Raises
    ------
    ValueError
        If BRICKPROF_ISA names an unknown instruction set, or one that the machine lacks.
    """
    supported = [isa for isa in machine.isas if isa in ISA_NAMES]
    chosen = os.environ.get(VARIABLE)
    if not chosen:
        return supported[0] if supported else ISA_NAMES[-1]
    if chosen not in ISA_NAMES:
        raise ValueError(f"{VARIABLE}: isa must be one of {ISA_NAMES}, got {chosen!r}")
    if chosen not in supported:
        raise ValueError(
            f"{VARIABLE}: isa {chosen!r} is not supported by this CPU; it has {tuple(supported)}"
        )
    return chosen
