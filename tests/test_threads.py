"""The rule for a thread count, and the sweep that proves one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.machine import detect_machine
from brickprof.threads import SweepPoint, optimal_threads, sweep_threads

sizes = st.integers(1, 2**20)


@given(st.integers(0, 2**40), sizes, sizes, sizes, sizes)
def test_no_thread_without_its_cache_lines(
    work: int, itemsize: int, line: int, cores: int, lines: int
) -> None:
    threads = optimal_threads(work, itemsize, line, cores, lines)
    assert 1 <= threads <= cores
    if threads > 1:
        assert threads * lines * line <= work * itemsize
    if threads < cores:
        assert (threads + 1) * lines * line > work * itemsize


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_work_never_takes_fewer_threads(less: int, more: int) -> None:
    less, more = sorted((less, more))
    assert optimal_threads(less, physical_cores=64) <= optimal_threads(more, physical_cores=64)


def test_the_rule_in_numbers() -> None:
    assert optimal_threads(0) == 1
    assert optimal_threads(16, physical_cores=8) == 1
    assert optimal_threads(64, physical_cores=8) == 4
    assert optimal_threads(64, itemsize=8, physical_cores=8) == 8
    assert optimal_threads(10**9) == detect_machine().physical_cores
    assert optimal_threads(10**9, physical_cores=np.int64(3)) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("work_elements", -1, ValueError),
        ("work_elements", 1.5, TypeError),
        ("work_elements", "9", TypeError),
        ("work_elements", None, TypeError),
        ("itemsize", 0, ValueError),
        ("cache_line", 0, ValueError),
        ("cache_line", 64.0, TypeError),
        ("physical_cores", 0, ValueError),
        ("physical_cores", True, TypeError),
        ("lines_per_thread", -1, ValueError),
    ],
)
def test_bad_arguments_are_named(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{name} must be"):
        optimal_threads(**{"work_elements": 10, name: value})


class FakeClock:
    """A clock that moves only when work is done."""

    def __init__(self) -> None:
        self.now = 0
        self.calls: list[int] = []

    def work(self, threads: int) -> None:
        """Take a time that depends on the thread count, and on how often it was called."""
        self.calls.append(threads)
        self.now += 1000 // threads + 10 * self.calls.count(threads)

    def __call__(self) -> int:
        return self.now


def test_a_sweep_interleaves_its_rounds_and_leaves_out_the_first() -> None:
    clock = FakeClock()
    points = sweep_threads(clock.work, [4, 1, 2], rounds=3, clock=clock)
    assert clock.calls == [4, 1, 2] * 4
    assert points == (
        SweepPoint(4, 280, 270, 3),
        SweepPoint(1, 1030, 1020, 3),
        SweepPoint(2, 530, 520, 3),
    )


def test_a_sweep_takes_any_iterable_and_times_by_itself() -> None:
    (point,) = sweep_threads(lambda threads: None, (count for count in [1]), rounds=1)
    assert (point.threads, point.rounds) == (1, 1)
    assert point.median_ns == point.best_ns >= 0


@pytest.mark.parametrize(
    "counts, rounds, error, message",
    [
        ([], 1, ValueError, "counts must hold"),
        ([1, 0], 1, ValueError, r"counts\[1\] must be >= 1"),
        ([2.5], 1, TypeError, r"counts\[0\] must be"),
        ([True], 1, TypeError, r"counts\[0\] must be"),
        ([1], 0, ValueError, "rounds must be"),
        ([1], 1.5, TypeError, "rounds must be"),
    ],
)
def test_bad_sweeps_call_nothing(
    counts: Iterable[int], rounds: Any, error: type[Exception], message: str
) -> None:
    called: list[int] = []
    with pytest.raises(error, match=f"^{message}"):
        sweep_threads(called.append, counts, rounds)
    assert not called
