"""Plans of GEMM: views of what the kernel will run, and the blocks for this machine."""

from brickprof.kernels.gemm.shape cimport gemm_block_sizes, gemm_job
from brickprof.kernels.runtime.runtime cimport BP_DTYPES, bp_isa, isa_index


cdef gemm_block_sizes *machine_blocks               # by instruction set and dtype; mc is 0 if unknown

cdef int gemm_find_machine_blocks(const bp_isa *isa, int dtype, gemm_block_sizes *blocks) except -1
cdef int gemm_take_plan(gemm_job *job, object plan, const bp_isa *isa, int dtype) except -1


cdef inline int gemm_machine_blocks(const bp_isa *isa, int dtype,
                                    gemm_block_sizes *blocks) except -1:
    """Give the blocks for this machine, found once in a process."""
    blocks[0] = machine_blocks[isa_index(isa) * BP_DTYPES + dtype]
    return 0 if blocks.mc else gemm_find_machine_blocks(isa, dtype, blocks)
