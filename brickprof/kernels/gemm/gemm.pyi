from typing import Any

from numpy.typing import ArrayLike, NDArray

from brickprof.kernels.gemm.packed import PackedMatrix
from brickprof.planning.gemm import GemmPlan
from brickprof.profiler.brick_profiler import BrickProfiler

def gemm(
    a: ArrayLike,
    b: ArrayLike | PackedMatrix,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    profiler: BrickProfiler | None = None,
    plan: GemmPlan | None = None,
    isa: str | None = None,
) -> NDArray[Any]:
    """Matrix product ``a @ b`` in cache-blocked tiles."""
