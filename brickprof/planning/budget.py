"""How many threads a kernel uses unless it is given a count."""

from __future__ import annotations

import os
from dataclasses import dataclass

from brickprof.core.checks import checked_thread_count, short_repr
from brickprof.core.limits import MAX_THREADS
from brickprof.machine import detect_machine

VARIABLES = ("BRICKPROF_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables that set the number of threads, the first set one wins."""

_chosen: int | None = None


@dataclass(frozen=True, slots=True)
class ThreadChoice:
    """A thread count and what decided it, such as the name of a variable."""

    threads: int
    source: str


def thread_budget() -> int:
    """Return the least of physical cores, the process's affinity and its cgroup quota."""
    machine = detect_machine()
    return min(machine.physical_cores, machine.usable_cores, MAX_THREADS)


def threads_from_environment() -> ThreadChoice | None:
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
        if not first.isdecimal() or len(first) > 9 or not 1 <= int(first) <= MAX_THREADS:
            raise ValueError(
                f"{name} must be a whole number in [1, {MAX_THREADS}], got {short_repr(text[:40])}"
            )
        return ThreadChoice(int(first), name)
    return None


def default_threads() -> int:
    """Return the thread count of kernels that are given none.

    It is what `set_default_threads` set. Until then the first call decides for the process:
    by the first set of BRICKPROF_NUM_THREADS and OMP_NUM_THREADS, else by `thread_budget`.

    Raises
    ------
    ValueError
        If a variable holds no whole number >= 1.
    """
    global _chosen
    if _chosen is None:
        found = threads_from_environment()
        _chosen = found.threads if found else thread_budget()
    return _chosen


def set_default_threads(threads: int | None) -> int | None:
    """Set what `default_threads` returns; None decides anew at the next call.

    Parameters
    ----------
    threads : int or None
        The thread count, in [1, 4096].

    Returns
    -------
    int or None
        What was set before, None if nothing was: setting it again undoes this call.

    Raises
    ------
    TypeError
        If `threads` is no integer.
    ValueError
        If it is out of range.
    """
    global _chosen
    before = _chosen
    _chosen = None if threads is None else checked_thread_count("threads", threads)
    return before
