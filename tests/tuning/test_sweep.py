"""Sweeps of thread counts, on a clock that moves only when work is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.core.errors import SweepError
from brickprof.planning.budget import thread_budget
from brickprof.tuning.medians import MIN_ROUNDS
from brickprof.tuning.scalability import fit_scalability
from brickprof.tuning.sweep import Sweep, SweepPoint, sweep_threads

Cost = Callable[[int, int], int]


class FakeClock:
    """A clock that moves only when work is done, by what the cost of a call says."""

    def __init__(self, cost: Cost) -> None:
        self.cost = cost
        self.now = 0
        self.calls: list[int] = []

    def work(self, threads: int) -> None:
        """Take the time of this thread count's next call."""
        self.calls.append(threads)
        self.now += self.cost(threads, self.calls.count(threads) - 1)

    def __call__(self) -> int:
        return self.now


def steady(threads: int, call: int) -> int:
    """Return a time that a call takes whenever it comes, but a hundredfold while warming up."""
    return (100 if call == 0 else 1) * 12_000 // threads


def jittery(threads: int, call: int) -> int:
    """Return times that overlap between thread counts."""
    return 1000 + threads + 500 * (call % 2)


def swept(cost: Cost, counts: Iterable[int], **options: Any) -> tuple[Sweep, FakeClock]:
    """Sweep on a fake clock."""
    clock = FakeClock(cost)
    return sweep_threads(clock.work, counts, clock=clock, **options), clock


def saved(points: dict[int, tuple[int, ...]], work: float = 6.0) -> Sweep:
    """Return a sweep of given times."""
    made = tuple(SweepPoint(threads, times) for threads, times in points.items())
    return Sweep(made, work, "tokens", 3, 4, None)


# Measuring.


def test_times_are_those_of_calls_after_the_first() -> None:
    sweep, clock = swept(steady, [4, 1, 2], rounds=3)
    assert [(point.threads, point.times_ns) for point in sweep] == [
        (4, (3_000,) * 3),
        (1, (12_000,) * 3),
        (2, (6_000,) * 3),
    ]
    assert clock.calls[:3] == [4, 1, 2]
    assert (len(sweep), sweep.dropped) == (3, ())


def test_rounds_are_interleaved_and_every_other_is_reversed() -> None:
    _, clock = swept(jittery, range(1, 9), rounds=10)
    rounds = [tuple(clock.calls[start : start + 8]) for start in range(8, len(clock.calls), 8)]
    assert len(rounds) == 10
    assert all(sorted(one) == list(range(1, 9)) for one in rounds)
    assert all(rounds[i + 1] == rounds[i][::-1] for i in range(0, 10, 2))
    assert len(set(rounds)) == 10
    assert swept(jittery, range(1, 9), rounds=10)[1].calls == clock.calls


def test_a_drift_favours_no_count() -> None:
    calls = iter(range(1000))
    sweep, _ = swept(lambda threads, call: 1000 + next(calls), range(1, 9), rounds=12)
    assert len({sum(point.times_ns) for point in sweep}) == 1


def test_what_is_clearly_slower_is_dropped_after_the_least_rounds() -> None:
    sweep, clock = swept(steady, [1, 4, 2], rounds=9)
    assert {point.threads: point.rounds for point in sweep} == {1: 6, 2: 6, 4: 9}
    assert sweep.dropped == (1, 2)
    assert Counter(clock.calls) == {1: 7, 2: 7, 4: 10}
    assert MIN_ROUNDS == 6


def test_what_may_be_as_fast_is_kept() -> None:
    sweep, _ = swept(jittery, [1, 4, 2], rounds=20)
    assert (sweep.dropped, {point.rounds for point in sweep}) == ((), {20})


def test_a_count_is_dropped_once_its_interval_leaves_the_bests() -> None:
    def cost(threads: int, call: int) -> int:
        return 100 if call == 3 else 100 + threads  # the best time of each is the same

    sweep, _ = swept(cost, [1, 2], rounds=20)
    # With nine rounds the second least time is the low end, and the slow call no longer counts.
    assert {point.threads: point.rounds for point in sweep} == {1: 20, 2: 9}


