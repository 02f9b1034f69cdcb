"""What a decoder's tiles declare, and the formulas behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import brickprof as bp
import numpy as np
import pytest
from decoder_models import MODELS, SMALL, make_weights
from hypothesis import given
from hypothesis import strategies as st

from decoder import Decoder, Optimizations
from decoder.config import ModelConfig
from decoder.work import attention_work, forward_work, layer_work, logits_work, matmul_work

MACRO, MIDI, MICRO = bp.TileLevel.MACRO, bp.TileLevel.MIDI, bp.TileLevel.MICRO
PARTS = ("rms_norm", "rope", "swiglu", "add")
OP_BY_OP = Optimizations(compiled_steps=False)


def profiled(name: str, threads: int = 1, optimizations: Optimizations = OP_BY_OP) -> bp.Recording:
    """Record a prefill of 9 ids and two steps after it."""
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    model = Decoder(
        MODELS[name],
        make_weights(MODELS[name]),
        threads=threads,
        profiler=profiler,
        optimizations=optimizations,
    )
    model.prefill(range(9))
    model.step(1)
    model.step(2)
    return profiler.recording()


@pytest.mark.parametrize("name", MODELS)
def test_a_macro_tile_for_each_layer(name: str) -> None:
    config, recording = MODELS[name], profiled(name)
    prefill, decode = (recording.tile_stats(MACRO, brick) for brick in ("prefill", "decode"))
    assert (prefill.count, decode.count) == (config.layers, 2 * config.layers)
    assert prefill.nbytes_declared
    assert prefill.flops == config.layers * layer_work(config, 9, 0).flops
    steps = [layer_work(config, 1, past) for past in (9, 10)]
    assert decode.flops == config.layers * sum(work.flops for work in steps)
    assert decode.nbytes == config.layers * sum(work.nbytes for work in steps)
    assert recording.tile_stats(MACRO, "logits").count == 3
    assert recording.tile_stats(MACRO, "logits").flops == 3 * logits_work(config).flops


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_a_region_has_a_macro_tile_for_each_thread_and_layer(name: str, threads: int) -> None:
    config, recording = MODELS[name], profiled(name, threads, Optimizations())
    assert recording.tile_stats(MACRO, "prefill").count == config.layers
    queries, keys, inner = config.query_rows, config.key_rows, config.intermediate
    products = (
        matmul_work(1, queries + 2 * keys, config.hidden),
        matmul_work(1, config.hidden, queries),
        matmul_work(1, 2 * inner, config.hidden),
        matmul_work(1, config.hidden, inner),
    )
    small = 8 * config.hidden + 3 * (queries + keys) + 4 * inner
    layer = 2 * (sum(work.flops for work in products) + small)
    layer += sum(attention_work(config, 1, past).flops for past in (9, 10))
    head = matmul_work(1, config.vocab, config.hidden).flops + 4 * config.hidden
    for level in (MACRO, MIDI, MICRO):
        stats = recording.tile_stats(level, "decode")
        assert stats.flops == config.layers * layer
        assert stats.nbytes_declared
    assert recording.tile_stats(MACRO, "decode").count == 2 * threads * config.layers
    # That of the prompt is computed operation by operation, and its kernels record its finer tiles.
    assert recording.tile_stats(MIDI, "logits").flops == 2 * head
    assert recording.tile_stats(MACRO, "logits").count == 1 + 2 * threads
    assert recording.tile_stats(MACRO, "logits").flops == 2 * head + logits_work(config).flops


@pytest.mark.parametrize("gate_up", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_layers_do_what_their_kernels_and_parts_do(name: str, threads: int, gate_up: bool) -> None:
    """The layers' formula gives what kernels count for themselves, at every level."""
    config = MODELS[name]
    recording = profiled(name, threads, replace(OP_BY_OP, fused_gate_up=gate_up))
    layers = sum(
        recording.tile_stats(MACRO, brick).flops for brick in ("prefill", "decode", "logits")
    )
    for level in (MACRO, MIDI, MICRO):
        kernels = sum(recording.tile_stats(level, brick).flops for brick in ("gemm", "attention"))
        parts = sum(recording.tile_stats(MIDI, brick).flops for brick in PARTS)
        assert kernels + parts == layers
    assert all(recording.tile_stats(MIDI, brick).count >= 3 * config.layers for brick in PARTS)


def test_two_products_where_one_would_do() -> None:
    calls = [
        profiled("qwen2", 1, replace(OP_BY_OP, fused_gate_up=fused)).brick_info("gemm").calls
        for fused in (True, False)
    ]
    assert calls == [3 * (4 * SMALL.layers + 1), 3 * (5 * SMALL.layers + 1)]


