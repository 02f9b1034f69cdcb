"""The registry: every kernel runs, profiles and plans its examples as its spec says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.kernel_checks import ISAS, assert_recorded, running

from brickprof.cli import main
from brickprof.cli.kernel import KernelVerb
from brickprof.kernels.registry import KERNELS
from brickprof.kernels.spec import KernelSpec, Problem

EXAMPLES = [(kernel, problem) for kernel in KERNELS for problem in kernel.examples]
each_example = pytest.mark.parametrize(
    ("kernel", "problem"), EXAMPLES, ids=[problem.label for _, problem in EXAMPLES]
)
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=[kernel.name for kernel in KERNELS])


@each_example
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_records_its_plan(
    kernel: KernelSpec, problem: Problem, isa: str, threads: int
) -> None:
    profiler = running()
    run = kernel.run(problem, isa)
    plain = np.array(run(threads, None))
    assert np.array_equal(np.array(run(threads, profiler)), plain)
    assert plain.size == problem.elements
    assert plain.dtype == problem.dtype
    plan = kernel.plan(problem, threads, isa)
    assert plan.flops == problem.flops
    assert_recorded(profiler, kernel.name, plan)
    (info,) = profiler.recording().brick_infos
    assert (info.isas, info.dtypes) == ((isa,), (problem.dtype,))


@each_kernel
def test_names_dtypes_and_arguments_are_told_once(kernel: KernelSpec) -> None:
    names = [argument.name for argument in kernel.arguments]
    assert len(set(names)) == len(names)
    assert kernel.dtypes[0] == kernel.examples[0].dtype
    flops = [problem.flops for problem in kernel.examples]
    assert max(flops) >= 2**24
    assert kernel.name == KernelVerb(kernel).NAME
    for argument in kernel.arguments:
        assert not (argument.positional and argument.flag)


@each_kernel
def test_every_kernel_is_a_verb_and_a_problem_of_sweeps(
    kernel: KernelSpec, capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("BRICKPROF_CACHE_DIR", str(tmp_path))
    for command in ([kernel.name], ["sweep", kernel.name]):
        assert main([*command, "--help"]) == 0
        text = capsys.readouterr().out
        for argument in kernel.arguments:
            assert argument.help.split(" (")[0].split()[0] in text
