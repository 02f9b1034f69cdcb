"""Keys and values of the positions so far."""

from __future__ import annotations

import numpy as np

from decoder.config import ModelConfig
from decoder.ops import rope_tables

_INITIAL_CAPACITY = 256


class KVCache:
    """Keys and values of all positions so far, with room that doubles up to the context.

    Parameters
    ----------
    config : ModelConfig
        The model.
    context : int
        Maximum number of positions.

    Attributes
    ----------
    keys, values : ndarray, shape (layers, kv_heads, capacity, head_dim)
        float32; positions from `length` on are of no meaning.
    cos, sin : ndarray, shape (capacity, 1, head_dim / 2)
        Rotary tables of the positions.
    length : int
        Positions that are filled.
    """

    def __init__(self, config: ModelConfig, context: int) -> None:
        self.config, self.context, self.length = config, context, 0
        self.capacity = 0
        self._make(min(context, _INITIAL_CAPACITY))

    def reserve(self, positions: int) -> None:
        """Make room for this many positions in all, at most the context; what is filled stays."""
        if positions <= self.capacity:
            return
        keys, values = self.keys, self.values
        self._make(min(self.context, max(positions, 2 * self.capacity)))
        self.keys[:, :, : self.length] = keys[:, :, : self.length]
        self.values[:, :, : self.length] = values[:, :, : self.length]

    def _make(self, capacity: int) -> None:
        """Make arrays of a capacity; nothing has changed if there is no memory."""
        config = self.config
        shape = (config.layers, config.kv_heads, capacity, config.head_dim)
        keys, values = np.empty(shape, np.float32), np.empty(shape, np.float32)
        tables = rope_tables(config, capacity)
        self.keys, self.values, self.capacity = keys, values, capacity
        self.cos, self.sin = tables
