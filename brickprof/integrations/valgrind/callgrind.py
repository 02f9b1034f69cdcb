"""Runs a program under valgrind's callgrind, and reads how often each instruction was executed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from brickprof.core.errors import SimulationError
from brickprof.machine import Cache

_FORKS = ("fork", "_Fork", "__libc_fork", "vfork")
"""Functions before which counts are written out and begin anew: a child inherits its parent's."""

_USUAL_WAYS = 8
"""Associativity of a cache that tells none."""

_EVENTS = ("Ir", "Dr", "Dw", "D1mr", "D1mw", "DLmr", "DLmw")


@dataclass(frozen=True, slots=True)
class Line:
    """How often one instruction was executed, in one basic block.

    Parameters
    ----------
    object : str
        Path of the program or shared object; ``"???"`` of code that is in no file.
    function : str
        The function that it is in.
    address : int
        As the object numbers addresses.
    executed, loads, stores : int
        Times that it was executed, and its accesses to memory.
    l1_misses, last_misses : int
        Cache lines that it fetched into the first and into the last cache that are simulated.
    """

    object: str
    function: str
    address: int
    executed: int
    loads: int
    stores: int
    l1_misses: int
    last_misses: int


def simulated_cache(cache: Cache) -> Cache:
    """Return a cache that valgrind can simulate, of about the size of another one.

    Its number of sets is a power of two.
    """
    line = 1 << (cache.line_bytes.bit_length() - 1)
    ways = cache.ways or _USUAL_WAYS
    sets = 1 << (max(cache.size_bytes // (line * ways), 1).bit_length() - 1)
    ways = max(round(cache.size_bytes / (line * sets)), 1)
    return Cache(cache.level, sets * ways * line, line, cache.shared_by, ways)


def check_tools() -> None:
    """Raise unless valgrind and objdump are installed.

    Raises
    ------
    SimulationError
        If one is missing; the message names its package.
    """
    for tool, package in (("valgrind", "valgrind"), ("objdump", "binutils")):
        if shutil.which(tool) is None:
            raise SimulationError(f"{tool} is not installed (Debian: apt install {package})")


def run_callgrind(
    command: Sequence[str],
    folder: Path,
    caches: tuple[Cache, Cache],
    function: str | None,
    stdout: IO[bytes] | int | None,
) -> int:
    """Run a command with its input and output, and return its exit code; 128 + n for signal n.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    folder : Path
        Where the files of all processes and valgrind's own messages go.
    caches : tuple of Cache
        The first and the last cache to simulate; see `simulated_cache`.
    function : str, optional
        Count inside calls of this function alone; ``*`` stands for any letters.
    stdout : file, optional
        Where the program's standard output goes; by default where that of this process does.

    Raises
    ------
    SimulationError
        If valgrind could not run it, or not to its end.
    """
    first, last = (f"{one.size_bytes},{one.ways},{one.line_bytes}" for one in caches)
    options = [
        *("--tool=callgrind", "--trace-children=yes", f"--log-file={folder}/log.%p"),
        *("--dump-instr=yes", "--compress-strings=no", "--compress-pos=no"),
        *("--cache-sim=yes", f"--I1={first}", f"--D1={first}", f"--LL={last}"),
        f"--callgrind-out-file={folder}/out.%p",
        *(f"--dump-before={name}" for name in _FORKS),
        *(() if function is None else (f"--toggle-collect={function}",)),
    ]
    process = subprocess.Popen(["valgrind", *options, "--", *command], stdout=stdout)
    code = _wait(process)
    unknown = unknown_instruction(folder)
    if code == -signal.SIGILL:
        raise SimulationError(unknown or "the program was ended by SIGILL, an illegal instruction")
    if not any(folder.glob("out.*")):
        told = [line.partition("== ")[2] or line for line in _log(folder).splitlines()]
        why = " ".join([line for line in told if line.strip()][-2:])
        raise SimulationError(f"valgrind could not run it: {why or f'exit code {code}'}")
    return 128 - code if code < 0 else code


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program, which gets the Ctrl-C that this process gets; a second one ends it."""
    interrupted = False
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            if interrupted:
                process.kill()
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return code


def _log(folder: Path) -> str:
    """Return what valgrind said of all processes."""
    return "".join(path.read_text(errors="replace") for path in sorted(folder.glob("log.*")))


def unknown_instruction(folder: Path) -> str | None:
    """Return what to say of an instruction that valgrind did not know; None where it knew all.

    The process that ran it got SIGILL.
    """
    found = re.search(r"unhandled instruction bytes: ((?:0x\w+ ?)+)", _log(folder))
    if found is None:
        return None
    if found[1].startswith("0x62"):
        return (
            "the program ran an AVX-512 instruction, which valgrind does not know: build it "
            "without (-march=x86-64-v3), or let its libraries choose AVX2 (they do unless "
            "variables such as OPENBLAS_CORETYPE or BRICKPROF_ISA say otherwise)"
        )
    return f"the program ran an instruction that valgrind does not know ({found[1].strip()})"


def read_lines(folder: Path) -> tuple[list[Line], int]:
    """Return what `run_callgrind` wrote, and the number of processes that it is of."""
    lines: list[Line] = []
    processes = set()
    for path in sorted(folder.glob("out.*")):
        processes.add(path.name.split(".")[1])
        with open(path, errors="backslashreplace") as file:
            lines += _lines(file)
    return lines, len(processes)


def _lines(file: Iterator[str]) -> Iterator[Line]:
    """Yield the lines of a file; J. Weidendorfer, "Callgrind Format Specification"."""
    columns: list[int] = []
    path = function = "???"
    after_call = False
    for text in file:
        if text.startswith("0x"):
            if after_call:  # what the callee did, which its own lines tell
                after_call = False
                continue
            address, _, *counts = text.split()
            padded = [int(count) for count in counts] + [0] * (1 + max(columns, default=0))
            ir, dr, dw, d1mr, d1mw, dlmr, dlmw = (padded[column] for column in columns)
            yield Line(path, function, int(address, 16), ir, dr, dw, d1mr + d1mw, dlmr + dlmw)
            continue
        name, _, value = text.rstrip("\n").partition("=")
        if name == "ob":
            path = value
        elif name == "fn":
            function = value
        elif name == "calls":
            after_call = True
        elif text.startswith("events:"):
            names = text.split()[1:]
            with suppress(ValueError):
                columns = [names.index(event) for event in _EVENTS]
            if len(columns) != len(_EVENTS):
                raise SimulationError(f"valgrind counted other events: {text.strip()}")
