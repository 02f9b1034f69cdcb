"""Which level changed: found whatever the machine did, and never one that only looks so."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickprof.diagnose.change import Change, Difference, Verdict
from brickprof.diagnose.level_changes import AMBIGUOUS, level_changes

TESTS = 7
LEVELS = ("MACRO", "MIDI", "MICRO")
SHARES = {"MACRO": 0.2, "MIDI": 0.3, "MICRO": 0.5}
QUIET, DISTURBED = 0.012, 0.1
"""Errors of the time of all levels, as a logarithm."""


def changes(
    own: dict[str, float], machine: float, error: float, share_error: float = 0.004
) -> dict[str, Change]:
    """Return what is told of levels whose own time changed by a fraction, and all by another."""
    before = {level: SHARES[level] for level in own}
    after = {level: before[level] * (1 + own[level]) for level in own}
    total_before, total_after = sum(before.values()), sum(after.values())
    shares = {
        level: Difference(
            math.log(after[level] / total_after / (before[level] / total_before)),
            share_error,
            (1, 1),
            24.0,
        )
        for level in own
    }
    common = Difference(math.log(total_after / total_before * (1 + machine)), error, (1, 1), 24.0)
    return level_changes(shares, common, TESTS)


def verdicts(found: dict[str, Change]) -> list[str]:
    """Return the verdict of each level."""
    return [change.verdict.value for change in found.values()]


@given(st.sampled_from(LEVELS), st.sampled_from([-0.08, 0.08]), st.floats(-0.1, 0.1))
def test_a_level_that_changed_is_found_whatever_the_machine_did(
    level: str, by: float, machine: float
) -> None:
    found = changes({one: by * (one == level) for one in LEVELS}, machine, DISTURBED)
    for name, change in found.items():
        if name == level:
            assert change.verdict is (Verdict.SLOWER if by > 0 else Verdict.FASTER)
            assert change.ratio == pytest.approx(1 + by, rel=1e-3)
            assert change.low is not None and change.high is not None
            assert change.low < 1 + by < change.high
        else:
            assert change.verdict is Verdict.NO_DIFFERENCE
            assert change.ratio == pytest.approx(1, rel=1e-3)


@given(st.floats(-0.2, 0.2))
def test_a_machine_that_was_slower_changes_no_level(machine: float) -> None:
    found = changes(dict.fromkeys(LEVELS, 0.0), machine, DISTURBED)
    assert set(verdicts(found)) == {"no difference"}


def test_two_levels_that_are_faster_make_the_third_no_slower() -> None:
    found = changes({"MACRO": 0.0, "MIDI": -0.2, "MICRO": -0.2}, 0.0, QUIET)
    assert verdicts(found) == ["no difference", "faster", "faster"]


def test_of_two_levels_the_one_that_fits_the_time_of_both_changed() -> None:
    found = changes({"MACRO": 0.0, "MICRO": 0.1}, 0.0, QUIET)
    assert verdicts(found) == ["no difference", "slower"]
    found = changes({"MACRO": -0.1, "MICRO": 0.0}, 0.0, QUIET)
    assert verdicts(found) == ["faster", "no difference"]


def test_nothing_is_told_of_two_levels_where_the_machine_may_have_changed_too() -> None:
    found = changes({"MACRO": 0.0, "MICRO": 0.1}, 0.0, DISTURBED)
    assert set(verdicts(found)) == {"cannot tell"}
    assert found["MICRO"].reason == AMBIGUOUS


def test_what_is_relative_to_other_levels_says_so() -> None:
    found = changes({"MACRO": 0.0, "MIDI": 0.0, "MICRO": 0.08}, 0.0, DISTURBED)
    assert {change.basis for change in found.values()} == {"relative self time"}
    alone = changes(dict.fromkeys(LEVELS, 0.3), 0.0, QUIET)
    assert {change.basis for change in alone.values()} == {"self time"}


def test_a_change_within_the_error_is_none() -> None:
    small = {"MACRO": 0.0, "MIDI": 0.0, "MICRO": 0.01}
    assert set(verdicts(changes(small, 0.0, QUIET))) == {"no difference"}
    sure = changes(small, 0.0, QUIET, share_error=0.0005)
    assert sure["MICRO"].verdict is Verdict.SLOWER


@given(
    st.lists(st.floats(-0.5, 1.0), min_size=2, max_size=3),
    st.floats(-0.3, 0.3),
    st.sampled_from([QUIET, DISTURBED]),
)
def test_a_verdict_is_what_its_interval_says(
    own: list[float], machine: float, error: float
) -> None:
    for change in changes(dict(zip(LEVELS, own, strict=False)), machine, error).values():
        assert change.low is not None and change.high is not None and change.ratio is not None
        assert change.low <= change.ratio <= change.high
        if change.verdict is Verdict.SLOWER:
            assert change.low > 1
        if change.verdict is Verdict.FASTER:
            assert change.high < 1
