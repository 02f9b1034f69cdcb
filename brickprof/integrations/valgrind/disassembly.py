"""The instructions at some addresses of a program or shared object, as GNU objdump writes them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

from brickprof.integrations.valgrind.instructions import Instruction, instruction_of

_GAP = 1 << 14
"""Bytes without an executed instruction that are read all the same: starting objdump costs more."""

_LONGEST = 15
"""Bytes of the longest instruction."""

_LINE = re.compile(r"^ *([0-9a-f]+):\t(.*)$", re.M)


def instructions_at(path: str, addresses: Iterable[int]) -> dict[int, tuple[Instruction, int]]:
    """Return the instructions at some addresses, and where the next ones begin.

    Parameters
    ----------
    path : str
        A program or shared object.
    addresses : iterable of int
        Where instructions begin, as the object itself numbers addresses.

    Returns
    -------
    dict
        By address the instruction and the address behind it. Addresses at which none could be
        read are missing.
    """
    wanted = set(addresses)
    found: dict[int, tuple[Instruction, int]] = {}
    # Data between functions may put the reading out of step: what it missed is read on its own.
    for gap in (_GAP, _LONGEST):
        missing = sorted(wanted - found.keys())
        for first, last in _ranges(missing, gap):
            _read(path, first, last, wanted, found)
    return found


def _ranges(addresses: list[int], gap: int) -> list[tuple[int, int]]:
    """Return first and last addresses of runs with no gaps larger than this."""
    ranges: list[tuple[int, int]] = []
    for address in addresses:
        if ranges and address - ranges[-1][1] <= gap:
            ranges[-1] = ranges[-1][0], address
        else:
            ranges.append((address, address))
    return ranges


def _read(
    path: str, first: int, last: int, wanted: set[int], found: dict[int, tuple[Instruction, int]]
) -> None:
    """Read the instructions from one address to another."""
    behind = last + 2 * _LONGEST + 1
    command = [
        *("objdump", "-d", "-w", "-M", "intel", "--no-show-raw-insn"),
        *(f"--start-address={first:#x}", f"--stop-address={behind:#x}", "--", path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    lines = [(int(match[1], 16), match[2]) for match in _LINE.finditer(done.stdout)]
    ends = [address for address, _ in lines[1:]] + [last + _LONGEST] * bool(lines)
    known: dict[str, Instruction] = {}
    for (address, text), end in zip(lines, ends, strict=True):
        if address in wanted:
            instruction = known.get(text)
            if instruction is None:
                instruction = known[text] = instruction_of(text)
            found[address] = instruction, end
