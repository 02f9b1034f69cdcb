"""Kernels with one known bottleneck each, compiled here, and what is to be found in each."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray

import brickprof as bp
from brickprof import TileLevel
from brickprof.diagnose import Finding, diagnose

MACRO, MIDI, MICRO = TileLevel
SOURCE = Path(__file__).with_suffix(".c")
TILES = 40


@cache
def library() -> ctypes.CDLL:
    """Compile the kernels for this machine."""
    built = Path(mkdtemp(), "known_causes.so")
    flags = [
        "-O3",
        "-mtune=native",
        "-march=native",
        "-mprefer-vector-width=512",
        "-shared",
        "-fPIC",
    ]
    subprocess.run(["gcc", *flags, str(SOURCE), "-o", str(built), "-lm"], check=True)
    found = ctypes.CDLL(str(built))
    found.fill.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_float]
    for name in ("chase", "one_accumulator", "passes", "columns"):
        getattr(found, name).restype = ctypes.c_void_p if name == "chase" else ctypes.c_float
    return found


def call(name: str, *arguments: object) -> object:
    """Call a kernel with arrays and numbers."""
    given = [
        ctypes.c_void_p(one.ctypes.data)
        if isinstance(one, np.ndarray)
        else one
        if isinstance(one, float)
        else ctypes.c_long(one)  # type: ignore[arg-type]
        for one in arguments
    ]
    return getattr(library(), name)(*given)


def floats(count: int) -> NDArray[np.float32]:
    """Return floats that were touched."""
    return np.random.default_rng(0).random(count, np.float32) + np.float32(0.5)


@dataclass(frozen=True)
class Case:
    """A kernel, and what makes the diagnosis of it right.

    Parameters
    ----------
    run : callable
        Records it with a profiler that is on.
    codes : tuple of str
        Codes that the first finding may have.
    mentions : str
        What the first finding says, where it is "neither-roof" or a ceiling.
    """

    run: Callable[[bp.BrickProfiler], None]
    codes: tuple[str, ...]
    mentions: str = ""


CASES: dict[str, Case] = {}

OF_THE_MACHINE = ("noisy-machine", "noisy-roofs", "preempted")
"""Codes that are about what else runs on the machine."""


def case(*codes: str, mentions: str = "") -> Callable[[Callable[[bp.BrickProfiler], None]], object]:
    """Register a kernel under its function's name."""

    def register(run: Callable[[bp.BrickProfiler], None]) -> object:
        CASES[run.__name__] = Case(run, codes, mentions)
        return run

    return register


def tiles(
    prof: bp.BrickProfiler,
    work: Callable[[], object],
    level: TileLevel,
    elements: int,
    flops: int,
    nbytes: int,
    count: int = TILES,
    footprint: dict[TileLevel, int] | None = None,
) -> None:
    """Time the same work as so many tiles, after a first time that is not recorded."""
    work()
    with prof.brick("kernel", footprint_bytes=footprint):
        for number in range(count):
            timer = prof.start_tile(level, number, 0)
            work()
            prof.stop_tile(timer, elements, flops, nbytes)


@case("core-ceiling", mentions="scalar code")
def scalar_loop(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)
    n = 2048 * 20
    tiles(prof, lambda: call("scalar", x, y, 2048, 20), MICRO, n, 16 * n, 8 * n)


@case("core-ceiling", mentions="one dependent chain of scalar")
def one_accumulator(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)
    n = 2048 * 20
    tiles(prof, lambda: call("one_accumulator", x, y, 2048, 20), MICRO, n, 2 * n, 8 * n)


@case("core-ceiling", mentions="one dependent chain of vectors")
def one_vector_accumulator(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)
    n = 2048 * 200
    tiles(prof, lambda: call("one_vector_accumulator", x, y, 2048, 200), MICRO, n, 2 * n, 8 * n)


@case("core-ceiling", "compute-bound", "near-roof", "neither-roof")
def no_fma(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)
    n = 2048 * 100
    tiles(prof, lambda: call("no_fma", x, y, 2048, 100), MICRO, n, 16 * n, 8 * n)


@case("core-ceiling", "neither-roof", mentions="divisions")
def division(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)
    n = 2048 * 100
    tiles(prof, lambda: call("division", x, y, 2048, 100), MICRO, n, n, 8 * n)


@case("core-ceiling", "neither-roof", mentions="exponentials")
def exponential(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)
    n = 2048 * 20
    tiles(prof, lambda: call("exponential", x, y, 2048, 20), MICRO, n, n, 8 * n)


@case("neither-roof", mentions="mispredicted branches")
def mispredicted_branches(prof: bp.BrickProfiler) -> None:
    x = np.random.default_rng(0).integers(0, 2**31, 65536, np.int32)
    tiles(prof, lambda: call("branches", x, 65536, 1), MIDI, 65536, 65536, 4 * 65536)


