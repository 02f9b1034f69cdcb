"""The environment of a run: thread counts pinned, libraries at their best, and what is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from benchmarks import blis

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                    "BLIS_NUM_THREADS", "BRICKPROF_NUM_THREADS")  # fmt: skip

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that keep OpenBLAS from its best kernels."""

OPENBLAS_TIMEOUT = "20"
"""Idle workers of OpenBLAS sleep after 2**20 ticks instead of 2**28, about a tenth of a second:
longer than the gap between two calls of a block, shorter than the pause before the next one."""


def cpu_flags() -> set[str]:
    """Return the CPU's features as Linux names them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()[2:]}


def prepare(outer: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the environment that all cases share, and what was changed in it and why."""
    inner = {name: text for name, text in outer.items() if name not in SLOWING}
    slowing = [name for name in SLOWING if name in outer]
    notes = [f"{name}={outer[name]} dropped: it slows OpenBLAS" for name in slowing]
    if "OPENBLAS_THREAD_TIMEOUT" not in outer:
        inner["OPENBLAS_THREAD_TIMEOUT"] = OPENBLAS_TIMEOUT
        notes.append(
            f"OPENBLAS_THREAD_TIMEOUT={OPENBLAS_TIMEOUT}: its idle workers are not long awake"
        )
    library = blis.find()
    if library:
        kernels, number = blis.architecture(library, cpu_flags())
        inner["BENCH_BLIS"] = library
        if number is not None:
            inner["BLIS_ARCH_TYPE"] = number
            notes.append(f"BLIS does not know this CPU: BLIS_ARCH_TYPE={number}, its {kernels}")
    if "BRICKPROF_ISA" in inner:
        notes.append(f"BRICKPROF_ISA={inner['BRICKPROF_ISA']} holds brickprof's kernels down")
    return inner, notes


def pinned(inner: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the environment of a process whose libraries all use so many threads."""
    return {**inner, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def missing(inner: Mapping[str, str]) -> str:
    """Say in one line what is not installed and how to get it; nothing where all is there."""
    absent = [name for name in ("torch", "matplotlib") if not importlib.util.find_spec(name)]
    parts = []
    if absent:
        parts.append(f"{' and '.join(absent)} ({sys.executable} -m pip install {' '.join(absent)})")
    if "BENCH_BLIS" not in inner:
        parts.append("BLIS (Debian: apt-get install libblis4)")
    if not shutil.which("likwid-bench"):
        parts.append("likwid-bench (Debian: apt-get install likwid)")
    return f"not compared, for want of it: {', '.join(parts)}" if parts else ""


def versions() -> dict[str, str]:
    """Return the version of each library that takes part."""
    found = {"Python": sys.version.split()[0]}
    for name in ("brickprof", "numpy", "torch", "matplotlib"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def pools(threads: int) -> list[dict[str, object]]:
    """Return the thread pools in this process by threadpoolctl; raise if one is not pinned."""
    import threadpoolctl

    found = []
    for pool in threadpoolctl.threadpool_info():
        kept = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
        known = {name: pool[name] for name in kept if pool.get(name) is not None}
        found.append({**known, "library": Path(pool["filepath"]).name})
        if pool["num_threads"] != threads:
            raise RuntimeError(f"{pool['filepath']} is not held to {threads} threads: {pool}")
    return found


def usable_cpus() -> int:
    """Return how many CPUs this process may run on."""
    return len(os.sched_getaffinity(0))
