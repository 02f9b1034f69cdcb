"""Decode with every tile timed: layers as Macro, heads as Midi, SIMD tiles as Micro.

A loop over thread counts shows which is best:

    for t in 1 2 4 8; do
        echo "=== $t threads ==="
        BRICKPROF_NUM_THREADS=$t python examples/decoder/instrumented_forward.py |
            grep -E "Throughput|Per token"
    done

and so does a sweep, which interleaves the counts and fits a scalability law:

    brickprof sweep python examples/decoder/instrumented_forward.py:forward --counts 1,2,4,8
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics

import brickprof as bp
import numpy as np

from decoder import PRESETS, Decoder, units
from decoder.checks import positive_int
from decoder.measurement import Measurement, nearest_memory, time_runs
from decoder.scripts import run_script
from decoder.work import forward_work

PRESET = os.environ.get("DECODER_PRESET", "tiny")
"""Whose sizes `forward` takes, since a sweep passes it nothing but thread counts."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Time a decoder's steps, tile by tile.",
        epilog="Without --threads, BRICKPROF_NUM_THREADS or OMP_NUM_THREADS sets the thread count.",
    )
    parser.add_argument("--preset", choices=PRESETS, default=PRESET, help=f"sizes ({PRESET})")
    parser.add_argument("--layers", type=positive_int, help="how many (those of the preset)")
    parser.add_argument("--threads", type=positive_int, help="maximum threads of a kernel (all)")
    parser.add_argument("--past", type=positive_int, default=64, help="positions before (64)")
    parser.add_argument("--tokens", type=positive_int, default=16, help="steps to time (16)")
    parser.add_argument("--save", metavar="FILE", help="keep the recording: brickprof report FILE")
    return parser


def prefilled_model(preset: str, layers: int | None, past: int) -> Decoder:
    """Return a model that has been through a prompt."""
    model = Decoder.random(preset, layers=layers)
    ids = np.random.default_rng(0).integers(0, model.config.vocab, past)
    model.prefill(ids)
    return model


@functools.cache
def sweep_model(preset: str) -> Decoder:
    """Return the model that a sweep uses again and again."""
    return prefilled_model(preset, None, 64)


def forward(threads: int) -> None:
    """Decode one token on so many threads: what a sweep calls."""
    model = sweep_model(PRESET)
    model.rewind(64)
    model.step(1, threads=threads)


def run(args: argparse.Namespace, pool: bp.ConfiguredThreads) -> None:
    model = prefilled_model(args.preset, args.layers, args.past)
    roofs = bp.roofs(pool.threads)
    logits = np.empty(model.config.vocab, np.float32)

    def step(profiler: bp.BrickProfiler | None) -> None:
        model.rewind(args.past)
        model.step(1, profiler=profiler, out=logits)

    profiler = bp.BrickProfiler()
    times = time_runs(lambda: step(None), args.tokens)
    profiler.enable_tile_profiling()
    profiled_times = time_runs(lambda: step(profiler), args.tokens)
    recording = profiler.recording()

    work = forward_work(model.config, 1, args.past)
    memory = nearest_memory(work.nbytes, bp.detect_machine())
    measured = Measurement("token", work, times, memory, roofs)
    print(f"{args.preset} · {model.config.layers} layers · after {args.past} positions")
    print(f"Threads:    {pool.threads} (by {pool.source})")
    print(f"Throughput: {1e9 / measured.median_ns:.1f} tok/s")
    print(
        f"Per token:  {units.format_ns(measured.median_ns)} "
        f"({units.format_ns(min(times))} to {units.format_ns(max(times))})"
    )
    print(
        f"Overhead:   {measured.overhead:.2f}x of {units.format_ns(measured.theoretical_ns)}, "
        f"which {memory}'s {roofs.bandwidth_gbs[memory]:.3g} GB/s and the peak allow"
    )
    slower = statistics.median(profiled_times) / measured.median_ns - 1
    print(f"Profiler:   {slower:+.1%} with every tile timed", end="\n\n")
    print(profiler.tile_summary(roofs))
    if args.save:
        recording.save(args.save)


def main() -> None:
    run_script(build_parser(), run)


if __name__ == "__main__":
    main()
