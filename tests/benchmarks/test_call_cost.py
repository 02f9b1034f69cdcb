"""The measurement of what instrumenting costs runs, and leaves nothing instrumented."""

from __future__ import annotations

import pytest

import brickprof as bp
from benchmarks import call_cost


def test_each_call_is_measured_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_cost, "BATCH_S", 1e-5)
    for name, call in call_cost.numpy_calls().items():
        without, _, spread = call_cost.measure(call, 2)
        assert without > 0 and spread >= 0, name


def test_large_calls_are_those_that_are_recorded() -> None:
    for name, call in call_cost.numpy_calls().items():
        with bp.auto_instrument() as prof:
            call()
        recorded = any(stats.count for stats in prof.all_tile_stats())
        assert recorded == ("4096" in name or "64 x 64" in name), name
