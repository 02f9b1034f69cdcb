"""Even blocks, as the compiled kernels cut them."""

from __future__ import annotations

from brickprof.planning.blocks import ceil_div, round_up


def balanced(extent: int, block: int, unit: int) -> int:
    """Shrink a block so that the blocks of an extent are even.

    Returns the block size, a multiple of `unit` and at least `unit`.
    """
    blocks = max(ceil_div(extent, block), 1)
    return max(round_up(ceil_div(extent, blocks), unit), unit)
