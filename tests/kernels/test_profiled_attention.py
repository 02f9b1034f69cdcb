"""Profiled attention: what is recorded is what was planned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.attention_plan import AttentionOracle
from support.kernel_checks import (
    ISAS,
    assert_recorded,
    normals,
    running,
    tiny_attention_plan,
    visible_keys,
)

import brickprof as bp
from brickprof.core.levels import TileLevel

each_isa = pytest.mark.parametrize("isa", ISAS)


@pytest.mark.parametrize("causal", [False, True])
@each_isa
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_attention_records_its_plan(isa: str, causal: bool, threads: int) -> None:
    rng = np.random.default_rng(threads)
    for heads, rows, keys, dim in [
        (1, 1, 1, 1),
        (1, 150, 150, 16),
        (3, 40, 100, 31),
        (8, 1, 70, 64),
        (2, 90, 20, 32),
        (4, 33, 65, 8),
    ]:
        q, k, v = (normals(rng, (heads, size, dim)) for size in (rows, keys, keys))
        for tiny in (True, False):
            if tiny:
                plan = tiny_attention_plan(q, k, causal, isa, threads)
            else:
                plan = bp.plan_attention(heads, rows, keys, dim, causal, threads=threads, isa=isa)
            profiler = running()
            out = bp.attention(q, k, v, causal=causal, isa=isa, plan=plan, profiler=profiler)
            assert np.array_equal(out, bp.attention(q, k, v, causal=causal, isa=isa, plan=plan))
            pairs = int(visible_keys(rows, keys, causal).sum())
            assert plan.flops == 4 * dim * pairs * heads
            assert_recorded(profiler, "attention", plan)
            (info,) = profiler.recording().brick_infos
            assert info.threads == len(
                {share.thread for share in AttentionOracle.of(plan).shares()}
            )


@each_isa
@given(
    data=st.data(),
    heads=st.integers(1, 4),
    rows=st.integers(1, 90),
    keys=st.integers(0, 90),
    dim=st.integers(1, 40),
    causal=st.booleans(),
    threads=st.integers(1, 3),
)
def test_any_attention_records_its_plan(
    isa: str,
    data: st.DataObject,
    heads: int,
    rows: int,
    keys: int,
    dim: int,
    causal: bool,
    threads: int,
) -> None:
    q, k = np.ones((heads, rows, dim), "float32"), np.ones((heads, keys, dim), "float32")
    direct = data.draw(st.booleans(), "contiguous")
    plan = tiny_attention_plan(q, k, causal, isa, threads, direct)
    profiler = running()
    bp.attention(q, k, k, causal=causal, plan=plan, isa=isa, profiler=profiler)
    if keys:
        assert_recorded(profiler, "attention", plan)
    else:
        assert profiler.tile_stats(TileLevel.MACRO).count == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_default_tiling_is_the_planned_one(threads: int) -> None:
    rng = np.random.default_rng(3)
    for heads, rows, keys, dim in [(2, 300, 300, 64), (6, 50, 400, 40)]:
        q, k, v = (normals(rng, (heads, size, dim)) for size in (rows, keys, keys))
        profiler = running()
        bp.attention(q, k, v, causal=True, threads=threads, profiler=profiler)
        plan = bp.plan_attention(heads, rows, keys, dim, True, threads=threads)
        assert_recorded(profiler, "attention", plan)


@each_isa
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_attention_of_few_rows_records_its_plan(isa: str, threads: int) -> None:
    rng = np.random.default_rng(threads)
    for heads, rows, keys, dim in [(1, 1, 3000, 64), (2, 4, 2100, 80), (3, 2, 1500, 17)]:
        q, k, v = (normals(rng, (heads, size, dim)) for size in (rows, keys, keys))
        for causal in (False, True):
            for tiny in (False, True):
                plan = tiny_attention_plan(q, k, causal, isa, threads)
                if not tiny:
                    plan = bp.plan_attention(
                        heads, rows, keys, dim, causal, threads=threads, isa=isa
                    )
                elif heads < threads:
                    assert plan.splits > 1
                profiler = running()
                bp.attention(q, k, v, causal=causal, plan=plan, isa=isa, profiler=profiler)
                assert_recorded(profiler, "attention", plan)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_decode_step_of_shared_heads_records_the_plan_of_its_key_heads(
    threads: int, batch: int
) -> None:
    rng = np.random.default_rng(3)
    for causal in (False, True):
        for heads, key_heads in [(8, 2), (6, 1), (4, 4)]:
            q = normals(rng, (batch, heads, 1, 64))
            k = normals(rng, (batch, key_heads, 1200, 64))
            profiler = running()
            out = bp.attention(q, k, k, causal, threads=threads, profiler=profiler)
            plan = bp.plan_attention(
                batch * heads, 1, 1200, 64, causal, threads=threads, key_heads=batch * key_heads
            )
            assert_recorded(profiler, "attention", plan)
            assert np.array_equal(out, bp.attention(q, k, k, causal, threads=threads))


@each_isa
def test_keys_that_are_not_adjacent_are_planned_so(isa: str) -> None:
    rng = np.random.default_rng(4)
    q, k = normals(rng, (2, 3, 40)), normals(rng, (2, 40, 700)).swapaxes(1, 2)
    profiler = running()
    bp.attention(q, k, k, threads=1, isa=isa, profiler=profiler)
    assert bp.plan_attention(2, 3, 700, 40, threads=1, isa=isa).dotxf
    plan = bp.plan_attention(2, 3, 700, 40, threads=1, isa=isa, contiguous_keys=False)
    assert not plan.dotxf
    assert_recorded(profiler, "attention", plan)
