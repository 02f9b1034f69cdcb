"""TileStats: what each field and property means, and how statistics add up."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import levels, samples, stats_of, sums, tile_stats

from brickprof.core.histograms import merge_histograms
from brickprof.core.levels import TileLevel
from brickprof.recording.tile_stats import TileStats, sum_tile_stats

MIDI = TileLevel.MIDI
SUMMED = (
    "count",
    "timed",
    "total_ns",
    "self_ns",
    "raw_total_ns",
    "raw_self_ns",
    "elements",
    "flops",
    "nbytes",
    "undeclared",
    "total_error_ns",
    "self_error_ns",
    "loaded_bytes",
    "stored_bytes",
    "split",
)
PARTS = st.lists(tile_stats(MIDI), max_size=5)


def exact(above: int, below: int) -> float:
    """Divide exactly and round once; 0.0 for a zero denominator."""
    return float(Fraction(above, below)) if below else 0.0


def test_every_field_is_tested() -> None:
    others = {"level", "brick", "min_ns", "max_ns", "min_work", "max_work", "histogram", "grid"}
    assert {*SUMMED, *others} == {field.name for field in fields(TileStats)}


@given(PARTS)
def test_sums_are_sums(parts: list[TileStats]) -> None:
    total = sum_tile_stats(parts, MIDI, "gemm")
    assert (total.level, total.brick) == (MIDI, "gemm")
    for name in SUMMED:
        assert getattr(total, name) == sum(getattr(part, name) for part in parts), name


@given(st.lists(samples, max_size=5), st.data())
def test_extremes_and_histogram_are_those_of_the_pooled_samples(
    lists: list[list[int]], data: st.DataObject
) -> None:
    parts = [data.draw(tile_stats(MIDI, times_ns=times)) for times in lists]
    pooled = stats_of([time for times in lists for time in times], MIDI, None)
    total = sum_tile_stats(parts, MIDI)
    assert (total.min_ns, total.max_ns) == (pooled.min_ns, pooled.max_ns)
    assert total.histogram == pooled.histogram
    assert total.timed == pooled.timed


@given(st.lists(samples, min_size=1, max_size=4), st.integers(0, 100))
def test_percentile_of_the_sum_is_that_of_pooled_samples(lists: list[list[int]], p: int) -> None:
    pooled = sorted(time for times in lists for time in times)
    total = sum_tile_stats([stats_of(times, MIDI, None) for times in lists], MIDI)
    if not pooled:
        assert total.percentile_ns(p) == 0
        return
    nearest = pooled[max(math.ceil(Fraction(p, 100) * len(pooled)), 1) - 1]
    assert abs(total.percentile_ns(p) - nearest) * 64 <= nearest
    assert total.percentile_ns(0) == pooled[0]
    assert total.percentile_ns(100) == pooled[-1]


@given(tile_stats(MIDI), tile_stats(MIDI), tile_stats(MIDI))
def test_sum_is_associative_and_commutative(a: TileStats, b: TileStats, c: TileStats) -> None:
    def add(*parts: TileStats) -> TileStats:
        return sum_tile_stats(parts, MIDI)

    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c)) == add(c, b, a)


@given(tile_stats(MIDI, "gemm"))
def test_empty_statistics_change_nothing(part: TileStats) -> None:
    empty = TileStats(level=MIDI)
    assert sum_tile_stats([empty, part, empty], MIDI, "gemm") == part
    assert sum_tile_stats([part], MIDI, "gemm") == part


def test_sum_of_nothing_is_empty() -> None:
    assert sum_tile_stats([], MIDI, "gemm") == TileStats(level=MIDI, brick="gemm")


def test_sums_do_not_wrap_around() -> None:
    values: dict[str, Any] = dict.fromkeys(SUMMED, 2**63)
    part = TileStats(level=MIDI, **values)
    total = sum_tile_stats([part, part, part], MIDI)
    assert all(getattr(total, name) == 3 * 2**63 for name in SUMMED)


def test_parts_without_timed_tiles_do_not_lower_the_minimum() -> None:
    untimed = TileStats(level=MIDI, count=5)
    total = sum_tile_stats([untimed, stats_of([7, 9], MIDI, None)], MIDI)
    assert (total.count, total.timed, total.min_ns, total.max_ns) == (7, 2, 7, 9)


def test_parts_may_be_an_iterator() -> None:
    parts = [stats_of([4], MIDI, None), stats_of([6], MIDI, None)]
    assert sum_tile_stats(iter(parts), MIDI) == sum_tile_stats(parts, MIDI)


@pytest.mark.parametrize("other", [TileLevel.MACRO, TileLevel.MICRO])
def test_levels_do_not_mix(other: TileLevel) -> None:
    with pytest.raises(ValueError, match="parts must all be of level MIDI"):
        sum_tile_stats([TileStats(level=MIDI), TileStats(level=other)], MIDI)


@given(tile_stats())
def test_rates_are_exact(tile: TileStats) -> None:
    assert tile.avg_us == exact(tile.total_ns, tile.count * 1000)
    assert tile.throughput == exact(tile.elements * 10**9, tile.total_ns)
    assert tile.gflops == exact(tile.flops, tile.total_ns)
    assert tile.arithmetic_intensity == exact(tile.flops, tile.nbytes)
    cost = max(tile.raw_total_ns - tile.total_ns, 0)
    assert tile.overhead_share == exact(cost, tile.raw_total_ns)
    assert tile.nbytes_declared is (tile.count > 0 and tile.undeclared == 0)


@given(tile_stats(), st.floats(1e-6, 1e6))
def test_cache_efficiency_is_the_rate_over_the_peak(tile: TileStats, peak: float) -> None:
    assert tile.cache_efficiency(peak) == float(Fraction(tile.gflops) / Fraction(peak))
    assert tile.cache_efficiency(0) == 0.0


@given(tile_stats(), st.integers(0, 40))
def test_rates_scale(tile: TileStats, power: int) -> None:
    scale = 2**power

    def scaled(*names: str) -> TileStats:
        changes: dict[str, Any] = {name: getattr(tile, name) * scale for name in names}
        return replace(tile, **changes)

    assert scaled("flops").gflops == tile.gflops * scale
    assert scaled("total_ns").gflops == tile.gflops / scale
    assert scaled("elements").throughput == tile.throughput * scale
    assert scaled("total_ns").throughput == tile.throughput / scale
    assert scaled("total_ns").avg_us == tile.avg_us * scale
    assert scaled("nbytes").arithmetic_intensity == tile.arithmetic_intensity / scale
    assert scaled("flops", "nbytes").arithmetic_intensity == tile.arithmetic_intensity
    assert scaled("raw_total_ns", "total_ns").overhead_share == tile.overhead_share


@given(levels, sums)
def test_no_tiles_and_no_time_give_zero(level: TileLevel, work: int) -> None:
    tile = TileStats(level=level, elements=work, flops=work)
    rates = (tile.avg_us, tile.throughput, tile.gflops, tile.arithmetic_intensity)
    assert rates == (0.0, 0.0, 0.0, 0.0)
    assert (tile.overhead_share, tile.cache_efficiency(1.0), tile.percentile_ns(50)) == (0, 0, 0)
    assert not tile.nbytes_declared


def test_bytes_count_as_declared_only_if_every_tile_declared_them() -> None:
    assert TileStats(level=MIDI, count=2).nbytes_declared
    assert not TileStats(level=MIDI, count=2, undeclared=1).nbytes_declared


def test_overhead_share_is_never_negative() -> None:
    assert TileStats(level=MIDI, total_ns=10, raw_total_ns=8).overhead_share == 0.0
    assert TileStats(level=MIDI, total_ns=6, raw_total_ns=8).overhead_share == 0.25


def test_efficiency_is_not_clamped() -> None:
    assert TileStats(level=MIDI, flops=300, total_ns=1).cache_efficiency(100) == 3.0


@pytest.mark.parametrize("peak", [-1.0, float("nan"), float("inf")])
def test_bad_peak(peak: float) -> None:
    with pytest.raises(ValueError, match="peak_gflops"):
        TileStats(level=MIDI).cache_efficiency(peak)


@pytest.mark.parametrize("p", [-1, 101, float("nan")])
def test_bad_percentile(p: float) -> None:
    with pytest.raises(ValueError, match="p must be in"):
        TileStats(level=MIDI).percentile_ns(p)


def test_statistics_cannot_change() -> None:
    with pytest.raises(FrozenInstanceError):
        TileStats(level=MIDI).count = 1  # type: ignore[misc]


def test_histogram_of_the_sum_has_no_empty_buckets() -> None:
    assert merge_histograms([((1, 2), (5, 1)), ((1, 1),)]) == ((1, 3), (5, 1))
