"""Profile a decoder layer by layer and token by token, against the roofs of this machine.

Overhead is actual over theoretical time: the time that the peak and the bandwidth of the memory
that holds the model allow. A model too large for the caches is bound by DRAM when it decodes.
"""

from __future__ import annotations

import argparse
from dataclasses import fields

import brickprof as bp
import numpy as np
from brickprof import reports

from decoder import PRESETS, Decoder, Optimizations, units
from decoder.checks import positive_int
from decoder.measurement import Measurement, format_table, nearest_memory, time_runs
from decoder.scripts import run_script
from decoder.work import Work, forward_work


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Latency of a decoder's layers and tokens.")
    parser.add_argument("--preset", choices=PRESETS, default="tiny", help="random weights (tiny)")
    parser.add_argument("--layers", type=positive_int, help="how many (those of the preset)")
    parser.add_argument("--threads", type=positive_int, help="maximum threads of a kernel (all)")
    parser.add_argument("--prompt", type=positive_int, default=64, help="ids of the prompt (64)")
    parser.add_argument("--tokens", type=positive_int, default=16, help="steps to time (16)")
    parser.add_argument("--repeats", type=positive_int, default=3, help="prompts to time (3)")
    switches = [field.name for field in fields(Optimizations)]
    parser.add_argument(
        "--disable",
        "--without",
        nargs="+",
        choices=switches,
        default=[],
        help="optimizations to switch off",
    )
    parser.add_argument("--report", action="store_true", help="print the tiles of all levels too")
    return parser


def measure_layers(
    model: Decoder, args: argparse.Namespace, ids: list[int], roofs: bp.Roofs, memory: str
) -> tuple[list[Measurement], bp.Recording]:
    """Profile prompts and steps; return the measurements of layers and the recording."""
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    for _ in range(args.repeats):
        model.reset()
        model.prefill(ids, profiler=profiler)
    prompts = profiler.recording()
    profiler.reset_tile_stats()
    for _ in range(args.tokens):
        model.step(ids[0], profiler=profiler)
    steps = profiler.recording()
    measurements = []
    # Logits are those of steps: a prompt has its own on one thread of this profiler.
    for recording, brick, name in (
        (prompts, "prefill", "prefill, a layer"),
        (steps, "decode", "decode, a layer"),
        (steps, "logits", "logits"),
    ):
        stats = recording.tile_stats(bp.TileLevel.MACRO, brick)
        if stats.count:
            # In a region each thread has a tile, as long as the layer and with a share of its work.
            # Steps grow by a key each, and long prompts are run in parts: take the mean work.
            threads = recording.brick_info(brick).threads
            runs = stats.count / threads
            work = Work(
                *(round(total / runs) for total in (stats.elements, stats.flops, stats.nbytes))
            )
            # The shortest of several threads' tiles is that of a thread that started late.
            median = max(float(stats.percentile_ns(50)), 1.0)
            times = (median,) if threads > 1 else (float(stats.min_ns), median, float(stats.max_ns))
            measurements.append(Measurement(name, work, times, memory, roofs))
    return measurements, bp.merge_recordings([prompts, steps])


def measure_tokens(
    model: Decoder, args: argparse.Namespace, ids: list[int], roofs: bp.Roofs, memory: str
) -> list[Measurement]:
    """Time prompts, then steps one by one, with the profiler off."""
    config = model.config
    logits = np.empty(config.vocab, np.float32)

    def prefill() -> None:
        model.reset()
        model.prefill(ids, out=logits)

    prompts = time_runs(prefill, args.repeats)
    steps = time_runs(lambda: model.step(ids[0], out=logits), args.tokens)
    mean_past = args.prompt + 1 + args.tokens // 2
    prompt_work = forward_work(config, args.prompt, 0)
    step_work = forward_work(config, 1, mean_past)
    return [
        Measurement(f"prefill of {args.prompt}", prompt_work, prompts, memory, roofs),
        Measurement("decode, a token", step_work, steps, memory, roofs),
    ]


def run(args: argparse.Namespace, pool: bp.ConfiguredThreads) -> None:
    disabled = dict.fromkeys(args.disable, False)
    model = Decoder.random(
        args.preset,
        layers=args.layers,
        threads=pool.threads,
        optimizations=Optimizations(**disabled),
    )
    ids = np.random.default_rng(0).integers(0, model.config.vocab, args.prompt).tolist()
    roofs = bp.roofs(pool.threads)
    memory = nearest_memory(forward_work(model.config, 1, args.prompt).nbytes, bp.detect_machine())
    tokens = measure_tokens(model, args, ids, roofs, memory)
    layers, recording = measure_layers(model, args, ids, roofs, memory)
    print(f"{args.preset} · {model.config.layers} layers · {pool.threads} thread(s)")
    print(format_table([*layers, *tokens]))
    prompt, token = tokens
    print(f"prefill {units.format_number(args.prompt / prompt.median_ns * 1e9)} tok/s")
    print(f"decode {units.format_number(1e9 / token.median_ns)} tok/s")
    print(f"of {memory}'s {roofs.bandwidth_gbs[memory]:.3g} GB/s, decoding reaches ", end="")
    print(f"{token.bandwidth_gbs / roofs.bandwidth_gbs[memory]:.1%}")
    if args.report:
        print(reports.render("text", recording, roofs))


def main() -> None:
    run_script(build_parser(), run)


if __name__ == "__main__":
    main()
