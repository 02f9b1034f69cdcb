"""How many threads a kernel uses unless it is told."""

from __future__ import annotations

import os

from brickprof._checks import whole
from brickprof.limits import MOST_THREADS
from brickprof.machine import detect_machine

VARIABLES = ("BRICKPROF_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables that set the number of threads, the first set one wins."""

_chosen: int | None = None


def threads_from_environment() -> int | None:
    """Return the thread count that the environment asks for, or None.

    Raises
    ------
    ValueError
        If a variable holds no whole number >= 1; the message names it.
    """
    for name in VARIABLES:
        text = os.environ.get(name, "").strip()
        if not text:
            continue
        # OMP_NUM_THREADS may list a count for each nesting level; the first is ours.
        first = text.split(",")[0].strip() if name == "OMP_NUM_THREADS" else text
        # The length is looked at first: Python refuses to read a number of thousands of digits.
        if not first.isdecimal() or len(first) > 9 or not 1 <= int(first) <= MOST_THREADS:
            raise ValueError(
                f"{name} must be a whole number in [1, {MOST_THREADS}], got {text[:40]!r}"
            )
        return int(first)
    return None


def default_threads() -> int:
    """Return the thread count of kernels that are given none, decided once in a process.

    The first set of BRICKPROF_NUM_THREADS and OMP_NUM_THREADS, else the least of the machine's
    physical cores, the process's affinity and its cgroup quota.

    Raises
    ------
    ValueError
        If a variable holds no whole number >= 1.
    """
    global _chosen
    if _chosen is None:
        machine = detect_machine()
        budget = min(machine.physical_cores, machine.usable_cores)
        _chosen = threads_from_environment() or max(budget, 1)
    return _chosen


def set_default_threads(threads: int | None) -> None:
    """Set what `default_threads` returns; None decides anew at the next call.

    Raises
    ------
    TypeError
        If `threads` is no integer.
    ValueError
        If it is not in [1, 4096].
    """
    global _chosen
    if threads is not None:
        threads = whole("threads", threads, "an integer >= 1 or None", TypeError)
        if not 1 <= threads <= MOST_THREADS:
            raise ValueError(f"threads must be in [1, {MOST_THREADS}], got {threads!r}")
    _chosen = threads
