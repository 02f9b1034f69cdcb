from brickprof.machine import Machine
from brickprof.planning.attention import AttentionBlocks, AttentionPlan
from brickprof.planning.blocks import MicroKernel

def plan_attention(
    heads: int,
    rows: int,
    keys: int,
    dim: int,
    causal: bool = False,
    machine: Machine | None = None,
    threads: int | None = None,
    isa: str | None = None,
    key_heads: int | None = None,
    *,
    contiguous_keys: bool = True,
    workers: int | None = None,
    blocks: AttentionBlocks | None = None,
    micro: MicroKernel | None = None,
) -> AttentionPlan:
    """Plan the tiles of attention, as `attention` will run it."""
