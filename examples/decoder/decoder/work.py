"""Flops and bytes of a forward pass and its operations: what tiles declare, and roofs bound."""

from __future__ import annotations

from dataclasses import dataclass

from decoder import ops
from decoder.config import ModelConfig

_ITEMSIZE = 4  # bytes of a float32


@dataclass(frozen=True)
class Work:
    """What an operation does.

    Parameters
    ----------
    elements, flops, nbytes : int
        Elements of its result, floating-point operations, and bytes loaded and stored.
    """

    elements: int
    flops: int
    nbytes: int

    def __add__(self, other: Work) -> Work:
        """Return the work of both."""
        return Work(
            self.elements + other.elements, self.flops + other.flops, self.nbytes + other.nbytes
        )


def elementwise_work(kind: ops.PerElement, elements: int) -> Work:
    """Return the work of an element-wise operation."""
    return Work(elements, kind.flops * elements, kind.nbytes * elements)


def matmul_work(rows: int, outputs: int, inputs: int) -> Work:
    """Return the work of ``x @ w.T`` that loads both once and stores the result once."""
    nbytes = _ITEMSIZE * (rows * inputs + outputs * inputs + rows * outputs)
    return Work(rows * outputs, 2 * rows * outputs * inputs, nbytes)


def attention_work(config: ModelConfig, rows: int, past: int) -> Work:
    """Return the work of causal attention of `rows` queries after `past` positions.

    Flops are 4 head_dim for each visible pair, as `brickprof.attention` declares. Keys and values
    count as loaded once and written once for each new row.
    """
    pairs = rows * past + rows * (rows + 1) // 2
    elements = rows * config.query_rows
    moved = 2 * elements + 2 * config.key_rows * (past + rows)
    return Work(elements, 4 * config.query_rows * pairs, _ITEMSIZE * moved)


def ffn_work(config: ModelConfig, rows: int) -> Work:
    """Return the work of a layer's MLP with its norm and its sum; bytes are minimal, as below."""
    hidden, inner = config.hidden, config.intermediate
    parts = (
        matmul_work(rows, 2 * inner, hidden),
        matmul_work(rows, hidden, inner),
        elementwise_work(ops.RMS_NORM, rows * hidden),
        elementwise_work(ops.SWIGLU, rows * inner),
        elementwise_work(ops.ADD, rows * hidden),
    )
    moved = (3 * inner + 1) * hidden + 2 * rows * hidden
    return Work(rows * hidden, sum(part.flops for part in parts), _ITEMSIZE * moved)


def layer_work(config: ModelConfig, rows: int, past: int) -> Work:
    """Return the work of one layer on `rows` positions after `past` others.

    Parameters
    ----------
    config : ModelConfig
        The model.
    rows, past : int
        New positions, and those in the cache.

    Returns
    -------
    Work
        Elements are those of the residual stream. Bytes are the minimum that moves between memory
        and core: weights, keys and values loaded once, new keys and values stored, the residual
        stream loaded and stored once.
    """
    hidden, queries, keys = config.hidden, config.query_rows, config.key_rows
    inner = config.intermediate
    biases = (queries + 2 * keys) * config.qkv_bias + hidden * config.output_bias
    parts = (
        matmul_work(rows, queries + 2 * keys, hidden),
        matmul_work(rows, hidden, queries),
        attention_work(config, rows, past),
        elementwise_work(ops.RMS_NORM, rows * hidden),
        elementwise_work(ops.ROPE, rows * (queries + keys)),
        elementwise_work(ops.ADD, rows * (hidden + biases)),
        ffn_work(config, rows),
    )
    weights = (2 * queries + 2 * keys + 3 * inner + 2) * hidden + biases
    cached = 2 * keys * (past + rows) + 2 * keys * rows
    moved = weights + cached + 2 * rows * hidden
    return Work(rows * hidden, sum(part.flops for part in parts), _ITEMSIZE * moved)


def logits_work(config: ModelConfig) -> Work:
    """Return the work of the last norm and the logits of one position."""
    norm = elementwise_work(ops.RMS_NORM, config.hidden)
    product = matmul_work(1, config.vocab, config.hidden)
    return Work(
        config.vocab, norm.flops + product.flops, product.nbytes + _ITEMSIZE * config.hidden
    )


def forward_work(config: ModelConfig, rows: int, past: int) -> Work:
    """Return the work of all layers on `rows` positions after `past` others, and of the logits."""
    layer = layer_work(config, rows, past)
    layers = Work(*(config.layers * part for part in (layer.elements, layer.flops, layer.nbytes)))
    return layers + logits_work(config)
