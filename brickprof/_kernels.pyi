"""Types of the compiled kernels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brickprof.planning.attention import AttentionPlan
from brickprof.planning.blocks import MicroKernel
from brickprof.planning.gemm import GemmPlan
from brickprof.profiler.brick_profiler import BrickProfiler

class PackedMatrix:
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def nbytes(self) -> int: ...

class ParallelRegion:
    def __init__(
        self, threads: int | None = None, isa: str | None = None, name: str = "region"
    ) -> None: ...
    def __len__(self) -> int: ...
    def layer(self, number: int) -> None: ...
    def rms_norm(
        self,
        x: NDArray[np.float32],
        weight: NDArray[np.float32],
        out: NDArray[np.float32],
        eps: float = 1e-6,
    ) -> None: ...
    def matvec(
        self,
        w: NDArray[np.float32],
        x: NDArray[np.float32],
        out: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        add: bool = False,
    ) -> None: ...
    def swiglu(
        self, gate: NDArray[np.float32], up: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None: ...
    def rotate_and_store(
        self,
        q: NDArray[np.float32],
        k: NDArray[np.float32],
        v: NDArray[np.float32],
        cosine: NDArray[np.float32],
        sine: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
    ) -> None: ...
    def attend(
        self,
        q: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        out: NDArray[np.float32],
        scale: float | None = None,
        isa: str | None = None,
    ) -> None: ...
    def run(
        self,
        position: int = 0,
        threads: int | None = None,
        profiler: BrickProfiler | None = None,
        fused: bool = True,
    ) -> None: ...

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