@pytest.mark.parametrize(("widest", "isa"), [(True, None), (False, "base")])
def test_the_instruction_set_of_attention(
    monkeypatch: pytest.MonkeyPatch, widest: bool, isa: str | None
) -> None:
    asked, attention = [], bp.attention

    def spy(*arrays: Any, **options: Any) -> Any:
        asked.append(options["isa"])
        return attention(*arrays, **options)

    monkeypatch.setattr(bp, "attention", spy)
    Decoder(
        SMALL, make_weights(SMALL), optimizations=replace(OP_BY_OP, widest_simd=widest)
    ).prefill([1])
    assert asked == [isa] * SMALL.layers


def test_a_call_may_bring_its_own_profiler_and_threads() -> None:
    profilers = [bp.BrickProfiler() for _ in range(2)]
    for profiler in profilers:
        profiler.enable_tile_profiling()
    model = Decoder(
        SMALL, make_weights(SMALL), threads=1, profiler=profilers[0], optimizations=OP_BY_OP
    )
    model.prefill([1], profiler=profilers[1])
    assert profilers[0].recording().bricks == ()
    assert profilers[1].tile_stats(MACRO, "decode").count == 2
    model.step(1, threads=2)
    model.generate([1], 2)
    assert [profiler.tile_stats(MACRO, "decode").count for profiler in profilers] == [6, 2]


def test_each_phase_has_its_threads() -> None:
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    model = Decoder(SMALL, make_weights(SMALL), threads=bp.ThreadConfig(3, 2), profiler=profiler)
    alone = Decoder(SMALL, make_weights(SMALL), threads=1)
    np.testing.assert_array_equal(model.prefill(range(5)), alone.prefill(range(5)))
    np.testing.assert_array_equal(model.step(1), alone.step(1))
    assert profiler.tile_stats(MACRO, "decode").count == 2 * SMALL.layers
    model.step(1, threads=bp.ThreadConfig(3, 1))
    assert profiler.tile_stats(MACRO, "decode").count == 3 * SMALL.layers


def test_profiling_changes_no_logit() -> None:
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    model = Decoder(SMALL, make_weights(SMALL), threads=1)
    expected = model.prefill(range(20))
    model.reset()
    np.testing.assert_array_equal(model.prefill(range(20), profiler=profiler), expected)


def test_a_tile_that_is_too_fine_refuses_the_call() -> None:
    profiler = bp.BrickProfiler()
    profiler.enable_tile_profiling()
    model = Decoder(SMALL, make_weights(SMALL), profiler=profiler)
    with profiler.tile(MIDI, 0, 0), pytest.raises(bp.TileNestingError, match="coarser"):
        model.prefill([1, 2])
    assert model.length == 0
    model.prefill([1, 2])


sizes = st.integers(1, 30)


@given(rows=sizes, past=sizes, more=sizes)
def test_passes_add_up(rows: int, past: int, more: int) -> None:
    """Flops of a prompt do not depend on how it is cut; bytes do, since weights load again."""
    whole = layer_work(SMALL, rows + more, past)
    first, second = layer_work(SMALL, rows, past), layer_work(SMALL, more, past + rows)
    assert whole.flops == (first + second).flops
    assert whole.nbytes < (first + second).nbytes


@given(rows=sizes, past=sizes)
def test_attention_counts_visible_pairs(rows: int, past: int) -> None:
    visible = sum(past + row + 1 for row in range(rows))
    work = attention_work(SMALL, rows, past)
    assert work.flops == 4 * SMALL.head_dim * SMALL.heads * visible
    assert (
        work.flops
        == bp.plan_attention(
            SMALL.heads, rows, past + rows, SMALL.head_dim, causal=True, key_heads=SMALL.kv_heads
        )
        .levels[0]
        .flops
    )


def parameters(config: ModelConfig) -> int:
    """Count a model's weights, as they are stored."""
    weights = make_weights(config)
    arrays = [weights.norm, weights.head]
    for layer in weights.layers:
        arrays += [array for array in vars(layer).values() if array is not None]
    return sum(array.size for array in arrays)


@pytest.mark.parametrize("name", MODELS)
def test_a_step_loads_every_weight_and_the_past(name: str) -> None:
    config = MODELS[name]
    cached = 2 * config.layers * config.key_rows * (100 + 1)
    streams = config.layers * (2 * config.hidden + 2 * config.key_rows) + config.hidden
    work = forward_work(config, 1, 100)
    assert work.nbytes == 4 * (parameters(config) + cached + streams + config.vocab)


def test_the_work_of_a_product() -> None:
    work = matmul_work(2, 3, 5)
    assert (work.elements, work.flops, work.nbytes) == (6, 60, 4 * (10 + 15 + 6))
