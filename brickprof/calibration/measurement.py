"""Calibration: measures the roofs of this machine with the compiled probes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from brickprof.calibration.doubts import (
    crowd,
    disorder,
    disturbance,
    no_scaling,
    noise,
    odd_peaks,
    shortage,
)
from brickprof.calibration.figures import dtypes_of, figures_of, latencies_of, maps_of
from brickprof.calibration.probing import (
    Probes,
    Rates,
    Team,
    interleaved_rates,
    steps_for,
    touched_buffers,
)
from brickprof.core import units
from brickprof.core.checks import checked_flag, checked_thread_count
from brickprof.core.dtypes import KERNEL_DTYPES, DTypeLike, kernel_dtype
from brickprof.core.errors import RoofsError
from brickprof.kernels.runtime.runtime import default_isa, micro_kernel
from brickprof.machine import Machine, available_memory, checked_machine, detect_machine
from brickprof.roofline import (
    MEMORY,
    Roofs,
    better_roofs,
    load_roofs,
    roofs_path,
    store_roofs,
)

__all__ = ["calibrate", "roofs"]

Progress = Callable[[float, str], None]

_measured_here: dict[tuple[Path | None, str, int, str], Roofs] = {}
"""What `roofs` measured in this process, by store, machine, threads and instruction set."""

_KIB, _MIB = 1024, 1024**2
_GRAIN = 4 * _KIB


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


QUICK = Effort("quick", 7, 8_000_000, 40_000_000, 128 * _MIB)
FULL = Effort("full", 35, 40_000_000, 300_000_000, 1024 * _MIB, dram_per_l3=32)


def calibrate(
    threads: int = 1,
    dtype: DTypeLike = "float32",
    *,
    quick: bool = True,
    isa: str | None = None,
    progress: Progress | None = None,
    store: bool = True,
    force: bool = False,
    machine: Machine | None = None,
) -> Roofs:
    """Measure the peak, the bandwidths and the ceilings of this machine.

    Each figure is the best of several repeats, because a roof is an upper bound and whatever
    else runs can only lower a repeat (J. McCalpin's STREAM takes the best for the same reason).
    The repeats of all figures are interleaved, so that a disturbance does not fall on one alone.

    Parameters
    ----------
    threads : int
        Threads that run at once, 1 to 4096; each loads a buffer of its own.
    dtype : {"float32", "float64"}
        The element type that `Roofs.peak_gflops` speaks of; both peaks are measured, and those of
        float16, bfloat16 and int8 where the CPU multiplies in them.
    quick : bool
        Take about two seconds rather than half a minute.
    isa : str, optional
        Instruction set of the probes; by default the one that kernels use.
    progress : callable, optional
        Called as ``progress(fraction, what)`` on this thread, from 0.0 to 1.0.
    store : bool
        Keep the roofs for `roofs` and for recordings: the better one of each figure, as whatever
        disturbs a measurement only lowers it; roofs that contradict themselves, where steady ones
        are kept already, change nothing.
    force : bool
        Replace what is stored, whatever it is.
    machine : Machine, optional
        Whose caches give the working sets; by default this one.

    Returns
    -------
    Roofs
        `Roofs.spread` is (max - min) / median of the repeats without the slowest, which a single
        interruption spoils without touching the best. `Roofs.noisy` is set, and the verdict says
        why, where threads were off the processor in all rounds of a figure, where a spread is over
        20 %, where an outer memory seems faster than an inner one, float64 faster than half of
        float32, or several threads no faster than one, where there was too little memory to get
        past the L3, or where threads outnumber cores.

    Raises
    ------
    TypeError, ValueError
        If `threads`, `dtype` or `isa` is unknown or out of range; nothing is measured then.
    RoofsError
        If threads or memory are lacking, or the roofs cannot be stored.
    """
    count, element, chosen = _checked(threads, dtype, isa)
    host = detect_machine() if machine is None else checked_machine(machine)
    effort = QUICK if checked_flag("quick", quick) else FULL
    keep, replacing = checked_flag("store", store), checked_flag("force", force)
    measured = measure_roofs(host, count, element, chosen, effort, progress)
    measured = _with_doubts(measured, no_scaling(measured, host, _one_thread(host, chosen)))
    if keep:
        store_roofs(measured, host, force=replacing)
    return measured


def _one_thread(machine: Machine, isa: str) -> Roofs | None:
    """Return the steady roofs of one thread that are stored, if there are any."""
    stored = load_roofs(machine, 1, isa=isa)
    return None if stored is None or stored.noisy else stored


def _with_doubts(roofs: Roofs, doubts: Iterable[str]) -> Roofs:
    """Return roofs with further doubts."""
    more = list(doubts)
    if not more:
        return roofs
    verdicts = [roofs.verdict, *more] if roofs.noisy else more
    return replace(roofs, noisy=True, verdict="; ".join(verdicts))


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
    if stored is not None and not stored.noisy and stored.traffic_gbs:
        return stored
    place = None
    with suppress(RoofsError):
        place = roofs_path(host)
    key = (place, host.fingerprint(), count, chosen)
    if key not in _measured_here:
        measured = calibrate(
            count, element, isa=chosen, progress=progress, store=False, machine=host
        )
        with suppress(RoofsError):
            store_roofs(measured, host)
        _measured_here[key] = measured if stored is None else better_roofs(stored, measured)
    return _measured_here[key].for_dtype(element)


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
    dtypes = dtypes_of(probes, isa)
    spread = {name: spread_of(rates[name].values) for name in (*dtypes, *MEMORY)}
    bandwidths = {name: max(rates[name].values) for name in MEMORY}
    peaks = {name: max(rates[name].values) for name in dtypes}
    total = {name: size * threads for name, size in sets.items()}
    doubts = [
        *disturbance(rates),
        *noise(spread),
        *disorder(bandwidths),
        *odd_peaks(peaks),
        *shortage(total["DRAM"], _l3_in_use(machine, threads)),
        *crowd(machine, threads),
    ]
    report(1.0, "done")
    return Roofs(
        threads=threads,
        dtype=dtype,
        isa=isa,
        cpu=machine.cpu,
        fingerprint=machine.fingerprint(),
        peak_by_dtype=peaks,
        bandwidth_gbs=bandwidths,
        spread=spread,
        working_set_bytes=total,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        method=effort.method,
        noisy=bool(doubts),
        verdict="; ".join(doubts) or "steady",
        traffic_gbs=maps_of(rates, MEMORY),
        ceilings_gflops=maps_of(rates, KERNEL_DTYPES),
        latency_ns=latencies_of(rates, threads),
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


def _measure(
    threads: int,
    isa: str,
    sets: Mapping[str, int],
    effort: Effort,
    aim_ns: int,
    probes: Probes,
    report: Progress,
) -> dict[str, Rates]:
    """Return the rates of all repeats by figure, in units per ns."""
    report(0.0, "preparing memory")
    with Team(threads) as team:
        buffers = touched_buffers(team, max(sets.values()))
        figures = figures_of(probes, isa, sets, buffers)
        report(0.1, "warming up")
        steps_for(team, probes, figures[0], effort.warm_up_ns)
        steps = {
            figure.name: steps_for(team, probes, figure, max(round(aim_ns * figure.length), 1))
            for figure in figures
        }
        done = _counted(len(figures) * effort.repeats, report)
        return interleaved_rates(team, probes, figures, steps, effort.repeats, done)


def _counted(rounds: int, report: Progress) -> Callable[[], None]:
    """Return a function that reports, at each call, that one more round is done."""
    left = iter(range(1, rounds + 1))
    return lambda: report(0.2 + 0.8 * next(left) / rounds, "measuring")
