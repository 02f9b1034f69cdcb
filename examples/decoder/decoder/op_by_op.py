"""Runs a model operation by operation on brickprof's kernels."""

from __future__ import annotations

import brickprof as bp
import numpy as np
from numpy.typing import NDArray

from decoder import ops
from decoder.buffers import Buffers, FreshBuffers, ReusedBuffers
from decoder.config import ModelConfig
from decoder.kv_cache import KVCache
from decoder.optimizations import Optimizations
from decoder.runner import RunOptions
from decoder.weights import Array, LayerWeights, ModelWeights
from decoder.work import layer_work, logits_work


class OpByOpRunner:
    """Runs one operation after the other: products and attention in kernels, the rest in NumPy.

    Parameters
    ----------
    config, weights : ModelConfig, ModelWeights
        The model.
    cache : KVCache
        Where keys and values go.
    optimizations : Optimizations
        What to switch off.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: ModelWeights,
        cache: KVCache,
        optimizations: Optimizations,
    ) -> None:
        self._config, self._weights, self._cache = config, weights, cache
        self._fused_gate_up = optimizations.fused_gate_up
        self._isa = optimizations.attention_isa
        self._buffers: Buffers = ReusedBuffers() if optimizations.reuse_buffers else FreshBuffers()

    def run(
        self, ids: NDArray[np.int64], past: int, out: Array | None, options: RunOptions
    ) -> None:
        """Compute positions; see `Runner.run`."""
        rows, config = len(ids), self._config
        hidden = self._buffers.take("hidden", rows, config.hidden)
        # Ids are in range, and the other modes would buffer what they write.
        np.take(self._weights.embedding, ids, axis=0, out=hidden, mode="clip")
        work = layer_work(config, rows, past)
        kind = "decode" if rows == 1 else "prefill"
        for layer, weights in enumerate(self._weights.layers):
            with options.macro_tile(kind, layer, work):
                hidden = self._attention(hidden, weights, layer, past, options)
                hidden = self._mlp(hidden, weights, options)
        if out is not None:
            self._logits(hidden[-1:], out, options)

    def _attention(
        self, hidden: Array, weights: LayerWeights, layer: int, past: int, options: RunOptions
    ) -> Array:
        """Return the residual stream after a layer's attention."""
        config, take, rows = self._config, self._buffers.take, len(hidden)
        heads, groups = config.heads, config.kv_heads
        normed = self._norm(hidden, weights.attention_norm, options)
        fused = self._product(normed, weights.qkv, "qkv", options)
        if weights.qkv_bias is not None:
            fused = self._add(fused, weights.qkv_bias, "qkv", options)
        split = fused.reshape(rows, heads + 2 * groups, config.head_dim)
        queries = take("queries", rows, heads, config.head_dim)
        self._rotate_and_store(split, queries, layer, past, options)
        keys = self._cache.keys[layer, :, : past + rows]
        values = self._cache.values[layer, :, : past + rows]
        head_outputs = bp.attention(
            queries.transpose(1, 0, 2),
            keys,
            values,
            causal=True,
            out=take("head_outputs", heads, rows, config.head_dim),
            threads=options.thread_count,
            profiler=options.profiler,
            isa=self._isa,
        )
        attended = head_outputs.reshape(rows, -1) if rows == 1 else self._merge_heads(head_outputs)
        output = self._product(attended, weights.output, "output", options)
        if weights.output_bias is not None:
            output = self._add(output, weights.output_bias, "output", options)
        return self._add(hidden, output, "hidden", options)

    def _rotate_and_store(
        self, split: Array, queries: Array, layer: int, past: int, options: RunOptions
    ) -> None:
        """Rotate queries and keys by their positions, and put keys and values into the cache."""
        rows, heads, groups = len(split), self._config.heads, self._config.kv_heads
        cache, here = self._cache, slice(past, past + len(split))
        cos, sin = cache.cos[here], cache.sin[here]
        half = self._config.head_dim // 2
        rotated = split[:, : heads + groups]
        with options.elementwise_tile("rope", ops.ROPE, rotated.size):
            scratch = self._buffers.take("rope_scratch", rows, heads, half)
            ops.rope(rotated[:, :heads], cos, sin, queries, scratch)
            scratch = self._buffers.take("rope_scratch", rows, groups, half)
            keys = cache.keys[layer, :, here].transpose(1, 0, 2)
            ops.rope(rotated[:, heads:], cos, sin, keys, scratch)
        np.copyto(cache.values[layer, :, here].transpose(1, 0, 2), split[:, heads + groups :])

    def _merge_heads(self, head_outputs: Array) -> Array:
        """Concatenate the heads of each row."""
        heads, rows, dim = head_outputs.shape
        attended = self._buffers.take("attended", rows, heads, dim)
        np.copyto(attended, head_outputs.transpose(1, 0, 2))
        return attended.reshape(rows, heads * dim)

    def _mlp(self, hidden: Array, weights: LayerWeights, options: RunOptions) -> Array:
        """Return the residual stream after a layer's MLP."""
        inner = self._config.intermediate
        normed = self._norm(hidden, weights.mlp_norm, options)
        if self._fused_gate_up:
            gate_up = self._product(normed, weights.gate_up, "gate_up", options)
            gate, up = gate_up[:, :inner], gate_up[:, inner:]
        else:
            gate = self._product(normed, weights.gate_up[:inner], "gate", options)
            up = self._product(normed, weights.gate_up[inner:], "up", options)
        gated = self._buffers.take("gated", len(hidden), inner)
        with options.elementwise_tile("swiglu", ops.SWIGLU, gated.size):
            ops.swiglu(gate, up, gated)
        output = self._product(gated, weights.down, "output", options)
        return self._add(hidden, output, "hidden", options)

    def _logits(self, last: Array, out: Array, options: RunOptions) -> None:
        """Compute the logits of one row of the residual stream into an array of the caller's."""
        with options.macro_tile("logits", 0, logits_work(self._config)):
            normed = self._norm(last, self._weights.norm, options)
            self._multiply(normed, self._weights.head, out[np.newaxis], options)

    def _norm(self, x: Array, weight: Array, options: RunOptions) -> Array:
        """Return x normed."""
        take = self._buffers.take
        out, rms = take("normed", *x.shape), take("rms", len(x), 1)
        with options.elementwise_tile("rms_norm", ops.RMS_NORM, x.size):
            ops.rms_norm(x, weight, self._config.rms_eps, out, out, rms)
        return out

    def _product(self, x: Array, weight: Array, name: str, options: RunOptions) -> Array:
        """Return ``x @ weight.T``."""
        out = self._buffers.take(name, len(x), len(weight))
        self._multiply(x, weight, out, options)
        return out

    @staticmethod
    def _multiply(x: Array, weight: Array, out: Array, options: RunOptions) -> None:
        """Compute ``x @ weight.T`` into an array."""
        bp.gemm(x, weight.T, out=out, threads=options.thread_count, profiler=options.profiler)

    def _add(self, x: Array, y: Array, name: str, options: RunOptions) -> Array:
        """Return x + y in the buffer of a name, which may be that of x."""
        out = self._buffers.take(name, *x.shape)
        with options.elementwise_tile("add", ops.ADD, x.size):
            np.add(x, y, out=out)
        return out
