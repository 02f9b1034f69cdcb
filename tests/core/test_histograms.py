"""Histograms against the raw samples that they stand for."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brickprof.core.histograms import (
    BUCKETS,
    Histogram,
    bucket_bounds,
    bucket_of,
    merge_histograms,
    percentile_ns,
)

TIMES = st.one_of(st.integers(0, 200), st.integers(0, 2**64 - 1))
SAMPLES = st.lists(TIMES, min_size=1, max_size=50)
PERCENTILES = st.one_of(st.integers(0, 100), st.integers(0, 1000).map(lambda p: p / 10))


def histogram_of(samples: list[int]) -> Histogram:
    """Count samples bucket by bucket, the slow way."""
    buckets = [bucket_of(sample) for sample in samples]
    return tuple((bucket, buckets.count(bucket)) for bucket in sorted(set(buckets)))


def nearest_rank(samples: list[int], p: float) -> int:
    """Return the exact nearest-rank percentile."""
    rank = math.ceil(Fraction(str(p)) * len(samples) / 100)
    return sorted(samples)[max(rank, 1) - 1]


@given(TIMES)
@example(2**64 - 1)
@example(63)
@example(64)
def test_a_time_is_within_the_bounds_of_its_bucket(time: int) -> None:
    low, high = bucket_bounds(bucket_of(time))
    assert low <= time <= high


def test_buckets_partition_the_times() -> None:
    expected = 0
    for bucket in range(BUCKETS):
        low, high = bucket_bounds(bucket)
        assert low == expected
        assert bucket_of(low) == bucket_of(high) == bucket
        assert (high - low) * 32 <= low
        if low < 64:
            assert low == high == bucket
        expected = high + 1
    assert expected == 2**64


@given(TIMES, TIMES)
def test_buckets_are_monotone(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert bucket_of(low) <= bucket_of(high)


@pytest.mark.parametrize("time", [-1, 2**64])
def test_time_out_of_range(time: int) -> None:
    with pytest.raises(ValueError, match="time_ns"):
        bucket_of(time)


@pytest.mark.parametrize("bucket", [-1, BUCKETS])
def test_bucket_out_of_range(bucket: int) -> None:
    with pytest.raises(ValueError, match="bucket"):
        bucket_bounds(bucket)


@given(st.lists(SAMPLES, max_size=4))
def test_merge_is_the_histogram_of_all_samples(lists: list[list[int]]) -> None:
    merged = merge_histograms(histogram_of(samples) for samples in lists)
    assert merged == histogram_of([sample for samples in lists for sample in samples])


@given(SAMPLES, PERCENTILES)
def test_percentile_is_within_a_64th_of_the_exact_one(samples: list[int], p: float) -> None:
    exact = nearest_rank(samples, p)
    estimate = percentile_ns(histogram_of(samples), p, min(samples), max(samples))
    assert abs(estimate - exact) * 64 <= exact
    assert min(samples) <= estimate <= max(samples)


@given(SAMPLES)
def test_extreme_percentiles_are_exact(samples: list[int]) -> None:
    histogram = histogram_of(samples)
    assert percentile_ns(histogram, 0, min(samples), max(samples)) == min(samples)
    assert percentile_ns(histogram, 100, min(samples), max(samples)) == max(samples)


@given(SAMPLES, PERCENTILES, PERCENTILES)
def test_percentile_is_monotone(samples: list[int], one: float, other: float) -> None:
    histogram, extremes = histogram_of(samples), (min(samples), max(samples))
    low, high = sorted((one, other))
    assert percentile_ns(histogram, low, *extremes) <= percentile_ns(histogram, high, *extremes)


def test_ranks_are_exact_at_every_tenth_of_a_percent() -> None:
    samples = [number // 20 for number in range(1000)]  # times below 64 ns are kept exactly
    histogram = histogram_of(samples)
    for tenths in range(1001):
        assert percentile_ns(histogram, tenths / 10, 0, 49) == samples[max(tenths, 1) - 1]


def test_ranks_are_exact_beyond_the_integers_of_a_float() -> None:
    half = 2**60
    histogram = ((1, half), (2, half + 1))
    assert percentile_ns(histogram, 50, 1, 2) == 2
    assert percentile_ns(((1, half), (2, half)), 50, 1, 2) == 1


def test_percentile_without_samples_is_zero() -> None:
    assert percentile_ns((), 50, 0, 0) == 0


@pytest.mark.parametrize("p", [-0.1, 100.1, float("nan"), float("inf")])
def test_percentile_out_of_range(p: float) -> None:
    with pytest.raises(ValueError, match=r"p must be in \[0, 100\]"):
        percentile_ns(((1, 1),), p, 1, 1)
