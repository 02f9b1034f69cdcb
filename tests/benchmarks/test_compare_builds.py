"""The comparison of two builds: its arithmetic, its order, its cases, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import brickprof as bp
from benchmarks import build_worker, compare_builds
from benchmarks.compare_builds import HERE, Comparison, Round


class Fake:
    """Stands for a worker: says how long a call takes and writes down what it was asked."""

    def __init__(self, name: str, seconds: float, log: list[tuple[str, str, object]]) -> None:
        self.name, self.seconds, self.log = name, seconds, log

    def ask(self, request: str, argument: object) -> Any:
        self.log.append((self.name, request, argument))
        return self.seconds if request == "prepare" else [self.seconds, 2 * self.seconds]


def test_blocks_alternate_and_both_builds_run_as_many_calls() -> None:
    log: list[tuple[str, str, object]] = []
    pair: Any = [Fake("this", 3.0, log), Fake("other", 2.0, log)]
    cpu, wall = compare_builds.rounds(pair, "gemm 2", 2, 30.0)
    assert log[:2] == [("this", "prepare", "gemm 2"), ("other", "prepare", "gemm 2")]
    assert "".join(name[0] for name, _, _ in log[2:]) == "toottoot"
    assert {(request, argument) for _, request, argument in log[2:]} == {("block", 10)}
    assert cpu == [Round((3.0, 3.0), (2.0, 2.0))] * 2
    assert wall == [Round((6.0, 6.0), (4.0, 4.0))] * 2
    assert cpu[0].ratio == 1.5


def test_linear_drift_cancels_within_a_round() -> None:
    first, second, third, fourth = 1.0, 1.1, 1.2, 1.3
    assert Round((first, fourth), (second, third)).ratio == pytest.approx(1.0, rel=1e-15)


def test_a_row_has_the_ratio_of_medians_and_the_spread() -> None:
    cpu = [
        [Round((1e-6, 3e-6), (1e-6, 1e-6)), Round((2e-6, 2e-6), (1e-6, 1e-6))],
        [Round((2e-6, 2e-6), (4e-6, 4e-6))],
    ]
    wall = [[Round((1e-6, 1e-6), (2e-6, 2e-6))]]
    found = Comparison("gemm 2", cpu, wall)
    assert found.ratio == 2.0
    assert " ".join(compare_builds.row(found).split()) == (
        "gemm 2 2.0 us 1.0 us 2.000 1.250 to 2.000 0.500 0.500 to 2.000"
    )


def test_seconds_are_shown_in_a_unit_that_fits() -> None:
    assert [compare_builds.shown(value) for value in (5e-9, 9.994e-7, 1e-6, 0.0123)] == [
        "5.0 ns",
        "999.4 ns",
        "1.0 us",
        "12.30 ms",
    ]


@pytest.mark.parametrize("name", build_worker.CASES)
def test_every_case_runs_and_takes_time(name: str) -> None:
    cpu, wall = build_worker.timed(build_worker.CASES[name](bp), 2)
    assert cpu > 0
    assert wall > 0


def test_the_decoder_step_is_the_same_step_each_time() -> None:
    block: Any = build_worker.decoder_step(bp, 64, 96, 4, 2)
    cells = dict(zip(block.__code__.co_freevars, block.__closure__, strict=True))
    x = cells["x"].cell_contents
    block(1)
    first = x.copy()
    block(3)
    assert (x == first).all()
    assert (first != cells["start"].cell_contents).any()


def test_operands_begin_at_the_same_place_of_a_page() -> None:
    for shape in ((2, 2), (1024, 1024)):
        array = build_worker.aligned(*shape, seed=1)
        assert array.ctypes.data % build_worker.PAGE == build_worker.OFFSET
        assert array.shape == shape
        assert array.flags.c_contiguous


@pytest.mark.slow
def test_a_build_against_itself(capfd: pytest.CaptureFixture[str]) -> None:
    args = [str(HERE), "--only", "gemm 2", "pair, on", "--rounds", "2", "--restarts", "1"]
    with pytest.raises(SystemExit) as left:
        compare_builds.main([*args, "--block-ms", "1", "--fail-above", "1e-3"])
    assert left.value.code == compare_builds.SLOWER
    *_, first, second, _, verdict = capfd.readouterr().out.splitlines()
    assert [first[:20].strip(), second[:20].strip()] == ["gemm 2", "pair, on"]
    assert verdict == "slower than 0.001 times: gemm 2; pair, on"


def test_a_checkout_that_is_not_the_one_imported_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match=f"the worker of {tmp_path} ended"):
        compare_builds.Worker(tmp_path, min(compare_builds.usable_cpus()))
    assert f"not of {tmp_path}" in capfd.readouterr().err


def test_a_folder_without_brickprof_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        compare_builds.parse([str(tmp_path)])
    assert left.value.code == 2
    assert "holds no brickprof" in capsys.readouterr().err
