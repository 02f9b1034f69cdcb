"""Small models for tests of the decoder, and a plain reference in float64."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from decoder.config import Llama3Scaling, ModelConfig
from decoder.weights import (
    LayerWeights,
    ModelWeights,
    destination,
    layer_tensors,
    non_layer_tensors,
    random_weights,
)

SMALL = ModelConfig(
    hidden=24, layers=2, heads=4, kv_heads=2, head_dim=8, intermediate=40, vocab=50, context=600,
    tied=True, qkv_bias=True,
)  # fmt: skip
MODELS = {
    "qwen2": SMALL,
    "untied": replace(SMALL, tied=False, rms_eps=1e-3, rope_theta=1e6),
    "unbiased": replace(SMALL, qkv_bias=False, kv_heads=4, layers=1),
    "llama": replace(
        SMALL, output_bias=True, head_dim=14, kv_heads=1, tied=False,
        rope_scaling=Llama3Scaling(8.0, 1.0, 4.0, 64),
    ),
}  # fmt: skip


def make_weights(config: ModelConfig, seed: int = 3) -> ModelWeights:
    """Make random weights whose norms matter."""
    weights = random_weights(config, seed)
    random = np.random.default_rng(seed)
    norms = [weights.norm]
    for layer in weights.layers:
        norms += [layer.attention_norm, layer.mlp_norm]
    for norm in norms:
        norm[:] = random.uniform(0.5, 1.5, norm.shape)
    return weights


@dataclass
class Reference:
    """A model of the textbook, one position and one head at a time, all in float64."""

    config: ModelConfig
    weights: ModelWeights

    def logits(self, ids: list[int]) -> np.ndarray:
        """Return the logits after each id, shape (len(ids), vocab)."""
        x = self.weights.embedding[ids].astype(np.float64)
        for layer in self.weights.layers:
            x = x + self._attention(self._norm(x, layer.attention_norm), layer)
            x = x + self._mlp(self._norm(x, layer.mlp_norm), layer)
        return self._norm(x, self.weights.norm) @ self.weights.head.T.astype(np.float64)

    def _norm(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return x normed."""
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + self.config.rms_eps) * weight

    def _rotated(self, head: np.ndarray) -> np.ndarray:
        """Return the rows of a head, rotated: as complex numbers times exp(i angle)."""
        half = head.shape[1] // 2
        complexes = head[:, :half] + 1j * head[:, half:]
        for pair in range(half):
            frequency = self.config.rope_theta ** (-pair / half)
            scaling = self.config.rope_scaling
            if scaling is not None:
                length = 2 * np.pi / frequency
                low = scaling.original_context / scaling.low_freq_factor
                high = scaling.original_context / scaling.high_freq_factor
                if length > low:
                    frequency /= scaling.factor
                elif length > high:
                    share = (scaling.original_context / length - scaling.low_freq_factor) / (
                        scaling.high_freq_factor - scaling.low_freq_factor
                    )
                    frequency *= share + (1 - share) / scaling.factor
            complexes[:, pair] *= np.exp(1j * frequency * np.arange(len(head)))
        return np.hstack([complexes.real, complexes.imag])

    def _attention(self, x: np.ndarray, layer: LayerWeights) -> np.ndarray:
        """Return what attention adds."""
        config, dim = self.config, self.config.head_dim
        every = x @ layer.qkv.T.astype(np.float64)
        if layer.qkv_bias is not None:
            every += layer.qkv_bias
        heads = np.split(every, config.heads + 2 * config.kv_heads, axis=1)
        outputs = []
        for index in range(config.heads):
            group = config.heads + index // (config.heads // config.kv_heads)
            q, k = self._rotated(heads[index]), self._rotated(heads[group])
            scores = q @ k.T / np.sqrt(dim)
            scores[np.triu_indices(len(x), 1)] = -np.inf
            weights = np.exp(scores - scores.max(1, keepdims=True))
            v = heads[group + config.kv_heads]
            outputs.append(weights / weights.sum(1, keepdims=True) @ v)
        output = np.hstack(outputs) @ layer.output.T.astype(np.float64)
        return output if layer.output_bias is None else output + layer.output_bias

    def _mlp(self, x: np.ndarray, layer: LayerWeights) -> np.ndarray:
        """Return what the MLP adds."""
        gate, up = np.split(x @ layer.gate_up.T.astype(np.float64), 2, axis=1)
        return (gate / (1 + np.exp(-gate)) * up) @ layer.down.T.astype(np.float64)


def config_json(config: ModelConfig, **changes: Any) -> dict[str, Any]:
    """Return what config.json says of a model."""
    kind = "Llama" if config.output_bias or not config.qkv_bias else "Qwen2"
    values: dict[str, Any] = {
        "architectures": [f"{kind}ForCausalLM"],
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate,
        "vocab_size": config.vocab,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.rms_eps,
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": config.tied,
        "attention_bias": config.qkv_bias,
    }
    scaling = config.rope_scaling
    if scaling is not None:
        values["rope_scaling"] = {
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low_freq_factor,
            "high_freq_factor": scaling.high_freq_factor,
            "original_max_position_embeddings": scaling.original_context,
        }
    return values | changes


def checkpoint_tensors(config: ModelConfig, weights: ModelWeights) -> dict[str, np.ndarray]:
    """Return a model's tensors by their names in a checkpoint."""
    tensors = {tensor.name: destination(weights, tensor) for tensor in non_layer_tensors(config)}
    for index, layer in enumerate(weights.layers):
        tensors |= {
            tensor.name: destination(layer, tensor) for tensor in layer_tensors(config, index)
        }
    return tensors


def save_checkpoint(
    folder: Path, config: ModelConfig, tensors: dict[str, np.ndarray], shards: int = 1
) -> None:
    """Save a checkpoint of one file, or of shards with an index."""
    (folder / "config.json").write_text(json.dumps(config_json(config)))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
        return
    index = {name: f"part-{place % shards}.safetensors" for place, name in enumerate(tensors)}
    for file in set(index.values()):
        save_file({name: tensors[name] for name in tensors if index[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
