from brickprof.kernels.attention.attention import attention
from brickprof.kernels.attention.plan import plan_attention
from brickprof.kernels.gemm.gemm import gemm
from brickprof.kernels.gemm.packed import PackedMatrix, pack
from brickprof.kernels.gemm.plan import plan_gemm
from brickprof.kernels.probes import probe_load, probe_peak, probe_timer
from brickprof.kernels.region.region import ParallelRegion
from brickprof.kernels.runtime.runtime import default_isa, isas, micro_kernel

__all__ = [
    "PackedMatrix",
    "ParallelRegion",
    "attention",
    "default_isa",
    "gemm",
    "isas",
    "micro_kernel",
    "pack",
    "plan_attention",
    "plan_gemm",
    "probe_load",
    "probe_peak",
    "probe_timer",
]
