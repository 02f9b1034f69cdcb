"""Proofs: turns of two candidates, here and in a fresh process."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.tuning.medians import median_interval
from brickprof.tuning.proof import MAX_QUADS, MIN_QUADS, Proof, abba, prove

MS = 1_000_000


class Work:
    """Work that moves a clock of its own."""

    def __init__(self, drift: int = 0) -> None:
        self.now, self.drift = 0, drift
        self.called: list[int] = []

    def __call__(self, ns: int) -> None:
        self.called.append(ns)
        self.now += ns + self.drift * len(self.called)

    def clock(self) -> int:
        return self.now


def test_turns_are_abba() -> None:
    work = Work()
    ratios = abba(work, {"ns": 30 * MS}, {"ns": 25 * MS}, work.clock)
    assert work.called[3:11] == [30 * MS, 25 * MS, 25 * MS, 30 * MS] * 2
    assert set(ratios) == {1.2}
    assert MIN_QUADS <= len(ratios) == 19


def test_what_is_obvious_ends_early() -> None:
    work = Work()
    assert abba(work, {"ns": 3 * MS}, {"ns": 2 * MS}, work.clock) == (1.5,) * MIN_QUADS


def test_a_steady_drift_favours_none() -> None:
    work = Work(drift=1000)
    assert set(abba(work, {"ns": 40 * MS}, {"ns": 40 * MS}, work.clock)) == {1.0}


@pytest.mark.parametrize(("ns", "calls", "quads"), [(100, 2000, 40), (500 * MS, 1, MIN_QUADS)])
def test_short_calls_are_grouped_and_long_ones_are_few(ns: int, calls: int, quads: int) -> None:
    work = Work()
    ratios = abba(work, {"ns": ns}, {"ns": ns}, work.clock)
    assert (len(ratios), len(work.called)) == (quads, 3 + 4 * calls * quads)
    assert quads <= MAX_QUADS


@given(st.lists(st.floats(0.5, 2), min_size=1, max_size=50).map(tuple))
def test_the_median_and_its_interval(ratios: tuple[float, ...]) -> None:
    proof = Proof(ratios, fresh=True)
    low, high = proof.interval
    assert (low, high) == median_interval(ratios)
    assert min(ratios) <= low <= proof.median <= high <= max(ratios)


def test_a_fresh_process_has_its_own_memory() -> None:
    here = os.getpid()

    def work(size: int) -> int:
        assert os.getpid() != here
        return sum(range(size))

    proof = prove(work, {"size": 10}, {"size": 20})
    assert (proof.fresh, proof.reason) == (True, "")
    assert len(proof.ratios) >= MIN_QUADS


def test_a_fresh_process_finds_modules_and_keeps_what_is_printed_to_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = list(sys.path)

    def work(size: int) -> None:
        import support.entry_points

        assert support.entry_points.MICRO
        assert set(path) - {""} <= set(sys.path)
        print("said")

    assert prove(work, {"size": 1}, {"size": 2}).fresh
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_pickled_is_raced_here() -> None:
    lock, seen = threading.Lock(), []

    def work(size: int) -> None:
        with lock:
            seen.append(size)

    proof = prove(work, {"size": 1}, {"size": 2})
    assert not proof.fresh
    assert proof.reason.startswith("fn cannot be pickled: ")
    assert {1, 2} == set(seen)


def test_what_fails_in_a_fresh_process_is_raced_here() -> None:
    here = os.getpid()

    def work(size: int) -> None:
        if os.getpid() != here:
            raise KeyError("data")

    proof = prove(work, {"size": 1}, {"size": 2})
    assert (proof.fresh, proof.reason) == (False, "fn failed in a fresh process: KeyError: 'data'")
