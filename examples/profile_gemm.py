"""Profile the library's product and attention, save the recording, and read it back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import brickprof as bp

THREADS = 1


def main() -> None:
    random = np.random.default_rng(0)
    a = random.random((384, 512), np.float32)
    b = random.random((512, 640), np.float32)
    q = random.random((8, 256, 64), np.float32)
    k, v = random.random((2, 4, 256, 64), np.float32)  # pairs of query heads share a key head

    # A first call finds the tile sizes and allocates the workspace; it is left out.
    bp.gemm(a, b, threads=THREADS)
    bp.attention(q, k, v, causal=True, threads=THREADS)

    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    for _ in range(5):
        bp.gemm(a, b, threads=THREADS, profiler=profiler)
        bp.attention(q, k, v, causal=True, threads=THREADS, profiler=profiler)
    profiler.disable_tile_profiling()

    # One level of one kernel, as numbers.
    micro = profiler.tile_stats(bp.TileLevel.MICRO, brick="gemm")
    print(f"gemm's {micro.count:,} Micro tiles ran at {micro.gflops:.3g} GFLOP/s,")
    print(f"at {micro.arithmetic_intensity:.3g} flops for each byte from L1.\n")

    # The recording is what reports are made of: here, later, or on another machine.
    recording = profiler.recording(bp.roofs(THREADS))
    with tempfile.TemporaryDirectory() as folder:
        path = recording.save(Path(folder, "run.json"))
        loaded = bp.load_recording(path)
    assert loaded == recording

    # Recordings of several runs add up.
    merged = bp.merge_recordings([recording, loaded])
    assert merged.tile_stats(bp.TileLevel.MICRO, "gemm").count == 2 * micro.count

    # `brickprof report run.json` prints the same.
    print(profiler.tile_summary(recording.roofs))


if __name__ == "__main__":
    main()
