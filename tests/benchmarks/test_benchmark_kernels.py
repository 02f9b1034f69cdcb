"""What kernels bring to the benchmarks, and that another kernel needs nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

import brickprof as bp
from benchmarks import page, profiler_cost, thread_gain
from benchmarks.backends import Backends
from benchmarks.cases import family_cases
from benchmarks.errors import error_cases
from benchmarks.kernels import attention, gemm
from benchmarks.kernels.base import KernelBenchmark, Prepared, RateChart
from benchmarks.kernels.table import KERNELS
from benchmarks.rounds import Effort

ALONE = Backends(threads=1, torch=None, blis=None, effort=Effort(0.0, min_rounds=2), quick=True)
SMALL: dict[str, Any] = {
    "gemm": gemm.Product(5, 7, 9, "TN"),
    "attention": attention.Heads(4, 2, 3, 5, 8),
}
CAUSAL = SMALL["attention"]._replace(causal=True)
ALL = pytest.mark.parametrize("kernel", [KERNELS[name] for name in SMALL], ids=SMALL)


@ALL
def test_results_are_near_float64_and_pass_the_check(kernel: KernelBenchmark) -> None:
    for dtype in kernel.dtypes:
        prepared = kernel.prepare(SMALL[kernel.name], dtype, ALONE, None)
        for call in prepared.calls.values():
            call()
        prepared.check()
        wanted = prepared.reference()
        for result in prepared.results.values():
            assert result().dtype == dtype
            np.testing.assert_allclose(result(), wanted, rtol=0, atol=1e-5)


def test_the_float64_attention_masks_what_comes_after_the_last_key() -> None:
    prepared = attention.prepare(CAUSAL, "float32", ALONE)
    prepared.calls["brickprof"]()
    result = prepared.results["brickprof"]()
    np.testing.assert_allclose(result, prepared.reference(), rtol=0, atol=1e-5)


@ALL
def test_a_wrong_result_fails_the_check(kernel: KernelBenchmark) -> None:
    prepared = kernel.prepare(SMALL[kernel.name], "float32", ALONE, None)
    prepared.results["another"] = prepared.reference
    for call in prepared.calls.values():
        call()
    prepared.check()
    prepared.results["brickprof"]().flat[-1] += 1e-3
    with pytest.raises(AssertionError):
        prepared.check()


@ALL
def test_a_call_takes_threads_and_a_profiler(kernel: KernelBenchmark) -> None:
    prof = bp.BrickProfiler()
    prof.enable_tile_profiling()
    kernel.call(SMALL[kernel.name], kernel.dtypes[-1])(threads=1, profiler=prof)
    assert prof.recording().bricks == (kernel.name,)


def test_the_packed_family_packs_the_second_operand() -> None:
    prepared = gemm.prepare(SMALL["gemm"], "float32", ALONE, gemm.PACKED)
    assert type(prepared.calls["brickprof"].args[1]).__name__ == "PackedMatrix"  # type: ignore[attr-defined]
    prepared.calls["brickprof"]()
    prepared.calls["NumPy"]()
    prepared.check()


def test_the_cases_of_a_family() -> None:
    found = list(family_cases(KERNELS["gemm"], "tiny", ALONE))
    assert [(case["title"], case["dtype"]) for case in found] == [
        ("1 x 1 x 1", "float32"), ("32 x 32 x 32", "float32"),
        ("1 x 1 x 1", "float64"), ("32 x 32 x 32", "float64"),
    ]  # fmt: skip
    assert list(found[0]["times"]) == ["brickprof", "NumPy"]
    assert found[0]["shape"] == [1, 1, 1, "NN"]
    assert not any("peak" in case for case in found)


def test_a_wrong_result_ends_the_run() -> None:
    def prepare(*given: Any) -> Prepared:
        prepared = gemm.prepare(*given)
        return replace(prepared, calls={**prepared.calls, "NumPy": lambda: None})

    kernel = replace(KERNELS["gemm"], prepare=prepare)
    with pytest.raises(AssertionError, match="NumPy 1 x 1 x 1 float32"):
        list(family_cases(kernel, "tiny", ALONE))


def test_the_peak_is_measured_beside_large_problems() -> None:
    kernel = replace(KERNELS["gemm"], peak_shown=lambda problem: problem.m == 32)
    small, large, *_ = family_cases(kernel, "tiny", ALONE)
    assert "peak" not in small
    assert large["peak"]["best"] >= large["peak"]["median"] > 0
    assert list(large["times"]) == ["brickprof", "NumPy"]
    assert KERNELS["gemm"].peak_shown(gemm.Product(512, 512, 512))
    assert not KERNELS["gemm"].peak_shown(gemm.Product(511, 512, 512))


def test_a_kernel_that_no_other_backend_has_gives_no_case() -> None:
    assert list(family_cases(KERNELS["attention"], "short", ALONE)) == []


@pytest.mark.parametrize(
    ("kernel", "shape", "shown"),
    [
        ("gemm", [16, 16, 16, "NN"], True),
        ("gemm", [16, 16, 16, "NT"], False),
        ("gemm", [15, 15, 15, "NN"], False),
        ("gemm", [16, 16, 32, "NN"], False),
        ("attention", [8, 8, 512, 512, 64, True], True),
        ("attention", [8, 4, 512, 512, 64, True], False),
        ("attention", [8, 8, 1, 512, 64, True], False),
        ("attention", [8, 8, 512, 512, 80, True], False),
    ],
)
def test_what_a_chart_shows(kernel: str, shape: list[Any], shown: bool) -> None:
    assert KERNELS[kernel].chart.shown({"shape": shape}) is shown


class Length(NamedTuple):
    """A vector to sum."""

    n: int

    @property
    def title(self) -> str:
        return f"{self.n}"

    @property
    def work(self) -> float:
        return float(self.n)


def summing(problem: Length, dtype: str, backends: Backends, family: str | None) -> Prepared:
    data = np.ones(problem.n, dtype)
    calls = {"brickprof": data.sum, "NumPy": lambda: np.sum(data)}
    return Prepared(calls, dict(calls), lambda: np.float64(problem.n + 1), lambda: None)


def test_another_kernel_needs_no_more_than_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = KernelBenchmark(
        name="sum",
        heading="Sums",
        families={"vectors": [Length(8), Length(64)]},
        dtypes=("float16",),
        prepare=summing,
        call=lambda problem, dtype: lambda threads=None, profiler=None: None,
        error_problems=[Length(4)],
        gain_problems=[Length(4)],
        slowdown_problem=Length(4),
        chart=RateChart("sums", "", lambda case: True, lambda case: "", lambda case: 1, "n"),
        note="A note on sums.",
    )
    for name in list(KERNELS):
        monkeypatch.delitem(KERNELS, name)
    monkeypatch.setitem(KERNELS, "sum", kernel)
    cases = list(family_cases(kernel, "vectors", ALONE))
    assert [case["kind"] for case in cases] == ["sum", "sum"]
    heading, note, table, chart = page.of_kernel(kernel, cases, "a chart")
    assert (heading, note, chart) == ("## Sums", "A note on sums.", "a chart")
    assert "| vectors |" in table
    assert [case["title"] for case in error_cases(ALONE)] == ["sum 4"]
    assert [case["title"] for case in profiler_cost.slowdown_cases(ALONE)] == ["sum 4"]
    assert [case["title"] for case in thread_gain.gain_cases(replace(ALONE, threads=2))] == [
        "sum 4"
    ]
