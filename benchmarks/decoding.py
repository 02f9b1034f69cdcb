"""python -m benchmarks.decoding: the decoder against PyTorch, its switches, and its thread counts.

Everything runs in interleaved rounds in one process, on weights that both sides share.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import environment

PAST, PROMPT = 256, 128
POOLS = (1, 2, 4, 8, 16, 48)
IDS = [(7 * index + 3) % 251 for index in range(PAST)]
MIN_BYTES = 1 << 28
"""Of weights that no cache holds."""

HOME = Path(__file__).parent

OPTIMIZATIONS = (
    ("baseline", {}),
    ("attention in the widest SIMD", {"widest_simd": True}),
    ("gate and up projections fused", {"fused_gate_up": True}),
    ("no allocation on the decode path", {"reuse_buffers": True}),
    ("compiled operations between products", {"compiled_steps": True}),
    ("one parallel region", {"fused_regions": True}),
)
"""The decoder's optimizations, each on top of those before it."""

Calls = dict[str, Callable[[], object]]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument(
        "--presets", nargs="+", default=["tiny", "qwen2.5-0.5b"], help="models of random weights"
    )
    parser.add_argument("--layers", type=int, help="of the larger models, for a shorter run")
    parser.add_argument("--threads", type=int, default=environment.usable_cpus())
    parser.add_argument("--seconds", type=float, default=6.0, help="for each group of backends")
    parser.add_argument("--out", type=Path, default=HOME, help="folder of the page")
    return parser.parse_args(arguments)


def random_model(preset: str, layers: int | None) -> tuple[Any, Any]:
    """Return a model's configuration and random weights."""
    from dataclasses import replace

    from decoder import PRESETS
    from decoder.weights import random_weights

    config = PRESETS[preset]
    if preset != "tiny":
        config = replace(config, layers=layers or config.layers, context=1024)
    return config, random_weights(config, 0)


def weight_bytes(config: Any) -> int:
    """Return the bytes of weights that a step reads."""
    rows = config.query_rows + 2 * config.key_rows
    layer = (rows + config.query_rows + 3 * config.intermediate) * config.hidden
    return 4 * (config.layers * layer + config.vocab * config.hidden)


def past_of(config: Any) -> int:
    """Return how many positions are there before a step."""
    return min(PAST, config.context // 2)


def stepping(model: Any, threads: int | None = None) -> Callable[[], object]:
    """Return a step at a fixed position."""
    past = past_of(model.config)
    model.reset()
    model.prefill(IDS[:past])

    def step() -> object:
        model.rewind(past)
        return model.step(5, threads=threads)

    return step


def prefilling(model: Any, threads: int | None = None) -> Callable[[], object]:
    """Return a prefill of an empty context."""

    def prefill() -> object:
        model.reset()
        return model.prefill(IDS[:PROMPT], threads=threads)

    return prefill


def cumulative_optimizations(config: Any, weights: Any, threads: int) -> Calls:
    """Return a step with each optimization switched on after the other."""
    from decoder import Decoder, Optimizations

    switches = dict.fromkeys(asdict(Optimizations()), False)
    calls = {}
    for name, more in OPTIMIZATIONS:
        switches |= more
        model = Decoder(config, weights, threads=threads, optimizations=Optimizations(**switches))
        calls[name] = stepping(model)
    return calls


def loading(arrays: Sequence[Any], threads: int) -> Callable[[], object]:
    """Return a pass of loads over arrays, shared out between threads: their memory's own roof."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from brickprof._kernels import probe_load

    shares: list[list[Any]] = [[] for _ in range(threads)]
    for array in arrays:
        for share, part in zip(shares, np.array_split(array.reshape(-1), threads), strict=True):
            share.append(part.view(np.uint8))
    team = ThreadPoolExecutor(threads)
    return lambda: [*team.map(lambda share: [probe_load(part, 1) for part in share], shares)]


def weight_arrays(weights: Any) -> list[Any]:
    """Return the matrices that a step reads."""
    matrices = ("qkv", "output", "gate_up", "down")
    return [weights.head, *(getattr(one, name) for one in weights.layers for name in matrices)]


def pools(config: Any, weights: Any, make: Callable[[Any, int | None], Any], counts: Sequence[int]
          ) -> Calls:  # fmt: skip
    """Return steps or prefills on several thread counts."""
    from decoder import Decoder

    return {str(count): make(Decoder(config, weights), count) for count in counts}


def transformers_model(config: Any, weights: Any) -> Any:
    """Return the same model by transformers, on the same memory."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = Qwen2Config(
        hidden_size=config.hidden, num_hidden_layers=config.layers, vocab_size=config.vocab,
        num_attention_heads=config.heads, num_key_value_heads=config.kv_heads,
        intermediate_size=config.intermediate, rms_norm_eps=config.rms_eps,
        rope_theta=config.rope_theta, tie_word_embeddings=True,
        max_position_embeddings=config.context,
    )  # fmt: skip
    model = Qwen2ForCausalLM(shape).eval()
    queries, keys, inner = config.query_rows, config.key_rows, config.intermediate
    state = {"model.embed_tokens.weight": weights.embedding, "model.norm.weight": weights.norm,
             "lm_head.weight": weights.head}  # fmt: skip
    ends = {"q": (0, queries), "k": (queries, queries + keys), "v": (queries + keys, None)}
    for number, layer in enumerate(weights.layers):
        at = f"model.layers.{number}."
        for name, (first, last) in ends.items():
            state[f"{at}self_attn.{name}_proj.weight"] = layer.qkv[first:last]
            state[f"{at}self_attn.{name}_proj.bias"] = layer.qkv_bias[first:last]
        state |= {
            f"{at}self_attn.o_proj.weight": layer.output,
            f"{at}mlp.gate_proj.weight": layer.gate_up[:inner],
            f"{at}mlp.up_proj.weight": layer.gate_up[inner:],
            f"{at}mlp.down_proj.weight": layer.down,
            f"{at}input_layernorm.weight": layer.attention_norm,
            f"{at}post_attention_layernorm.weight": layer.mlp_norm,
        }
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    model.load_state_dict(tensors, assign=True)
    return model


