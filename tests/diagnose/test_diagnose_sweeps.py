"""What a sweep over thread counts shows is found, and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.diagnose import Finding, diagnose_sweep


@dataclass(frozen=True)
class Point:
    """A thread count whose median is known within some share."""

    threads: int
    median_ns: int
    spread: float = 0.02
    rounds: int = 10

    @property
    def interval_ns(self) -> tuple[int, int]:
        """The median, less and plus half the spread."""
        half = self.spread / 2
        return round(self.median_ns * (1 - half)), round(self.median_ns * (1 + half))


@dataclass(frozen=True)
class Sweep:
    """Points that do the same work."""

    points: tuple[Point, ...]
    budget: int = 64
    work: float = 1.0
    unit: str = "tok"

    def throughput(self, point: Point) -> float:
        """Return the work per second."""
        return self.work * 1e9 / point.median_ns if point.median_ns else 0.0


def swept(
    times_ms: dict[int, float], budget: int = 64, spread: float = 0.02, rounds: int = 10
) -> Sweep:
    """Return a sweep of these medians by thread count."""
    return Sweep(
        tuple(Point(n, round(ms * 1e6), spread, rounds) for n, ms in times_ms.items()), budget
    )


def only(sweep: Sweep) -> Finding:
    """Return the one finding that a sweep must give."""
    found = diagnose_sweep(sweep)
    assert len(found) == 1, [one.code for one in found]
    return found[0]


CHAPTER = {8: 56.0, 16: 39.4, 24: 47.0, 48: 80.6}
"""Milliseconds for a token: with a thread for each of 48 logical cores, and with 16."""


def test_fewer_threads_are_twice_as_fast() -> None:
    finding = only(swept(CHAPTER, budget=48))
    assert (finding.code, finding.brick, finding.level) == ("thread-overhead", None, None)
    assert finding.symptom == "48 threads take 2.05 times as long as 16"
    assert finding.evidence.startswith("12.4 tok/s with 48 threads, 25.4 tok/s with 16 threads; ")
    assert dict(finding.figures)["ratio"] == pytest.approx(2.05, abs=0.005)
    assert finding.action.startswith("Reduce threads to 16 ")
    assert finding.weight == 80_600_000 - 39_400_000


def test_counts_beyond_the_budget_are_oversubscription() -> None:
    finding = only(swept({1: 80.0, 2: 42.0, 4: 50.0, 8: 70.0}, budget=2))
    assert finding.code == "oversubscription"
    assert finding.symptom.startswith("8 threads take 1.67 times as long as 2")
    assert "More threads than the 2 " in finding.cause


def test_both_are_told_apart() -> None:
    found = diagnose_sweep(swept(CHAPTER, budget=24))
    assert [one.code for one in found] == ["oversubscription", "thread-overhead"]
    assert [dict(one.figures)["threads"] for one in found] == [48, 24]


def test_twice_the_threads_without_gain() -> None:
    finding = only(swept({1: 100.0, 2: 52.0, 4: 50.0, 8: 50.5}, budget=8))
    assert finding.code == "no-gain"
    assert finding.symptom == "4 threads are hardly faster than 2"
    assert dict(finding.figures)["gain"] == pytest.approx(52 / 50)
    assert finding.action.startswith("Use 2 threads")
    assert finding.weight == 50e6 - 26e6


def test_wide_intervals_are_a_noisy_machine() -> None:
    finding = only(swept({1: 100.0, 2: 55.0}, budget=2, spread=0.3))
    assert finding.code == "noisy-machine"
    assert dict(finding.figures)["width_share"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    "sweep",
    [
        swept({1: 100.0, 2: 52.0, 4: 28.0, 8: 16.0}),
        swept({1: 100.0, 2: 52.0, 4: 53.0}, budget=2),
        swept({3: 100.0}),
        swept({}),
        swept({1: 0.0, 2: 0.0}),
        # Neither a loss nor its absence is certain where intervals overlap.
        swept({1: 100.0, 2: 110.0}, budget=1, spread=0.15),
        swept(CHAPTER, rounds=5),
    ],
)
def test_what_scales_or_cannot_be_told_is_no_finding(sweep: Sweep) -> None:
    assert diagnose_sweep(sweep) == ()


def test_a_loss_that_hardly_matters_is_none() -> None:
    assert diagnose_sweep(swept({1: 100.0, 2: 103.0}, budget=1, spread=0.001)) == ()


points = st.builds(
    Point,
    threads=st.integers(1, 64),
    median_ns=st.integers(0, 2**62),
    spread=st.floats(0, 1.9),
    rounds=st.integers(1, 20),
)


@given(st.lists(points, unique_by=lambda point: point.threads), st.integers(1, 64))
def test_any_sweep_gives_findings_in_order(listed: list[Point], budget: int) -> None:
    found = diagnose_sweep(Sweep(tuple(listed), budget))
    assert found == diagnose_sweep(Sweep(tuple(reversed(listed)), budget))
    weights = [one.weight for one in found]
    assert weights == sorted(weights, reverse=True)
    for one in found:
        assert math.isfinite(one.weight) and one.weight >= 0
        assert all(math.isfinite(value) for _, value in one.figures)
        text = " ".join((one.symptom, one.evidence, one.cause, one.action)).lower()
        assert not {"nan", "inf"} & set(text.replace(",", " ").split())
        if one.code in ("thread-overhead", "oversubscription"):
            figures = dict(one.figures)
            assert figures["threads"] > figures["best_threads"] and figures["ratio"] >= 1.05
            assert (figures["threads"] > budget) == (one.code == "oversubscription")
    assert len({one.code for one in found}) == len(found)
