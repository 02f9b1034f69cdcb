"""Switches of the optimizations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Optimizations:
    """Switches, so that each can be measured by itself.

    Parameters
    ----------
    fused_regions : bool
        One parallel region for all operations of a step, in place of one for each; needs
        `compiled_steps`.
    compiled_steps : bool
        The operations of a step are those of `brickprof.ParallelRegion`, in place of kernels for
        products and attention with NumPy between them; needs `reuse_buffers`.
    fused_gate_up : bool
        One product for the two inner projections of the MLP in place of two.
    widest_simd : bool
        Attention with the widest instruction set; without it, with the baseline's.
    reuse_buffers : bool
        Operations write to arrays that are made once; without it, each makes its own.
    """

    fused_regions: bool = True
    compiled_steps: bool = True
    fused_gate_up: bool = True
    widest_simd: bool = True
    reuse_buffers: bool = True

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be True or False, got {value!r}")

    @property
    def attention_isa(self) -> str | None:
        """The instruction set of attention; None is the widest."""
        return None if self.widest_simd else "base"
