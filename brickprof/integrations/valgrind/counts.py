"""Flops and bytes of each function of a native program: ``brickprof count``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from brickprof.core import metrics
from brickprof.core.errors import SimulationError
from brickprof.integrations.valgrind.callgrind import (
    Line,
    check_tools,
    read_lines,
    run_callgrind,
    simulated_cache,
    unknown_instruction,
)
from brickprof.integrations.valgrind.disassembly import instructions_at
from brickprof.integrations.valgrind.instructions import PRECISIONS, UNKNOWN, Instruction
from brickprof.machine import Cache, Machine, detect_machine


@dataclass(slots=True)
class FunctionCount:
    """What one function did itself, without those that it calls.

    Parameters
    ----------
    name, object : str
        The function, and the program or shared object that it is in.
    instructions : int
        How many it executed.
    flops_by_precision : dict of str to int
        Floating-point operations, by name of `instructions.PRECISIONS`.
    loaded_bytes, stored_bytes : int
        Bytes between the core and its first cache, of each load and store.
    l1_bytes, last_bytes : int
        Bytes that a simulated first and last cache fetched for it.
    unknown : int
        Executed instructions that could not be read, or whose work is not known.
    unsized : int
        Accesses to memory of which nothing tells the size; they are in no number of bytes.
    masked : int
        Elements of loads and stores under a mask, which are not simulated in caches.
    """

    name: str = ""
    object: str = ""
    instructions: int = 0
    flops_by_precision: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRECISIONS, 0))
    loaded_bytes: int = 0
    stored_bytes: int = 0
    l1_bytes: int = 0
    last_bytes: int = 0
    unknown: int = 0
    unsized: int = 0
    masked: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations of all precisions."""
        return sum(self.flops_by_precision.values())

    @property
    def nbytes(self) -> int:
        """Bytes loaded and stored."""
        return self.loaded_bytes + self.stored_bytes

    @property
    def intensities(self) -> tuple[float, float, float]:
        """Flops per byte that the core, the first and the last cache move."""
        return tuple(  # type: ignore[return-value]
            metrics.arithmetic_intensity(self.flops, nbytes)
            for nbytes in (self.nbytes, self.l1_bytes, self.last_bytes)
        )

    def to_json(self) -> dict[str, Any]:
        """Return all numbers as JSON values; an intensity of no bytes is null."""
        core, first, last = self.intensities
        return {
            **asdict(self),
            "flops": self.flops,
            "nbytes": self.nbytes,
            "intensity_flop_per_byte": core if self.nbytes else None,
            "l1_intensity_flop_per_byte": first if self.l1_bytes else None,
            "last_intensity_flop_per_byte": last if self.last_bytes else None,
        }


@dataclass(frozen=True, slots=True)
class ProgramCount:
    """What a program did.

    Parameters
    ----------
    command : tuple of str
        The program and its arguments.
    exit_code : int
        What it ended with; 128 + n for signal n.
    processes : int
        How many it was.
    caches : tuple of Cache
        The first and the last cache that were simulated.
    functions : tuple of FunctionCount
        Most flops first, then most bytes.
    unknown_instruction : str or None
        What to say of an instruction that valgrind did not know, which ended one of several
        processes or was caught.
    """

    command: tuple[str, ...]
    exit_code: int
    processes: int
    caches: tuple[Cache, Cache]
    functions: tuple[FunctionCount, ...]
    unknown_instruction: str | None = None

    @property
    def total(self) -> FunctionCount:
        """All functions together."""
        total = FunctionCount("all functions")
        for one in self.functions:
            for precision, flops in one.flops_by_precision.items():
                total.flops_by_precision[precision] += flops
            for name in _SUMS:
                setattr(total, name, getattr(total, name) + getattr(one, name))
        return total


_SUMS = (
    *("instructions", "loaded_bytes", "stored_bytes", "l1_bytes", "last_bytes"),
    *("unknown", "unsized", "masked"),
)


