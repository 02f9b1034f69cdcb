"""Hypothesis strategies for tile plans: machines, micro-kernels, plans in small blocks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from support.kernel_checks import DTYPES

import brickprof as bp
from brickprof.machine import Cache, Machine, detect_machine
from brickprof.planning.attention import AttentionBlocks
from brickprof.planning.blocks import LAYOUTS, MicroKernel
from brickprof.planning.gemm import Blocks

KIB, MIB = 2**10, 2**20
MICROS = [
    MicroKernel("base", *numbers)
    for numbers in [
        (6, 8, 4, 2, 4),
        (6, 16, 8, 2, 4),
        (14, 32, 16, 6, 8),
        (12, 8, 4, 5, 8),
        (3, 4, 2, 1, 2),
    ]
]
micros = st.sampled_from(MICROS)
dtypes = st.sampled_from(DTYPES)
layouts = st.sampled_from(LAYOUTS)
some = st.integers(0, 1) | st.integers(2, 90)
threads = st.integers(1, 9)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Machines from tiny to huge; no cache is larger than the next."""
    l1 = draw(st.sampled_from([8, 16, 32, 48, 64, 128])) * KIB
    l2 = max(l1, draw(st.sampled_from([64, 128, 256, 512, 1024, 2048, 16384])) * KIB)
    l3 = max(l2, draw(st.sampled_from([1, 4, 32, 96, 1024])) * MIB)
    shared = draw(st.sampled_from([1, 2, 8, 64]))
    return replace(
        detect_machine(),
        caches=(
            Cache(1, l1, 64, 1, 8),
            Cache(2, l2, 64, 1, 8),
            Cache(3, l3, 64, shared, 16),
        ),
    )


@st.composite
def gemm_plans(draw: st.DrawFn) -> bp.GemmPlan:
    """Plans in small blocks, some of them with work for many threads."""
    micro = draw(micros)
    blocks = Blocks(
        mc=draw(st.integers(1, 60)),
        nc=draw(st.integers(1, 99)),
        kc=draw(st.integers(3, 30)),
        rows=draw(st.integers(1, 60)),
        l1_bytes=draw(st.sampled_from([1, 500, 4000, 32000])),
        l2_bytes=draw(st.sampled_from([1, 2000, 30000, MIB])),
    )
    sizes = [draw(some) for _ in range(3)]
    large = draw(st.sampled_from([None, None, None, 0, 1, 2]))
    if large is not None:
        sizes[large] = draw(st.integers(500, 3000))
    strides = st.none() | st.sampled_from([0, 1, 100, 256, 512, 1024, 5000])
    return bp.plan_gemm(
        *sizes,
        draw(dtypes),
        threads=draw(threads),
        a_layout=draw(layouts),
        b_layout=draw(layouts | st.just("packed")),
        a_stride=draw(strides),
        b_stride=draw(strides),
        blocks=blocks,
        micro=micro,
    )


@st.composite
def attention_plans(draw: st.DrawFn) -> bp.AttentionPlan:
    """Plans in small blocks, some of few rows and many keys."""
    micro = draw(micros)
    blocks = AttentionBlocks(micro.mr * draw(st.integers(1, 5)), micro.nr * draw(st.integers(1, 5)))
    few = draw(st.booleans())
    return bp.plan_attention(
        draw(st.integers(0, 9)),
        draw(st.integers(0, 9) if few else st.integers(0, 80)),
        draw(st.integers(0, 3000) if few else st.integers(0, 80)),
        draw(st.integers(0, 40)),
        draw(st.booleans()),
        workers=draw(threads),
        contiguous_keys=draw(st.booleans()),
        blocks=blocks,
        micro=micro,
    )
