"""ThreadRoofs: one thread's share of measured roofs, for tiles of one element type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from brickprof.core import metrics
from brickprof.core.levels import TileLevel
from brickprof.machine import Machine
from brickprof.recording import BrickInfo, Recording
from brickprof.recording.tile_stats import TileStats
from brickprof.roofline import MEMORY, Roofs


@dataclass(frozen=True, slots=True)
class ThreadRoofs:
    """One thread's share of the roofs of as many threads.

    Threads beyond the usable processors take turns on them, so that each that runs has the share
    of a processor.

    Parameters
    ----------
    roofs : Roofs
        Of all threads together, in the element type of the tiles.
    sharers : int
        Threads that share them at one time.
    best_gbs : Mapping of str to float
        One thread's GB/s of the best mix of loads and stores, by memory.
    """

    roofs: Roofs
    sharers: int
    best_gbs: Mapping[str, float]

    @classmethod
    def of(cls, roofs: Roofs, machine: Machine | None, inside: int = 1) -> ThreadRoofs:
        """Return the shares of roofs that were measured on a machine.

        Parameters
        ----------
        roofs : Roofs
            The roofs.
        machine : Machine or None
            The machine.
        inside : int
            Threads that work in each tile together.
        """
        usable = roofs.threads if machine is None else machine.usable_cores
        sharers = max(min(roofs.threads, usable) // max(inside, 1), 1)
        best = {memory: roofs.best_bandwidth(memory) / sharers for memory in MEMORY}
        return cls(roofs, sharers, best)

    @property
    def peak_gflops(self) -> float:
        """GFLOP/s of one thread."""
        return self.roofs.peak_gflops / self.sharers

    def bandwidth_gbs(self, memory: str, stats: TileStats) -> float:
        """Return the most GB/s that one thread gets for the loads and stores of some tiles.

        Where these were not declared apart, it is that of the best mix of them.
        """
        if stats.split_declared and stats.nbytes:
            mix = self.roofs.mix_bandwidth(memory, stats.loaded_bytes, stats.stored_bytes)
            return mix / self.sharers
        return self.best_gbs[memory]

    def kinds_gbs(self, memory: str, kinds: tuple[str, ...]) -> dict[str, float]:
        """Return one thread's GB/s of some kinds of traffic, where they were measured."""
        rates = self.roofs.kinds_gbs(memory)
        return {kind: rates[kind] / self.sharers for kind in kinds if kind in rates}

    def load_gbs(self, memory: str) -> float:
        """Return one thread's GB/s of loads."""
        return self.roofs.bandwidth_gbs[memory] / self.sharers

    def attainable_gflops(self, memory: str, stats: TileStats) -> float:
        """Return the roofline of one thread at the intensity of some tiles, in GFLOP/s."""
        bandwidth = self.bandwidth_gbs(memory, stats)
        return metrics.attainable_gflops(self.peak_gflops, stats.arithmetic_intensity, bandwidth)

    def ridge(self, memory: str, stats: TileStats) -> float:
        """Return the intensity at which a memory's roof meets the peak, for some tiles."""
        return metrics.ridge_point(self.peak_gflops, self.bandwidth_gbs(memory, stats))

    def ceilings_gflops(self) -> dict[str, float]:
        """Return the ceilings inside the core of one thread, by name, highest first."""
        prefix = f"{self.roofs.dtype} "
        found = {
            key.removeprefix(prefix): rate / self.sharers
            for key, rate in self.roofs.ceilings_gflops.items()
            if key.startswith(prefix)
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def memory_of(self, stats: TileStats, gbs: float, machine: Machine | None) -> str:
        """Return the memory that tiles are held against: their level's cache, or DRAM.

        A Macro tile that moves more than the L3 twice over cannot have it all from there; where it
        moves it at no more than DRAM's rate, but near that, DRAM is what feeds it.
        """
        cache = stats.level.cache
        if stats.level is not TileLevel.MACRO or machine is None or not stats.count:
            return cache
        share = metrics.share(gbs, self.bandwidth_gbs("DRAM", stats))
        beyond_l3 = stats.nbytes > 2 * stats.count * machine.cache(stats.level).size_bytes
        return "DRAM" if beyond_l3 and DRAM_SHARE <= share <= ABOVE_ROOF else cache


DRAM_SHARE = 0.5
"""Share of DRAM's bandwidth from which a Macro tile larger than the L3 is held against DRAM."""

ABOVE_ROOF = 1.05
"""Share of a roof above which the inputs must be wrong: repeats of a steady roof differ by less."""

OUTWARD = {memory: MEMORY[number + 1 :] for number, memory in enumerate(MEMORY)}
"""The memories behind each one, nearest first."""


def roofs_of_brick(
    recording: Recording, info: BrickInfo, dtype: str, roofs: Roofs | None
) -> Roofs | None:
    """Return the roofs of a brick's element type and instruction set, best of its thread count.

    Parameters
    ----------
    recording : Recording
        Where `roofs` do not fit, those of `Recording.more_roofs` may.
    info : BrickInfo
        The brick.
    dtype : str
        Its element type.
    roofs : Roofs or None
        What the recording is held against.
    """
    fitting = [one for one in candidates(recording, roofs) if fits(one, info, dtype)]
    same_threads = [one for one in fitting if one.threads == info.threads]
    chosen = next(iter((*same_threads, *fitting)), None)
    return chosen if chosen is None or chosen.dtype == dtype else chosen.for_dtype(dtype)


def candidates(recording: Recording, roofs: Roofs | None) -> tuple[Roofs, ...]:
    """Return the roofs that bricks may be held against, those to prefer first."""
    own = () if roofs is None else (roofs,)
    if roofs is not recording.roofs:
        return own
    return own + _of_this_machine(recording.more_roofs, recording.machine)


def _of_this_machine(roofs: Iterable[Roofs], machine: Machine | None) -> tuple[Roofs, ...]:
    """Return the roofs that were measured on a machine."""
    fingerprint = None if machine is None else machine.fingerprint()
    return tuple(one for one in roofs if one.fingerprint == fingerprint)


def fits(roofs: Roofs, info: BrickInfo, dtype: str) -> bool:
    """Tell whether roofs are of a brick's element type and instruction set."""
    return dtype in roofs.peak_by_dtype and info.isas in ((), (roofs.isa,))
