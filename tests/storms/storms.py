"""Forks under load, resets beside kernels and kills while saving, as many as are asked for.

Each storm raises where something is wrong, and returns how many of its events there were.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from support.entry_points import pointer_of, tile_library
from support.kernel_checks import Array
from support.made_recordings import made
from support.memory import resident_mib
from support.report_cases import RECORDINGS

import brickprof as bp
from brickprof.recording import Recording, load_recording

CHILD_SECONDS = 20
"""Processor-starved machines are slow; a child that hangs is ended by its alarm."""

FORKS_PER_PROCESS = 50
MAX_GROWN_MIB = 48


@contextmanager
def busy(*functions: Callable[[], object]) -> Iterator[None]:
    """Call functions over and over meanwhile, each on a thread of its own."""
    done = threading.Event()
    failed: list[BaseException] = []

    def work(function: Callable[[], object]) -> None:
        try:
            while not done.is_set():
                function()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in functions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]


def child_work(a: Array, wanted: Array, prof: bp.BrickProfiler) -> bool:
    """Use all that a child may: the pool, workspaces, the parent's profiler and a new one."""
    right = np.array_equal(bp.gemm(a, a, threads=2), wanted)
    own = bp.BrickProfiler()
    for one in (prof, own):
        one.enable_tile_profiling()
        with one.tile(bp.TileLevel.MICRO, 0, 0, flops=1):
            pass
        bp.gemm(a, a, threads=2, profiler=one)
        right = right and bool(one.recording().tiles)
    bp.release_memory()
    return right and bp.optimal_threads(10**6) >= 1


def forks_of_one_process(count: int) -> None:
    """Fork while other threads use the library, for the first time at the beginning."""
    a = np.ones((96, 96), np.float32)
    wanted = a * 96
    prof = bp.BrickProfiler(events=64)
    heads = np.ones((2, 48, 32), np.float32)

    def tiles() -> None:
        with prof.tile(bp.TileLevel.MACRO, 0, 0, flops=1):
            prof.recording()

    prof.enable_tile_profiling()
    load = (
        lambda: bp.gemm(a, a, threads=2),
        lambda: bp.attention(heads, heads, heads, threads=2, profiler=prof),
        tiles,
    )
    with busy(*load):
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                signal.alarm(CHILD_SECONDS)
                status = 1
                try:
                    status = int(not child_work(a, wanted, prof))
                finally:
                    os._exit(status)
            _, status = os.waitpid(pid, 0)
            if status:
                raise AssertionError(f"a child ended with status {status:#x}")


def forks(count: int) -> int:
    """Fork under load, in a new process every so often: first uses are where locks are taken."""
    done = 0
    while done < count:
        batch = min(FORKS_PER_PROCESS, count - done)
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "storms", "--one-process", str(batch)],
            check=True,
            timeout=CHILD_SECONDS * batch,
        )
        done += batch
    return done


def resets(count: int) -> int:
    """Reset and read a profiler while all entry points record into it; memory stays as it was."""
    prof = bp.BrickProfiler(events=100, sample_every=2)
    prof.enable_tile_profiling()
    a = np.ones((64, 64), np.float32)
    heads = np.ones((2, 48, 32), np.float32)
    region = bp.ParallelRegion(threads=2)
    region.matvec(a, np.ones(64, np.float32), np.zeros(64, np.float32))
    library = tile_library()

    def kernel_in_c() -> None:
        go = ctypes.c_int(1)
        with prof.recorders("c", 1) as handles:
            thread = threading.Thread(
                target=library.record, args=(pointer_of(handles[0]), ctypes.byref(go), 20)
            )
            thread.start()
            time.sleep(0.002)
            go.value = 0
            thread.join()

    def in_python() -> None:
        timer = prof.start_tile(bp.TileLevel.MICRO, 0, 0)
        prof.stop_tile(timer, 1, 1)
        with prof.brick("python"), prof.tile(bp.TileLevel.MIDI, 0, 0, flops=3):
            pass

    load = (
        lambda: bp.gemm(a, a, threads=2, profiler=prof),
        lambda: bp.attention(heads, heads, heads, threads=2, profiler=prof),
        lambda: region.run(profiler=prof),
        kernel_in_c,
        in_python,
    )
    done = warm_mib = 0
    with busy(*load):
        while done < count:
            with suppress(bp.TileNestingError):  # a tile of Python is open
                prof.reset_tile_stats()
                done += 1
            if done % 16 == 0:
                check(prof.recording())
            if done == min(500, count // 2):
                warm_mib = resident_mib()
    grown = resident_mib() - warm_mib
    if grown > MAX_GROWN_MIB:
        raise AssertionError(f"memory grew by {grown} MiB")
    return done


def check(recording: Recording) -> None:
    """Check that a recording agrees with itself and loads back equal."""
    for tile in recording.tiles:
        if sum(number for _, number in tile.histogram) != tile.timed:
            raise AssertionError(f"{tile} has a histogram of others")
    if Recording.from_json(json.loads(json.dumps(recording.to_json()))) != recording:
        raise AssertionError("a recording does not load back equal")


def kills(count: int) -> int:
    """Kill processes that save over a file: it is whole, and what they left is swept."""
    rng = random.Random(count)
    first, second = made(), RECORDINGS["many-bricks"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.json")
        first.save(path)
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                signal.alarm(CHILD_SECONDS)
                while True:
                    second.save(path)
                    first.save(path)
            time.sleep(rng.random() * 0.01)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            if load_recording(path) not in (first, second):
                raise AssertionError("a recording was lost")
        first.save(path)
        left = sorted(os.listdir(folder))
        if left != ["run.json"]:
            raise AssertionError(f"left behind: {left}")
    return count


STORMS: dict[str, Callable[[int], int]] = {"forks": forks, "resets": resets, "kills": kills}
"""All storms by name."""
