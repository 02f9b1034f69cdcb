"""The arrays of a model's weights, where each tensor of a checkpoint goes, and random ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from decoder.config import ModelConfig

Array: TypeAlias = NDArray[np.float32]

_NORMS = ("norm", "attention_norm", "mlp_norm")


@dataclass(frozen=True)
class LayerWeights:
    """Weights of one layer, float32; matrices are (outputs, inputs) by rows.

    Parameters
    ----------
    attention_norm, mlp_norm : ndarray, shape (hidden,)
        Factors of the two norms.
    qkv : ndarray, shape (query_rows + 2 key_rows, hidden)
        Projections to queries, keys and values, one below the other.
    output : ndarray, shape (hidden, query_rows)
        Projection of what attention gives.
    gate_up : ndarray, shape (2 intermediate, hidden)
        The two inner projections of the MLP, one below the other.
    down : ndarray, shape (hidden, intermediate)
        The outer projection of the MLP.
    qkv_bias, output_bias : ndarray or None
        Biases, where the model has them.
    """

    attention_norm: Array
    qkv: Array
    output: Array
    mlp_norm: Array
    gate_up: Array
    down: Array
    qkv_bias: Array | None
    output_bias: Array | None


@dataclass(frozen=True)
class ModelWeights:
    """Weights of a model, float32.

    Parameters
    ----------
    embedding : ndarray, shape (vocab, hidden)
        A row for each id.
    layers : tuple of LayerWeights
        From the input on.
    norm : ndarray, shape (hidden,)
        Factors of the last norm.
    head : ndarray, shape (vocab, hidden)
        Projection to logits; `embedding` itself where the two are tied.
    """

    embedding: Array
    layers: tuple[LayerWeights, ...]
    norm: Array
    head: Array


class Tensor(NamedTuple):
    """A tensor of a checkpoint, and the rows of the field that it fills."""

    name: str
    field: str
    start: int
    shape: tuple[int, ...]


def non_layer_tensors(config: ModelConfig) -> Iterator[Tensor]:
    """Give the tensors of a checkpoint that belong to no layer."""
    yield Tensor("model.embed_tokens.weight", "embedding", 0, (config.vocab, config.hidden))
    yield Tensor("model.norm.weight", "norm", 0, (config.hidden,))
    if not config.tied:
        yield Tensor("lm_head.weight", "head", 0, (config.vocab, config.hidden))


def layer_tensors(config: ModelConfig, layer: int) -> Iterator[Tensor]:
    """Give the tensors of a checkpoint that belong to a layer."""
    hidden, queries, keys = config.hidden, config.query_rows, config.key_rows
    attention, mlp = f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp"
    norms = {"input_layernorm": "attention_norm", "post_attention_layernorm": "mlp_norm"}
    for name, field in norms.items():
        yield Tensor(f"model.layers.{layer}.{name}.weight", field, 0, (hidden,))
    for name, start, rows in (
        ("q", 0, queries),
        ("k", queries, keys),
        ("v", queries + keys, keys),
    ):
        yield Tensor(f"{attention}.{name}_proj.weight", "qkv", start, (rows, hidden))
        if config.qkv_bias:
            yield Tensor(f"{attention}.{name}_proj.bias", "qkv_bias", start, (rows,))
    yield Tensor(f"{attention}.o_proj.weight", "output", 0, (hidden, queries))
    if config.output_bias:
        yield Tensor(f"{attention}.o_proj.bias", "output_bias", 0, (hidden,))
    inner = config.intermediate
    yield Tensor(f"{mlp}.gate_proj.weight", "gate_up", 0, (inner, hidden))
    yield Tensor(f"{mlp}.up_proj.weight", "gate_up", inner, (inner, hidden))
    yield Tensor(f"{mlp}.down_proj.weight", "down", 0, (hidden, inner))


def empty_layer(config: ModelConfig) -> LayerWeights:
    """Make the arrays of a layer, unfilled."""
    hidden, inner = config.hidden, config.intermediate
    rows = config.query_rows + 2 * config.key_rows
    return LayerWeights(
        attention_norm=_empty(hidden),
        qkv=_empty(rows, hidden),
        output=_empty(hidden, config.query_rows),
        mlp_norm=_empty(hidden),
        gate_up=_empty(2 * inner, hidden),
        down=_empty(hidden, inner),
        qkv_bias=_empty(rows) if config.qkv_bias else None,
        output_bias=_empty(hidden) if config.output_bias else None,
    )


def empty_weights(config: ModelConfig) -> ModelWeights:
    """Make the arrays of a model, unfilled."""
    embedding = _empty(config.vocab, config.hidden)
    return ModelWeights(
        embedding=embedding,
        layers=tuple(empty_layer(config) for _ in range(config.layers)),
        norm=_empty(config.hidden),
        head=embedding if config.tied else _empty(config.vocab, config.hidden),
    )


def destination(weights: ModelWeights | LayerWeights, tensor: Tensor) -> Array:
    """Return the rows that a tensor fills."""
    array: Array = getattr(weights, tensor.field)
    return array[tensor.start : tensor.start + tensor.shape[0]]


def random_weights(config: ModelConfig, seed: int) -> ModelWeights:
    """Make random weights that keep activations and logits near 1.

    Matrices are uniform with variance 1 / inputs, the biases with 1 / hidden, norms are 1. Each
    layer has a stream of its own, so that fewer layers are the first of more.

    Parameters
    ----------
    config : ModelConfig
        The model.
    seed : int
        At least 0.

    Returns
    -------
    ModelWeights
    """
    weights = empty_weights(config)
    streams = np.random.SeedSequence(seed).spawn(1 + config.layers)
    groups: list[tuple[ModelWeights | LayerWeights, Iterator[Tensor]]] = [
        (weights, non_layer_tensors(config)),
        *((layer, layer_tensors(config, index)) for index, layer in enumerate(weights.layers)),
    ]
    for stream, (group, tensors) in zip(streams, groups, strict=True):
        random = np.random.Generator(np.random.SFC64(stream))
        for tensor in tensors:
            array = destination(group, tensor)
            if tensor.field in _NORMS:
                array.fill(1)
            else:
                _fill(array, random, inputs=array.shape[1] if array.ndim == 2 else config.hidden)
    return weights


def _fill(array: Array, random: np.random.Generator, inputs: int) -> None:
    """Fill an array with uniform numbers of mean 0 and variance 1 / inputs."""
    random.random(dtype=np.float32, out=array)
    np.subtract(array, np.float32(0.5), out=array)
    np.multiply(array, np.float32((12 / inputs) ** 0.5), out=array)


def _empty(*shape: int) -> Array:
    """Make an array of weights."""
    return np.empty(shape, np.float32)
