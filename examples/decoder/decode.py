"""Decode: prompt ids in, ids out, and how fast.

Without --folder the weights are random, so that the ids mean nothing but the speed does.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager

import brickprof as bp
import numpy as np

from decoder import PRESETS, Decoder
from decoder.checks import positive_int


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Generate ids with a Qwen2 or Llama model.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--preset", choices=PRESETS, default="tiny", help="random weights (tiny)")
    source.add_argument("--folder", help="a checkpoint: config.json and safetensors files")
    parser.add_argument("--layers", type=positive_int, help="random layers (those of the preset)")
    parser.add_argument("--threads", type=positive_int, help="maximum threads of a kernel (all)")
    parser.add_argument("--tokens", type=positive_int, default=16, help="ids to generate (16)")
    parser.add_argument("--prompt", type=int, nargs="+", metavar="ID", help="ids (8 random ones)")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 takes the likeliest (0)")
    parser.add_argument("--top-k", type=positive_int, help="draw from so many of the likeliest")
    parser.add_argument("--top-p", type=float, help="draw from the likeliest of this probability")
    parser.add_argument("--seed", type=int, default=0, help="of weights, prompt and draws (0)")
    return parser


def run(args: argparse.Namespace) -> None:
    if args.folder is None:
        model = Decoder.random(args.preset, args.seed, args.layers, threads=args.threads)
    elif args.layers is not None:
        raise ValueError("--layers is for random weights")
    else:
        model = Decoder.from_pretrained(args.folder, threads=args.threads)
    random = np.random.default_rng(args.seed)
    prompt = args.prompt or random.integers(0, model.config.vocab, 8).tolist()

    drawing = (args.temperature, args.top_k, args.top_p, args.seed)
    # The first run also pays for buffers and threads, so that the two timed parts do not.
    ids = model.generate(prompt, args.tokens, *drawing)
    model.reset()
    logits = np.empty(model.config.vocab, np.float32)
    # Not handed to the model: each prompt and step is one tile, and nothing inside is timed.
    with bp.BrickProfiler() as profiler:
        with profiler.brick("prefill"), macro_tile(profiler, len(prompt)):
            model.prefill(prompt)
        # One step for each later id: the first one comes out of the prompt.
        for id in ids[:-1]:
            with profiler.brick("decode"), macro_tile(profiler, 1):
                model.step(id, out=logits)

    print("prompt", *prompt)
    print("ids", *ids)
    print(bp.generation_summary(profiler.recording()))


def macro_tile(profiler: bp.BrickProfiler, tokens: int) -> AbstractContextManager[object]:
    return profiler.tile(bp.TileLevel.MACRO, 0, 0, elements=tokens)


def main() -> int:
    try:
        run(build_parser().parse_args())
    except (TypeError, ValueError) as error:
        print(f"decode: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
