"""Calibration: measures the roofs of this machine with the compiled probes."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil

from brickprof.calibration.probing import (
    Bytes,
    Figure,
    Probes,
    Team,
    interleaved_rates,
    steps_for,
    touched_buffers,
)
from brickprof.core import units
from brickprof.core.checks import checked_thread_count
from brickprof.core.dtypes import KERNEL_DTYPES, DTypeLike, kernel_dtype
from brickprof.core.errors import RoofsError
from brickprof.kernels.runtime.runtime import default_isa, micro_kernel
from brickprof.machine import Machine, detect_machine
from brickprof.machine.sysfs import parse_int, read_text
from brickprof.roofline import (
    MEMORY,
    ORDER_TOLERANCE,
    Roofs,
    better_roofs,
    load_roofs,
    roofs_path,
    store_roofs,
)

__all__ = ["calibrate", "roofs"]

Progress = Callable[[float, str], None]

NOISE_LIMIT = 0.20
"""Spread above which a roof is called noisy: a fifth is more than the gap between a tuned kernel
and its roof, so that an efficiency held against it would mean nothing."""

_measured_here: dict[tuple[Path | None, str, int, str], Roofs] = {}
"""What `roofs` measured in this process, by store, machine, threads and instruction set."""

_KIB, _MIB = 1024, 1024**2
_GRAIN = 4 * _KIB
_LIMIT_FILES = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much time and memory a calibration spends.

    Parameters
    ----------
    method : str
        Name that the roofs carry.
    repeats : int
        Rounds of each figure.
    round_ns : int
        Aimed length of a round; long beside the tens of microseconds by which threads start apart.
    warm_up_ns : int
        Least time of multiply-adds before the first round, for clocks to rise.
    dram_bytes : int
        Most bytes of the DRAM working set of all threads, unless `least_l3` asks for more.
    dram_per_l3, least_l3 : int
        Its size in L3 caches, and the least that keeps the L3 from serving it.
    """

    method: str
    repeats: int
    round_ns: int
    warm_up_ns: int
    dram_bytes: int
    dram_per_l3: int = 8
    least_l3: int = 4


QUICK = Effort("quick", 9, 8_000_000, 40_000_000, 256 * _MIB)
FULL = Effort("full", 35, 40_000_000, 300_000_000, 1024 * _MIB, dram_per_l3=32)


def calibrate(
    threads: int = 1,
    dtype: DTypeLike = "float32",
    *,
    quick: bool = True,
    isa: str | None = None,
    progress: Progress | None = None,
    store: bool = True,
    machine: Machine | None = None,
) -> Roofs:
    """Measure the peak and the load bandwidths of this machine.

    Each figure is the best of several repeats, because a roof is an upper bound and whatever
    else runs can only lower a repeat (J. McCalpin's STREAM takes the best for the same reason).
    The repeats of all figures are interleaved, so that a disturbance does not fall on one alone.

    Parameters
    ----------
    threads : int
        Threads that run at once, 1 to 4096; each loads a buffer of its own.
    dtype : {"float32", "float64"}
        The element type that `Roofs.peak_gflops` speaks of; both peaks are measured.
    quick : bool
        Take about a second rather than a quarter of a minute.
    isa : str, optional
        Instruction set of the probes; by default the one that kernels use.
    progress : callable, optional
        Called as ``progress(fraction, what)`` on this thread, from 0.0 to 1.0.
    store : bool
        Keep the roofs for `roofs` and for recordings, in place of those that are no better:
        steady beats noisy, then full beats quick, then newer beats older.
    machine : Machine, optional
        Whose caches give the working sets; by default this one.

    Returns
    -------
    Roofs
        `Roofs.spread` is (max - min) / median of the repeats without the slowest, which a single
        interruption spoils without touching the best. `Roofs.noisy` is set, and the verdict says
        why, where a spread is over 20 %, where an outer memory seems faster than an inner one,
        where there was too little memory to get past the L3, or where threads outnumber cores.

    Raises
    ------
    TypeError, ValueError
        If `threads`, `dtype` or `isa` is unknown or out of range; nothing is measured then.
    RoofsError
        If threads or memory are lacking, or the roofs cannot be stored.
    """
    count, element, chosen = _checked(threads, dtype, isa)
    host = detect_machine() if machine is None else machine
    measured = measure_roofs(host, count, element, chosen, QUICK if quick else FULL, progress)
    if store:
        store_roofs(measured, host)
    return measured