def test_progress_is_reported_before_each_round() -> None:
    reported: list[tuple[float, str]] = []
    swept(steady, [1, 2], rounds=8, progress=lambda share, what: reported.append((share, what)))
    assert reported[0] == (0.0, "warming up")
    assert reported[1] == (0.0, "round 1 of 8, 2 thread counts")
    assert reported[-1] == (7 / 8, "round 8 of 8, 1 thread count")
    assert len(reported) == 9


def test_a_sweep_takes_any_iterable_and_times_by_itself() -> None:
    sweep = sweep_threads(lambda threads: None, iter([np.int64(1), 1]), rounds=1)  # type: ignore[list-item]
    (point,) = sweep
    assert (point.threads, point.rounds, type(point.threads)) == (1, 1, int)
    assert point.median_ns == point.best_ns >= 0
    assert (sweep.unit, sweep.work, sweep.scalability) == ("calls", 1.0, None)
    assert sweep.rule == sweep.budget == thread_budget()


def test_the_law_is_that_of_all_counts() -> None:
    def cost(threads: int, call: int) -> int:
        return round(1e9 * (1 + 0.02 * threads * (threads - 1)) / threads)

    sweep, _ = swept(cost, [1, 2, 4, 8, 16], rounds=8, work=3.0, unit="tokens", rule=2)
    assert sweep.dropped == (1, 2, 4, 16)
    law = sweep.scalability
    assert law is not None
    assert law == fit_scalability([1, 2, 4, 8, 16], [sweep.throughput(point) for point in sweep])
    assert law.optimum == pytest.approx(50**0.5)
    assert (law.gamma, law.beta) == (pytest.approx(3), pytest.approx(0.02))
    assert (sweep.best.threads, sweep.rule, sweep.unit) == (8, 2, "tokens")


