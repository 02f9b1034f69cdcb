"""What a calibration measures: peaks, loads and other traffic by memory, ceilings, latencies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from brickprof.calibration.probing import Bytes, Figure, Probes, Rates
from brickprof.core.dtypes import DTYPE_NAMES, KERNEL_DTYPES
from brickprof.roofline import MEMORY
from brickprof.roofline.model import CEILINGS, TRAFFIC_KINDS

LATENCY = "latency"

_IN_CORE_LENGTH = 0.15
"""Length of a round that no memory takes part in: nothing has to settle in it."""

_TRAFFIC_LENGTH = 0.25
"""Length of a round of traffic besides loads: there are eighteen of them, and a quick calibration
takes two seconds."""

_L3_PRIMES = 4
"""An L3 that takes what the L2 evicts settles within some dozen passes: `y += a * x` was measured
at 0.8 of its rate after a single one, in rounds of `_TRAFFIC_LENGTH`."""

_MAX_CHASE_BYTES = 128 * 1024**2
"""Bytes of the lines that are chased in DRAM: four of the largest L3 caches of a few cores, while a
random order of more lines takes longer to make than to measure."""

_PAST_CACHES = ("nt-store", "zero-store")


def figures_of(
    probes: Probes, isa: str, sets: Mapping[str, int], buffers: list[Bytes]
) -> list[Figure]:
    """Return what is measured, in the order of a round.

    Parameters
    ----------
    probes : Probes
        What measures.
    isa : str
        Instruction set.
    sets : Mapping of str to int
        Bytes that each thread goes over, by memory.
    buffers : list of ndarray
        One for each thread.
    """
    return [
        *(_peak(probes, isa, dtype) for dtype in dtypes_of(probes, isa)),
        *(_load(probes, isa, name, _views(sets[name], buffers)) for name in MEMORY),
        *_traffic(probes, isa, sets, buffers),
        *_ceilings(probes, isa),
        *(_latency(probes, name, sets[name], buffers) for name in MEMORY),
    ]


def dtypes_of(probes: Probes, isa: str) -> tuple[str, ...]:
    """Return the element types whose peaks are measured: those that the CPU multiplies in."""
    return tuple(
        name for name in DTYPE_NAMES if name in KERNEL_DTYPES or probes.has("peak", name, isa)
    )


def _views(size: int, buffers: list[Bytes]) -> list[Bytes]:
    """Return the start of each thread's buffer."""
    return [buffer[:size] for buffer in buffers]


def _peak(probes: Probes, isa: str, dtype: str) -> Figure:
    """Return the figure of the multiply-add peak."""
    length = 1.0 if dtype in KERNEL_DTYPES else _IN_CORE_LENGTH
    return Figure(dtype, lambda rank, steps: probes.peak(dtype, steps, isa), length=length)


def _load(probes: Probes, isa: str, name: str, views: list[Bytes]) -> Figure:
    """Return the figure of a memory's loads."""
    return Figure(name, lambda rank, steps: probes.load(views[rank], steps, isa), _primes(name))


def _primes(name: str) -> int:
    """Return the passes that settle a memory; one over DRAM leaves nothing for the next."""
    return {"L3": _L3_PRIMES, "DRAM": 0}.get(name, 1)


def _traffic(
    probes: Probes, isa: str, sets: Mapping[str, int], buffers: list[Bytes]
) -> list[Figure]:
    """Return the figures of the other kinds of traffic that the instruction set has."""

    def move(name: str, kind: str) -> Figure:
        views = _views(sets[name], buffers)

        def work(rank: int, steps: int) -> int:
            return probes.traffic(kind, views[rank], steps, isa)

        length = 1.0 if name == "L3" else _TRAFFIC_LENGTH
        return Figure(f"{name} {kind}", work, _primes(name), length)

    return [
        move(name, kind)
        for name in MEMORY
        for kind in TRAFFIC_KINDS
        if (name == "DRAM" or kind not in _PAST_CACHES) and probes.has(kind, "float32", isa)
    ]


def _ceilings(probes: Probes, isa: str) -> list[Figure]:
    """Return the figures of the ceilings that the instruction set has."""

    def ceiling(dtype: str, name: str) -> Figure:
        def work(rank: int, steps: int) -> int:
            return probes.ceiling(name, dtype, steps, isa)

        return Figure(f"{dtype} {name}", work, 1, _IN_CORE_LENGTH)

    return [
        ceiling(dtype, name)
        for dtype in KERNEL_DTYPES
        for name in CEILINGS
        if probes.has(name, dtype, isa)
    ]


def _latency(probes: Probes, name: str, size: int, buffers: list[Bytes]) -> Figure:
    """Return the figure of a memory's latency, in loads of all threads per ns."""
    lines = max(min(size, _MAX_CHASE_BYTES) // 64, 1)
    order = np.random.default_rng(0).permutation(lines)

    def link(rank: int) -> None:
        # Other figures write to the buffer in between.
        probes.link(buffers[rank], order)

    def chase(rank: int, steps: int) -> int:
        return probes.latency(buffers[rank], steps)

    return Figure(f"{name} {LATENCY}", chase, 1, _IN_CORE_LENGTH, link)


def maps_of(rates: Mapping[str, Rates], prefix: tuple[str, ...]) -> dict[str, float]:
    """Return the best rate of each figure whose name begins with one of some words."""
    return {
        name: max(of.values)
        for name, of in rates.items()
        if name.split(" ")[0] in prefix and " " in name and not name.endswith(LATENCY)
    }


def latencies_of(rates: Mapping[str, Rates], threads: int) -> dict[str, float]:
    """Return the least latency of each memory in nanoseconds."""
    return {name: threads / max(rates[f"{name} {LATENCY}"].values) for name in MEMORY}
