"""Types of the compiled kernels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brickprof._profiler import BrickProfiler
from brickprof.attention_tiling import AttentionPlan
from brickprof.gemm_tiling import GemmPlan
from brickprof.tiling import MicroKernel

class PackedMatrix:
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def nbytes(self) -> int: ...

def isas() -> tuple[str, ...]: ...
def default_isa() -> str: ...
def micro_kernel(dtype: str, isa: str | None = None) -> MicroKernel: ...
def pack(b: ArrayLike, isa: str | None = None) -> PackedMatrix: ...
def gemm(
    a: ArrayLike,
    b: ArrayLike | PackedMatrix,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    profiler: BrickProfiler | None = None,
    plan: GemmPlan | None = None,
    isa: str | None = None,
) -> NDArray[Any]: ...
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
) -> NDArray[np.float32]: ...
def probe_peak(dtype: str, steps: int, isa: str | None = None) -> int: ...
def probe_load(data: NDArray[np.uint8], steps: int, isa: str | None = None) -> int: ...
def probe_timer(handle: object, pairs: int) -> tuple[float, float]: ...