def count_program(
    command: Sequence[str],
    *,
    function: str | None = None,
    last_level: int = 3,
    stdout: IO[bytes] | int | None = None,
) -> ProgramCount:
    """Run a program under valgrind, and count what its instructions do.

    Callgrind counts how often each instruction is executed and what it accesses, in a simulation
    of two caches; objdump tells what each one is. It runs some 50 times as long as it would.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments. Processes that it starts are counted, too.
    function : str, optional
        Count inside calls of this function alone, what it calls included; ``*`` stands for any
        letters.
    last_level : int
        The cache of this machine, 2 or 3, that is simulated behind its L1.
    stdout : file, optional
        Where the program's standard output goes; by default where that of this process does.

    Returns
    -------
    ProgramCount

    Raises
    ------
    SimulationError
        If valgrind or objdump is not installed, the program is of another architecture or runs
        instructions that valgrind does not know, or `function` was never called.
    """
    machine = detect_machine()
    if machine.arch != "x86_64":
        raise SimulationError(f"instructions of x86_64 are counted, this is {machine.arch}")
    check_tools()
    caches = _caches(machine, last_level)
    # Children of the program that outlive it may still write here, which then is no error.
    folder = Path(tempfile.mkdtemp(prefix="brickprof-count-"))
    try:
        code = run_callgrind(command, folder, caches, function, stdout)
        lines, processes = read_lines(folder)
        unknown = unknown_instruction(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if function is not None and not lines:
        raise SimulationError(
            f"{function!r} was never entered: is it inlined, or the program stripped of symbols?"
        )
    found = functions_of(lines, caches[0].line_bytes)
    return ProgramCount(tuple(command), code, processes, caches, found, unknown)


def _caches(machine: Machine, last_level: int) -> tuple[Cache, Cache]:
    """Return what is simulated of a machine's caches."""
    by_level = {cache.level: cache for cache in machine.caches}
    first = simulated_cache(by_level[1])
    last = by_level.get(last_level, machine.caches[-1])
    return first, simulated_cache(
        Cache(last.level, last.size_bytes, first.line_bytes, last.shared_by, last.ways)
    )


def functions_of(lines: Iterable[Line], line_bytes: int) -> tuple[FunctionCount, ...]:
    """Add up by function what was executed.

    Parameters
    ----------
    lines : iterable of Line
        What callgrind counted, in its order.
    line_bytes : int
        Bytes of a cache line.

    Returns
    -------
    tuple of FunctionCount
        Most flops first, then most bytes.
    """
    lines = list(lines)
    addresses: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        addresses[line.object].add(line.address)
    code = {
        path: instructions_at(path, wanted) if os.path.isfile(path) else {}
        for path, wanted in addresses.items()
    }
    found: dict[tuple[str, str], FunctionCount] = {}
    masked: tuple[Instruction, int, int] | None = None
    for line in lines:
        key = line.object, line.function
        count = found.get(key)
        if count is None:
            count = found[key] = FunctionCount(line.function, line.object)
        instruction, behind = code[line.object].get(line.address, (UNKNOWN, -1))
        executed = line.executed
        if masked is not None and masked[1] == line.address:
            executed = _take_masked(count, masked, executed)
        masked = (instruction, behind, executed) if instruction.masked_bytes else None
        _add(count, line, instruction, executed, line_bytes)
    return tuple(sorted(found.values(), key=lambda one: (-one.flops, -one.nbytes, one.name)))


def _take_masked(count: FunctionCount, masked: tuple[Instruction, int, int], executed: int) -> int:
    """Return how often the instruction behind a load or store under a mask was executed.

    Callgrind counts its elements as executions of the one behind it, and as no accesses.
    """
    instruction, _, times = masked
    elements = max(executed - times, 0)
    if instruction.masked_store:
        count.stored_bytes += elements * instruction.masked_bytes
    else:
        count.loaded_bytes += elements * instruction.masked_bytes
    count.masked += elements
    return executed - elements


def _add(
    count: FunctionCount, line: Line, instruction: Instruction, executed: int, line_bytes: int
) -> None:
    """Add an instruction that was executed so often."""
    count.instructions += executed
    if instruction.flops:
        count.flops_by_precision[instruction.precision] += executed * instruction.flops
    if not instruction.known:
        count.unknown += executed
    # What is loaded and stored in one place is one access to callgrind, a store.
    loads = max(line.loads, line.stores) if instruction.updates else line.loads
    stores = line.stores
    if not instruction.repeats:  # a vector may be an access for each of its elements
        loads, stores = min(loads, executed), min(stores, executed)
    count.loaded_bytes += loads * instruction.access_bytes
    count.stored_bytes += stores * instruction.access_bytes
    if not instruction.access_bytes:
        count.unsized += loads + stores
    count.l1_bytes += line.l1_misses * line_bytes
    count.last_bytes += line.last_misses * line_bytes
