"""The store of tuned blocks: kept per machine, and used only where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from brickprof.core.checks import short_repr
from brickprof.core.dtypes import kernel_dtype
from brickprof.core.errors import BrickprofError, TuningError
from brickprof.core.files import read_json, write_json
from brickprof.core.json_reader import JsonValue
from brickprof.kernels.registry import KERNELS
from brickprof.machine import Machine, detect_machine
from brickprof.machine.isas import default_isa
from brickprof.planning.budget import default_threads
from brickprof.roofline.files import default_folder, locked
from brickprof.tuning.kernel_task import KernelTask

SCHEMA = "brickprof-tuned"
VERSION = 1


def tuned_path(machine: Machine) -> Path:
    """Return the file that holds a machine's tuned blocks, beside its roofs.

    Raises
    ------
    RoofsError
        If there is no folder to take.
    """
    return default_folder() / f"tuned-{machine.fingerprint()}.json"


def store_tuned(task: KernelTask, sizes: Mapping[str, Any], ratio: float) -> Path:
    """Keep the tuned blocks of a problem, in place of older ones, and return the file.

    Parameters
    ----------
    task : KernelTask
        The problem, its threads and its instruction set.
    sizes : Mapping of str to int
        The blocks.
    ratio : float
        How much faster they were.

    Raises
    ------
    OSError, RoofsError
        If the file cannot be written.
    """
    machine = detect_machine()
    path = tuned_path(machine)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    entry = {
        "blocks": {name: int(size) for name, size in sizes.items()},
        "ratio": ratio,
        "tuned_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    with locked(path):
        entries = {**_entries(path), _key(task): entry}
        write_json(path, {"schema": SCHEMA, "version": VERSION, "tuned": entries}, indent=1)
    return path


def tuned_blocks(
    kernel: str, *, threads: int | None = None, isa: str | None = None, **sizes: Any
) -> Any:
    """Return the blocks that `brickprof tune` stored for a problem on this machine.

    ``plan_gemm(m, n, k, blocks=tuned_blocks("gemm", m=m, n=n, k=k))`` plans with them, and as ever
    where there are none.

    Parameters
    ----------
    kernel : str
        ``"gemm"`` or ``"attention"``.
    threads, isa
        As given to the tuning; by default those that the kernel would use.
    **sizes
        The problem: ``m``, ``n``, ``k`` and ``dtype`` of gemm; ``heads``, ``rows``, ``dim`` and,
        where they were given, ``kv_heads``, ``keys``, ``batch`` and ``causal`` of attention.

    Returns
    -------
    Blocks, AttentionBlocks or None
        None where nothing is stored, or what is stored is damaged.

    Raises
    ------
    TypeError, ValueError
        If there is no such kernel, the sizes are no problem of it, or `threads` or `isa` is none
        that it could run with.
    """
    if not isinstance(kernel, str):
        raise TypeError(f"kernel must be a string, got {short_repr(kernel)}")
    found = [one for one in KERNELS if one.name == kernel and one.blocks is not None]
    if not found:
        known = ", ".join(repr(one.name) for one in KERNELS if one.blocks is not None)
        raise ValueError(f"kernel must be one of {known}, got {short_repr(kernel)}")
    if "dtype" in sizes:
        sizes["dtype"] = kernel_dtype(sizes["dtype"]).name
    problem = found[0].problem(**sizes)
    found[0].plan(problem, threads, isa)  # raises what the kernel would
    return load_tuned(KernelTask(kernel, problem, threads, isa))


def load_tuned(task: KernelTask) -> Any:
    """Return the stored blocks of a task, or None; see `tuned_blocks`."""
    try:
        stored = _entries(tuned_path(detect_machine()))
        entry = JsonValue.of(stored[_key(task)], "tuned blocks", TuningError)["blocks"]
        names = {one.name for one in fields(task.blocks({}))}
        sizes = {name: entry[name].integer(1) for name in entry.fields() if name in names}
        return task.blocks(sizes)
    except (KeyError, BrickprofError, ValueError):
        return None


def _entries(path: Path) -> dict[str, object]:
    """Return what a file holds, by problem; nothing if it is missing or damaged."""
    try:
        root = JsonValue.of(read_json(path, TuningError, private=True), "tuned blocks", TuningError)
        root.check_schema(SCHEMA, VERSION)
        return dict(root["tuned"].fields())
    except (OSError, TuningError):
        return {}


def _key(task: KernelTask) -> str:
    """Name a problem with its threads and instruction set."""
    isa = task.isa or default_isa(detect_machine())
    threads = task.threads or default_threads()
    sizes = ", ".join(f"{name}={value}" for name, value in asdict(task.problem).items())  # type: ignore[call-overload]
    return f"{task.name}: {sizes}; {threads} threads, {isa}"
