"""The instruction sets that kernels are written for, and which of them to use."""

from __future__ import annotations

import os
from dataclasses import dataclass

from brickprof.core.checks import short_repr
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

_asked: str | None = None
"""What BRICKPROF_ISA held when it was first heeded, empty for nothing; None until then."""


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


def checked_isa_name(value: object) -> str:
    """Return an argument that names an instruction set, of whatever machine, as a str."""
    wanted = f"isa must be the name of an instruction set or None, got {short_repr(value)}"
    if not isinstance(value, str):
        raise TypeError(wanted)
    if not value:
        raise ValueError(wanted)
    return str.__str__(value)  # of a subclass: an exact one, which is equal to nothing else


def checked_isa(value: object, supported: tuple[str, ...]) -> str:
    """Return an argument that names one of the instruction sets that a CPU has.

    Parameters
    ----------
    value : str
        The argument.
    supported : tuple of str
        Names of what the CPU has, best first.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `value` is no str.
    ValueError
        If it names an unknown instruction set, or one that the CPU lacks.
    """
    name = checked_isa_name(value)
    if name not in ISA_NAMES:
        raise ValueError(f"isa must be one of {ISA_NAMES}, got {short_repr(name)}")
    if name not in supported:
        raise ValueError(f"isa {name!r} is not supported by this CPU; it has {supported}")
    return name


def chosen_isa(supported: tuple[str, ...]) -> str:
    """Return the instruction set that kernels use on a CPU unless they are given one.

    The environment variable BRICKPROF_ISA is read until a call heeds it; from then on that answer
    is the process's, so that kernels and the roofs that they are held against never part.

    Parameters
    ----------
    supported : tuple of str
        Names of what the CPU has, best first, all of them in `ISA_NAMES`.

    Returns
    -------
    str
        The best, or what the environment variable lowers it to.

    Raises
    ------
    ValueError
        If BRICKPROF_ISA names an unknown instruction set, or one that the CPU lacks: at this call
        and at every later one until it is corrected.
    """
    global _asked
    asked = os.environ.get(VARIABLE, "") if _asked is None else _asked
    chosen = supported[0] if supported else ISA_NAMES[-1]
    if asked:
        try:
            chosen = checked_isa(asked, supported)
        except ValueError as error:
            raise ValueError(f"{VARIABLE}: {error}") from None
    _asked = asked
    return chosen


def default_isa(machine: Machine) -> str:
    """Return what `chosen_isa` does for a machine.

    Names that this version does not know, which the recording of a newer one may hold, are passed
    over.
    """
    return chosen_isa(tuple(isa for isa in machine.isas if isa in ISA_NAMES))


def _forget_choice() -> None:
    """Let the next call read BRICKPROF_ISA again: for tests, in which no kernel depends on it.

    Kernels that ran already keep their choice; what tests those takes a process of its own.
    """
    global _asked
    _asked = None
