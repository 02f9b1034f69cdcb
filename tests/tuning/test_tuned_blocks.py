"""The store of tuned blocks, and the kernels as functions of their block sizes."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brickprof as bp
from brickprof.kernels.attention.spec import AttentionProblem
from brickprof.kernels.gemm.spec import GemmProblem
from brickprof.kernels.registry import KERNELS
from brickprof.kernels.spec import Problem
from brickprof.tuning.kernel_task import KernelTask
from brickprof.tuning.tuned_blocks import load_tuned, store_tuned, tuned_blocks, tuned_path

GEMM = KernelTask("gemm", GemmProblem(300, 200, 500), 1)
ATTENTION = KernelTask("attention", AttentionProblem(4, 200, 16, kv_heads=2, causal=True), 2)
TASKS = [
    GEMM,
    ATTENTION,
    KernelTask("attention", AttentionProblem(2, 300, 16), 1, "base"),
    KernelTask("gemm", GemmProblem(300, 100, 600, "float64"), 1, "base"),
]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tuned blocks in a folder of the test's own, and return their file."""
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path / "cache"))
    return tuned_path(bp.detect_machine())


@pytest.mark.parametrize("task", TASKS)
def test_all_candidates_compute_the_same(task: KernelTask) -> None:
    space, wanted = task.space(), np.copy(np.asarray(task()))
    assert space.arguments(space.candidates[0]) == task.default()
    for candidate in space.candidates:
        got = np.asarray(task(**space.arguments(candidate)))
        np.testing.assert_allclose(got, wanted, rtol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_candidates_differ_in_their_plans(task: KernelTask) -> None:
    space = task.space()
    plans = [
        replace(plan, blocks=task.blocks({}))
        for plan in (
            task.kernel.plan(task.problem, task.threads, task.isa, task.blocks(sizes))
            for sizes in map(space.arguments, space.candidates)
        )
    ]
    assert len(set(plans)) == len(plans) > 1


def test_what_was_asked_for_is_what_runs() -> None:
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    GEMM(prof, mc=56, kc=100)
    plan = bp.plan_gemm(300, 200, 500, threads=1, blocks=GEMM.blocks({"mc": 56, "kc": 100}))
    for level in bp.TileLevel:
        assert prof.tile_stats(level, "gemm").count == plan.level(level).tiles


def test_tasks_are_pickled_without_their_arrays() -> None:
    GEMM()
    data = pickle.dumps(GEMM)
    assert len(data) < 1000
    assert pickle.loads(data) == GEMM


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if kernel.blocks is not None])
def test_every_example_has_a_space(kernel: Any) -> None:
    problem: Problem
    for problem in kernel.examples:
        task = KernelTask(kernel.name, problem)
        space = task.space()
        assert space.arguments(space.candidates[0]) == task.default()


def test_stored_blocks_come_back_where_they_are_asked_for(store: Path) -> None:
    assert load_tuned(GEMM) is None
    assert store_tuned(GEMM, {"mc": 56, "kc": 100}, 1.25) == store
    store_tuned(ATTENTION, {"rows": 28}, 1.5)
    wanted = replace(bp.plan_gemm(300, 200, 500).blocks, mc=56, kc=100)
    assert load_tuned(GEMM) == tuned_blocks("gemm", threads=1, m=300, n=200, k=500) == wanted
    assert tuned_blocks("gemm", threads=1, m=300, n=200, k=500, dtype=np.float32) == wanted
    assert tuned_blocks("gemm", threads=2, m=300, n=200, k=500) is None
    assert tuned_blocks("gemm", threads=1, isa="base", m=300, n=200, k=500) is None
    assert tuned_blocks("gemm", threads=1, m=300, n=200, k=501) is None
    sizes = {"heads": 4, "rows": 200, "dim": 16, "kv_heads": 2, "causal": True}
    assert tuned_blocks("attention", threads=2, **sizes).rows == 28
    # Nothing uses them unasked.
    assert bp.plan_gemm(300, 200, 500, threads=1).blocks != wanted
    store_tuned(GEMM, {"mc": 84}, 1.3)
    assert load_tuned(GEMM).mc == 84


def damage(data: Any, entry: Any) -> None:
    """Give each stored problem another entry."""
    data["tuned"] = dict.fromkeys(data["tuned"], entry)


@pytest.mark.parametrize(
    "entry",
    [5, {}, {"blocks": 5}, {"blocks": {"mc": "x"}}, {"blocks": {"mc": 0}}, {"blocks": {"mc": -1}}],
)
def test_damaged_entries_count_as_none(store: Path, entry: object) -> None:
    store_tuned(GEMM, {"mc": 56}, 1.25)
    data = json.loads(store.read_text())
    damage(data, entry)
    store.write_text(json.dumps(data))
    assert load_tuned(GEMM) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other"}', "\0"])
def test_damaged_files_are_replaced(store: Path, text: str) -> None:
    store.parent.mkdir()
    store.write_text(text)
    assert load_tuned(GEMM) is None
    store_tuned(GEMM, {"mc": 56}, 1.25)
    assert load_tuned(GEMM).mc == 56


def test_later_sizes_and_fields_are_ignored(store: Path) -> None:
    store_tuned(GEMM, {"mc": 56}, 1.25)
    data = json.loads(store.read_text())
    data["later"] = 1
    for entry in data["tuned"].values():
        entry["blocks"]["later"] = 5
        entry["later"] = {}
    store.write_text(json.dumps(data))
    assert load_tuned(GEMM).mc == 56


@pytest.mark.parametrize(
    ("kernel", "sizes", "error", "said"),
    [
        ("conv", {}, ValueError, "kernel must be one of 'gemm', 'attention', got 'conv'"),
        (5, {}, TypeError, "kernel must be a string"),
        ("gemm", {"m": 5}, TypeError, "missing"),
        ("gemm", {"m": "a", "n": 2, "k": 3}, TypeError, "m must be"),
        ("gemm", {"m": 1, "n": 2, "k": 3, "dtype": "int8"}, ValueError, "dtype must be"),
        ("gemm", {"m": 1, "n": 2, "k": 3, "threads": -3}, ValueError, "threads must be"),
        ("gemm", {"m": 1, "n": 2, "k": 3, "isa": "zzz"}, ValueError, "isa must be"),
        ("attention", {"heads": 5, "rows": 1, "dim": 1, "kv_heads": 2}, ValueError, "kv_heads"),
    ],
)
def test_problems_that_make_no_sense(
    kernel: Any, sizes: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        tuned_blocks(kernel, **sizes)


@pytest.mark.parametrize("kernel", [None, 3, np.array([1, 2]), np.zeros(0)])
def test_what_is_no_name_of_a_kernel_is_refused_by_name(kernel: object) -> None:
    with pytest.raises(TypeError, match="^kernel must be a string"):
        tuned_blocks(kernel, m=3, n=3, k=3)  # type: ignore[arg-type]
