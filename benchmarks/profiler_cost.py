"""The profiler itself: what a pair costs, what profiling slows down, whether the cost comes out."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence

import brickprof as bp
from benchmarks.backends import Backends
from benchmarks.kernels import gemm
from benchmarks.kernels.table import KERNELS
from benchmarks.ratios import Case
from benchmarks.rounds import Effort, interleave, outcome, quartiles, rounded, summary
from brickprof import TileLevel
from brickprof._kernels import probe_timer

CORRECTED = (gemm.Product(16, 16, 16), gemm.Product(64, 64, 64), gemm.Product(128, 128, 128))
"""Work of one Micro tile that is timed singly and in bulk."""

REPEATS = 500
"""Pairs, or ten spellings, in one call of what is timed."""


class Plain:
    """A class with a plain attribute, the least that spelling a level could cost."""

    MICRO = 2


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


def _spelled(owner: type) -> Callable[[], None]:
    """Return a function that reads an attribute ten times in each pass of the usual loop."""
    lines = ["def run():", f"    for _ in range({REPEATS}):", *["        owner.MICRO"] * 10]
    made: dict[str, object] = {"owner": owner}
    exec("\n".join(lines), made)
    return made["run"]  # type: ignore[return-value]


def _nothing() -> None:
    for _ in range(REPEATS):
        pass


def timer_cases(backends: Backends) -> Iterator[Case]:
    """Hold pairs against clock reads, and the level's name against a plain attribute."""
    on, off = bp.BrickProfiler(), bp.BrickProfiler()
    on.enable_tile_profiling()
    runners = {
        "on": _pairs(on),
        "off": _pairs(off),
        "reads": _two_reads,
        "level": _spelled(TileLevel),
        "attribute": _spelled(Plain),
        "loop": _nothing,
    }
    times = interleave(runners, Effort(0.3 if backends.quick else 4.0))

    loop = min(times["loop"])

    def net(name: str, each: int = REPEATS) -> list[float]:
        """Take the loop out: its best, for a disturbance of the loop must not shorten a pair."""
        return [(taken - loop) / each for taken in times[name]]

    reads = net("reads")
    yield _costs("start_tile/stop_tile, on", net("on"), "two perf_counter_ns", reads)
    yield _costs("start_tile/stop_tile, off", net("off"), "two perf_counter_ns", reads)
    bare, pairs = _nogil_times(100 if backends.quick else 2000)
    yield _costs("bp_start/bp_stop without the GIL", pairs, "two raw clock reads", bare)
    without, gridded = _gridded_times(100 if backends.quick else 2000)
    yield _costs("bp_start/bp_stop with grid=64", gridded, "the same without a grid", without)
    level, attribute = net("level", 10 * REPEATS), net("attribute", 10 * REPEATS)
    yield _costs("spelling TileLevel.MICRO", level, "a plain class attribute", attribute)


def _nogil_times(rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds of two clock reads and those of a pair, alternately."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    with prof.recorders("timer") as (handle,):
        taken = [probe_timer(handle, 1000) for _ in range(rounds)]
    return [reads * 1e-9 for reads, _ in taken], [pair * 1e-9 for _, pair in taken]


def _gridded_times(rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds of a pair without a grid and those of one with it, alternately."""
    taken: list[list[float]] = [[], []]
    profs = [bp.BrickProfiler(), bp.BrickProfiler(grid=64)]
    for prof in profs:
        prof.enable_tile_profiling()
    with profs[0].recorders("timer") as (without,), profs[1].recorders("timer") as (gridded,):
        for _ in range(rounds):
            for times, handle in zip(taken, (without, gridded), strict=True):
                times.append(probe_timer(handle, 1000)[1] * 1e-9)
    return taken[0], taken[1]


def _costs(title: str, ours: Sequence[float], against: str, theirs: Sequence[float]) -> Case:
    """Return what something costs next to what it is held against."""
    return {
        "title": title,
        "against": against,
        "cost": summary(ours),
        "reference": summary(theirs),
        "ratio": quartiles([a / b for a, b in zip(ours, theirs, strict=True)]),
        "ratio of best": rounded(min(ours) / min(theirs)),
    }


def slowdown_cases(backends: Backends) -> Iterator[Case]:
    """Hold the kernels with all three levels on against the same without a profiler."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    effort = Effort(0.3 if backends.quick else 5.0)
    for kernel in KERNELS.values():
        problem = kernel.slowdown_problem
        call = functools.partial(kernel.call(problem, "float32"), threads=1)
        times = interleave({"off": call, "on": functools.partial(call, profiler=prof)}, effort)
        yield {"title": f"{kernel.name} {problem.title}", **outcome(times)}


def corrected_cases(backends: Backends) -> Iterator[Case]:
    """Hold the corrected time of Micro tiles against the same work timed in bulk, alternately."""
    for problem in CORRECTED:
        work = functools.partial(gemm.call(problem, "float32"), threads=1)
        tiles = max(20, min(500, int(5e8 / problem.work)))
        yield _corrected(
            f"Python tiles around gemm {problem.title}",
            functools.partial(_tiled, work, tiles),
            functools.partial(_bulk, work, tiles),
            backends,
        )
    problem = gemm.Product(1024, 1024, 1024)
    product = functools.partial(gemm.call(problem, "float32"), threads=1)
    yield _corrected(
        f"gemm {problem.title}, its Macro tiles",
        functools.partial(_profiled, product),
        functools.partial(_bulk, product, 1),
        backends,
    )


def _corrected(
    title: str,
    tiled: Callable[[bp.BrickProfiler], tuple[int, int]],
    bulk: Callable[[], int],
    backends: Backends,
) -> Case:
    """Alternate the two and return corrected and raw time over bulk time."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    corrected: list[float] = []
    raw: list[float] = []
    tiled(prof)
    bulk()
    until = time.perf_counter() + (0.2 if backends.quick else 2.0)
    while len(raw) < 5 or time.perf_counter() < until:
        less_cost, with_cost = tiled(prof)
        plain = bulk()
        corrected.append(less_cost / plain)
        raw.append(with_cost / plain)
    return {"title": title, "corrected": quartiles(corrected), "raw": quartiles(raw)}


def _tiled(work: Callable[[], object], tiles: int, prof: bp.BrickProfiler) -> tuple[int, int]:
    """Return corrected and raw nanoseconds of so many Micro tiles around the work."""
    prof.reset_tile_stats()
    for i in range(tiles):
        timer = prof.start_tile(TileLevel.MICRO, i, 0)
        work()
        prof.stop_tile(timer, 1, 1)
    stats = prof.tile_stats(TileLevel.MICRO)
    return stats.total_ns, stats.raw_total_ns


def _profiled(product: Callable[..., object], prof: bp.BrickProfiler) -> tuple[int, int]:
    """Return corrected and raw nanoseconds of a profiled product's Macro tiles."""
    prof.reset_tile_stats()
    product(profiler=prof)
    stats = prof.tile_stats(TileLevel.MACRO)
    return stats.total_ns, stats.raw_total_ns


def _bulk(work: Callable[[], object], count: int) -> int:
    """Return the nanoseconds of so many calls, timed together; an empty loop's are taken out."""
    before = time.perf_counter_ns()
    for _ in range(count):
        work()
    middle = time.perf_counter_ns()
    for _ in range(count):
        pass
    return 2 * middle - before - time.perf_counter_ns()
