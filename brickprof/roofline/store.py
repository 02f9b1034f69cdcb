"""The store of roofs: which are kept for a machine, and which of those can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from brickprof.core.checks import checked_thread_count
from brickprof.core.dtypes import DTypeLike, dtype_of
from brickprof.core.errors import RoofsError
from brickprof.machine import Machine
from brickprof.machine.isas import checked_isa_name
from brickprof.roofline.files import default_folder, locked, read_entries, write_entries
from brickprof.roofline.model import Roofs

ORDER_TOLERANCE = 0.10
"""Share by which an outer memory may seem faster than an inner one: caches of some CPUs are
equally fast for narrow loads, and then noise decides."""

_CLOCK_SKEW = timedelta(days=1)


def roofs_path(machine: Machine, folder: str | Path | None = None) -> Path:
    """Return the file that holds a machine's roofs, whether it exists or not.

    Parameters
    ----------
    machine : Machine
        The host.
    folder : str or Path, optional
        By default the environment's BRICKPROF_CACHE_DIR, else the user's cache folder.

    Returns
    -------
    Path

    Raises
    ------
    RoofsError
        If there is no folder to take.
    """
    parent = default_folder() if folder is None else Path(folder)
    return parent / f"roofs-{machine.fingerprint()}.json"


def load_roofs(
    machine: Machine,
    threads: int = 1,
    dtype: DTypeLike = "float32",
    isa: str | None = None,
    folder: str | Path | None = None,
) -> Roofs | None:
    """Return stored roofs, or None if there are none that can be trusted.

    A file that is missing, unreadable, damaged or another host's counts as none, and so do roofs
    that no machine has: figures that `Roofs` refuses, a DRAM that is over a tenth faster than the
    L1, a time of measuring that is still to come. A file that another user owns or may write to,
    or with over 1,024 entries, counts as none, too.

    Parameters
    ----------
    machine : Machine
        The host.
    threads : int
        Number of threads that they were measured with.
    dtype : str, numpy.dtype or type
        Whose peak `Roofs.peak_gflops` is to be.
    isa : str, optional
        Vector ISA that they were measured with; by default the machine's best.
    folder : str or Path, optional
        As for `roofs_path`.

    Returns
    -------
    Roofs or None

    Raises
    ------
    TypeError
        If `threads` is no integer, `dtype` no dtype, or `isa` no name.
    ValueError
        If `threads` is out of range, `dtype` unknown, or `isa` empty.
    """
    count = checked_thread_count("threads", threads)
    element = dtype_of(dtype).name
    chosen = machine.isa if isa is None else checked_isa_name(isa)
    try:
        path = roofs_path(machine, folder)
    except RoofsError:
        return None
    found = _trusted(path, machine).get((count, chosen))
    return found.for_dtype(element) if found and element in found.peak_by_dtype else None


def store_roofs(
    roofs: Roofs, machine: Machine, folder: str | Path | None = None, *, force: bool = False
) -> Path:
    """Keep roofs for later, with what is better of those of the same thread count and ISA.

    The file is replaced in one step; a crash leaves the old one. Stored roofs of other thread
    counts and ISAs stay, also those that another process stores at the same time.

    Parameters
    ----------
    roofs : Roofs
        What was measured on `machine`.
    machine : Machine
        The host.
    folder : str or Path, optional
        As for `roofs_path`; made, for its owner alone, if it is missing.
    force : bool
        Replace what is kept; otherwise see `better_roofs`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RoofsError
        If `roofs` are of another machine, or the folder cannot be written, as where the file is
        another user's or its lock is not let go.
    """
    fingerprint = machine.fingerprint()
    if roofs.fingerprint != fingerprint:
        raise RoofsError(f"roofs of host {roofs.fingerprint} cannot be stored for {fingerprint}")
    path = roofs_path(machine, folder)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            kept = _trusted(path, machine)
            key = (roofs.threads, roofs.isa)
            kept[key] = roofs if force else better_roofs(kept.get(key, roofs), roofs)
            write_entries(path, fingerprint, [kept[key].to_json() for key in sorted(kept)])
    except OSError as error:
        raise RoofsError(f"cannot store roofs in {path}: {error.strerror or error}") from error
    return path


def forget_roofs(machine: Machine, folder: str | Path | None = None) -> int:
    """Remove all stored roofs of a machine.

    Parameters
    ----------
    machine : Machine
        The host.
    folder : str or Path, optional
        As for `roofs_path`.

    Returns
    -------
    int
        How many there were.

    Raises
    ------
    RoofsError
        If the file cannot be removed.
    """
    path = roofs_path(machine, folder)
    if not path.exists():
        return 0
    try:
        with locked(path):
            found = len(_trusted(path, machine))
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RoofsError(f"cannot remove {path}: {error.strerror or error}") from error
    return found


def better_roofs(old: Roofs, new: Roofs) -> Roofs:
    """Return what is better of two measurements of the same roofs.

    A roof is an upper bound, and whatever disturbs a measurement lowers it: each figure's best
    counts. Of a steady and a noisy one, which may contradict itself, the steady one counts alone.
    Two noisy ones stay noisy, as the newer says.
    """
    if old.noisy != new.noisy:
        return new if old.noisy else old
    newer = max(new, old, key=lambda roofs: roofs.measured)
    return replace(
        newer,
        method="full" if "full" in (old.method, new.method) else "quick",
        peak_by_dtype=_best(old.peak_by_dtype, new.peak_by_dtype),
        bandwidth_gbs=_best(old.bandwidth_gbs, new.bandwidth_gbs),
        traffic_gbs=_best(old.traffic_gbs, new.traffic_gbs),
        ceilings_gflops=_best(old.ceilings_gflops, new.ceilings_gflops),
        latency_ns=_best(old.latency_ns, new.latency_ns, min),
        spread=_spread(old, new),
    )


def _best(
    old: Mapping[str, float],
    new: Mapping[str, float],
    pick: Callable[[float, float], float] = max,
) -> dict[str, float]:
    """Return the better one of each figure."""
    return {
        key: pick(old.get(key, new.get(key, 0.0)), new.get(key, old.get(key, 0.0)))
        for key in {**old, **new}
    }


def _spread(old: Roofs, new: Roofs) -> dict[str, float]:
    """Return the spread of the measurement that each figure is from."""
    before, after = ({**one.peak_by_dtype, **one.bandwidth_gbs} for one in (old, new))
    return {
        key: (new if after.get(key, 0.0) >= before.get(key, 0.0) else old).spread[key]
        for key in {**before, **after}
    }


def stored_roofs(machine: Machine, folder: str | Path | None = None) -> tuple[Roofs, ...]:
    """Return all stored roofs of a machine that can be trusted, by thread count and ISA.

    Parameters
    ----------
    machine : Machine
        The host.
    folder : str or Path, optional
        As for `roofs_path`.

    Returns
    -------
    tuple of Roofs
    """
    try:
        found = _trusted(roofs_path(machine, folder), machine)
    except RoofsError:
        return ()
    return tuple(found[key] for key in sorted(found))


def _plausible(roofs: Roofs) -> bool:
    """Tell whether roofs could be those of a machine of today."""
    bandwidths = roofs.bandwidth_gbs
    return (
        bandwidths["L1"] * (1 + ORDER_TOLERANCE) >= bandwidths["DRAM"]
        and roofs.measured <= datetime.now(timezone.utc) + _CLOCK_SKEW
    )


def _trusted(path: Path, machine: Machine) -> dict[tuple[int, str], Roofs]:
    """Return the sound entries of a machine's file by thread count and ISA."""
    fingerprint = machine.fingerprint()
    sound: dict[tuple[int, str], Roofs] = {}
    for entry in read_entries(path, fingerprint):
        try:
            roofs = Roofs.from_json(entry)
        except RoofsError:
            continue
        if roofs.fingerprint == fingerprint and _plausible(roofs):
            sound[roofs.threads, roofs.isa] = roofs
    return sound
