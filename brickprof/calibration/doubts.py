"""Doubts about what was measured: noise, contradictions, too little memory or processors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from brickprof.calibration.probing import Rates
from brickprof.core import units
from brickprof.machine import Machine
from brickprof.roofline import MEMORY, ORDER_TOLERANCE, Roofs

NOISE_LIMIT = 0.20
"""Spread above which a roof is called noisy: a fifth is more than the gap between a tuned kernel
and its roof, so that an efficiency held against it would mean nothing."""

LEAST_SCALING = 1.1
"""Peak of several threads on as many processors over that of one, under which they shared one."""

MOST_FLOAT64 = 0.6
"""Peak of float64 over that of float32 above which one of them was disturbed: vectors hold half as
many elements."""


def disturbance(rates: Mapping[str, Rates]) -> Iterator[str]:
    """Say which figures were measured while threads were off the processor, in all rounds."""
    disturbed = [name for name, of in rates.items() if of.disturbed]
    if disturbed:
        names = ", ".join(disturbed[:3])
        more = f" and {len(disturbed) - 3} more" if len(disturbed) > 3 else ""
        yield f"disturbed: something else ran during {names}{more}; repeat on a quieter machine"


def noise(spread: Mapping[str, float]) -> Iterator[str]:
    """Say which figures' repeats differ too much."""
    loud = [name for name, of in spread.items() if of > NOISE_LIMIT]
    if loud:
        listed = ", ".join(f"{name} spread {units.format_percent(spread[name])}" for name in loud)
        yield f"noisy: {listed}; repeat on a quieter machine"


def disorder(bandwidths: Mapping[str, float]) -> Iterator[str]:
    """Say which outer memories seem faster than the next inner one."""
    for inner, outer in itertools.pairwise(MEMORY):
        if bandwidths[outer] > bandwidths[inner] * (1 + ORDER_TOLERANCE):
            yield (
                f"implausible: {outer} ({units.format_gbs(bandwidths[outer])}) seems faster than "
                f"{inner} ({units.format_gbs(bandwidths[inner])})"
            )


def odd_peaks(peaks: Mapping[str, float]) -> Iterator[str]:
    """Say that float64 seems faster than half as fast as float32."""
    single, double = peaks["float32"], peaks["float64"]
    if double > MOST_FLOAT64 * single:
        yield (
            f"implausible: float64 ({units.format_gflops(double)}) seems faster than half of "
            f"float32 ({units.format_gflops(single)})"
        )


def shortage(dram_bytes: int, l3_bytes: int) -> Iterator[str]:
    """Say that memory was too short to get past the L3."""
    if dram_bytes < 2 * l3_bytes:
        yield (
            f"short of memory: DRAM was measured over {units.format_bytes(dram_bytes)}, less "
            "than twice the L3"
        )


def crowd(machine: Machine, threads: int) -> Iterator[str]:
    """Say that threads outnumber the usable cores."""
    if threads > machine.usable_cores:
        yield f"crowded: {threads} threads took turns on {machine.usable_cores} usable cores"


def no_scaling(roofs: Roofs, machine: Machine, one_thread: Roofs | None) -> Iterator[str]:
    """Say that several threads were hardly faster than one."""
    if one_thread is None or not 1 < roofs.threads <= machine.physical_cores:
        return
    alone = one_thread.peak_by_dtype.get("float32", 0.0)
    together = roofs.peak_by_dtype["float32"]
    if roofs.threads <= machine.usable_cores and together < LEAST_SCALING * alone:
        yield (
            f"implausible: {units.format_threads(roofs.threads)} reach "
            f"{units.format_gflops(together)}, one alone {units.format_gflops(alone)}"
        )
