"""Budgets are kept, exceeded, or cannot be told; shares of categories add up to all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from support.entry_points import MACRO
from support.made_recordings import ROOFS, made
from support.report_cases import RECORDINGS
from support.strategies import recordings

import brickprof as bp
from brickprof.diagnose.budgets import Kept, check_budgets
from brickprof.diagnose.categories import category_shares
from brickprof.recording import Budget, Recording, merge_recordings


def manual() -> bp.BrickProfiler:
    """Return a profiler that is on, whose clock moves by hand."""
    prof = bp.BrickProfiler(clock="manual")
    prof.enable_tile_profiling()
    return prof


def calls(prof: bp.BrickProfiler, *times: int, category: str | None = None) -> None:
    """Make calls of a brick that take so long, and do a flop each nanosecond."""
    for ns in times:
        with prof.brick("gemm", category=category), prof.tile(MACRO, 0, 0, flops=ns, nbytes=ns):
            prof.advance(ns)


def verdicts(prof: bp.BrickProfiler) -> list[Kept]:
    """Return whether each limit was kept."""
    return [one.kept for one in prof.check_budgets()]


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"ns": 500}, Kept.YES),  # the mean is exact
        ({"ns": 499}, Kept.NO),
        ({"ns": 120, "percentile": 50}, Kept.YES),
        ({"ns": 90, "percentile": 50}, Kept.NO),
        ({"ns": 1280, "percentile": 99}, Kept.NO),
        ({"ns": 1320, "percentile": 100}, Kept.YES),
        ({"gflops": 0.98}, Kept.YES),
        ({"gflops": 1.02}, Kept.NO),
        ({"efficiency": 0.01}, Kept.CANNOT_TELL),
    ],
)
def test_limits_of_a_brick(limits: dict[str, float], kept: Kept) -> None:
    prof = manual()
    prof.budget("gemm", **limits)  # type: ignore[arg-type]
    calls(prof, 100, 100, 1300)
    assert verdicts(prof) == [kept]


def test_efficiency_is_that_of_the_coarsest_level_with_flops() -> None:
    for efficiency, kept in ((0.9, Kept.YES), (0.95, Kept.NO)):
        budget = Budget(name="gemm", efficiency=efficiency)
        assert check_budgets(made(budgets=(budget,)))[0].kept is kept
        without = check_budgets(made(budgets=(budget,), roofs=None))[0]
        assert (without.kept, without.reached) == (Kept.CANNOT_TELL, None)
        assert str(without).endswith("efficiency >= 90.0 %: no roofs") or efficiency > 0.9
        assert check_budgets(made(budgets=(budget,), roofs=None), ROOFS)[0].kept is kept


def test_what_was_never_recorded_exceeded_its_budget() -> None:
    prof = manual()
    prof.budget("gemm", ns=1e9, gflops=1)
    prof.budget("norm", of="category", ns=1e9)
    results = prof.check_budgets()
    assert [one.kept for one in results] == [Kept.NO] * 3
    assert str(results[0]) == "brick gemm: exceeded: mean call <= 1.00 s: not recorded"
    assert [one.limit for one in results] == ["ns", "gflops", "ns"]
    assert results[2].reason == "not recorded"
    with prof.brick("gemm"):
        results = prof.check_budgets()
        assert [one.kept for one in results] == [Kept.CANNOT_TELL] * 3  # no call has ended
        assert str(results[0]).endswith("cannot tell: mean call <= 1.00 s: no call ended")
        assert Recording.from_json(prof.recording().to_json()) == prof.recording()
    assert verdicts(prof) == [Kept.YES, Kept.CANNOT_TELL, Kept.NO]  # the second of no flops


def test_only_what_was_kept_is_true() -> None:
    prof = manual()
    prof.budget("gemm", ns=100)
    prof.budget("gemm", efficiency=0.5)
    prof.budget("norm", ns=100)
    calls(prof, 50)
    results = prof.check_budgets()
    assert [one.kept for one in results] == [Kept.YES, Kept.CANNOT_TELL, Kept.NO]
    assert [bool(one) for one in results] == [True, False, False]
    assert [bool(one.kept) for one in results] == [True, False, False]


def test_recordings_with_budgets_that_no_profiler_takes_now_can_be_read() -> None:
    recording = made(budgets=(Budget(name="gemm", efficiency=80.0),))
    assert Recording.from_json(recording.to_json()) == recording


def test_a_later_budget_replaces_one_of_the_same_name_and_outlives_a_reset() -> None:
    prof = manual()
    prof.budget("gemm", ns=1)
    prof.budget("gemm", ns=200)
    prof.budget("gemm", ns=300, percentile=99)
    prof.budget("gemm", gflops=0.5)
    calls(prof, 100)
    prof.reset_tile_stats()
    calls(prof, 150)
    recording = prof.recording()
    assert [one.ns for one in recording.budgets] == [200, 300]
    assert recording.budgets[0].gflops == 0.5
    assert verdicts(prof) == [Kept.YES] * 3
    assert Recording.from_json(recording.to_json()) == recording


def test_merged_recordings_are_held_to_all_budgets() -> None:
    parts = []
    for limit in (100, 300, 300):
        prof = manual()
        prof.budget("gemm", ns=limit)
        calls(prof, limit)
        parts.append(prof.recording())
    merged = merge_recordings(parts)
    assert [(one.allowed, one.reached, one.kept) for one in check_budgets(merged)] == [
        (100, 700 / 3, Kept.NO),
        (300, 700 / 3, Kept.YES),
    ]


def test_a_category_has_its_own_calls_and_time() -> None:
    prof = manual()
    prof.budget("attention", of="category", ns=15)
    for _ in range(2):
        with prof.brick("step"):
            prof.advance(1)
            with prof.brick("softmax", category="attention"):
                prof.advance(10)
                calls(prof, 3)  # inherits the category
                with prof.brick("norm", category="norm"):
                    prof.advance(100)
    shares = {one.category: one for one in category_shares(prof.recording().brick_paths)}
    assert list(shares) == ["norm", "attention", ""]
    attention = shares["attention"]
    assert (attention.calls, attention.self_ns, attention.call_ns) == (2, 26, 13)
    assert attention.bricks == ("gemm", "softmax")
    assert attention.share == 26 / 228
    assert verdicts(prof) == [Kept.YES]


def test_calls_inside_a_category_are_not_its_own_whatever_is_between() -> None:
    prof = manual()
    prof.budget("c", of="category", ns=20)
    with prof.brick("outer", category="c"):
        prof.advance(10)
        with prof.brick("inner", category="d"):
            for _ in range(3):
                with prof.brick("deep", category="c"):
                    prof.advance(5)
    shares = {one.category: one for one in category_shares(prof.recording().brick_paths)}
    assert (shares["c"].calls, shares["c"].call_ns, shares["d"].calls) == (1, 25, 1)
    assert verdicts(prof) == [Kept.NO]


def test_without_categories_there_are_no_shares() -> None:
    prof = manual()
    calls(prof, 5)
    assert category_shares(prof.recording().brick_paths) == ()


@given(recordings())
def test_shares_add_up_and_every_limit_has_a_result(recording: Recording) -> None:
    shares = category_shares(recording.brick_paths)
    if shares:
        assert sum(one.self_ns for one in shares) == sum(
            one.self_ns for one in recording.brick_paths
        )
        assert sum(one.share for one in shares) == pytest.approx(1) or not shares[0].self_ns
    names = ("ns", "gflops", "efficiency")
    limits = sum(getattr(one, name) is not None for one in recording.budgets for name in names)
    results = check_budgets(recording)
    assert len(results) == limits
    for one in results:
        assert (one.kept is Kept.CANNOT_TELL) <= (one.reached is None)
        assert str(one)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"name": ""}, TypeError, "name must be a name"),
        ({"name": 3}, TypeError, "name must be a name"),
        ({}, ValueError, "one of ns, gflops and efficiency must be given"),
        ({"ns": 0}, ValueError, "ns must be a finite number > 0"),
        ({"ns": "1"}, TypeError, "ns must be a finite number > 0"),
        ({"gflops": float("nan")}, ValueError, "gflops must be"),
        ({"efficiency": -1}, ValueError, "efficiency must be"),
        ({"efficiency": 80}, ValueError, "efficiency must be a fraction, of at most 2"),
        ({"ns": 1, "percentile": 101}, ValueError, "percentile must be in"),
        ({"gflops": 1, "percentile": 1}, ValueError, "percentile must be given with ns"),
        ({"ns": 1, "of": "tile"}, ValueError, "of must be one of brick, category"),
        ({"ns": 1, "of": 3}, TypeError, "of must be one of brick, category"),
        ({"gflops": 1, "of": "category"}, ValueError, "gflops is not known of a category"),
        ({"ns": 1, "percentile": 5, "of": "category"}, ValueError, "percentile is not known"),
    ],
)
def test_wrong_budgets_change_nothing(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    prof = manual()
    with pytest.raises(error, match=message):
        prof.budget(**{"name": "gemm"} | given)
    assert prof.recording().budgets == ()


def test_what_may_be_checked() -> None:
    with pytest.raises(TypeError, match="recording_or_summary must be"):
        check_budgets(3)  # type: ignore[arg-type]


def test_the_report_is_the_same_without_budgets_and_categories() -> None:
    recording = replace(RECORDINGS["budgets"], budgets=(), brick_paths=())
    from brickprof.reports import render

    for output in ("text", "markdown", "json"):
        text = render(output, recording)
        assert isinstance(text, str)
        assert "udget" not in text and "ategor" not in text
