import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from brickprof.profiler.brick_profiler import BrickProfiler

@disjoint_base
class ParallelRegion:
    """Operations on single vectors that threads walk through together, without a barrier."""

    def __init__(
        self, threads: int | None = None, isa: str | None = None, name: str = "region"
    ) -> None: ...
    def __len__(self) -> int: ...
    def layer(self, number: int) -> None:
        """Begin a layer: profiled, operations from here on are in Macro tiles of this row."""
    def rms_norm(
        self,
        x: NDArray[np.float32],
        weight: NDArray[np.float32],
        out: NDArray[np.float32],
        eps: float = 1e-6,
    ) -> None:
        """Add ``out = x / sqrt(mean(x**2) + eps) * weight``."""
    def matvec(
        self,
        w: NDArray[np.float32],
        x: NDArray[np.float32],
        out: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        add: bool = False,
    ) -> None:
        """Add ``out = w @ x + bias``, or ``out + w @ x + bias``."""
    def swiglu(
        self, gate: NDArray[np.float32], up: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        """Add ``out = gate * sigmoid(gate) * up``."""
    def rotate_and_store(
        self,
        q: NDArray[np.float32],
        k: NDArray[np.float32],
        v: NDArray[np.float32],
        cosine: NDArray[np.float32],
        sine: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
    ) -> None:
        """Add rotary embedding of `q`, in place, and `k`; store `k` and `v` at the position."""
    def attend(
        self,
        q: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        out: NDArray[np.float32],
        scale: float | None = None,
        isa: str | None = None,
    ) -> None:
        """Add attention of one row a head to the keys up to the position of the run."""
    def run(
        self,
        position: int = 0,
        threads: int | None = None,
        profiler: BrickProfiler | None = None,
        fused: bool = True,
    ) -> None:
        """Run the operations in the order that they were added."""