def roofs(
    threads: int = 1,
    dtype: DTypeLike = "float32",
    isa: str | None = None,
    *,
    progress: Progress | None = None,
) -> Roofs:
    """Return the stored roofs of this machine or, without steady ones, measure them quickly.

    Noisy roofs are measured again once in a process, and the better ones of both are returned.

    Parameters
    ----------
    threads, dtype, isa, progress
        As for `calibrate`.

    Returns
    -------
    Roofs
        Stored for the next time if the cache folder can be written.

    Raises
    ------
    TypeError, ValueError
        If an argument is unknown or out of range.
    RoofsError
        If there are none or noisy ones, and threads or memory to measure are lacking.
    """
    count, element, chosen = _checked(threads, dtype, isa)
    host = detect_machine()
    stored = load_roofs(host, count, element, chosen)
    if stored is not None and not stored.noisy:
        return stored
    place = None
    with suppress(RoofsError):
        place = roofs_path(host)
    key = (place, host.fingerprint(), count, chosen)
    if key not in _measured_here:
        _measured_here[key] = calibrate(
            count, element, isa=chosen, progress=progress, store=False, machine=host
        )
        with suppress(RoofsError):
            store_roofs(_measured_here[key], host)
    measured = _measured_here[key].for_dtype(element)
    return measured if stored is None else better_roofs(stored, measured)


def measure_roofs(
    machine: Machine,
    threads: int,
    dtype: str,
    isa: str,
    effort: Effort,
    progress: Progress | None = None,
    probes: Probes | None = None,
) -> Roofs:
    """Measure roofs with a given effort and given probes; arguments else as of `calibrate`."""
    probes = Probes() if probes is None else probes
    report = progress or (lambda fraction, what: None)
    room = available_memory() // 4
    sets = working_sets(machine, threads, effort, room)
    if max(sets.values()) * threads > 2 * room:
        raise RoofsError(
            f"threads: {threads} of them need {units.format_bytes(max(sets.values()) * threads)} "
            f"of buffers, and {units.format_bytes(4 * room)} are available"
        )
    # Oversubscribed threads share cores, which must not make the calibration longer.
    aim_ns = effort.round_ns * min(machine.usable_cores, threads) // threads
    rates = _measure(threads, isa, sets, effort, aim_ns, probes, report)
    best = {name: max(values) for name, values in rates.items()}
    spread = {name: spread_of(values) for name, values in rates.items()}
    bandwidths = {name: best[name] for name in MEMORY}
    total = {name: size * threads for name, size in sets.items()}
    doubts = [
        *_noise(spread),
        *_disorder(bandwidths),
        *_shortage(machine, threads, total),
        *_crowd(machine, threads),
    ]
    report(1.0, "done")
    return Roofs(
        threads=threads,
        dtype=dtype,
        isa=isa,
        cpu=machine.cpu,
        fingerprint=machine.fingerprint(),
        peak_by_dtype={name: best[name] for name in KERNEL_DTYPES},
        bandwidth_gbs=bandwidths,
        spread=spread,
        working_set_bytes=total,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        method=effort.method,
        noisy=bool(doubts),
        verdict="; ".join(doubts) or "steady",
    )


