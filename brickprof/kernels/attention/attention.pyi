import numpy as np
from numpy.typing import ArrayLike, NDArray

from brickprof.planning.attention import AttentionPlan
from brickprof.profiler.brick_profiler import BrickProfiler

def attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    causal: bool = False,
    scale: float | None = None,
    out: NDArray[np.float32] | None = None,
    threads: int | None = None,
    profiler: BrickProfiler | None = None,
    plan: AttentionPlan | None = None,
    isa: str | None = None,
) -> NDArray[np.float32]:
    """Scaled dot-product attention, ``softmax(scale * q @ k.T) @ v`` for each head."""
