"""The decoder against a float64 reference, and its state between calls."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from decoder_models import MODELS, SMALL, Reference, make_weights
from hypothesis import given
from hypothesis import strategies as st

from decoder import PRESETS, Decoder, Optimizations
from decoder.buffers import ReusedBuffers
from decoder.config import ModelConfig
from decoder.model import PREFILL_ROWS

IDS = np.random.default_rng(8).integers(0, SMALL.vocab, 600).tolist()
WEIGHTS = {name: make_weights(config) for name, config in MODELS.items()}


def decoder(name: str = "qwen2", **options: Any) -> Decoder:
    """Make a decoder on one thread."""
    return Decoder(MODELS[name], WEIGHTS[name], **{"threads": 1, **options})


def assert_close(actual: np.ndarray, expected: np.ndarray) -> None:
    """Check logits that differ by float32's rounding only."""
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return {name: Reference(MODELS[name], WEIGHTS[name]).logits(IDS) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("threads", [1, 2])
def test_logits(name: str, threads: int, expected: dict[str, np.ndarray]) -> None:
    model = decoder(name, threads=threads)
    assert_close(model.prefill(IDS[:70]), expected[name][69])
    for place in range(70, 90):
        assert_close(model.step(IDS[place]), expected[name][place])


@pytest.mark.parametrize("name", MODELS)
def test_a_long_prompt_and_a_growing_cache(name: str, expected: dict[str, np.ndarray]) -> None:
    """Prompts pass in several parts, and keys survive that the cache makes room."""
    assert len(IDS) > 2 * PREFILL_ROWS
    assert_close(decoder(name).prefill(IDS), expected[name][-1])
    model = decoder(name)
    assert_close(model.prefill(IDS[:250]), expected[name][249])
    for place in range(250, 530):
        assert_close(model.step(IDS[place]), expected[name][place])


@given(
    name=st.sampled_from(list(MODELS)),
    cuts=st.lists(st.integers(1, 39), max_size=6, unique=True).map(sorted),
)
def test_any_way_to_cut_a_prompt(name: str, cuts: list[int]) -> None:
    model = decoder(name)
    expected = Reference(MODELS[name], WEIGHTS[name]).logits(IDS[:40])
    for start, stop in pairwise([0, *cuts, 40]):
        alone = stop - start == 1
        actual = model.step(IDS[start]) if alone else model.prefill(IDS[start:stop])
        assert_close(actual, expected[stop - 1])
    assert model.length == 40


@pytest.mark.parametrize("field", [field.name for field in fields(Optimizations)])
@pytest.mark.parametrize("name", MODELS)
def test_each_switch(name: str, field: str, expected: dict[str, np.ndarray]) -> None:
    model = decoder(name, optimizations=replace(Optimizations(), **{field: False}))
    assert_close(model.prefill(IDS[:30]), expected[name][29])
    assert_close(model.step(IDS[30]), expected[name][30])
    assert_close(model.step(IDS[31]), expected[name][31])


def test_a_reset_forgets() -> None:
    model = decoder()
    first = model.prefill(IDS[:20])
    again = model.prefill(IDS[:20])
    assert not np.array_equal(first, again)
    assert model.length == 40
    model.reset()
    assert model.length == 0
    np.testing.assert_array_equal(model.prefill(IDS[:20]), first)


def test_a_seed_makes_the_same_weights_and_fewer_layers_are_the_first() -> None:
    logits = [Decoder.random("tiny", seed).prefill([1, 2, 3]) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[0], logits[2])
    short = Decoder.random("tiny", 4, layers=1)
    assert short.config.layers == 1
    assert not np.array_equal(short.prefill([1, 2, 3]), logits[0])
    assert 0.3 < np.std(logits[0]) < 3


def test_presets_have_the_published_sizes() -> None:
    """Parameters as the models' cards give them: 0.49 and 1.54 billion."""
    for name, billions in (("qwen2.5-0.5b", 0.494), ("qwen2.5-1.5b", 1.544)):
        config = PRESETS[name]
        rows = config.query_rows + 2 * config.key_rows
        layer = (rows + config.query_rows + 3 * config.intermediate + 2) * config.hidden + rows
        total = config.layers * layer + (config.vocab + 1) * config.hidden
        assert round(total / 1e9, 3) == billions


SWITCHES = [Optimizations()] + [
    replace(Optimizations(), **{field.name: False}) for field in fields(Optimizations)
]


@pytest.mark.parametrize("optimizations", SWITCHES)
def test_logits_are_the_callers_to_keep(
    optimizations: Optimizations, expected: dict[str, np.ndarray]
) -> None:
    model = decoder(optimizations=optimizations)
    logits = [model.prefill(IDS[:4])]
    logits += [model.step(index) for index in IDS[4:14]]
    model.prefill(IDS[14:17])
    model.generate(IDS[17:20], 3)
    for place, row in enumerate(logits, 3):
        assert_close(row, expected["qwen2"][place])
        row.fill(0)
    assert not any(np.shares_memory(a, b) for a, b in combinations(logits, 2))
    model.rewind(20)
    assert_close(model.step(IDS[20]), expected["qwen2"][20])


@pytest.mark.parametrize("optimizations", SWITCHES)
def test_logits_go_where_the_caller_says(optimizations: Optimizations) -> None:
    """Rows of a matrix, its columns, and a reversed vector hold the same as new arrays."""
    plain, model = (decoder(optimizations=optimizations) for _ in range(2))
    vocab = SMALL.vocab
    rows, columns = np.zeros((3, vocab), np.float32), np.zeros((vocab, 3), np.float32)
    places = [*rows, *columns.T, np.zeros(vocab, np.float32)[::-1]]
    for index, out in zip(IDS, places, strict=False):
        assert model.step(index, out=out) is out
        np.testing.assert_array_equal(out, plain.step(index))
    out = np.zeros(vocab, np.float32)
    assert model.prefill(IDS[:5], out=out) is out
    np.testing.assert_array_equal(out, plain.prefill(IDS[:5]))


def test_rewinding_forgets_the_end() -> None:
    model = decoder()
    model.prefill(IDS[:6])
    kept = model.step(IDS[6])
    model.prefill(IDS[7:9])
    model.rewind(6)
    assert model.length == 6
    np.testing.assert_array_equal(model.step(IDS[6]), kept)
    for length, error in ((8, ValueError), (-1, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="length"):
            model.rewind(length)  # type: ignore[arg-type]
    assert model.length == 7


MIN_BYTES = 4 * 16384
"""Bytes of the large activations of WIDE: nothing else that a step makes is nearly as large."""
WIDE = {
    "hidden": replace(SMALL, layers=1, hidden=16384),
    "heads": replace(SMALL, layers=1, heads=2, kv_heads=1, head_dim=8192),
    "intermediate and vocab": replace(SMALL, layers=1, intermediate=16384, vocab=16384),
}


def allocated(config: ModelConfig, optimizations: Optimizations) -> tuple[int, int]:
    """Return what steps leave allocated in arrays, and the most bytes that they had at once."""
    model = Decoder(config, make_weights(config), threads=1, optimizations=optimizations)
    domain = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    out = np.empty(config.vocab, np.float32)
    model.step(1, out=out)
    tracemalloc.start()
    try:
        model.step(2, out=out)
        before = tracemalloc.take_snapshot().filter_traces([domain])
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        for index in range(3, 7):
            model.step(index, out=out)
        peak = tracemalloc.get_traced_memory()[1] - base
        after = tracemalloc.take_snapshot().filter_traces([domain])
    finally:
        tracemalloc.stop()
    return sum(x.size_diff for x in after.compare_to(before, "lineno")), peak


@pytest.mark.parametrize("name", WIDE)
def test_steps_allocate_no_arrays(name: str) -> None:
    left, peak = allocated(WIDE[name], Optimizations())
    assert left == 0
    assert peak < MIN_BYTES


@pytest.mark.parametrize("name", WIDE)
def test_steps_without_reuse_allocate_arrays(name: str) -> None:
    assert allocated(WIDE[name], Optimizations(reuse_buffers=False))[1] >= MIN_BYTES


@pytest.mark.parametrize("name", WIDE)
def test_generating_allocates_one_array_for_all_logits(name: str) -> None:
    """Two would be alive at once if each step made its own.

    NumPy itself takes 32 KiB an array for operations that broadcast, up to 2.2.
    """
    config = replace(WIDE[name], vocab=65536)
    model = Decoder(config, make_weights(config), threads=1)
    model.generate([1, 2], 3)
    tracemalloc.start()
    try:
        model.generate([1, 2], 6)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * config.vocab + 2 * MIN_BYTES


def test_buffers_share_the_memory_of_the_largest() -> None:
    buffers = ReusedBuffers()
    small, other = buffers.take("a", 2, 3), buffers.take("b", 2, 3)
    assert not np.shares_memory(small, other)
    assert buffers.take("a", 2, 3) is small
    large = buffers.take("a", 4, 3)
    assert np.shares_memory(buffers.take("a", 2, 3), large)
    assert buffers.take("a", 4, 3) is large
    assert large.flags.c_contiguous


def test_greedy_generation_takes_the_likeliest(expected: dict[str, np.ndarray]) -> None:
    model = decoder()
    drawn = model.generate(IDS[:10], 30)
    assert model.length == 39
    reference = Reference(SMALL, WEIGHTS["qwen2"]).logits(IDS[:10] + drawn[:-1])
    assert drawn == reference[9:].argmax(1).tolist()
    model.reset()
    assert model.generate(IDS[:10], 30) == drawn
    assert decoder().generate(IDS[:10], 30, temperature=2.0, top_k=1) == drawn
    np.testing.assert_array_equal(drawn[0], expected["qwen2"][9].argmax())


def test_seeds_and_stops() -> None:
    def drawn(seed: int | None, stop: tuple[int, ...] = ()) -> list[int]:
        return decoder().generate(IDS[:3], 40, temperature=3.0, seed=seed, stop=stop)

    first = drawn(7)
    assert drawn(7) == first
    assert drawn(8) != first
    assert drawn(None) != drawn(None)
    end = first[20]
    assert drawn(7, (end,)) == first[: first.index(end) + 1]


def test_the_context_is_a_limit() -> None:
    model = decoder(context=10)
    assert model.context == 10
    with pytest.raises(ValueError, match="ids: no room for 11 more in a context of 10"):
        model.prefill(IDS[:11])
    assert model.length == 0
    kept = model.prefill(IDS[:8])
    with pytest.raises(ValueError, match="no room for 3 more .* holds 8"):
        model.generate(IDS[8:9], 3)
    assert model.length == 8
    assert len(model.generate(IDS[8:9], 2)) == 2
    assert model.length == 10
    with pytest.raises(ValueError, match="no room for 1 more"):
        model.step(0)
    model.reset()
    np.testing.assert_array_equal(model.prefill(IDS[:8]), kept)
