"""The timer against bare clock reads, paired in one run.

    python benchmarks/timer.py [--json F]

From Python a start/stop pair is held against two ``time.perf_counter_ns()`` calls, without the
GIL against two reads of the clock that the profiler uses.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from paired import Case, Timing, race, show, write_json

import brickprof as bp
from brickprof import TileLevel
from brickprof._kernels import probe_timer

REPEATS = 500
"""Pairs in one call of what is timed."""


def _two_reads() -> None:
    for _ in range(REPEATS):
        time.perf_counter_ns()
        time.perf_counter_ns()


def _pairs(prof: bp.BrickProfiler) -> Callable[[], None]:
    def run() -> None:
        for _ in range(REPEATS):
            timer = prof.start_tile(TileLevel.MICRO, 0, 0)
            prof.stop_tile(timer, 64, 128)

    return run


def _nothing() -> None:
    for _ in range(REPEATS):
        pass


def python_cases() -> list[Case]:
    """Race a pair, on and off, against two clock calls; the loop is taken out of all."""
    on, off = bp.BrickProfiler(), bp.BrickProfiler()
    on.enable_tile_profiling()
    rivals = {"on": _pairs(on), "off": _pairs(off), "reads": _two_reads, "loop": _nothing}
    case = race("", rivals, seconds=3.0)
    times = {timing.name: timing for timing in case.timings}
    loop = times["loop"]

    def net(name: str, shown: str) -> Timing:
        timing = times[name]
        return Timing(
            shown,
            (timing.best - loop.best) / REPEATS,
            (timing.median - loop.median) / REPEATS,
            timing.spread,
        )

    reads = net("reads", "2 reads")
    return [
        Case("start_tile/stop_tile, on", 0.0, (net("on", "pair"), reads)),
        Case("start_tile/stop_tile, off", 0.0, (net("off", "pair"), reads)),
    ]


def nogil_case() -> Case:
    """Race a nogil pair against two reads of its clock."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    reads, pairs = [], []
    with prof.recorders("timer") as (handle,):
        for _ in range(2000):
            two, pair = probe_timer(handle, 1000)
            reads.append(two * 1e-9)
            pairs.append(pair * 1e-9)

    def timing(name: str, taken: list[float]) -> Timing:
        low, middle, high = statistics.quantiles(taken, n=4)
        return Timing(name, min(taken), middle, (high - low) / middle)

    return Case("bp_start/bp_stop, nogil", 0.0, (timing("pair", pairs), timing("2 reads", reads)))


def main() -> None:
    """Run the races and print them; a ratio of 0.8 reads: a pair costs 1 / 0.8 of two reads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    cases = [*python_cases(), nogil_case()]
    show(cases, "ns")
    for case in cases:
        pair, two = case.timings
        print(
            f"  {case.title}: {pair.best / two.best:.2f} of two reads "
            f"(median {pair.median / two.median:.2f})"
        )
    write_json(args.json, cases)


if __name__ == "__main__":
    main()
