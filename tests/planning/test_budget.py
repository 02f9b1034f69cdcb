"""The thread count of kernels that are given none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from brickprof import plan_gemm
from brickprof.machine import detect_machine
from brickprof.planning import budget


@pytest.fixture(autouse=True)
def undecided(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without a choice and without variables, and forget the choice made."""
    for name in budget.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    budget.set_default_threads(None)
    yield
    budget.set_default_threads(None)


@pytest.mark.parametrize(
    "ours, theirs, wanted",
    [
        ("3", None, 3),
        (None, "5", 5),
        ("3", "5", 3),
        ("", "5", 5),
        (" 7 ", None, 7),
        (None, "4,2,1", 4),
        (None, None, None),
        ("  ", "", None),
        ("4096", None, 4096),
    ],
)
def test_variables(
    monkeypatch: pytest.MonkeyPatch, ours: str | None, theirs: str | None, wanted: int | None
) -> None:
    for name, value in zip(budget.VARIABLES, (ours, theirs), strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    found = budget.threads_from_environment()
    assert (found and found.threads) == wanted
    if found is not None:
        assert found.source == budget.VARIABLES[0 if (ours or "").strip() else 1]
        assert budget.default_threads() == wanted


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", "4097", "4,2", "9" * 5000, "1e2"])
def test_bad_values_name_the_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", value)
    with pytest.raises(ValueError, match=r"^BRICKPROF_NUM_THREADS must be .* in \[1, 4096\]"):
        budget.default_threads()


@pytest.mark.parametrize("value", ["0", ",4", "x,4"])
def test_bad_openmp_values_name_the_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    with pytest.raises(ValueError, match="^OMP_NUM_THREADS must be"):
        budget.default_threads()


@pytest.mark.parametrize("physical, usable, wanted", [(4, 8, 4), (8, 3, 3), (1, 1, 1)])
def test_the_scarcer_of_cores_and_quota(
    monkeypatch: pytest.MonkeyPatch, physical: int, usable: int, wanted: int
) -> None:
    machine = replace(
        detect_machine(), physical_cores=physical, usable_cores=usable, logical_cores=8
    )
    monkeypatch.setattr(budget, "detect_machine", lambda: machine)
    assert budget.thread_budget() == budget.default_threads() == wanted


def test_the_choice_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", "2")
    assert budget.default_threads() == 2
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", "3")
    assert budget.default_threads() == 2
    budget.set_default_threads(None)
    assert budget.default_threads() == 3
    assert budget.set_default_threads(6) == 3
    assert budget.default_threads() == 6
    assert budget.set_default_threads(None) == 6
    assert budget.set_default_threads(2) is None


def test_numpy_integers_become_ints() -> None:
    budget.set_default_threads(np.int64(2))  # type: ignore[arg-type]
    assert type(budget.default_threads()) is int
    plan = plan_gemm(np.int64(2**31), 2**31, 8, threads=np.int32(1))  # type: ignore[arg-type]
    assert (type(plan.m), type(plan.threads), plan.flops) == (int, int, 2**66)


@pytest.mark.parametrize("threads", [0, -1, 4097])
def test_out_of_range_is_refused(threads: int) -> None:
    budget.set_default_threads(2)
    with pytest.raises(ValueError, match="^threads must be"):
        budget.set_default_threads(threads)
    assert budget.default_threads() == 2


@pytest.mark.parametrize("threads", [True, 1.5, "2"])
def test_other_types_are_refused(threads: object) -> None:
    with pytest.raises(TypeError, match="^threads must be an integer"):
        budget.set_default_threads(threads)  # type: ignore[arg-type]
