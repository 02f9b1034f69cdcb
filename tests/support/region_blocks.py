"""A decoder's block of random weights as a parallel region."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.kernel_checks import Array, normals

import brickprof as bp

HEADS, SHARED, DIM, HIDDEN, WIDE, CONTEXT = 6, 2, 16, 96, 5000, 600


def random(seed: int, *shape: int) -> Array:
    return normals(np.random.default_rng(seed), shape)


def zeros(*shape: int) -> Array:
    return np.zeros(shape, "float32")


class Block:
    """Two layers of a decoder of random weights, as a region."""

    def __init__(self, threads: int, isa: str | None = None) -> None:
        qkv_rows = (HEADS + 2 * SHARED) * DIM
        self.x = zeros(HIDDEN)
        self.keys, self.values = zeros(2, SHARED, CONTEXT, DIM), zeros(2, SHARED, CONTEXT, DIM)
        angles = np.arange(CONTEXT)[:, None] * 0.5 ** np.arange(DIM // 2)
        cosine, sine = np.cos(angles).astype("float32"), np.sin(angles).astype("float32")
        h, qkv, mixed = zeros(HIDDEN), zeros(qkv_rows), zeros(HEADS, DIM)
        gates, gated = zeros(2 * WIDE), zeros(WIDE)
        queries = qkv[: HEADS * DIM].reshape(HEADS, DIM)
        k, v = qkv[HEADS * DIM :].reshape(2, SHARED, DIM)
        norm = random(1, HIDDEN)
        self.region = region = bp.ParallelRegion(threads=threads, isa=isa, name="block")
        for layer in range(2):
            region.layer(layer)
            region.rms_norm(self.x, norm, h)
            region.matvec(random(2, qkv_rows, HIDDEN) / 9, h, qkv, bias=random(3, qkv_rows))
            store = self.keys[layer], self.values[layer]
            region.rotate_and_store(queries, k, v, cosine, sine, *store)
            region.attend(queries, *store, mixed)
            region.matvec(random(4, HIDDEN, HEADS * DIM) / 9, mixed.reshape(-1), self.x, add=True)
            region.rms_norm(self.x, norm, h)
            region.matvec(random(5, 2 * WIDE, HIDDEN) / 9, h, gates)
            region.swiglu(gates[:WIDE], gates[WIDE:], gated)
            region.matvec(random(6, HIDDEN, WIDE) / 70, gated, self.x, add=True)

    def outputs(self, positions: int, **how: Any) -> Array:
        out = []
        for position in range(positions):
            self.x[:] = random(position, HIDDEN)
            self.region.run(position, **how)
            out.append(self.x.copy())
        return np.array(out)
