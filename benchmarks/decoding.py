"""python -m benchmarks.decoding: the decoder by optimization and thread count, and transformers.

Everything runs in interleaved rounds in one process, on weights that both sides share.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import brickprof as bp
from benchmarks import decoding_page, environment
from benchmarks.arguments import positive_int, positive_seconds
from benchmarks.decoding_calls import (
    MIN_BYTES,
    PROMPT,
    THREAD_COUNTS,
    Calls,
    by_threads,
    cumulative_optimizations,
    loading,
    prefilling,
    random_model,
    stepping,
    weight_arrays,
    weight_bytes,
)
from benchmarks.decoding_transformers import transformers_calls
from benchmarks.rounds import Effort, interleave, outcome

HOME = Path(__file__).parent


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument(
        "--presets", nargs="+", default=["tiny", "qwen2.5-0.5b"], help="models of random weights"
    )
    parser.add_argument(
        "--layers", type=positive_int, help="of the larger models, for a shorter run"
    )
    parser.add_argument("--threads", type=positive_int, default=environment.usable_cpus())
    parser.add_argument(
        "--seconds", type=positive_seconds, default=6.0, help="for each group of backends"
    )
    parser.add_argument("--out", type=Path, default=HOME, help="folder of the page")
    return parser.parse_args(arguments)


def against_transformers(config: Any, weights: Any, threads: int, compare: Callable[[Calls], Any]
                         ) -> dict[str, Any]:  # fmt: skip
    """Compare decoding and prefill with transformers, once both are found to agree."""
    import torch
    from decoder import Decoder

    theirs = transformers_calls(config, weights)
    model = Decoder(config, weights, threads=threads)
    result = {}
    for name, make in (("step", stepping), ("fill", prefilling)):
        mine = make(model)
        np.testing.assert_allclose(mine(), theirs[name](), rtol=1e-3, atol=1e-3)
        result[name] = compare({"brickprof": mine, "transformers": theirs[name]})
    torch.set_num_threads(THREAD_COUNTS[-1])
    try:
        calls = {
            "brickprof": stepping(model),
            f"transformers on {THREAD_COUNTS[-1]}": theirs["step"],
        }
        result["oversubscribed"] = compare(calls)
    finally:
        torch.set_num_threads(threads)
    return result


def measure_model(
    preset: str, args: argparse.Namespace, compare: Callable[[Calls], Any], transformers: Any
) -> dict[str, Any]:
    """Run everything for one model; `transformers` is the module, or None."""
    from decoder import Decoder

    config, weights = random_model(preset, args.layers)
    nbytes = weight_bytes(config)
    chosen = bp.ThreadConfig.for_model(config.hidden, PROMPT)
    entry: dict[str, Any] = {
        "layers": config.layers, "bytes": nbytes,
        "automatic": {"decode": chosen.decode, "prefill": chosen.prefill},
    }  # fmt: skip
    if nbytes > MIN_BYTES:
        print(f"{preset}: against plain loads of the weights")
        step = stepping(Decoder(config, weights, threads=chosen))
        loads = loading(weight_arrays(weights), args.threads)
        entry["roof"] = compare({"brickprof": step, "loads": loads})
    print(f"{preset}: optimizations")
    entry["optimizations"] = compare(cumulative_optimizations(config, weights, args.threads))
    for name, make in (("decode", stepping), ("prefill", prefilling)):
        print(f"{preset}: {name} by threads")
        counts = THREAD_COUNTS if name == "decode" else THREAD_COUNTS[:4]
        entry[name] = compare(by_threads(config, weights, make, counts))
    if transformers:
        print(f"{preset}: against transformers {transformers.__version__}")
        entry["transformers"] = transformers.__version__
        entry |= against_transformers(config, weights, args.threads, compare)
    return entry


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run everything and return what was found."""
    try:
        import torch

        torch.set_num_threads(args.threads)
        import transformers

        warnings.filterwarnings("ignore", "`past_key_values` is deprecated", FutureWarning)
    except ImportError:
        torch = transformers = None  # type: ignore[assignment]
        print("transformers and torch are not installed: not compared")

    def compare(calls: Calls) -> Any:
        # PyTorch's idle workers spin for some milliseconds after a call.
        found = outcome(interleave(calls, Effort(args.seconds, 7, 0.02 if torch else 0)))
        for name, times in found["times"].items():
            best, median = 1e3 * times["best"], 1e3 * times["median"]
            print(f"  {name:34} {best:9.3f} ms best {median:9.3f} median", flush=True)
        return found

    models = {preset: measure_model(preset, args, compare, transformers) for preset in args.presets}
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "threads": args.threads, "versions": environment.versions(),
        "machine": bp.detect_machine().to_json(), "models": models,
    }  # fmt: skip


def main() -> None:
    """Run in an environment whose pools are pinned, and write the page."""
    args = parse()
    if os.environ.get("BENCH_DECODING") != "1":
        variables, notes = environment.prepare(os.environ)
        print(*notes, sep="\n", flush=True)
        pinned = environment.pinned(variables, args.threads) | {"BENCH_DECODING": "1"}
        os.execvpe(
            sys.executable, [sys.executable, "-m", "benchmarks.decoding", *sys.argv[1:]], pinned
        )
    sys.path.insert(0, str(HOME.parent / "examples/decoder"))
    found = measure(args)
    folder = args.out / "results"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"results/decoding-{found['date'][:19].replace(':', '')}.json"
    (args.out / name).write_text(json.dumps(found, indent=1) + "\n")
    (args.out / "DECODING.md").write_text(decoding_page.render(found, name))
    print(f"figures in {args.out / name}, page in {args.out / 'DECODING.md'}")


if __name__ == "__main__":
    main()
