"""Merge many recordings: time and peak memory, from memory and from files.

Run as ``python -m benchmarks.merging [COUNT ...]``. Recordings are of a profiled product, an
attention and instrumented NumPy, each with other figures. Counts above `DISTINCT` take the same
ones in turn. Each measurement is a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np

import brickprof as bp
from benchmarks.arguments import positive_int

COUNTS = (1_000, 13_000, 100_000)
DISTINCT = 1_000


def recording(seed: int) -> bp.Recording:
    """Return what a process that ran some kernels has recorded."""
    profiler = bp.BrickProfiler()
    a = np.random.default_rng(seed).standard_normal((128, 128)).astype(np.float32)
    heads = np.ascontiguousarray(a.reshape(2, 128, 64))
    with bp.auto_instrument(profiler):
        for _ in range(20):
            bp.gemm(a, a, threads=1, profiler=profiler)
            bp.attention(heads, heads, heads, threads=1, profiler=profiler)
            np.exp(a @ a).sum()
    return profiler.recording()


def write(folder: Path) -> None:
    """Write `DISTINCT` recordings to a folder."""
    made = [recording(seed) for seed in range(20)]
    for number in range(DISTINCT):
        one = replace(made[number % len(made)], steal_ns=number)
        one.save(folder / f"{number}.json")


def merge(folder: Path, count: int, source: str) -> None:
    """Merge so many recordings; print seconds, those of CPU, and MiB before and at the peak."""
    paths = sorted(folder.iterdir())
    kept = [bp.load_recording(path) for path in paths] if source == "memory" else []
    resident = _peak_mib()
    began, began_cpu = time.perf_counter(), time.process_time()
    parts: Iterator[bp.Recording] = islice(cycle(kept), count)
    if source == "files":
        parts = map(bp.load_recording, islice(cycle(paths), count))
    bp.merge_recordings(parts)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(wall, cpu, resident, _peak_mib())


def _peak_mib() -> float:
    """Return the most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure each count from either source."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.merging", description=__doc__)
    parser.add_argument("counts", nargs="*", type=positive_int, default=COUNTS, metavar="COUNT")
    counts = parser.parse_args().counts
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        size = sum(path.stat().st_size for path in folder.iterdir()) / DISTINCT / 1024
        print(f"recordings of {size:.0f} KiB of JSON")
        head = ("recordings", "from", "seconds", "of CPU", "ms each", "MiB before", "peak MiB")
        print("".join(f"{title:>12}" for title in head))
        for count in counts:
            for source in ("memory", "files"):
                code = "from benchmarks import merging; from pathlib import Path; "
                code += f"merging.merge(Path({name!r}), {count}, {source!r})"
                done = subprocess.run(
                    [sys.executable, "-c", code], capture_output=True, text=True, check=True
                )
                wall, cpu, before, peak = map(float, done.stdout.split())
                figures = f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / count * 1e3:.3f}"
                cells = (f"{count:,}", source, *figures, f"{before:.0f}", f"{peak:.0f}")
                print("".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
