"""Tokens, times to the first and rates of a decoder, from what a program declares."""

from __future__ import annotations

import pytest
from support.entry_points import MACRO, MICRO

import brickprof as bp
from brickprof.diagnose.generation import generation_summary
from brickprof.recording import Recording, merge_recordings


def answer(prompt: int, ns: int, *steps: int, batch: int = 1) -> Recording:
    """Return a recording of a prompt and steps that took so long."""
    prof = bp.BrickProfiler(clock="manual")
    prof.enable_tile_profiling()
    with (
        prof.brick("prefill"),
        prof.tile(MACRO, 0, 0, elements=prompt),
        prof.tile(MICRO, 0, 0, elements=12345),
    ):
        prof.advance(ns)
    for step in steps:
        with prof.brick("decode"), prof.tile(MACRO, 0, 0, elements=batch):
            prof.advance(step)
    return prof.recording()


def test_prefill_and_decoding_are_apart() -> None:
    summary = generation_summary(answer(100, 50_000_000, *[10_000_000] * 9, 30_000_000, batch=4))
    assert summary.decode is not None
    assert (summary.prefill.calls, summary.prefill.tokens) == (1, 100)
    assert summary.prefill.tokens_per_s == 2000
    assert (summary.decode.calls, summary.decode.tokens) == (10, 40)
    assert summary.decode.tokens_per_s == pytest.approx(40 / 0.12)
    assert summary.first_token_ns == pytest.approx(50e6, rel=1 / 64)
    assert summary.decode.p50_ns == pytest.approx(10e6, rel=1 / 64)
    assert summary.decode.p99_ns == pytest.approx(30e6, rel=1 / 64)
    shown = str(summary).splitlines()
    assert shown[1].startswith("prefill      2,000 tok/s, 100 tokens, in 1 prompt, half within")


def test_a_first_token_of_a_step_is_waited_for() -> None:
    summary = generation_summary(answer(9, 1000, 100, 100), prefill_gives_token=False)
    assert summary.first_token_ns == pytest.approx(1100, rel=1 / 32)
    nothing = generation_summary(answer(9, 1000), prefill_gives_token=False)
    assert (nothing.decode, nothing.first_token_ns) == (None, None)


def test_runs_add_up() -> None:
    summary = generation_summary(merge_recordings([answer(10, 1000, 5), answer(30, 3000, 5, 5)]))
    assert summary.decode is not None
    assert (summary.prefill.tokens, summary.prefill.calls, summary.decode.tokens) == (40, 2, 3)
    assert summary.prefill.tokens_per_s == 1e7


def test_tokens_that_nobody_declared_are_unknown() -> None:
    summary = generation_summary(answer(0, 1000, 5, batch=0), "prefill", "decode")
    assert summary.decode is not None
    assert (summary.decode.tokens, summary.decode.tokens_per_s) == (None, None)
    assert "decode       1 step, half within" in str(summary)


def test_arguments() -> None:
    with pytest.raises(
        KeyError, match="prefill must be a brick of the recording, got 'prompt': it has .*'prefill'"
    ):
        generation_summary(answer(1, 1), "prompt")
    with pytest.raises(TypeError, match="recording must be a Recording"):
        generation_summary(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decode must be the name of a brick"):
        generation_summary(answer(1, 1), decode=3)  # type: ignore[arg-type]
