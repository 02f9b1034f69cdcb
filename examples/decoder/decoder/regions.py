"""Runs single positions in parallel regions, and several at once operation by operation."""

from __future__ import annotations

import brickprof as bp
import numpy as np
from numpy.typing import NDArray

from decoder.config import ModelConfig
from decoder.kv_cache import KVCache
from decoder.op_by_op import OpByOpRunner
from decoder.optimizations import Optimizations
from decoder.runner import RunOptions
from decoder.weights import Array, LayerWeights, ModelWeights


class RegionRunner:
    """Runs the decoding of an id in one parallel region for all layers and the logits.

    Parameters
    ----------
    config, weights : ModelConfig, ModelWeights
        The model.
    cache : KVCache
        Where keys and values go.
    optimizations : Optimizations
        What to switch off. A region always writes to arrays that are made once.

    Notes
    -----
    Profiled, it records the bricks "decode", of a Macro tile for each thread and layer, and
    "logits", of one for each thread; for that, the logits get a region of their own. A region
    keeps the arrays that it was built with: logits are copied from there to the caller's array.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: ModelWeights,
        cache: KVCache,
        optimizations: Optimizations,
    ) -> None:
        self._config, self._weights, self._cache = config, weights, cache
        self._op_by_op = OpByOpRunner(config, weights, cache, optimizations)
        self._fused_regions = optimizations.fused_regions
        self._fused_gate_up = optimizations.fused_gate_up
        self._isa = optimizations.attention_isa
        rows = config.query_rows + 2 * config.key_rows
        self._hidden, self._normed = _zeros(config.hidden), _zeros(config.hidden)
        self._qkv, self._attended = _zeros(rows), _zeros(config.heads, config.head_dim)
        self._gate_up = _zeros(2, config.intermediate)
        self._gated, self._logits = _zeros(config.intermediate), _zeros(config.vocab)
        self._keys: Array | None = None
        self._step_region = self._layers_region = self._logits_region = bp.ParallelRegion()

    def run(
        self, ids: NDArray[np.int64], past: int, out: Array | None, options: RunOptions
    ) -> None:
        """Compute positions; see `Runner.run`."""
        if len(ids) > 1 or out is None:
            self._op_by_op.run(ids, past, out, options)
            return
        if self._keys is not self._cache.keys:
            # The cache has grown into other arrays.
            self._build()
            self._keys = self._cache.keys
        np.copyto(self._hidden, self._weights.embedding[ids[0]])
        if options.profiler is None or not options.profiler.is_tile_profiling_enabled:
            self._step_region.run(past, options.thread_count, fused=self._fused_regions)
        else:
            # Fused, so that a layer is one tile of a thread.
            self._layers_region.run(past, options.thread_count, options.profiler)
            self._logits_region.run(0, options.thread_count, options.profiler)
        np.copyto(out, self._logits)

    def _build(self) -> None:
        """Build the region of a whole step, and those of its two bricks."""
        self._step_region, self._layers_region = (
            bp.ParallelRegion(),
            bp.ParallelRegion(name="decode"),
        )
        self._logits_region = bp.ParallelRegion(name="logits")
        config, weights = self._config, self._weights
        for region in (self._step_region, self._layers_region):
            for number, layer in enumerate(weights.layers):
                region.layer(number)
                self._add_attention(region, layer, number)
                self._add_mlp(region, layer)
        for region in (self._step_region, self._logits_region):
            region.rms_norm(self._hidden, weights.norm, self._normed, config.rms_eps)
            region.matvec(weights.head, self._normed, self._logits)

    def _add_attention(self, region: bp.ParallelRegion, layer: LayerWeights, number: int) -> None:
        """Add the attention of a layer to a region."""
        config, cache, dim = self._config, self._cache, self._config.head_dim
        rows = self._qkv.reshape(-1, dim)
        queries = rows[: config.heads]
        new_keys, new_values = rows[config.heads :].reshape(2, config.kv_heads, dim)
        keys, values = cache.keys[number], cache.values[number]
        cosine, sine = (table.reshape(cache.capacity, dim // 2) for table in (cache.cos, cache.sin))
        region.rms_norm(self._hidden, layer.attention_norm, self._normed, config.rms_eps)
        region.matvec(layer.qkv, self._normed, self._qkv, bias=layer.qkv_bias)
        region.rotate_and_store(queries, new_keys, new_values, cosine, sine, keys, values)
        region.attend(queries, keys, values, self._attended, isa=self._isa)
        region.matvec(
            layer.output, self._attended.reshape(-1), self._hidden, bias=layer.output_bias, add=True
        )

    def _add_mlp(self, region: bp.ParallelRegion, layer: LayerWeights) -> None:
        """Add the MLP of a layer to a region."""
        config, (gate, up) = self._config, self._gate_up
        region.rms_norm(self._hidden, layer.mlp_norm, self._normed, config.rms_eps)
        if self._fused_gate_up:
            region.matvec(layer.gate_up, self._normed, self._gate_up.reshape(-1))
        else:
            region.matvec(layer.gate_up[: config.intermediate], self._normed, gate)
            region.matvec(layer.gate_up[config.intermediate :], self._normed, up)
        region.swiglu(gate, up, self._gated)
        region.matvec(layer.down, self._gated, self._hidden, add=True)


def _zeros(*shape: int) -> Array:
    """Return a float32 array."""
    return np.zeros(shape, np.float32)