def test_no_law_of_times_too_short_for_the_clock() -> None:
    sweep, _ = swept(lambda threads, call: 0, [1, 2])
    assert sweep.scalability is None
    assert sweep.throughput(sweep.best) == 0


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"counts": []}, ValueError, "counts must hold"),
        ({"counts": [1, 0]}, ValueError, r"counts\[1\] must be in"),
        ({"counts": [5000]}, ValueError, r"counts\[0\] must be in"),
        ({"counts": [2.5]}, TypeError, r"counts\[0\] must be"),
        ({"counts": [True]}, TypeError, r"counts\[0\] must be"),
        ({"rounds": 0}, ValueError, "rounds must be"),
        ({"rounds": 1.5}, TypeError, "rounds must be"),
        ({"work": 0}, ValueError, "work must be"),
        ({"work": float("nan")}, ValueError, "work must be"),
        ({"work": 1e308}, ValueError, "work must be in"),
        ({"work": 1e-308}, ValueError, "work must be in"),
        ({"work": "1"}, TypeError, "work must be"),
        ({"unit": " "}, ValueError, "unit must not be empty"),
        ({"unit": 1}, TypeError, "unit must be a string"),
        ({"rule": 0}, ValueError, "rule must be in"),
    ],
)
def test_bad_sweeps_call_nothing(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    called: list[int] = []
    with pytest.raises(error, match=f"^{message}"):
        sweep_threads(called.append, **{"counts": [1], **options})
    assert not called


# What times say.


@given(st.integers(1, 200), st.randoms(use_true_random=False))
def test_intervals_are_those_of_order_statistics(rounds: int, random: Any) -> None:
    times = list(range(1, rounds + 1))
    random.shuffle(times)
    low, high = SweepPoint(1, tuple(times)).interval_ns
    assert (low + high, 1 <= low <= high) == (rounds + 1, True)

    def missed(rank: int) -> float:
        """Chance that the median is outside of the rank-th least and greatest."""
        return 2 * sum(comb(rounds, below) for below in range(rank)) / 2**rounds

    assert missed(low) <= 0.05 or low == 1
    assert missed(low + 1) > 0.05
    assert (missed(1) <= 0.05) == (rounds >= MIN_ROUNDS)


def test_a_point_in_numbers() -> None:
    point = SweepPoint(2, (50, 10, 20, 40, 30, 70, 60, 90, 80))
    assert (point.rounds, point.median_ns, point.best_ns) == (9, 50, 10)
    assert point.interval_ns == (20, 80)
    assert SweepPoint(2, (4, 1)).median_ns == 2
    assert SweepPoint(2, (9, 4, 5)).interval_ns == (4, 9)


def test_throughputs_are_work_per_second() -> None:
    sweep = saved({1: (3_000,), 2: (1_000, 3_000, 2_000)})
    assert [sweep.throughput(point) for point in sweep] == [2e6, 3e6]
    assert sweep.throughput_interval(sweep.points[1]) == (2e6, 6e6)
    assert sweep.dropped == (1,)


def test_of_equally_fast_counts_the_least_is_best() -> None:
    assert saved({4: (5,), 2: (5,), 1: (9,)}).best.threads == 2


# Saving.


def test_sweeps_survive_json() -> None:
    for sweep in (swept(jittery, [1, 3, 2])[0], saved({1: (3,)})):
        assert Sweep.from_json(json.loads(json.dumps(sweep.to_json()))) == sweep


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("schema", "other", "schema: expected 'brickprof-sweep', got 'other'"),
        ("version", 2, "version: schema version 2 was written by a newer brickprof; .* version 1"),
        ("version", "1", "version: expected an integer >= 1, got '1'"),
        ("points", [], "points must be"),
        ("points", {}, "points: expected a list"),
        ("points", [{"threads": 1, "times_ns": []}], r"points\[0\].times_ns must be"),
        ("points", [{"threads": 1, "times_ns": [-1]}], r"points\[0\].times_ns\[0\] must be"),
        ("points", [{"threads": 1, "times_ns": [1.5]}], r"points\[0\].times_ns\[0\] must be"),
        ("points", [{"threads": 0, "times_ns": [1]}], r"points\[0\].threads must be"),
        ("points", [{"threads": 1}], r"points\[0\].times_ns: missing"),
        ("points", [{"threads": 1, "times_ns": [1]}] * 2, "points must be of distinct"),
        ("work", 0, "work must be"),
        ("unit", "", "unit must be"),
        ("rule", 0, "rule must be"),
        ("budget", None, "budget must be"),
        ("scalability", 1, "scalability: expected an object"),
        ("scalability", {}, "scalability.counts: missing"),
    ],
)
def test_damaged_sweeps_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(SweepError, match=f"^{message}"):
        Sweep.from_json({**saved({1: (3,)}).to_json(), name: value})


def test_damage_inside_a_fit_is_named_by_its_path() -> None:
    data = swept(jittery, [1, 3, 2])[0].to_json()
    data["scalability"] = {**data["scalability"], "alpha": 2}  # type: ignore[dict-item]
    with pytest.raises(SweepError, match=r"^scalability\.alpha must be"):
        Sweep.from_json(data)


def test_unknown_fields_of_sweeps_are_ignored() -> None:
    sweep = swept(jittery, [1, 3, 2])[0]
    data = json.loads(json.dumps(sweep.to_json()))
    for part in (data, data["points"][1], data["scalability"]):
        part["more"] = 1
    assert Sweep.from_json(data) == sweep


def test_sweeps_of_other_types_are_refused() -> None:
    point = SweepPoint(1, (1,))
    with pytest.raises(SweepError, match=r"^points\[1\] must be a SweepPoint"):
        Sweep((point, 1), 1.0, "calls", 1, 1, None)  # type: ignore[arg-type]
    with pytest.raises(SweepError, match="^scalability must be a Scalability or None"):
        Sweep((point,), 1.0, "calls", 1, 1, 1)  # type: ignore[arg-type]
    with pytest.raises(SweepError, match="^times_ns must be a tuple"):
        SweepPoint(1, [1])  # type: ignore[arg-type]
