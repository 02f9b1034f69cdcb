"""Runs that are really bad in one way are found to be, whatever their times are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from support.entry_points import MICRO, MIDI, UNDECLARED, pointer_of, tile_library
from support.made_recordings import MACHINE, ROOFS

from brickprof import BrickProfiler, plan_gemm
from brickprof._kernels import ParallelRegion, gemm
from brickprof.diagnose import Finding, diagnose
from brickprof.machine import Cache, detect_machine
from brickprof.recording import Recording


def switched_on() -> BrickProfiler:
    """Return a profiler on the real clock."""
    prof = BrickProfiler()
    prof.enable_tile_profiling()
    return prof


def found(run: Callable[[], Recording], code: str) -> Finding:
    """Return the one finding of a kind that a run must give.

    Another process may take its processor, and then that is what is found: it gets five tries.
    """
    for _ in range(5):
        matching = [one for one in diagnose(run()) if one.code == code]
        if len(matching) == 1:
            return matching[0]
    raise AssertionError(f"no {code} in five runs")


def test_empty_tiles_are_too_short() -> None:
    def run() -> Recording:
        prof = switched_on()
        with prof.brick("empty"):
            for i in range(10_000):
                prof.stop_tile(prof.start_tile(MICRO, i, 0), 1, 1)
        return prof.recording()

    finding = found(run, "tiles-too-short")
    assert (finding.brick, finding.level) == ("empty", MICRO)
    assert finding.action.startswith("Batch")


def test_a_python_loop_is_bound_by_its_instructions() -> None:
    def run() -> Recording:
        prof = switched_on()
        values = [0.5] * 1000
        with prof.brick("polynomial"):
            for i in range(20):
                with prof.tile(MICRO, i, 0, elements=1000, flops=16_000, nbytes=8_000):
                    for place, x in enumerate(values):
                        total = 1.0
                        for _ in range(8):
                            total = total * x + 1.0
                        values[place] = total / 2
        return prof.recording(ROOFS)

    finding = found(run, "neither-roof")
    assert (finding.brick, finding.level) == ("polynomial", MICRO)
    assert "an interpreted loop" in finding.action
    assert dict(finding.figures)["bandwidth_share"] < 0.2


def test_a_gemm_on_four_times_the_processors() -> None:
    prof = switched_on()
    machine = detect_machine()
    square = np.ones((768, 768), np.float32)
    gemm(square, square, threads=4 * machine.usable_cores, profiler=prof)
    codes = {one.code: one for one in diagnose(prof.recording())}
    (code,) = codes.keys() & {"oversubscription", "quota-ignored"}
    figures = dict(codes[code].figures)
    assert figures["usable_cores"] == machine.usable_cores < figures["threads"]
    assert not codes.keys() & {"thread-overhead", "thread-imbalance"}


def shared_out(prof: BrickProfiler, work: tuple[int, int]) -> Recording:
    """Have two threads each fill an array so often in a tile, and return it as of two cores."""
    with prof.recorders("fill", 2) as handles:

        def fill(handle: object, times: int) -> None:
            address, array = pointer_of(handle), np.ones(100_000)
            tile_library().start(address, MICRO, 0, 0)
            for _ in range(times):
                np.sqrt(array, out=array)
            tile_library().stop(address, 0, 0, UNDECLARED)

        # One after the other, so that none is held up by the other.
        for handle, times in zip(handles, work, strict=True):
            thread = threading.Thread(target=fill, args=(handle, times))
            thread.start()
            thread.join()
    return replace(prof.recording(), machine=MACHINE, roofs=None)


def test_two_threads_of_which_one_gets_all_the_work() -> None:
    finding = found(lambda: shared_out(switched_on(), (0, 300)), "thread-imbalance")
    assert (finding.brick, finding.level) == ("fill", None)
    figures = dict(finding.figures)
    assert figures["least_ns"] < figures["mean_ns"] < figures["busiest_ns"]


def test_a_region_in_which_one_thread_works_and_another_waits() -> None:
    ones = np.ones(4_000_000, np.float32)
    region = ParallelRegion(threads=2, name="norm")
    region.rms_norm(ones, ones, np.zeros_like(ones))

    def run() -> Recording:
        prof = switched_on()
        for _ in range(5):
            region.run(profiler=prof)
        return replace(prof.recording(), machine=MACHINE, roofs=None)

    finding = found(run, "thread-imbalance")
    figures = dict(finding.figures)
    assert (finding.brick, figures["threads"]) == ("norm", 2)
    assert figures["idle_share"] > 0.4


def test_threads_that_cost_more_than_they_do() -> None:
    def run() -> Recording:
        prof = switched_on()
        for _ in range(19):
            shared_out(prof, (0, 0))
        return shared_out(prof, (0, 0))

    finding = found(run, "thread-overhead")
    assert (finding.brick, dict(finding.figures)["calls"]) == ("fill", 20)


def test_a_plan_for_a_cache_that_is_not_there() -> None:
    machine = detect_machine()
    l1, l2, *outer = machine.caches
    large = Cache(2, 16 * l2.size_bytes, l2.line_bytes, l2.shared_by, l2.ways)
    elsewhere = replace(machine, caches=(l1, large, *outer))
    depth = 384
    rows = 3 * l2.size_bytes // (depth * 4)
    plan = plan_gemm(rows, 64, depth, machine=elsewhere, threads=1)
    a, b = np.ones((rows, depth), np.float32), np.ones((depth, 64), np.float32)

    def run() -> Recording:
        prof = switched_on()
        gemm(a, b, profiler=prof, plan=plan)
        return replace(prof.recording(), roofs=None)

    finding = found(run, "footprint")
    assert finding.level is MIDI
    figures = dict(finding.figures)
    assert figures["footprint_bytes"] == plan.footprint_bytes[MIDI]
    assert figures["cache_share_bytes"] == l2.size_bytes


def test_a_gemm_with_its_own_plan_holds_no_more_than_its_caches() -> None:
    prof = switched_on()
    square = np.ones((512, 512), np.float32)
    gemm(square, square, profiler=prof, plan=plan_gemm(512, 512, 512, threads=1))
    assert "footprint" not in {one.code for one in diagnose(replace(prof.recording(), roofs=None))}