def working_sets(machine: Machine, threads: int, effort: Effort, room: int) -> dict[str, int]:
    """Return the bytes that each thread goes over in each memory.

    Half of a cache's share leaves room for stacks, page tables and neighbours; in the L2 and L3
    twice the cache inside keeps that one from serving it. A cyclic sweep over more than a cache
    holds misses it all the time under LRU; four and more caches do so under other policies.
    """
    l1, l2, l3 = (machine.cache(level) for level in (1, 2, 3))
    sharing = {
        cache.level: -(-threads // _instances(machine, cache.shared_by)) for cache in (l1, l2, l3)
    }
    l3_in_use = _l3_in_use(machine, threads)
    wanted = min(effort.dram_per_l3 * l3_in_use, effort.dram_bytes)
    wanted = max(wanted, effort.least_l3 * l3_in_use)
    in_l3 = max(l3.size_bytes // 2 // sharing[3], 2 * l2.size_bytes)
    sets = {
        "L1": l1.size_bytes // 2 // sharing[1],
        "L2": max(l2.size_bytes // 2 // sharing[2], 2 * l1.size_bytes),
        "L3": in_l3,
        "DRAM": max(min(wanted, room) // threads, in_l3),
    }
    return {name: max(size // _GRAIN, 1) * _GRAIN for name, size in sets.items()}


def available_memory() -> int:
    """Return the bytes that may be allocated without harm: free, and within the cgroup's limit."""
    limits = (parse_int(read_text(Path("/", name))) for name in _LIMIT_FILES)
    return int(min([psutil.virtual_memory().available, *(one for one in limits if one)]))


def spread_of(rates: list[float]) -> float:
    """Return (max - min) / median of rates without the slowest; of two or fewer, of all."""
    kept = sorted(rates)[1:] if len(rates) > 2 else rates
    return (max(kept) - min(kept)) / statistics.median(kept)


def _checked(threads: object, dtype: DTypeLike, isa: str | None) -> tuple[int, str, str]:
    """Return the threads, dtype and instruction set to use, or raise for what makes no sense."""
    count = checked_thread_count("threads", threads)
    chosen: str = default_isa() if isa is None else isa
    element = kernel_dtype(dtype).name
    micro_kernel(element, chosen)
    return count, element, chosen


def _instances(machine: Machine, shared_by: int) -> int:
    """Return how many caches there are of a kind that so many logical CPUs share."""
    return -(-machine.logical_cores // shared_by)


def _l3_in_use(machine: Machine, threads: int) -> int:
    """Return the bytes of all L3 caches that so many threads may spread over."""
    l3 = machine.cache(3)
    return l3.size_bytes * min(threads, _instances(machine, l3.shared_by))


def _figures(
    probes: Probes, isa: str, sets: Mapping[str, int], buffers: list[Bytes]
) -> list[Figure]:
    """Return what is measured, in the order of a round."""

    def peak_of(dtype: str) -> Figure:
        return Figure(dtype, lambda rank, steps: probes.peak(dtype, steps, isa))

    def load_of(name: str) -> Figure:
        views = [buffer[: sets[name]] for buffer in buffers]
        # A pass over DRAM leaves nothing behind that the next one could use.
        prime = 0 if name == "DRAM" else 1
        return Figure(name, lambda rank, steps: probes.load(views[rank], steps, isa), prime)

    return [*map(peak_of, KERNEL_DTYPES), *map(load_of, MEMORY)]


def _measure(
    threads: int,
    isa: str,
    sets: Mapping[str, int],
    effort: Effort,
    aim_ns: int,
    probes: Probes,
    report: Progress,
) -> dict[str, list[float]]:
    """Return the rates of all repeats by figure, in units per ns."""
    report(0.0, "preparing memory")
    with Team(threads) as team:
        buffers = touched_buffers(team, max(sets.values()))
        figures = _figures(probes, isa, sets, buffers)
        report(0.1, "warming up")
        steps_for(team, probes.clock, figures[0], effort.warm_up_ns)
        steps = {figure.name: steps_for(team, probes.clock, figure, aim_ns) for figure in figures}
        done = _counted(len(figures) * effort.repeats, report)
        return interleaved_rates(team, probes.clock, figures, steps, effort.repeats, done)


def _counted(rounds: int, report: Progress) -> Callable[[], None]:
    """Return a function that reports, at each call, that one more round is done."""
    left = iter(range(1, rounds + 1))
    return lambda: report(0.2 + 0.8 * next(left) / rounds, "measuring")


def _noise(spread: Mapping[str, float]) -> Iterator[str]:
    """Say which figures' repeats differ too much."""
    loud = [name for name in (*KERNEL_DTYPES, *MEMORY) if spread[name] > NOISE_LIMIT]
    if loud:
        listed = ", ".join(f"{name} spread {units.format_percent(spread[name])}" for name in loud)
        yield f"noisy: {listed}; repeat on a quieter machine"


def _disorder(bandwidths: Mapping[str, float]) -> Iterator[str]:
    """Say which outer memories seem faster than the next inner one."""
    for inner, outer in itertools.pairwise(MEMORY):
        if bandwidths[outer] > bandwidths[inner] * (1 + ORDER_TOLERANCE):
            yield (
                f"implausible: {outer} ({units.format_gbs(bandwidths[outer])}) seems faster than "
                f"{inner} ({units.format_gbs(bandwidths[inner])})"
            )


def _shortage(machine: Machine, threads: int, total: Mapping[str, int]) -> Iterator[str]:
    """Say that memory was too short to get past the L3."""
    if total["DRAM"] < 2 * _l3_in_use(machine, threads):
        yield (
            f"short of memory: DRAM was measured over {units.format_bytes(total['DRAM'])}, less "
            "than twice the L3"
        )


def _crowd(machine: Machine, threads: int) -> Iterator[str]:
    """Say that threads outnumber the usable cores."""
    if threads > machine.usable_cores:
        yield f"crowded: {threads} threads took turns on {machine.usable_cores} usable cores"