def _chase(prof: bp.BrickProfiler, level: TileLevel, size: int) -> None:
    lines = size // 64
    order = np.random.default_rng(0).permutation(lines)
    data = np.zeros((lines, 8), np.uint64)
    data[order, 0] = data.ctypes.data + 64 * np.roll(order, -1).astype(np.uint64)
    loads = 20_000
    tiles(prof, lambda: call("chase", data, loads), level, loads, loads, 8 * loads)


@case("neither-roof", mentions="one load after another")
def chase_in_l2(prof: bp.BrickProfiler) -> None:
    _chase(prof, MIDI, bp.detect_machine().cache(2).size_bytes // 2)


@case("neither-roof", mentions="load")
def chase_in_l3(prof: bp.BrickProfiler) -> None:
    _chase(prof, MACRO, bp.detect_machine().cache(3).size_bytes // 4)


@case("neither-roof", mentions="load")
def chase_in_dram(prof: bp.BrickProfiler) -> None:
    _chase(prof, MACRO, 128 * 2**20)


@case("neither-roof", mentions="strided or scattered access")
def strided_columns(prof: bp.BrickProfiler) -> None:
    x = floats(2048 * 2048)
    n = x.size
    tiles(prof, lambda: call("columns", x, 2048, 2048), MACRO, n, n, 4 * n, count=8)


@case("neither-roof", mentions="strided or scattered access")
def gather(prof: bp.BrickProfiler) -> None:
    x, y, n = floats(2**24), floats(2**16), 2**16
    index = np.random.default_rng(0).integers(0, 2**24, n, np.int32)
    tiles(prof, lambda: call("gather", x, index, y, n), MACRO, n, n, 16 * n)


@case("memory-bound", "store-bound")
def in_place_update(prof: bp.BrickProfiler) -> None:
    n = bp.detect_machine().cache(2).size_bytes // 8
    y = floats(n)
    tiles(prof, lambda: call("update", y, n, 10), MIDI, 10 * n, 10 * n, 80 * n)


@case("store-bound", "memory-bound")
def fill(prof: bp.BrickProfiler) -> None:
    n = bp.detect_machine().cache(2).size_bytes // 8
    y = floats(n)
    tiles(prof, lambda: call("fill", y, n, 10, 1.5), MIDI, 10 * n, 0, 40 * n)


@case("store-bound", "memory-bound")
def copy(prof: bp.BrickProfiler) -> None:
    n = bp.detect_machine().cache(2).size_bytes // 16
    x, y = floats(n), floats(n)
    tiles(prof, lambda: call("copy", x, y, n, 20), MIDI, 20 * n, 0, 160 * n)


@case("memory-bound", mentions="DRAM")
def triad_from_dram(prof: bp.BrickProfiler) -> None:
    n = 2**24 * 2
    x, y, z = floats(n), floats(n), floats(n)
    tiles(prof, lambda: call("triad", x, y, z, n), MACRO, n, 2 * n, 12 * n, count=6)


@case("footprint")
def tile_too_large_and_declared(prof: bp.BrickProfiler) -> None:
    size = 4 * bp.detect_machine().cache(2).size_bytes
    x, n = floats(size // 4), size // 4
    work = (MIDI, 10 * n, 10 * n, 40 * n, TILES, {MIDI: size})
    tiles(prof, lambda: call("passes", x, n, 10), *work)


@case("memory-bound", "neither-roof", mentions="L2")
def tile_too_large(prof: bp.BrickProfiler) -> None:
    n = bp.detect_machine().cache(2).size_bytes
    x = floats(n)
    tiles(prof, lambda: call("passes", x, n, 10), MIDI, 10 * n, 10 * n, 40 * n)


@case("page-faults")
def first_touch(prof: bp.BrickProfiler) -> None:
    n = 2**20

    def work() -> None:
        with mmap.mmap(-1, 4 * n) as pages:
            values = np.frombuffer(pages, np.float32)
            values.fill(1.0)
            del values

    tiles(prof, work, MIDI, n, 0, 4 * n)


@case("waiting")
def sleep(prof: bp.BrickProfiler) -> None:
    x, y = floats(2048), floats(2048)

    def work() -> None:
        time.sleep(0.001)
        call("scalar", x, y, 2048, 1)

    tiles(prof, work, MIDI, 2048, 16 * 2048, 8 * 2048)


def _on_threads(count: int, work: Callable[[int], None]) -> None:
    """Run work on threads, and wait for all of them."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@case("waiting")
def lock(prof: bp.BrickProfiler) -> None:
    held = threading.Lock()
    buffers = [floats(2048) for _ in range(4)]

    def work(number: int) -> None:
        with prof.brick("kernel"):
            for turn in range(TILES):
                timer = prof.start_tile(MIDI, turn, number)
                with held:
                    call("scalar", buffers[2 * number], buffers[2 * number + 1], 2048, 50)
                prof.stop_tile(timer, 2048 * 50, 16 * 2048 * 50, 8 * 2048 * 50)

    _on_threads(2, work)


@case("waiting")
def gil(prof: bp.BrickProfiler) -> None:
    def work(number: int) -> None:
        with prof.brick("kernel"):
            for turn in range(10):
                timer = prof.start_tile(MIDI, turn, number)
                total = 0.0
                for value in range(100_000):
                    total += value * 0.5
                prof.stop_tile(timer, 100_000, 200_000, 800_000)

    _on_threads(2, work)


@case("thread-imbalance")
def imbalance(prof: bp.BrickProfiler) -> None:
    buffers = [floats(2048) for _ in range(4)]

    def work(number: int) -> None:
        with prof.brick("kernel"):
            for turn in range(TILES if number else TILES // 5):
                timer = prof.start_tile(MIDI, turn, number)
                call("scalar", buffers[2 * number], buffers[2 * number + 1], 2048, 100)
                prof.stop_tile(timer, 2048 * 100, 16 * 2048 * 100, 8 * 2048 * 100)

    _on_threads(2, work)


@case("oversubscription", "quota-ignored")
def oversubscription(prof: bp.BrickProfiler) -> None:
    count = 4 * bp.detect_machine().usable_cores

    def work(number: int) -> None:
        out = np.zeros(1, np.float32)
        with prof.brick("kernel"):
            for turn in range(20):
                timer = prof.start_tile(MIDI, turn, number)
                call("healthy", 20_000, out)
                prof.stop_tile(timer, 20_000, 20_000 * 24 * 32, 64)

    _on_threads(count, work)


@case("neither-roof", mentions="false sharing")
def false_sharing(prof: bp.BrickProfiler) -> None:
    counters = np.zeros(8, np.int64)
    both = threading.Barrier(2)

    def work(number: int) -> None:
        both.wait()
        with prof.brick("kernel"):
            for turn in range(20):
                timer = prof.start_tile(MICRO, turn, number)
                call("shared_counter", counters[number:], 1_000_000)
                prof.stop_tile(timer, 1_000_000, 1_000_000, 16_000_000)

    _on_threads(2, work)


@case("neither-roof", "tiles-too-short", mentions="call overhead")
def tiny_numpy_calls(prof: bp.BrickProfiler) -> None:
    x, y = floats(64), floats(64)
    tiles(prof, lambda: np.add(x, y, out=y), MICRO, 64, 64, 768, count=4000)


@case("neither-roof", mentions="an interpreted loop")
def pure_python(prof: bp.BrickProfiler) -> None:
    values = [0.5] * 10_000

    def work() -> None:
        total = 0.0
        for value in values:
            total += value * 2.0

    tiles(prof, work, MIDI, 10_000, 20_000, 80_000)


@case("near-roof")
def tiles_of_two_sizes(prof: bp.BrickProfiler) -> None:
    out = np.zeros(1, np.float32)
    call("healthy", 10, out)
    with prof.brick("kernel"):
        for number in range(600):
            steps = 20_000 if number % 8 == 0 else 4000
            timer = prof.start_tile(MICRO, number, 0)
            call("healthy", steps, out)
            prof.stop_tile(timer, steps, steps * 24 * 32, 64)


@case("near-roof")
def healthy(prof: bp.BrickProfiler) -> None:
    out = np.zeros(1, np.float32)
    tiles(prof, lambda: call("healthy", 20_000, out), MICRO, 20_000, 20_000 * 24 * 32, 64)


@case("near-roof", "compute-bound")
def gemm(prof: bp.BrickProfiler) -> None:
    a, b = floats(768 * 768).reshape(768, 768), floats(768 * 768).reshape(768, 768)
    bp.gemm(a, b, threads=1)
    for _ in range(6):
        bp.gemm(a, b, threads=1, profiler=prof)


@case("near-roof", "compute-bound")
def attention(prof: bp.BrickProfiler) -> None:
    q = floats(4 * 512 * 64).reshape(4, 512, 64)
    bp.attention(q, q, q, threads=1)
    for _ in range(6):
        bp.attention(q, q, q, threads=1, profiler=prof)


def findings_of(name: str) -> tuple[Finding, ...]:
    """Record a kernel and diagnose it against this machine's roofs."""
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    CASES[name].run(prof)
    threads = max((info.threads for info in prof.recording().brick_infos), default=1)
    threads = min(threads, bp.detect_machine().usable_cores)
    return diagnose(prof.recording(bp.roofs(threads)))


def verdict(name: str, findings: tuple[Finding, ...]) -> str:
    """Say what is wrong with the findings about a kernel; nothing where they are right."""
    wanted = CASES[name]
    findings = tuple(one for one in findings if one.code not in OF_THE_MACHINE)
    if not findings:
        return "" if "near-roof" in wanted.codes else "nothing was found"
    first = findings[0]
    said = f"{first.symptom} {first.cause} {first.action}"
    if first.code not in wanted.codes:
        return f"{first.code}: {said}"
    if wanted.mentions not in said:
        return f"{first.code} does not mention {wanted.mentions!r}: {said}"
    return ""
