"""The calls of the decoding benchmark: steps, prefills and plain loads of a model's weights.

The decoder is imported where it is used: the command first puts examples/decoder/ on the path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from brickprof._kernels import probe_load

PAST, PROMPT = 256, 128
THREAD_COUNTS = (1, 2, 4, 8, 16, 48)
IDS = [(7 * index + 3) % 251 for index in range(PAST)]
MIN_BYTES = 1 << 28
"""Of weights that no cache holds."""

OPTIMIZATIONS: Sequence[tuple[str, dict[str, bool]]] = (
    ("baseline", {}),
    ("attention in the widest SIMD", {"widest_simd": True}),
    ("gate and up projections fused", {"fused_gate_up": True}),
    ("no allocation on the decode path", {"reuse_buffers": True}),
    ("compiled operations between products", {"compiled_steps": True}),
    ("one parallel region", {"fused_regions": True}),
)
"""The decoder's optimizations, each on top of those before it."""

Calls = dict[str, Callable[[], object]]


def random_model(preset: str, layers: int | None) -> tuple[Any, Any]:
    """Return a model's configuration and random weights."""
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
    return 4 * int(config.layers * layer + config.vocab * config.hidden)


def past_of(config: Any) -> int:
    """Return how many positions are there before a step."""
    return min(PAST, int(config.context) // 2)


def stepping(model: Any, threads: int | None = None) -> Callable[[], object]:
    """Return a step at a fixed position, which allocates no array."""
    import numpy as np

    past, logits = past_of(model.config), np.empty(model.config.vocab, np.float32)
    model.reset()
    model.prefill(IDS[:past])

    def step() -> object:
        model.rewind(past)
        return model.step(5, threads=threads, out=logits)

    return step


def prefilling(model: Any, threads: int | None = None) -> Callable[[], object]:
    """Return a prefill of an empty context."""
    import numpy as np

    logits = np.empty(model.config.vocab, np.float32)

    def prefill() -> object:
        model.reset()
        return model.prefill(IDS[:PROMPT], threads=threads, out=logits)

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


def by_threads(
    config: Any,
    weights: Any,
    make: Callable[[Any, int | None], Callable[[], object]],
    counts: Sequence[int],
) -> Calls:
    """Return steps or prefills on several thread counts."""
    from decoder import Decoder

    return {str(count): make(Decoder(config, weights), count) for count in counts}
