"""The rule for a thread count, thread counts of a model, and pools set to one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from brickprof import plan_gemm
from brickprof.machine import detect_machine
from brickprof.planning import budget
from brickprof.tuning.threads import (
    LINES_PER_THREAD,
    ThreadConfig,
    configure_optimal_thread_pool,
    optimal_threads,
)

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


# Phases of a model.


@given(sizes, sizes, st.integers(1, 64), st.integers(1, 4096))
def test_prefill_never_has_fewer_threads(hidden: int, tokens: int, lines: int, most: int) -> None:
    config = ThreadConfig.for_model(hidden, tokens, lines_per_thread=lines, budget=most)
    assert 1 <= config.decode <= config.prefill <= most
    assert config.decode == optimal_threads(hidden, 4, 64, most, lines)
    assert config.prefill == optimal_threads(hidden * tokens, 4, 64, most, lines)
    assert (config.threads("decode"), config.threads("prefill")) == (config.decode, config.prefill)


def test_a_model_of_1536_elements_decodes_on_16_of_24_cores() -> None:
    assert LINES_PER_THREAD == 6
    assert ThreadConfig.for_model(1536, 128, budget=24) == ThreadConfig(prefill=24, decode=16)
    assert ThreadConfig.for_model(1536, 128, itemsize=2, budget=24) == ThreadConfig(24, 8)


def test_a_model_stays_within_this_machines_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "detect_machine", lambda: machine(physical=5, usable=3))
    assert ThreadConfig.for_model(10**6, 10) == ThreadConfig(3, 3)


def test_thread_configs_are_frozen_ints() -> None:
    config = ThreadConfig(np.int64(3), np.int32(2))  # type: ignore[arg-type]
    assert (type(config.prefill), type(config.decode)) == (int, int)
    with pytest.raises(FrozenInstanceError):
        config.decode = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "prefill, decode, error, message",
    [
        (0, 1, ValueError, r"prefill must be in \[1, 4096\]"),
        (4097, 1, ValueError, "prefill must be in"),
        (2, 1.5, TypeError, "decode must be an integer"),
        (True, 1, TypeError, "prefill must be an integer"),
        (2, 3, ValueError, r"decode must be at most prefill \(2\), got 3"),
    ],
)
def test_bad_thread_configs(
    prefill: Any, decode: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        ThreadConfig(prefill, decode)


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("hidden", 0, ValueError),
        ("tokens", 0, ValueError),
        ("tokens", 2.0, TypeError),
        ("itemsize", 0, ValueError),
        ("lines_per_thread", 0, ValueError),
        ("budget", 0, ValueError),
        ("budget", "2", TypeError),
    ],
)
def test_bad_models_are_named(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{name} must be"):
        ThreadConfig.for_model(**{"hidden": 64, "tokens": 8, name: value})


def test_an_unknown_phase() -> None:
    with pytest.raises(ValueError, match="^phase must be 'prefill' or 'decode', got 'both'"):
        ThreadConfig(2, 1).threads("both")


# Pools.


def machine(physical: int, usable: int) -> Any:
    """Return this machine with other cores."""
    cores = max(physical, usable)
    return replace(
        detect_machine(), physical_cores=physical, usable_cores=usable, logical_cores=cores
    )


def pools() -> dict[str, int]:
    """Return the thread count of every pool in the process."""
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


@pytest.fixture
def undecided(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without a choice and without variables on 6 cores, 3 of them usable; undo all."""
    for name in budget.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(budget, "detect_machine", lambda: machine(physical=6, usable=3))
    with configure_optimal_thread_pool(threads=2):
        budget.set_default_threads(None)
        yield
    budget.set_default_threads(None)


