"""Measurements: theory from roofs, and times from a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_machine import MACHINE, ROOFS

from decoder.measurement import Measurement, format_table, nearest_memory, time_runs
from decoder.work import Work

PEAK, DRAM = ROOFS.peak_gflops, ROOFS.bandwidth_gbs["DRAM"]


def measurement(work: Work, *times_ns: float, memory: str = "DRAM") -> Measurement:
    """Make a measurement under made-up roofs."""
    return Measurement("op", work, times_ns, memory, ROOFS)


def test_theory_is_the_longer_of_two_times() -> None:
    memory = measurement(Work(1, 10, 4_000_000), 1e6)
    assert memory.theoretical_ns == 4_000_000 / DRAM
    assert memory.bound == "memory"
    compute = measurement(Work(1, 4_000_000_000, 10), 1e6)
    assert compute.theoretical_ns == 4_000_000_000 / PEAK
    assert compute.bound == "compute"
    assert (
        measurement(Work(1, 10, 4_000_000), 1e6, memory="L1").theoretical_ns < memory.theoretical_ns
    )


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.floats(1, 1e12))
def test_at_the_roof_overhead_is_one(flops: int, nbytes: int, slower: float) -> None:
    at_roof = measurement(Work(1, flops, nbytes), 1.0).theoretical_ns
    actual = measurement(Work(1, flops, nbytes), at_roof * slower)
    assert actual.overhead == pytest.approx(slower)
    share = max(actual.gflops / PEAK, actual.bandwidth_gbs / DRAM)
    assert share == pytest.approx(1 / slower)


def test_rates_are_of_the_median() -> None:
    odd = measurement(Work(1, 600, 1200), 100.0, 9000.0, 300.0)
    assert odd.median_ns == 300
    assert (odd.gflops, odd.bandwidth_gbs) == (2, 4)


@pytest.mark.parametrize(("times", "memory"), [((), "L1"), ((0.0,), "L1"), ((1.0,), "disk")])
def test_bad_measurements(times: tuple[float, ...], memory: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        measurement(Work(1, 1, 1), *times, memory=memory)


def test_operands_live_in_the_nearest_memory_that_holds_them() -> None:
    sizes = [cache.size_bytes for cache in MACHINE.caches]
    assert [nearest_memory(size, MACHINE) for size in sizes] == ["L1", "L2", "L3"]
    assert [nearest_memory(size + 1, MACHINE) for size in sizes] == ["L2", "L3", "DRAM"]


def test_the_first_run_is_not_timed() -> None:
    now, runs = [0], []

    def run() -> None:
        runs.append(None)
        now[0] += 1000 if len(runs) == 1 else 7 * (len(runs) - 2)

    assert time_runs(run, 3, lambda: now[0]) == (1, 7, 14)


def test_tables_have_a_row_for_each_measurement() -> None:
    lines = format_table([measurement(Work(1, 600, 1200), 300.0)] * 2).splitlines()
    assert len(lines) == 3
    assert "300 ns" in lines[1]
    assert len({len(line) for line in lines}) == 1