def transformers_calls(config: Any, weights: Any) -> Calls:
    """Return the step and the prefill of transformers."""
    import torch
    from transformers import DynamicCache

    model, past = transformers_model(config, weights), past_of(config)
    prompt, one = torch.tensor([IDS[:PROMPT]]), torch.tensor([[5]])
    cache = DynamicCache()

    def prefill() -> Any:
        with torch.inference_mode():
            out = model(prompt, past_key_values=DynamicCache(), use_cache=True, logits_to_keep=1)
        return out.logits[0, -1].numpy()

    def step() -> Any:
        with torch.inference_mode():
            if (extra := cache.get_seq_length() - past) > 0:
                cache.crop(-extra)
            return model(one, past_key_values=cache, use_cache=True).logits[0, -1].numpy()

    with torch.inference_mode():
        model(torch.tensor([IDS[:past]]), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return {"step": step, "fill": prefill}


def against_transformers(config: Any, weights: Any, threads: int, compare: Callable[[Calls], Any]
                         ) -> dict[str, Any]:  # fmt: skip
    """Compare decoding and prefill with transformers, once both are found to agree."""
    import numpy as np
    import torch
    from decoder import Decoder

    theirs = transformers_calls(config, weights)
    model = Decoder(config, weights, threads=threads)
    result = {}
    for name, make in (("step", stepping), ("fill", prefilling)):
        mine = make(model)
        np.testing.assert_allclose(mine(), theirs[name](), rtol=1e-3, atol=1e-3)
        result[name] = compare({"brickprof": mine, "transformers": theirs[name]})
    torch.set_num_threads(POOLS[-1])
    try:
        calls = {"brickprof": stepping(model), f"transformers on {POOLS[-1]}": theirs["step"]}
        result["oversubscribed"] = compare(calls)
    finally:
        torch.set_num_threads(threads)
    return result


def measure_model(
    preset: str, args: argparse.Namespace, compare: Callable[[Calls], Any], transformers: Any
) -> dict[str, Any]:
    """Run everything for one model; `transformers` is the module, or None."""
    from decoder import Decoder

    import brickprof as bp

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
        counts = POOLS if name == "decode" else POOLS[:4]
        entry[name] = compare(pools(config, weights, make, counts))
    if transformers:
        print(f"{preset}: against transformers {transformers.__version__}")
        entry["transformers"] = transformers.__version__
        entry |= against_transformers(config, weights, args.threads, compare)
    return entry


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run everything and return what was found."""
    import brickprof as bp
    from benchmarks.rounds import Effort, interleave, outcome

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
    sys.path.insert(0, str(HOME.parent / "examples"))
    from benchmarks import decoding_page

    found = measure(args)
    folder = args.out / "results"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"results/decoding-{found['date'][:19].replace(':', '')}.json"
    (args.out / name).write_text(json.dumps(found, indent=1) + "\n")
    (args.out / "DECODING.md").write_text(decoding_page.render(found, name))
    print(f"figures in {args.out / name}, page in {args.out / 'DECODING.md'}")


if __name__ == "__main__":
    main()