@pytest.mark.usefixtures("undecided")
@pytest.mark.parametrize(
    "arguments, ours, theirs, wanted",
    [
        ({}, None, None, (3, "rule")),
        ({"work": 10**6}, None, None, (3, "rule")),
        ({"work": np.int64(32)}, None, None, (2, "rule")),
        ({"work": 32, "itemsize": 2}, None, None, (1, "rule")),
        ({"work": 1536, "lines_per_thread": 48}, None, None, (2, "rule")),
        ({"work": 0}, None, None, (1, "rule")),
        ({"work": 16}, None, "5,2", (5, "OMP_NUM_THREADS")),
        ({"work": 16}, "4", "5", (4, "BRICKPROF_NUM_THREADS")),
        ({}, " ", "5", (5, "OMP_NUM_THREADS")),
        ({"work": 16, "threads": 7}, "4", "5", (7, "argument")),
        ({"threads": np.int32(7)}, None, None, (7, "argument")),
    ],
)
def test_what_decides(
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    ours: str | None,
    theirs: str | None,
    wanted: tuple[int, str],
) -> None:
    for name, value in zip(budget.VARIABLES, (ours, theirs), strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    with configure_optimal_thread_pool(**arguments) as pool:
        assert (pool.threads, pool.source) == wanted
        assert type(pool.threads) is int
        assert budget.default_threads() == pool.threads
        assert set(pools().values()) == {pool.threads}


@pytest.mark.usefixtures("undecided")
def test_pools_are_set_at_once_and_stay_set() -> None:
    assert pools()  # NumPy's BLAS, at least
    configure_optimal_thread_pool(threads=1)
    assert (budget.default_threads(), set(pools().values())) == (1, {1})
    assert plan_gemm(512, 512, 512).threads == 1
    pool = configure_optimal_thread_pool(threads=3)
    assert (budget.default_threads(), set(pools().values())) == (3, {3})
    assert plan_gemm(512, 512, 512).threads == 3
    pool.restore()
    assert (budget.default_threads(), set(pools().values())) == (1, {1})
    budget.set_default_threads(2)
    pool.restore()
    assert budget.default_threads() == 2


@pytest.mark.usefixtures("undecided")
def test_nested_pools_are_restored_one_by_one() -> None:
    before = pools()
    with configure_optimal_thread_pool(threads=1):
        with configure_optimal_thread_pool(threads=3), configure_optimal_thread_pool(threads=1):
            assert (budget.default_threads(), set(pools().values())) == (1, {1})
        assert (budget.default_threads(), set(pools().values())) == (1, {1})
        with configure_optimal_thread_pool(threads=3):
            assert (budget.default_threads(), set(pools().values())) == (3, {3})
        assert (budget.default_threads(), set(pools().values())) == (1, {1})
    assert pools() == before
    assert budget.set_default_threads(None) is None  # as undecided as it was


@pytest.mark.usefixtures("undecided")
def test_pools_of_unlike_sizes_are_restored_after_an_error() -> None:
    budget.set_default_threads(3)
    before = pools()
    with pytest.raises(KeyError), configure_optimal_thread_pool(threads=1) as pool:
        raise KeyError
    assert (budget.default_threads(), pools()) == (3, before)
    with pytest.raises(RuntimeError, match="configure them again"), pool:
        pass
    assert (budget.default_threads(), pools()) == (3, before)


@pytest.mark.usefixtures("undecided")
@pytest.mark.parametrize(
    "name, value, error",
    [
        ("threads", 0, ValueError),
        ("threads", 4097, ValueError),
        ("threads", 1.0, TypeError),
        ("threads", True, TypeError),
        ("work", -1, ValueError),
        ("work", 1.5, TypeError),
        ("itemsize", 0, ValueError),
        ("lines_per_thread", 0, ValueError),
    ],
)
def test_bad_arguments_change_no_pool(name: str, value: Any, error: type[Exception]) -> None:
    budget.set_default_threads(3)
    before = pools()
    with pytest.raises(error, match=f"^{name} must be"):
        configure_optimal_thread_pool(**{"threads": 1, name: value})
    assert (budget.default_threads(), pools()) == (3, before)


@pytest.mark.usefixtures("undecided")
@pytest.mark.parametrize("name", budget.VARIABLES)
def test_bad_variables_change_no_pool(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    budget.set_default_threads(3)
    before = pools()
    monkeypatch.setenv(name, "many")
    with pytest.raises(ValueError, match=f"^{name} must be .* got 'many'"):
        configure_optimal_thread_pool(work=1)
    assert (budget.default_threads(), pools()) == (3, before)
