"""The instructions at some addresses of a program or shared object, as GNU objdump writes them."""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from brickprof.core.errors import SimulationError
from brickprof.integrations.valgrind.instructions import Instruction, instruction_of

_GAP = 64
"""Bytes without an executed instruction that are read all the same, to have fewer pieces."""

_LONGEST = 15
"""Bytes of the longest instruction."""

_NOPS = b"\x90" * (_LONGEST + 1)
"""Between pieces: what the end of one begins does not reach into the next."""

_LINE = re.compile(r"^ *([0-9a-f]+):\t(.*)$", re.M)

_LOADED = 1
"""Type of an ELF segment that is loaded."""


def instructions_at(path: str, addresses: Iterable[int]) -> dict[int, tuple[Instruction, int]]:
    """Return the instructions at some addresses, and where the next ones begin.

    Parameters
    ----------
    path : str
        A program or shared object, in ELF.
    addresses : iterable of int
        Where instructions begin, as the object itself numbers addresses.

    Returns
    -------
    dict
        By address the instruction and the address behind it. Addresses at which none could be
        read are missing.

    Raises
    ------
    SimulationError
        If objdump does not know the architecture.
    """
    wanted = set(addresses)
    found: dict[int, tuple[Instruction, int]] = {}
    try:
        image = Path(path).read_bytes()
        segments = _segments(image)
    except (OSError, struct.error):
        return found
    # Data between functions may put the reading out of step: what it missed is read on its own.
    for gap in (_GAP, 0):
        runs = _runs(sorted(wanted - found.keys()), gap)
        pieces = [(first, _bytes_at(image, segments, first, last)) for first, last in runs]
        _read(pieces, wanted, found)
    return found


def _segments(image: bytes) -> list[tuple[int, int, int]]:
    """Return address, offset and length of what an ELF file of 64 bits loads."""
    if image[:6] != b"\x7fELF\x02\x01":
        return []
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    found = []
    for place in range(table, table + count * size, size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", image, place)
        if kind == _LOADED:
            found.append((address, offset, length))
    return found


def _bytes_at(image: bytes, segments: list[tuple[int, int, int]], first: int, last: int) -> bytes:
    """Return the bytes from an address to the end of the instruction at another one."""
    for address, offset, length in segments:
        if address <= first < address + length:
            end = min(last + _LONGEST, address + length)
            return image[offset + first - address : offset + end - address]
    return b""


def _runs(addresses: list[int], gap: int) -> list[tuple[int, int]]:
    """Return first and last addresses of runs with no gaps larger than this."""
    runs: list[tuple[int, int]] = []
    for address in addresses:
        if runs and address - runs[-1][1] <= gap:
            runs[-1] = runs[-1][0], address
        else:
            runs.append((address, address))
    return runs


def _read(
    pieces: list[tuple[int, bytes]], wanted: set[int], found: dict[int, tuple[Instruction, int]]
) -> None:
    """Read the instructions of pieces of code, each of which begins with one.

    They are given to objdump one behind the other, since it takes as long to read the symbols of a
    large library as to disassemble all that a program executes of it.
    """
    starts: list[int] = []
    code = bytearray()
    for _, piece in pieces:
        starts.append(len(code))
        code += piece + _NOPS
    if not code:
        return
    with tempfile.NamedTemporaryFile(prefix="brickprof-code-") as file:
        file.write(code)
        file.flush()
        command = [
            *("objdump", "-D", "-z", "-w", "-M", "intel", "--no-show-raw-insn"),
            *("-b", "binary", "-m", "i386:x86-64", file.name),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SimulationError(f"objdump cannot read x86_64 code: {done.stderr.strip()}")
    lines = [(int(match[1], 16), match[2]) for match in _LINE.finditer(done.stdout)]
    ends = [place for place, _ in lines[1:]] + [len(code)] * bool(lines)
    known: dict[str, Instruction] = {}
    for (place, text), end in zip(lines, ends, strict=True):
        number = bisect_right(starts, place) - 1
        first, piece = pieces[number]
        address = first + place - starts[number]
        if place - starts[number] < len(piece) and address in wanted:
            instruction = known.get(text)
            if instruction is None:
                instruction = known[text] = instruction_of(text)
            found[address] = instruction, address + end - place
