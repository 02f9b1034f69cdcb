"""Where operations get the arrays that they write to: new ones, or the same ones again."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from decoder.weights import Array


class Buffers(Protocol):
    """Where operations get the arrays that they write to."""

    def take(self, name: str, *shape: int) -> Array:
        """Return an unfilled float32 array, C-contiguous, for what is called `name`."""


class FreshBuffers:
    """Makes a new array for every operation."""

    def take(self, name: str, *shape: int) -> Array:
        """Return a new array."""
        return np.empty(shape, np.float32)


class ReusedBuffers:
    """Gives the same array each time that a name and a shape are asked for.

    A name's arrays of all shapes share the memory of the largest, so that only one is in use.
    """

    def __init__(self) -> None:
        self._memory: dict[str, Array] = {}
        self._views: dict[str, dict[tuple[int, ...], Array]] = {}

    def take(self, name: str, *shape: int) -> Array:
        """Return the array of a name, made when there is none or it is too small."""
        views = self._views.setdefault(name, {})
        view = views.get(shape)
        if view is None:
            size = int(np.prod(shape))
            if name not in self._memory or self._memory[name].size < size:
                views.clear()
                self._memory[name] = np.empty(size, np.float32)
            view = views[shape] = self._memory[name][:size].reshape(shape)
        return view
